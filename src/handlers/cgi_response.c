#include <string.h>

#include "handlers/cgi_response.h"
#include "http/grammar.h"
#include "http/status_code.h"

#define STATUS_DIGITS 3
#define STATUS_MAX 999 /* with as many digits */
#define STATUS_OK 200
#define STATUS_FOUND 302
#define LENGTH_MAX UINT64_C(999999999999999999) /* 18 digits, as in requests */

size_t
cgi_response_head_length(struct text seen, size_t *looked)
{
	const char *end = seen.at + seen.len, *lf;

	for (const char *from = seen.at + *looked; from < end; from = lf + 1) {
		lf = memchr(from, '\n', (size_t)(end - from));
		if (lf == NULL)
			break;
		*looked = (size_t)(lf - seen.at);
		if (lf == seen.at || lf[-1] == '\n' ||
		    (lf[-1] == '\r' && (lf - 1 == seen.at || lf[-2] == '\n')))
			return *looked + 1;
		*looked += 1;
	}
	return 0;
}

/* Gets a line without its end; false at the empty line. */
static bool
cgi_response_next_line(struct text *rest, struct text *line)
{
	const char *lf = memchr(rest->at, '\n', rest->len);

	if (lf == NULL)
		return false;
	*line = (struct text){rest->at, (size_t)(lf - rest->at)};
	grammar_skip(rest, line->len + 1);
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return line->len > 0;
}

/* Status = "Status:" 3digit [ SP reason-phrase ] */
static const char *
cgi_response_take_status(struct cgi_response *r, struct text value)
{
	struct text digits = value;
	uint64_t status;

	if (digits.len > STATUS_DIGITS)
		digits.len = STATUS_DIGITS;
	if (!text_to_number(digits, STATUS_MAX, &status) ||
	    !status_code_is_final((int)status) ||
	    (value.len > digits.len && value.at[digits.len] != ' '))
		return "a Status that is not 200 to 599";
	if (r->status != 0)
		return "two Status fields";
	r->status = (int)status;
	grammar_skip(&value, digits.len);
	r->reason = text_trim(value);
	return NULL;
}

static const char *
cgi_response_take_length(struct cgi_response *r, struct text value)
{
	if (r->has_length)
		return "two Content-Length fields";
	if (!text_to_number(value, LENGTH_MAX, &r->length))
		return "a Content-Length that is not a number";
	r->has_length = true;
	return NULL;
}

static const char *
cgi_response_take_location(struct cgi_response *r, struct text value)
{
	if (r->location.len > 0)
		return "two Location fields";
	if (value.len == 0)
		return "an empty Location";
	r->location = value;
	return NULL;
}

/* What a field counts for in the rules on the head as a whole. */
struct cgi_response_seen {
	bool type;	/* Content-Type */
	bool any_other; /* a field that a local redirect cannot have */
};

static const char *
cgi_response_take_field(struct cgi_response *r, struct cgi_response_seen *seen,
    struct text name, struct text value)
{
	if (text_equal_nocase(name, TEXT("Location")))
		return cgi_response_take_location(r, value);
	seen->any_other = true;
	if (text_equal_nocase(name, TEXT("Status")))
		return cgi_response_take_status(r, value);
	if (text_equal_nocase(name, TEXT("Content-Length")))
		return cgi_response_take_length(r, value);
	if (text_equal_nocase(name, TEXT("Content-Type"))) {
		if (seen->type)
			return "two Content-Type fields";
		seen->type = true;
	}
	return NULL;
}

/*
 * A path that begins with "//" is the name of another server (RFC 3986, 4.2):
 * that is for the client.
 */
static bool
cgi_response_is_local(struct text location)
{
	return location.at[0] == '/' &&
	    (location.len == 1 || location.at[1] != '/');
}

const char *
cgi_response_parse(struct text head, struct cgi_response *r)
{
	struct cgi_response_seen seen = {0};
	struct text line, name, value, rest = head;
	const char *wrong = NULL;

	*r = (struct cgi_response){0};
	if (text_begins(head, TEXT("HTTP/")))
		return "a status line: NPH programs are not supported";
	while (wrong == NULL && cgi_response_next_line(&rest, &line)) {
		if (grammar_field(line, &name, &value) != line.len)
			return "a line that is no header field";
		wrong = cgi_response_take_field(r, &seen, name, value);
	}
	if (wrong != NULL)
		return wrong;
	if (r->status == 0 && r->location.len == 0 && !seen.type)
		return "neither Content-Type, Location nor Status";
	r->local_redirect = r->location.len > 0 && !seen.any_other &&
	    cgi_response_is_local(r->location);
	if (r->status == 0)
		r->status = r->location.len > 0 ? STATUS_FOUND : STATUS_OK;
	return NULL;
}

/* The server sets them, whatever a program thinks of them. */
static bool
cgi_response_is_servers(struct text name)
{
	static const struct text names[] = {
	    {"Connection", sizeof("Connection") - 1},
	    {"Content-Length", sizeof("Content-Length") - 1},
	    {"Date", sizeof("Date") - 1},
	    {"Keep-Alive", sizeof("Keep-Alive") - 1},
	    {"Server", sizeof("Server") - 1},
	    {"Status", sizeof("Status") - 1},
	};

	return text_is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

bool
cgi_response_next_field(
    struct text *rest, struct text *name, struct text *value)
{
	struct text line;

	while (cgi_response_next_line(rest, &line)) {
		(void)grammar_field(line, name, value);
		if (!cgi_response_is_servers(*name))
			return true;
	}
	return false;
}
