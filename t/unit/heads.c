#include "guard.h"
#include "heads.h"

/* A longer head is cut near its ends, and here and there in the middle. */
#define SHORT 1024
#define NEAR 40
#define STRIDE 211

struct request heads_request;

static struct heads_answer
parse(const struct request_head_scan *scan, const char *head)
{
	struct heads_answer answer = {.start = scan->start, .end = scan->end};

	answer.status =
	    request_head_parse(head, scan->end - scan->start, &heads_request);
	return answer;
}

static struct heads_answer
ask_in_way(size_t way, const char *bytes, size_t len, size_t max)
{
	struct request_head_scan scan = {0};
	enum request_head_found found;
	size_t had = 0;

	do {
		had = guard_next(way, had, len);
		found =
		    request_head_find(&scan, guard_copy(bytes, had), had, max);
	} while (found == REQUEST_HEAD_MORE && had < len);
	if (found == REQUEST_HEAD_MORE)
		return (struct heads_answer){.status = HEADS_MORE};
	if (found == REQUEST_HEAD_REFUSED)
		return (struct heads_answer){.status = scan.status};
	assert_quick(scan.end <= had);
	return parse(
	    &scan, guard_copy(bytes + scan.start, scan.end - scan.start));
}

/* Where nothing before the bytes may be read. */
static struct heads_answer
ask_behind_guard(const char *bytes, size_t len, size_t max)
{
	struct request_head_scan scan = {0};
	enum request_head_found found =
	    request_head_find(&scan, guard_copy_behind(bytes, len), len, max);

	if (found == REQUEST_HEAD_MORE)
		return (struct heads_answer){.status = HEADS_MORE};
	if (found == REQUEST_HEAD_REFUSED)
		return (struct heads_answer){.status = scan.status};
	return parse(&scan,
	    guard_copy_behind(bytes + scan.start, scan.end - scan.start));
}

/* It takes a head that is there whole and in order, and no other. */
static void
assert_taken(
    struct heads_answer answer, const char *bytes, size_t len, size_t max)
{
	static struct request request;
	bool usual = answer.status == 0 && answer.start == 0;
	size_t taken;

	taken = request_head_take(guard_copy(bytes, len), len, max, &request);
	ck_assert_msg(taken == (usual ? answer.end : 0), "%zu are taken: %s",
	    taken, unit_show(bytes, len));
	if (usual)
		ck_assert_uint_eq(
		    request.field_count, heads_request.field_count);
}

static bool
is_same(struct heads_answer a, struct heads_answer b)
{
	return a.status == b.status && a.start == b.start && a.end == b.end;
}

struct heads_answer
heads_ask(const char *bytes, size_t len, size_t max)
{
	struct heads_answer whole = ask_behind_guard(bytes, len, max);

	assert_taken(whole, bytes, len, max);
	for (size_t way = guard_ways(len); way-- > 0;) {
		struct heads_answer answer;

		if (len > SHORT && way > NEAR && way < len - NEAR &&
		    way % STRIDE != 0)
			continue;
		answer = ask_in_way(way, bytes, len, max);
		ck_assert_msg(is_same(whole, answer),
		    "way %zu: %d (%zu to %zu), but whole: %d (%zu to %zu): %s",
		    way, answer.status, answer.start, answer.end, whole.status,
		    whole.start, whole.end, unit_show(bytes, len));
	}
	return whole;
}

void
heads_assert(int status, const char *bytes, size_t len, size_t max)
{
	struct heads_answer answer = heads_ask(bytes, len, max);

	ck_assert_msg(answer.status == status, "%d, not %d: %s", answer.status,
	    status, unit_show(bytes, len));
	if (status == 0)
		ck_assert_uint_eq(answer.end, len);
}

const struct request *
heads_request_with(const char *method, const char *lines)
{
	static struct buffer head;
	const char *copy;

	buffer_clear(&head);
	buffer_printf(
	    &head, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, lines);
	copy = guard_copy(head.data, head.len);
	ck_assert_int_eq(request_head_parse(copy, head.len, &heads_request), 0);
	return &heads_request;
}

const char *
heads_field(size_t i)
{
	static struct buffer b;
	const struct field *f = &heads_request.fields[i];

	ck_assert_uint_lt(i, heads_request.field_count);
	buffer_clear(&b);
	buffer_add_text(&b, f->name);
	buffer_add_string(&b, ": ");
	buffer_add_text(&b, f->value);
	return buffer_string(&b);
}
