/*
 * Heads: found and parsed whole, by single bytes and in pieces, with the same
 * answer each time; and that is the answer of reader.c.  What is taken, is
 * taken and split alike by http-parser.
 */
#include <string.h>

#include "fuzz.h"
#include "http/request_head.h"
#include "reader.h"
#include "whole.h"

struct answer {
	enum request_head_found found;
	size_t start;
	size_t end;
	int status; /* of the refusal, by request_head_find or request_head_parse */
};

static struct request request;

static bool
equal(struct text t, struct span s)
{
	return t.len == s.len && (t.len == 0 || memcmp(t.at, s.at, t.len) == 0);
}

static void
compare_fields(const struct request *r, const struct reader *other)
{
	size_t counts[FIELD_IDS] = {0};

	FUZZ_CHECK(r->field_count == other->field_count, "%zu, not %zu",
	    r->field_count, other->field_count);
	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];

		FUZZ_CHECK(equal(f->name, other->fields[i].name), "%zu", i);
		FUZZ_CHECK(equal(f->value, other->fields[i].value), "%zu", i);
		FUZZ_CHECK(f->id == request_field_id(f->name), "%zu", i);
		if (f->id != FIELD_OTHER && counts[f->id]++ == 0)
			FUZZ_CHECK(r->firsts[f->id] == i, "%zu", i);
	}
	for (int id = FIELD_OTHER + 1; id < FIELD_IDS; id++)
		FUZZ_CHECK(r->counts[id] == counts[id], "id %d: %d, not %zu",
		    id, r->counts[id], counts[id]);
}

static void
compare(const struct request *r, const struct reader *other)
{
	static const char *const names[] = {
	    "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"};
	uint64_t length = r->framing == FRAMING_LENGTH ? r->length : 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (equal(text_of(names[i]), other->method))
			FUZZ_CHECK(r->method == 1u << i, "%s", names[i]);
	FUZZ_CHECK(equal(r->line, other->line), "line");
	FUZZ_CHECK(equal(r->target, other->target), "target");
	FUZZ_CHECK(r->minor == other->minor, "%d", r->minor);
	FUZZ_CHECK(
	    equal(r->host, other->host), "host is \"%.*s\"", TEXT_ARG(r->host));
	FUZZ_CHECK(r->asterisk == other->asterisk, "asterisk");
	if (!r->asterisk) {
		FUZZ_CHECK(equal(r->raw_path, other->path), "path is \"%.*s\"",
		    TEXT_ARG(r->raw_path));
		FUZZ_CHECK(r->unencoded == other->raw, "unencoded");
		FUZZ_CHECK(r->has_query == other->has_query, "query");
		FUZZ_CHECK(equal(r->query, other->query), "query is \"%.*s\"",
		    TEXT_ARG(r->query));
	}
	FUZZ_CHECK((r->framing == FRAMING_CHUNKED) == other->chunked,
	    "framing is %d", r->framing);
	FUZZ_CHECK(length == other->length, "length is %ju", (uintmax_t)length);
	FUZZ_CHECK(r->expects_continue == other->expects_continue, "expect");
	FUZZ_CHECK(r->keep_alive == other->keep_alive || other->odd_connection,
	    "keep_alive is %d", r->keep_alive);
	compare_fields(r, other);
}

/* Finds a head in pieces of up to piece bytes; 0 is all at once. */
static struct answer
find(char *bytes, size_t len, size_t max, size_t piece, uint32_t seed)
{
	struct request_head_scan scan = {0};
	struct answer answer;
	size_t have = 0;

	do {
		size_t n = len - have;

		if (piece > 0 && n > piece)
			n = 1 + fuzz_below(&seed, piece);
		have += n;
		FUZZ_HIDE(bytes + have, len - have);
		answer.found = request_head_find(&scan, bytes, have, max);
		FUZZ_SHOW(bytes + have, len - have);
	} while (answer.found == REQUEST_HEAD_MORE && have < len);
	answer.status = answer.found == REQUEST_HEAD_REFUSED ? scan.status : 0;
	answer.start = scan.start;
	answer.end = scan.end;
	if (answer.found == REQUEST_HEAD_COMPLETE)
		FUZZ_CHECK(scan.start < scan.end && scan.end <= have &&
			scan.end - scan.start <= max,
		    "%zu, %zu", scan.start, scan.end);
	return answer;
}

