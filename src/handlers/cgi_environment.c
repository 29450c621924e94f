#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "handlers/cgi_environment.h"

#define PREFIX "HTTP_"

void
cgi_environment_clear(struct cgi_environment *e)
{
	buffer_clear(&e->bytes);
	e->count = e->fixed = 0;
}

void
cgi_environment_free(struct cgi_environment *e)
{
	buffer_free(&e->bytes);
	free(e->list);
	*e = (struct cgi_environment){0};
}

static bool
cgi_environment_is_fixed(const struct cgi_environment *e, const char *name)
{
	const size_t len = strlen(name);

	for (size_t at = 0; at < e->fixed; at += strlen(e->bytes.data + at) + 1)
		if (strncmp(e->bytes.data + at, name, len) == 0 &&
		    e->bytes.data[at + len] == '=')
			return true;
	return false;
}

void
cgi_environment_fix(struct cgi_environment *e)
{
	e->fixed = e->bytes.len;
}

void
cgi_environment_add(
    struct cgi_environment *e, const char *name, struct text value)
{
	if (cgi_environment_is_fixed(e, name))
		return;
	buffer_add_string(&e->bytes, name);
	buffer_add_char(&e->bytes, '=');
	if (value.len > 0)
		value.len = strnlen(value.at, value.len);
	buffer_add_text(&e->bytes, value);
	buffer_add_char(&e->bytes, '\0');
	e->count++;
}

void
cgi_environment_add_number(
    struct cgi_environment *e, const char *name, uint64_t number)
{
	if (cgi_environment_is_fixed(e, name))
		return;
	buffer_add_string(&e->bytes, name);
	buffer_add_char(&e->bytes, '=');
	buffer_add_number(&e->bytes, number);
	buffer_add_char(&e->bytes, '\0');
	e->count++;
}

static bool
cgi_environment_is_variable(struct text name)
{
	static const struct text never[] = {
	    {"Connection", sizeof("Connection") - 1},
	    {"Content-Length", sizeof("Content-Length") - 1},
	    {"Content-Type", sizeof("Content-Type") - 1},
	    {"Expect", sizeof("Expect") - 1},
	    {"Keep-Alive", sizeof("Keep-Alive") - 1},
	    {"Proxy", sizeof("Proxy") - 1},
	    {"Proxy-Authorization", sizeof("Proxy-Authorization") - 1},
	    {"Proxy-Connection", sizeof("Proxy-Connection") - 1},
	    {"TE", sizeof("TE") - 1},
	    {"Trailer", sizeof("Trailer") - 1},
	    {"Transfer-Encoding", sizeof("Transfer-Encoding") - 1},
	    {"Upgrade", sizeof("Upgrade") - 1},
	};

	if (text_is_one_of(name, never, sizeof(never) / sizeof(never[0])))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char c = name.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') && c != '-')
			return false;
	}
	return true;
}

static void
cgi_environment_add_name(struct buffer *b, struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		buffer_add_char(b, c == '-' ? '_' : c);
	}
}

static bool
cgi_environment_has(
    const struct cgi_environment_field *fields, size_t count, struct text name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal_nocase(fields[i].name, name))
			return true;
	return false;
}

/* The pairs of a Cookie are separated by "; " (RFC 6265, 4.2.1). */
static void
cgi_environment_add_values(
    struct buffer *b, const struct cgi_environment_field *fields, size_t count)
{
	const struct text name = fields[0].name;
	const struct text separator =
	    text_equal_nocase(name, TEXT("Cookie")) ? TEXT("; ") : TEXT(", ");

	buffer_add_text(b, fields[0].value);
	for (size_t i = 1; i < count; i++) {
		if (!text_equal_nocase(fields[i].name, name))
			continue;
		buffer_add_text(b, separator);
		buffer_add_text(b, fields[i].value);
	}
}

void
cgi_environment_add_fields(struct cgi_environment *e,
    const struct cgi_environment_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!cgi_environment_is_variable(fields[i].name) ||
		    cgi_environment_has(fields, i, fields[i].name))
			continue;
		buffer_add_text(&e->bytes, TEXT(PREFIX));
		cgi_environment_add_name(&e->bytes, fields[i].name);
		buffer_add_char(&e->bytes, '=');
		cgi_environment_add_values(&e->bytes, fields + i, count - i);
		buffer_add_char(&e->bytes, '\0');
		e->count++;
	}
}

char **
cgi_environment_list(struct cgi_environment *e)
{
	char *at = e->bytes.data;

	e->list = memory_resize(e->list, e->count + 1, sizeof(e->list[0]));
	for (size_t i = 0; i < e->count; i++) {
		e->list[i] = at;
		at += strlen(at) + 1;
	}
	e->list[e->count] = NULL;
	return e->list;
}
