#include "reader.h"

#include <stdio.h>
#include <string.h>

#include "span.h"

static const int statuses[] = {400, 413, 414, 417, 431, 501, 505};

static unsigned
status_bit(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i] == status)
			return 1u << i;
	return 0;
}

static void
refuse(struct reader *r, int status)
{
	r->statuses |= status_bit(status);
	r->broken = true;
}

/* Where it may be refused or not. */
static void
allow(struct reader *r, int status)
{
	r->statuses |= status_bit(status);
}

bool
reader_may(const struct reader *r, int status)
{
	return (r->statuses & status_bit(status)) != 0;
}

/*
 * The next element of a list, cut at commas outside of quotes; false at the
 * end.  Elements may be empty.
 */
static bool
element(struct span list, size_t *i, struct span *out)
{
	size_t from = *i, j = from;

	if (from > list.len)
		return false;
	while (j < list.len && list.at[j] != ',') {
		size_t end = quoted_string(list, j);

		j = end > j ? end : j + 1;
	}
	*out = trim(part(list, from, j));
	*i = j + 1;
	return true;
}

/* Targets: RFC 9112, 3.2, and RFC 3986. */

/* Each "%" has two HEXDIG behind it. */
static bool
percent_is_right(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] != '%')
			continue;
		if (s.len - i < 3 || !all(part(s, i + 1, i + 3), HEXDIG))
			return false;
	}
	return true;
}

static bool
has_encoded_nul(struct span s)
{
	return memmem(s.at, s.len, "%00", 3) != NULL;
}

static bool
is_dec_octet(struct span s)
{
	int n = 0;

	if (s.len < 1 || s.len > 3 || !all(s, DIGIT))
		return false;
	if (s.len > 1 && s.at[0] == '0')
		return false;
	for (size_t i = 0; i < s.len; i++)
		n = n * 10 + (s.at[i] - '0');
	return n <= 255;
}

static bool
is_ipv4(struct span s)
{
	size_t i = 0;

	for (int n = 0; n < 4; n++) {
		size_t dot = find(s, i, ".");

		if (!is_dec_octet(part(s, i, dot)) ||
		    (dot == s.len) != (n == 3))
			return false;
		i = dot + 1;
	}
	return true;
}

/* Groups of 16 bits, "::" for one or more of them, IPv4 for the last two. */
static bool
is_ipv6(struct span s)
{
	size_t i = 0, groups = 0, gaps = 0;

	if (begins(s, "::")) {
		gaps = 1;
		i = 2;
	}
	while (i < s.len) {
		size_t j = find(s, i, ":");

		if (j == s.len && is_ipv4(part(s, i, j))) {
			groups += 2;
			break;
		}
		if (j == i || j - i > 4 || !all(part(s, i, j), HEXDIG))
			return false;
		groups++;
		if (j == s.len)
			break;
		i = j + 1;
		if (i == s.len)
			return false;
		if (s.at[i] == ':') {
			gaps++;
			i++;
		}
	}
	return gaps == 0 ? groups == 8 : gaps == 1 && groups <= 7;
}

static bool
is_port(struct span s)
{
	unsigned long n = 0;

	if (!all(s, DIGIT))
		return false;
	for (size_t i = 0; i < s.len && n <= 65535; i++)
		n = n * 10 + (unsigned long)(s.at[i] - '0');
	return n <= 65535;
}

bool
reader_authority(struct span s, bool empty)
{
	size_t end;

	if (s.len > 0 && s.at[0] == '[') {
		/* IPvFuture is none that tined knows: uri.h. */
		end = find(s, 0, "]");
		if (end == s.len || !is_ipv6(part(s, 1, end++)))
			return false;
	} else {
		end = find(s, 0, ":");
		if (!all(part(s, 0, end), UNRESERVED SUB_DELIMS "%") ||
		    !percent_is_right(part(s, 0, end)))
			return false;
		if (has_encoded_nul(part(s, 0, end)))
			return false;
		if (end == 0 && (!empty || s.len > 0))
			return false;
	}
	return end == s.len ||
	    (s.at[end] == ':' && is_port(part(s, end + 1, s.len)));
}

