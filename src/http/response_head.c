#include <string.h>

#include "base/chars.h"
#include "http/grammar.h"
#include "http/request.h"
#include "http/response.h"
#include "http/response_head.h"
#include "http/status_code.h"

#define STATUS_DIGITS 3
#define STATUS_MAX 599
#define STATUS_MIN 100
#define LENGTH_MAX UINT64_C(999999999999999999) /* 18 digits, as in requests */

size_t
response_head_find(struct text seen, size_t *line, const char **wrong)
{
	const char *lf;

	while (*line < seen.len &&
	    (lf = memchr(seen.at + *line, '\n', seen.len - *line)) != NULL) {
		size_t end = (size_t)(lf - seen.at);

		if (end == *line || lf[-1] != '\r') {
			*wrong = "a line of its head does not end in CRLF";
			return 0;
		}
		if (end == *line + 1)
			return end + 1;
		*line = end + 1;
	}
	return 0;
}

/* Gets a line without its CRLF; false at the empty line, or at the end. */
static bool
response_head_next_line(struct text *rest, struct text *line)
{
	const char *lf =
	    rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;

	if (lf == NULL)
		return false;
	*line = (struct text){rest->at, (size_t)(lf - rest->at) - 1};
	if (line->len == 0)
		return false;
	grammar_skip(rest, line->len + 2);
	return true;
}

/*
 * status-line = HTTP-version SP status-code SP [ reason-phrase ]; without the last
 * SP, too, which some servers leave out.
 */
static const char *
parse_status_line(struct text line, struct response_head *h)
{
	const struct text version = TEXT("HTTP/1.");
	struct text digits;
	uint64_t status;

	if (!text_begins(line, version) || line.len < version.len + 2 ||
	    !chars_is(line.at[version.len], CHAR_DIGIT) ||
	    line.at[version.len + 1] != ' ')
		return "it does not begin with HTTP/1.1";
	h->minor = line.at[version.len] > '0';
	grammar_skip(&line, version.len + 2);
	digits = line;
	if (digits.len > STATUS_DIGITS)
		digits.len = STATUS_DIGITS;
	if (digits.len < STATUS_DIGITS ||
	    !text_to_number(digits, STATUS_MAX, &status) || status < STATUS_MIN)
		return "its status is none of 100 to 599";
	h->status = (int)status;
	grammar_skip(&line, digits.len);
	if (line.len > 0 && line.at[0] != ' ')
		return "its status is none of 100 to 599";
	if (!chars_all(line.at, line.len, CHAR_VALUE))
		return "its reason phrase has control bytes";
	h->reason = text_trim(line);
	return NULL;
}

/* Fields of one name, counted as far as it matters. */
struct counts {
	size_t fields, lengths, codings, dates;
	bool close, keep;
};

static const char *
take_options(struct response_head *h, struct counts *counts, struct text list)
{
	struct text option;

	while (text_next_element(&list, &option)) {
		if (text_equal_nocase(option, TEXT("close")))
			counts->close = true;
		else if (text_equal_nocase(option, TEXT("keep-alive")))
			counts->keep = true;
		else if (h->option_count == RESPONSE_HEAD_OPTIONS_MAX)
			return "its Connection fields have too many options";
		else
			h->options[h->option_count++] = option;
	}
	return NULL;
}

static const char *
take_length(struct response_head *h, struct counts *counts, struct text value)
{
	if (++counts->lengths > 1)
		return "it has two Content-Length fields";
	if (!text_to_number(value, LENGTH_MAX, &h->length))
		return "its Content-Length is no number";
	h->has_length = true;
	return NULL;
}

static const char *
take_coding(struct response_head *h, struct counts *counts, struct text value)
{
	if (++counts->codings > 1 || !text_equal_nocase(value, TEXT("chunked")))
		return "its Transfer-Encoding is another than chunked";
	if (h->minor == 0)
		return "it has a Transfer-Encoding in HTTP/1.0";
	return NULL;
}

static const char *
response_head_take_field(struct response_head *h, struct counts *counts,
    struct text name, struct text value)
{
	switch (request_field_id(name)) {
	case FIELD_CONNECTION:
		return take_options(h, counts, value);
	case FIELD_CONTENT_LENGTH:
		return take_length(h, counts, value);
	case FIELD_TRANSFER_ENCODING:
		return take_coding(h, counts, value);
	default:
		break;
	}
	if (name.len == 4 && text_equal_nocase(name, TEXT("Date")))
		h->date =
		    ++counts->dates == 1 ? value : (struct text){value.at, 0};
	return NULL;
}

static const char *
response_head_take_fields(struct response_head *h, struct counts *counts)
{
	struct text line, name = {0}, value = {0}, rest = h->fields;
	const char *wrong = NULL;

	while (wrong == NULL && response_head_next_line(&rest, &line)) {
		if (grammar_field(line, &name, &value) != line.len)
			return "a line of its head is no field";
		if (++counts->fields > RESPONSE_HEAD_FIELDS_MAX)
			return "it has too many fields";
		wrong = response_head_take_field(h, counts, name, value);
	}
	return wrong;
}

static enum response_head_framing
find_framing(
    const struct response_head *h, const struct counts *counts, bool is_head)
{
	if (is_head || !status_code_has_body(h->status))
		return RESPONSE_HEAD_NONE;
	if (counts->codings > 0)
		return RESPONSE_HEAD_CHUNKED;
	if (counts->lengths > 0)
		return RESPONSE_HEAD_LENGTH;
	return RESPONSE_HEAD_CLOSE;
}

/* Where there must be no content, some servers send it all the same. */
static bool
has_content_against_rules(
    const struct response_head *h, const struct counts *counts)
{
	return h->framing == RESPONSE_HEAD_NONE &&
	    !status_code_has_body(h->status) &&
	    (counts->codings > 0 ||
		(h->status != 304 && h->has_length && h->length > 0));
}

const char *
response_head_parse(struct text head, bool is_head, struct response_head *h)
{
	struct counts counts = {0};
	struct text line = {head.at, 0};
	const char *wrong;

	memset(h, 0, offsetof(struct response_head, options));
	h->option_count = 0;
	(void)response_head_next_line(&head, &line);
	wrong = parse_status_line(line, h);
	h->fields = (struct text){head.at, head.len - 2};
	if (wrong == NULL)
		wrong = response_head_take_fields(h, &counts);
	if (wrong != NULL)
		return wrong;
	if (counts.codings > 0 && counts.lengths > 0)
		return "it has both Transfer-Encoding and Content-Length";
	h->framing = find_framing(h, &counts, is_head);
	h->keep_alive = !counts.close && (h->minor > 0 || counts.keep) &&
	    h->framing != RESPONSE_HEAD_CLOSE &&
	    !has_content_against_rules(h, &counts);
	return NULL;
}

bool
response_head_next(const struct response_head *h, struct text *rest,
    struct text *line, struct text *name, struct text *value)
{
	while (response_head_next_line(rest, line)) {
		(void)grammar_field(*line, name, value);
		line->len += 2;
		if (!response_field_is_own(*name) &&
		    !text_is_one_of(*name, h->options, h->option_count))
			return true;
	}
	return false;
}
