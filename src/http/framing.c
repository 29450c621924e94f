#include "http/framing.h"
#include "http/grammar.h"
#include "http/uri.h"

#define LENGTH_MAX UINT64_C(999999999999999999) /* 18 digits */

/*
 * Gets the value of the next field with that id, and moves the index *i behind
 * the field.  The caller sets *i to 0 for the first one.  False if there is none.
 */
static bool
next_field(
    const struct request *r, enum field_id id, size_t *i, struct text *value)
{
	if (r->counts[id] == 0)
		return false;
	if (*i < r->firsts[id])
		*i = r->firsts[id];
	while (*i < r->field_count) {
		const struct field *f = &r->fields[(*i)++];

		*value = f->value;
		if (f->id == id)
			return true;
	}
	return false;
}

static int
check_host(struct request *r)
{
	struct text host;
	unsigned count = r->counts[FIELD_HOST];

	if (count > 1 || (count == 0 && r->minor > 0))
		return 400;
	if (count == 0)
		return 0;
	request_field(r, FIELD_HOST, &host);
	if (!uri_authority_is_valid(host))
		return 400;
	if (r->host.len == 0) /* the absolute-form wins: RFC 9112, 3.2.2 */
		r->host = host;
	return 0;
}

/* transfer-coding of RFC 9112, 7: a token, optionally with parameters. */
static bool
is_coding(struct text t)
{
	return grammar_token(&t) && grammar_parameters(t, true);
}

/* The codings so far; all fields together are one list: RFC 9110, 5.3. */
struct codings {
	size_t count;
	bool chunked; /* the last one is chunked */
};

/* False if a coding is malformed, or follows chunked. */
static bool
add_codings(struct codings *all, struct text list)
{
	struct text coding;

	while (text_next_element(&list, &coding)) {
		if (all->chunked || !is_coding(coding))
			return false;
		all->chunked = text_equal_nocase(coding, TEXT("chunked"));
		all->count++;
	}
	return true;
}

/*
 * Returns 501 only for a well-formed list that ends in chunked and has other
 * codings before it: there the end of the content is known, but tined cannot
 * decode it.
 */
static int
refuse_codings(const struct request *r)
{
	struct codings all = {0};
	struct text list;
	size_t i = 0;

	while (next_field(r, FIELD_TRANSFER_ENCODING, &i, &list))
		if (!add_codings(&all, list))
			return 400;
	return all.chunked && all.count > 1 ? 501 : 400;
}

static int
check_transfer_encoding(struct request *r)
{
	struct text value;

	if (!request_field(r, FIELD_TRANSFER_ENCODING, &value))
		return 0;
	if (r->minor == 0 || r->counts[FIELD_CONTENT_LENGTH] > 0)
		return 400;
	if (r->counts[FIELD_TRANSFER_ENCODING] > 1 ||
	    !text_equal_nocase(value, TEXT("chunked")))
		return refuse_codings(r);
	r->framing = FRAMING_CHUNKED;
	return 0;
}

static int
check_content_length(struct request *r)
{
	struct text value;

	if (!request_field(r, FIELD_CONTENT_LENGTH, &value))
		return 0;
	if (r->counts[FIELD_CONTENT_LENGTH] > 1 ||
	    !text_to_number(value, LENGTH_MAX, &r->length))
		return 400;
	r->framing = FRAMING_LENGTH;
	return 0;
}

/* RFC 9110, 10.1.1: a list with one known member. */
static int
check_expect(struct request *r)
{
	struct text list, member;
	size_t i = 0;

	if (r->minor == 0)
		return 0;
	while (next_field(r, FIELD_EXPECT, &i, &list))
		while (text_next_element(&list, &member)) {
			if (!text_equal_nocase(member, TEXT("100-continue")))
				return 417;
			r->expects_continue = true;
		}
	return 0;
}

/* RFC 9112, 9.3: "close" wins over "keep-alive", in any order. */
static void
check_connection(struct request *r)
{
	bool close = false, keep = false;
	struct text list, option;
	size_t i = 0;

	while (next_field(r, FIELD_CONNECTION, &i, &list)) {
		/* Nearly all clients send just that, if anything. */
		if (text_equal(list, TEXT("keep-alive"))) {
			keep = true;
			continue;
		}
		while (text_next_element(&list, &option)) {
			if (text_equal_nocase(option, TEXT("close")))
				close = true;
			if (text_equal_nocase(option, TEXT("keep-alive")))
				keep = true;
		}
	}
	r->keep_alive = !close && (r->minor > 0 || keep);
}

int
framing_check(struct request *r)
{
	int status;

	if ((status = check_host(r)) != 0 ||
	    (status = check_transfer_encoding(r)) != 0 ||
	    (status = check_content_length(r)) != 0)
		return status;
	if (r->counts[FIELD_CONTENT_TYPE] > 1)
		return 400;
	check_connection(r);
	return check_expect(r);
}