/* Printable, and not what ends a target or a query. */
static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= 0x20 || c == 0x7f || c == '#')
			return false;
	}
	return true;
}

bool
reader_target(struct reader *r, struct span target, const char *method)
{
	bool follows =
	    strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	struct span rest = target;
	size_t mark;

	r->target = target;
	r->authority = r->path = r->query = part(target, 0, 0);
	r->has_query = r->asterisk = r->raw = false;
	if (same(target, "*")) {
		r->asterisk = true;
		return strcmp(method, "OPTIONS") == 0;
	}
	if (begins(target, "http://") || begins(target, "https://")) {
		size_t from = find(target, 0, "/") + 2;
		size_t to = find(target, from, "/?");

		r->authority = part(target, from, to);
		if (!reader_authority(r->authority, false))
			return false;
		rest = part(target, to, target.len);
	} else if (!begins(target, "/"))
		return false;
	mark = find(rest, 0, "?");
	r->path = part(rest, 0, mark);
	if (mark < rest.len) {
		r->has_query = true;
		r->query = part(rest, mark + 1, rest.len);
	}
	/* RFC 3986, and what https://url.spec.whatwg.org/ does not encode. */
	r->raw = !all(r->path, UNRESERVED SUB_DELIMS ":@/%[]|");
	if (!is_printable(rest) || (r->raw && !follows) ||
	    !percent_is_right(r->path) || has_encoded_nul(rest))
		return false;
	if (r->path.len == 0)
		r->path = (struct span){"/", 1};
	return true;
}

/* Lines. */

