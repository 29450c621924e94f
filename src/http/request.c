#include <string.h>

#include "http/request.h"

#define NAME(name)                                                             \
	{                                                                      \
		name, sizeof(name) - 1                                         \
	}

/* In the spelling of nearly all clients. */
static const struct text names[FIELD_IDS] = {
    [FIELD_ACCEPT] = NAME("Accept"),
    [FIELD_ACCEPT_ENCODING] = NAME("Accept-Encoding"),
    [FIELD_CONNECTION] = NAME("Connection"),
    [FIELD_CONTENT_LENGTH] = NAME("Content-Length"),
    [FIELD_CONTENT_TYPE] = NAME("Content-Type"),
    [FIELD_EXPECT] = NAME("Expect"),
    [FIELD_HOST] = NAME("Host"),
    [FIELD_IF_MATCH] = NAME("If-Match"),
    [FIELD_IF_MODIFIED_SINCE] = NAME("If-Modified-Since"),
    [FIELD_IF_NONE_MATCH] = NAME("If-None-Match"),
    [FIELD_IF_RANGE] = NAME("If-Range"),
    [FIELD_IF_UNMODIFIED_SINCE] = NAME("If-Unmodified-Since"),
    [FIELD_RANGE] = NAME("Range"),
    [FIELD_REFERER] = NAME("Referer"),
    [FIELD_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
    [FIELD_USER_AGENT] = NAME("User-Agent"),
};

/* Does not clear the 4 kB of fields, as field_count makes them empty. */
void
request_reset(struct request *r)
{
	memset(&r->line, 0,
	    offsetof(struct request, fields) - offsetof(struct request, line));
}

struct text
request_method_name(const struct request *r)
{
	struct text name = method_name(r->method);
	const char *end;

	if (name.len > 0)
		return name;
	end = memchr(r->line.at, ' ', r->line.len);
	return (struct text){
	    r->line.at, end != NULL ? (size_t)(end - r->line.at) : 0};
}

/* Returns the only field that a name of this length can be. */
static enum field_id
candidate(const char *name, size_t len)
{
	switch (len) {
	case 4:
		return FIELD_HOST;
	case 5:
		return FIELD_RANGE;
	case 6:
		return (name[0] | 0x20) == 'a' ? FIELD_ACCEPT : FIELD_EXPECT;
	case 7:
		return FIELD_REFERER;
	case 8:
		return (name[3] | 0x20) == 'm' ? FIELD_IF_MATCH
					       : FIELD_IF_RANGE;
	case 10:
		return (name[0] | 0x20) == 'c' ? FIELD_CONNECTION
					       : FIELD_USER_AGENT;
	case 12:
		return FIELD_CONTENT_TYPE;
	case 13:
		return FIELD_IF_NONE_MATCH;
	case 14:
		return FIELD_CONTENT_LENGTH;
	case 15:
		return FIELD_ACCEPT_ENCODING;
	case 17:
		return (name[0] | 0x20) == 'i' ? FIELD_IF_MODIFIED_SINCE
					       : FIELD_TRANSFER_ENCODING;
	case 19:
		return FIELD_IF_UNMODIFIED_SINCE;
	default:
		return FIELD_OTHER;
	}
}

/* Compares bytes of tokens without regard to case. */
static bool
is_like(char a, char b)
{
	return ((a ^ b) & ~0x20) == 0;
}

/* The first and the last letter distinguish nearly all other names. */
enum field_id
request_field_id(struct text name)
{
	enum field_id id = candidate(name.at, name.len);
	struct text known = names[id];

	if (id == FIELD_OTHER || !is_like(name.at[0], known.at[0]) ||
	    !is_like(name.at[name.len - 1], known.at[known.len - 1]))
		return FIELD_OTHER;
	if (memcmp(name.at, known.at, known.len) != 0 &&
	    !text_equal_nocase(name, known))
		return FIELD_OTHER;
	return id;
}

bool
request_field(const struct request *r, enum field_id id, struct text *value)
{
	if (r->counts[id] == 0)
		return false;
	*value = r->fields[r->firsts[id]].value;
	return true;
}

bool
request_only_field(
    const struct request *r, enum field_id id, struct text *value)
{
	return r->counts[id] == 1 && request_field(r, id, value);
}
