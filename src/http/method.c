#include "http/method.h"

static const struct {
	struct text name;
	enum method method;
} methods[] = {
    {{"GET", 3}, METHOD_GET},
    {{"HEAD", 4}, METHOD_HEAD},
    {{"OPTIONS", 7}, METHOD_OPTIONS},
    {{"POST", 4}, METHOD_POST},
    {{"PUT", 3}, METHOD_PUT},
    {{"PATCH", 5}, METHOD_PATCH},
    {{"DELETE", 6}, METHOD_DELETE},
    {{"TRACE", 5}, METHOD_TRACE},
};

#define COUNT (sizeof(methods) / sizeof(methods[0]))

enum method
method_of(struct text name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (text_equal(name, methods[i].name))
			return methods[i].method;
	return METHOD_UNKNOWN;
}

struct text
method_name(enum method method)
{
	for (size_t i = 0; i < COUNT; i++)
		if (methods[i].method == method)
			return methods[i].name;
	return TEXT("");
}

void
method_list(struct buffer *b, unsigned set)
{
	const char *comma = "";

	for (size_t i = 0; i < COUNT; i++) {
		if ((set & methods[i].method) == 0)
			continue;
		buffer_add_string(b, comma);
		buffer_add_text(b, methods[i].name);
		comma = ", ";
	}
}

bool
method_is_idempotent(enum method method)
{
	const unsigned idempotent = METHOD_GET | METHOD_HEAD | METHOD_OPTIONS |
	    METHOD_PUT | METHOD_DELETE | METHOD_TRACE;

	return (method & idempotent) != 0;
}
