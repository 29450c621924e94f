/*
 * Content: taken whole, by single bytes and in pieces, with the same outcome
 * each time; and that is the outcome of unchunk.c.
 *
 * The first byte of an input says how it is framed: "c" is chunked, "C" too
 * with little allowed, "l" is by the length that the next byte is.
 */
#include <string.h>

#include "fuzz.h"
#include "http/body.h"
#include "reader.h"

#define MUCH (1 << 20)
#define LITTLE 100

struct outcome {
	enum body_state state;
	int status;
	size_t taken;
	size_t content; /* bytes of it */
	char *bytes;	/* the content */
};

/* As the connection does it: what was not taken comes again, with more. */
static struct outcome
take(char *bytes, size_t len, const struct request *r, uint64_t max,
    size_t piece, uint32_t seed)
{
	struct outcome o = {.bytes = fuzz_copy(bytes, len)};
	struct body b;
	size_t have = 0;

	body_start(&b, r, max);
	while (b.state != BODY_COMPLETE && b.state != BODY_REFUSED) {
		struct text content = {0};
		size_t n;

		FUZZ_HIDE(bytes + have, len - have);
		n = body_take(&b, bytes + o.taken, have - o.taken, &content);
		FUZZ_SHOW(bytes + have, len - have);
		FUZZ_CHECK(n <= have - o.taken, "%zu", n);
		if (content.len > 0) {
			FUZZ_CHECK(content.at >= bytes + o.taken &&
				content.at + content.len <= bytes + o.taken + n,
			    "content is not in what was taken");
			memcpy(o.bytes + o.content, content.at, content.len);
			o.content += content.len;
		}
		o.taken += n;
		if (n > 0)
			continue;
		if (have == len)
			break;
		n = len - have;
		if (piece > 0 && n > piece)
			n = 1 + fuzz_below(&seed, piece);
		have += n;
	}
	FUZZ_CHECK(b.total == o.content, "total is %ju", (uintmax_t)b.total);
	FUZZ_CHECK(o.content <= max, "%zu of %ju", o.content, (uintmax_t)max);
	o.state = b.state;
	o.status = b.state == BODY_REFUSED ? b.status : 0;
	return o;
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	FUZZ_CHECK(a->state == b->state, "%d, not %d", b->state, a->state);
	FUZZ_CHECK(a->status == b->status, "%d, not %d", b->status, a->status);
	FUZZ_CHECK(a->state == BODY_REFUSED || a->taken == b->taken,
	    "%zu, not %zu", b->taken, a->taken);
	FUZZ_CHECK(a->content == b->content &&
		memcmp(a->bytes, b->bytes, a->content) == 0,
	    "%zu bytes, not the same %zu", b->content, a->content);
}

static void
compare_chunked(
    const struct outcome *o, const char *bytes, size_t len, uint64_t max)
{
	struct reader_body other;
	char *content = malloc(len + 1);

	if (content == NULL)
		abort();
	reader_chunked(&other, bytes, len, max, content);
	if (o->state == BODY_COMPLETE) {
		FUZZ_CHECK(other.verdict == READER_TAKEN, "verdict is %d",
		    other.verdict);
		FUZZ_CHECK(
		    o->taken == other.end, "%zu, not %zu", o->taken, other.end);
	} else if (o->state == BODY_REFUSED) {
		FUZZ_CHECK(other.verdict == READER_REFUSED, "verdict is %d",
		    other.verdict);
		FUZZ_CHECK(o->status == other.status, "%d, not %d", o->status,
		    other.status);
	} else
		FUZZ_CHECK(other.verdict == READER_MORE || other.pending,
		    "verdict is %d", other.verdict);
	FUZZ_CHECK(o->content == other.content &&
		memcmp(o->bytes, content, o->content) == 0,
	    "%zu bytes, not the same %zu", o->content, other.content);
	free(content);
}

static void
compare_length(const struct outcome *o, const char *bytes, size_t len,
    const struct request *r, uint64_t max)
{
	size_t want = len < r->length ? len : (size_t)r->length;

	if (r->length > max) {
		FUZZ_CHECK(o->status == 413 && o->taken == 0, "%d", o->status);
		return;
	}
	FUZZ_CHECK(o->content == want && o->taken == want &&
		memcmp(o->bytes, bytes, want) == 0,
	    "%zu, not %zu", o->content, want);
	FUZZ_CHECK(
	    (o->state == BODY_COMPLETE) == (want == r->length), "%d", o->state);
}

static void
try(char *bytes, size_t len, const struct request *r, uint64_t max,
    uint32_t seed)
{
	const size_t pieces[] = {1, 7, 100};
	struct outcome whole = take(bytes, len, r, max, 0, seed);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct outcome split =
		    take(bytes, len, r, max, pieces[i], seed);

		compare(&whole, &split);
		free(split.bytes);
	}
	if (r->framing == FRAMING_CHUNKED)
		compare_chunked(&whole, bytes, len, max);
	else
		compare_length(&whole, bytes, len, r, max);
	free(whole.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct request request;
	uint32_t seed = fuzz_hash(data, size);
	char how = size > 0 ? (char)*data++ : 'c';
	char *bytes;

	if (size > 0)
		size--;
	request.framing = FRAMING_CHUNKED;
	if (how == 'l' && size > 0) {
		request.framing = FRAMING_LENGTH;
		request.length = *data++;
		size--;
	}
	bytes = fuzz_copy(data, size);
	try(bytes, size, &request, how == 'c' ? MUCH : LITTLE, seed);
	free(bytes);
	return 0;
}