static void
check_answer(const struct answer *a, const struct reader *other)
{
	if (a->found == REQUEST_HEAD_MORE) {
		FUZZ_CHECK(other->verdict == READER_MORE,
		    "request_head_find wants more, but the reader has set %#x",
		    other->statuses);
		return;
	}
	if (a->status == 0) {
		FUZZ_CHECK(other->verdict == READER_TAKEN,
		    "taken, but the reader has set %#x", other->statuses);
		FUZZ_CHECK(a->start == other->start && a->end == other->end,
		    "%zu-%zu, not %zu-%zu", a->start, a->end, other->start,
		    other->end);
		compare(&request, other);
	} else
		FUZZ_CHECK(reader_may(other, a->status),
		    "%d, but the reader has set %#x", a->status,
		    other->statuses);
}

/* In one pass, the same. */
static void
compare_taken(const struct answer *a, char *bytes, size_t len, size_t max)
{
	static struct request taken;
	size_t end;

	end = request_head_take(bytes, len, max, &taken);
	if (a->found != REQUEST_HEAD_COMPLETE || a->status != 0 ||
	    a->start > 0) {
		FUZZ_CHECK(end == 0, "%zu bytes are taken", end);
		return;
	}
	FUZZ_CHECK(end == a->end, "%zu, not %zu", end, a->end);
	FUZZ_CHECK(taken.method == request.method &&
		taken.minor == request.minor &&
		taken.framing == request.framing &&
		taken.length == request.length &&
		taken.keep_alive == request.keep_alive &&
		taken.expects_continue == request.expects_continue &&
		taken.field_count == request.field_count &&
		taken.unencoded == request.unencoded &&
		text_equal(taken.target, request.target) &&
		text_equal(taken.host, request.host),
	    "taken otherwise");
}

static void
try(char *bytes, size_t len, size_t max, uint32_t seed)
{
	static struct reader other;
	const size_t pieces[] = {1, 7, 100};
	struct answer whole = find(bytes, len, max, 0, seed);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct answer split = find(bytes, len, max, pieces[i], seed);

		FUZZ_CHECK(
		    split.found == whole.found && split.status == whole.status,
		    "in pieces of up to %zu: %d %d, whole: %d %d", pieces[i],
		    split.found, split.status, whole.found, whole.status);
		if (whole.found == REQUEST_HEAD_COMPLETE)
			FUZZ_CHECK(split.start == whole.start &&
				split.end == whole.end,
			    "%zu-%zu, not %zu-%zu", split.start, split.end,
			    whole.start, whole.end);
	}
	if (whole.found == REQUEST_HEAD_COMPLETE) {
		char *head =
		    fuzz_copy(bytes + whole.start, whole.end - whole.start);

		whole.status =
		    request_head_parse(head, whole.end - whole.start, &request);
		if (whole.status == 0)
			whole_compare(&request, head, whole.end - whole.start);
		reader_read(&other, bytes, len, max);
		check_answer(&whole, &other);
		compare_taken(&whole, bytes, len, max);
		free(head);
		return;
	}
	compare_taken(&whole, bytes, len, max);
	reader_read(&other, bytes, len, max);
	check_answer(&whole, &other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_copy(data, size);
	uint32_t seed = fuzz_hash(data, size);

	try(bytes, size, 32 << 10, seed);
	try(bytes, size, 32 + fuzz_below(&seed, 512), seed);
	free(bytes);
	return 0;
}