static bool
method_is_known(struct span method)
{
	static const char *const known[] = {"GET", "HEAD", "OPTIONS", "POST",
	    "PUT", "PATCH", "DELETE", "TRACE"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (same_case(method, known[i]))
			return true;
	return false;
}

static void
read_version(struct reader *r, struct span s)
{
	if (s.len != 8 || memcmp(s.at, "HTTP/", 5) != 0 ||
	    !in(s.at[5], DIGIT) || s.at[6] != '.' || !in(s.at[7], DIGIT)) {
		refuse(r, 400);
		return;
	}
	/* RFC 9110, 2.5: a later minor version is read as 1.1. */
	r->minor = s.at[7] != '0';
	if (s.at[5] != '1')
		refuse(r, 505);
}

static void
read_request_line(struct reader *r)
{
	struct span line = r->line;
	size_t first = find(line, 0, " "), second;
	char method[sizeof("OPTIONS")]; /* cut, it is none that is known */

	r->method = part(line, 0, first);
	if (first == line.len || !is_token(r->method)) {
		refuse(r, 400);
		return;
	}
	second = find(line, first + 1, " ");
	if (second == line.len) {
		refuse(r, 400);
		return;
	}
	read_version(r, part(line, second + 1, line.len));
	if (!method_is_known(r->method))
		refuse(r, 501);
	r->target = part(line, first + 1, second);
	/* RFC 9112, 3.2.3: CONNECT has a form of its own. */
	if (same_case(r->method, "CONNECT") &&
	    reader_authority(r->target, false))
		return;
	snprintf(
	    method, sizeof(method), "%.*s", (int)r->method.len, r->method.at);
	if (!reader_target(r, r->target, method))
		refuse(r, 400);
}

static void
read_field_line(struct reader *r, struct span line)
{
	size_t colon = find(line, 0, ":");
	struct span name = part(line, 0, colon), value;

	r->field_lines++;
	if (colon == line.len || !is_token(name)) {
		refuse(r, 400);
		return;
	}
	value = trim(part(line, colon + 1, line.len));
	if (!is_field_content(value))
		refuse(r, 400);
	if (r->field_count < READER_FIELDS_MAX)
		r->fields[r->field_count++] =
		    (struct reader_field){name, value};
}

/* What the fields mean. */

/* How many there are, and the value of the first. */
static size_t
field(const struct reader *r, const char *name, struct span *value)
{
	size_t count = 0;

	for (size_t i = r->field_count; i-- > 0;)
		if (same(r->fields[i].name, name)) {
			*value = r->fields[i].value;
			count++;
		}
	return count;
}

static void
judge_host(struct reader *r)
{
	struct span host = {"", 0};
	size_t count = field(r, "Host", &host);

	if (count > 1 || (count == 0 && r->minor > 0))
		refuse(r, 400);
	if (!reader_authority(host, true))
		refuse(r, 400);
	r->host = r->authority.len > 0 ? r->authority : host;
}

/*
 * RFC 9110, 10.1.4: token *( OWS ";" OWS token BWS "=" BWS word ).
 */
static bool
is_transfer_coding(struct span s)
{
	size_t i = skip(s, 0, TCHAR), j;

	if (i == 0)
		return false;
	while (i < s.len) {
		i = skip(s, i, SPACE);
		if (i == s.len || s.at[i] != ';')
			return false;
		i = skip(s, i + 1, SPACE);
		j = skip(s, i, TCHAR);
		if (j == i)
			return false;
		i = skip(s, j, SPACE);
		if (i == s.len || s.at[i] != '=')
			return false;
		i = skip(s, i + 1, SPACE);
		j = word(s, i);
		if (j == i)
			return false;
		i = j;
	}
	return true;
}

/* What all Transfer-Encoding fields say together. */
struct codings {
	bool bad;
	bool empties;
	bool before; /* something other than chunked */
	bool last;   /* chunked, and nothing behind it */
};

static void
read_codings(struct codings *c, struct span value)
{
	struct span coding;
	size_t i = 0;

	while (element(value, &i, &coding)) {
		if (coding.len == 0) {
			c->empties = true;
			continue;
		}
		if (!is_transfer_coding(coding) || c->last)
			c->bad = true;
		c->last = same(coding, "chunked");
		c->before = c->before || !c->last;
		/* chunked has no parameters */
		if (!c->last &&
		    same(part(coding, 0, skip(coding, 0, TCHAR)), "chunked"))
			c->bad = true;
	}
}

/* Not "chunked" alone: 501 for other codings before a final chunked. */
static void
refuse_codings(struct reader *r)
{
	struct codings c = {0};

	for (size_t i = 0; i < r->field_count; i++)
		if (same(r->fields[i].name, "Transfer-Encoding"))
			read_codings(&c, r->fields[i].value);
	refuse(r, !c.bad && c.last && c.before ? 501 : 400);
	/* Whether that is well-formed is a matter of taste. */
	if (c.empties)
		allow(r, 400);
}

static void
judge_framing(struct reader *r)
{
	struct span coding, length;
	size_t codings = field(r, "Transfer-Encoding", &coding);
	size_t lengths = field(r, "Content-Length", &length);

	if (codings > 0) {
		if (lengths > 0 || r->minor == 0)
			refuse(r, 400);
		r->chunked = codings == 1 && same(coding, "chunked");
		if (!r->chunked)
			refuse_codings(r);
	}
	if (lengths == 0)
		return;
	if (lengths > 1 || length.len == 0 || !all(length, DIGIT)) {
		refuse(r, 400);
		return;
	}
	length = part(length, skip(length, 0, "0"), length.len);
	if (length.len > 18) {
		refuse(r, 400);
		refuse(r, 413);
		return;
	}
	for (size_t i = 0; i < length.len; i++)
		r->length = r->length * 10 + (uint64_t)(length.at[i] - '0');
}

static void
judge_connection(struct reader *r)
{
	bool close = false, keep = false;

	for (size_t n = 0; n < r->field_count; n++) {
		struct span option;
		size_t i = 0;

		if (!same(r->fields[n].name, "Connection"))
			continue;
		while (element(r->fields[n].value, &i, &option)) {
			close = close || same(option, "close");
			keep = keep || same(option, "keep-alive");
			if (option.len > 0 && !is_token(option))
				r->odd_connection = true;
		}
	}
	r->keep_alive = !close && (r->minor > 0 || keep);
}

static void
judge_expect(struct reader *r)
{
	for (size_t n = 0; n < r->field_count && r->minor > 0; n++) {
		struct span expectation;
		size_t i = 0;

		if (!same(r->fields[n].name, "Expect"))
			continue;
		while (element(r->fields[n].value, &i, &expectation)) {
			if (same(expectation, "100-continue"))
				r->expects_continue = true;
			else if (expectation.len > 0)
				refuse(r, 417);
		}
	}
}

static void
judge(struct reader *r)
{
	struct span ignored;

	judge_host(r);
	judge_framing(r);
	judge_connection(r);
	judge_expect(r);
	if (field(r, "Content-Type", &ignored) > 1)
		refuse(r, 400);
}

/* The head as a whole. */

/*
 * The next line's length without its CRLF.  READER_TAKEN, or READER_MORE
 * where it is not complete, or READER_REFUSED: a CR or LF stands alone.
 */
static enum reader_verdict
next_line(struct span s, size_t at, size_t *len)
{
	size_t i = find(s, at, "\r\n");

	*len = i - at;
	if (i == s.len)
		return READER_MORE;
	if (s.at[i] == '\n')
		return READER_REFUSED;
	if (i + 1 == s.len)
		return READER_MORE;
	return s.at[i + 1] == '\n' ? READER_TAKEN : READER_REFUSED;
}

static bool
skip_empty_lines(struct reader *r, struct span s)
{
	size_t count = 0;

	while (begins(part(s, r->start, s.len), "\r\n")) {
		r->start += 2;
		if (++count > READER_EMPTY_LINES_MAX) {
			refuse(r, 400);
			return false;
		}
	}
	return true;
}

/* RFC 9112, 3: a method that is not known is worse than a long target. */
static void
refuse_line(struct reader *r, struct span s, size_t max)
{
	size_t most = READER_LINE_MAX + 2 < max ? READER_LINE_MAX + 2 : max;
	struct span seen = part(s, r->start, s.len);
	struct span method;

	if (seen.len > most)
		seen.len = most;
	method = part(seen, 0, find(seen, 0, " "));
	refuse(r, is_token(method) && !method_is_known(method) ? 501 : 414);
}

/* Past the limits, whatever comes: used is what is known of the head. */
static void
judge_size(
    struct reader *r, struct span s, size_t used, size_t line, size_t max)
{
	if (line > READER_LINE_MAX)
		refuse_line(r, s, max);
	if (r->field_lines > READER_FIELDS_MAX)
		refuse(r, 431);
	if (used > max) {
		refuse(r, 431);
		if (line + 2 > max)
			refuse_line(r, s, max);
	}
}

static enum reader_verdict
read_lines(struct reader *r, struct span s, size_t max)
{
	size_t at = r->start, len, first = 0;
	enum reader_verdict verdict;

	for (;; at += len + 2) {
		verdict = next_line(s, at, &len);
		if (at == r->start)
			first = len;
		if (verdict != READER_TAKEN)
			break;
		if (at == r->start) {
			r->line = part(s, at, at + len);
			read_request_line(r);
		} else if (len == 0)
			break;
		else
			read_field_line(r, part(s, at, at + len));
	}
	r->end = at + len;
	if (verdict == READER_TAKEN) {
		r->end += 2;
		judge_size(r, s, r->end - r->start, first, max);
		judge(r);
	} else if (verdict == READER_REFUSED) {
		r->statuses = 0;
		judge_size(r, s, r->end + 2 - r->start, first, max);
		refuse(r, 400);
	} else {
		/*
		 * What the lines say counts only when the head is whole, and
		 * its CRLF may be waited for.
		 */
		r->statuses = 0;
		judge_size(r, s, s.len - r->start + 1, first, max);
		r->broken =
		    first > READER_LINE_MAX + 2 || s.len - r->start > max + 2;
	}
	return verdict;
}

void
reader_read(struct reader *r, const char *bytes, size_t len, size_t max)
{
	struct span s = {bytes, len};

	memset(r, 0, sizeof(*r));
	r->line = r->method = r->target = r->authority = part(s, 0, 0);
	r->path = r->query = r->host = part(s, 0, 0);
	if (skip_empty_lines(r, s))
		r->verdict = read_lines(r, s, max);
	if (r->broken)
		r->verdict = READER_REFUSED;
}
