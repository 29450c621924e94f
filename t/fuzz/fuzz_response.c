/*
 * The head of a response, as a gateway reads it: found at the same place however
 * it is split; what is passed on are whole lines that no other reader could take
 * for the end of the head or for the framing; and the framing is what a plain
 * reader of RFC 9112, 6.3, makes of it.
 *
 * The first byte of an input says what was asked: "h" is HEAD.
 */
#include <string.h>

#include "fuzz.h"
#include "http/response_head.h"
#include "span.h"

struct plain {
	int status;
	bool old; /* HTTP/1.0 */
	size_t lengths, codings;
	struct span length, coding;
};

static struct span
span_of(struct text t)
{
	return (struct span){t.at, t.len};
}

static size_t
find_head(char *bytes, size_t len, size_t piece, uint32_t seed, bool *wrong)
{
	const char *words = NULL;
	size_t have = 0, line = 0, end = 0;

	while (end == 0 && words == NULL && have < len) {
		size_t n = len - have;

		if (piece > 0 && n > piece)
			n = 1 + fuzz_below(&seed, piece);
		have += n;
		FUZZ_HIDE(bytes + have, len - have);
		end = response_head_find(
		    (struct text){bytes, have}, &line, &words);
		FUZZ_SHOW(bytes + have, len - have);
	}
	*wrong = words != NULL;
	return end;
}

/* Each line of a head that was taken, in the plainest way. */
static struct plain
read_plainly(struct span head)
{
	struct plain p = {0};
	size_t at = find(head, 0, "\n") + 1;

	p.old = head.at[7] == '0';
	p.status = (head.at[9] - '0') * 100 + (head.at[10] - '0') * 10 +
	    (head.at[11] - '0');
	while (at < head.len) {
		size_t end = find(head, at, "\n"), colon = find(head, at, ":");
		struct span name = part(head, at, colon < end ? colon : end);
		struct span value = {head.at, 0};

		if (colon < end)
			value = trim(part(head, colon + 1, end - 1));
		if (same(name, "Content-Length")) {
			p.lengths++;
			p.length = value;
		} else if (same(name, "Transfer-Encoding")) {
			p.codings++;
			p.coding = value;
		}
		at = end + 1;
	}
	return p;
}

static bool
is_bodiless(int status, bool is_head)
{
	return is_head || status < 200 || status == 204 || status == 304;
}

static void
compare_framing(
    const struct response_head *h, const struct plain *p, bool is_head)
{
	FUZZ_CHECK(h->status == p->status, "%d, not %d", h->status, p->status);
	FUZZ_CHECK((h->minor == 0) == p->old, "minor is %d", h->minor);
	FUZZ_CHECK(p->lengths + p->codings <= 1, "%zu lengths, %zu codings",
	    p->lengths, p->codings);
	FUZZ_CHECK(p->codings == 0 || same(p->coding, "chunked"), "a coding");
	FUZZ_CHECK(p->codings == 0 || !p->old, "a coding in HTTP/1.0");
	FUZZ_CHECK(p->lengths == 0 ||
		(p->length.len > 0 && p->length.len <= 18 &&
		    all(p->length, DIGIT)) ||
		p->length.at[0] == '0',
	    "no number");
	if (is_bodiless(p->status, is_head))
		FUZZ_CHECK(h->framing == RESPONSE_HEAD_NONE, "%d", h->framing);
	else if (p->codings > 0)
		FUZZ_CHECK(
		    h->framing == RESPONSE_HEAD_CHUNKED, "%d", h->framing);
	else if (p->lengths > 0)
		FUZZ_CHECK(
		    h->framing == RESPONSE_HEAD_LENGTH, "%d", h->framing);
	else
		FUZZ_CHECK(h->framing == RESPONSE_HEAD_CLOSE && !h->keep_alive,
		    "%d", h->framing);
}

static void
check_passed(const struct response_head *h, struct span head)
{
	static const char *const own[] = {"Content-Length", "Transfer-Encoding",
	    "Connection", "Keep-Alive", "Upgrade", "Trailer", "TE", "Server",
	    "Date", "Proxy-Connection"};
	struct text rest = h->fields, line, name, value;

	while (response_head_next(h, &rest, &line, &name, &value)) {
		struct span l = span_of(line);

		FUZZ_CHECK(
		    l.at >= head.at && l.at + l.len <= head.at + head.len,
		    "a line from elsewhere");
		FUZZ_CHECK(
		    l.len > 2 && memcmp(l.at + l.len - 2, "\r\n", 2) == 0,
		    "no whole line");
		FUZZ_CHECK(
		    is_field_content(part(l, 0, l.len - 2)), "control bytes");
		FUZZ_CHECK(is_token(span_of(name)), "no name");
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			FUZZ_CHECK(!same(span_of(name), own[i]), "%s", own[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct response_head h;
	const size_t pieces[] = {1, 7, 100};
	uint32_t seed = fuzz_hash(data, size);
	bool is_head = size > 0 && *data == 'h', wrong, also;
	char *bytes;
	size_t end;

	if (size > 0) {
		data++;
		size--;
	}
	bytes = fuzz_copy(data, size);
	end = find_head(bytes, size, 0, seed, &wrong);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t other = find_head(bytes, size, pieces[i], seed, &also);

		FUZZ_CHECK(other == end, "%zu, not %zu", other, end);
		FUZZ_CHECK(also == wrong || end > 0, "wrong or not");
	}
	if (end > 0) {
		struct span head = {bytes, end};

		FUZZ_HIDE(bytes + end, size - end);
		if (response_head_parse(
			(struct text){bytes, end}, is_head, &h) == NULL) {
			struct plain p = read_plainly(head);

			compare_framing(&h, &p, is_head);
			check_passed(&h, head);
		}
		FUZZ_SHOW(bytes + end, size - end);
	}
	free(bytes);
	return 0;
}
