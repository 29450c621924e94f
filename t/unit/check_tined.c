#include <stdio.h>
#include <string.h>

#include "connection/exchange.h"
#include "guard.h"
#include "handlers/builtin.h"
#include "http/request_head.h"
#include "unit.h"

static struct connection connection;
static struct tined_exchange exchange;
static struct tined_exchange *const x = &exchange;

void
unit_set_up(void)
{
	exchange_init(x, &connection);
}

void
unit_tear_down(void)
{
	exchange_free(x);
}

static void
parse(const char *head)
{
	size_t len = strlen(head);

	ck_assert_int_eq(
	    request_head_parse(guard_copy(head, len), len, &x->request), 0);
}

static void
assert_view(struct tined_text view, const char *wanted)
{
	struct text got = text_from(view);

	ck_assert_msg(text_equal(got, text_of(wanted)), "\"%.*s\", not \"%s\"",
	    TEXT_ARG(got), wanted);
}

static void
assert_fields(const char *wanted)
{
	assert_view(tined_from(buffer_text(&x->response.fields)), wanted);
}

TEST(a_field_is_found_by_its_name_in_any_case)
{
	struct tined_text value;

	parse("GET / HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
	ck_assert(tined_field(x, TINED_TEXT("HOST"), &value));
	assert_view(value, "a");
	ck_assert(tined_field(x, TINED_TEXT("x-one"), &value));
	assert_view(value, "1");
	ck_assert(!tined_field(x, TINED_TEXT("Range"), &value));
	ck_assert(!tined_field(x, TINED_TEXT("X-Two"), &value));
	ck_assert(!tined_field(x, TINED_TEXT(""), &value));
}

TEST(fields_are_there_in_their_order)
{
	struct tined_text name, value;

	parse("GET / HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
	ck_assert(tined_field_at(x, 0, &name, &value));
	assert_view(name, "host");
	ck_assert(tined_field_at(x, 2, &name, &value));
	assert_view(name, "X-One");
	assert_view(value, "2");
	ck_assert(!tined_field_at(x, 3, &name, &value));
}

TEST(an_empty_query_is_a_query)
{
	struct tined_text query;

	parse("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(tined_query(x, &query));
	assert_view(query, "");
	assert_view(tined_target(x), "/a?");
	assert_view(tined_method(x), "GET");
	ck_assert(tined_is_method(x, "GET"));
	ck_assert(!tined_is_method(x, "get"));
	parse("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(!tined_query(x, &query));
}

TEST(the_length_of_chunked_content_is_not_known)
{
	uint64_t length;

	parse("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
	ck_assert(tined_content_length(x, &length));
	ck_assert_uint_eq(length, 7);
	parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(tined_content_length(x, &length));
	ck_assert_uint_eq(length, 0);
	parse(
	    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	ck_assert(!tined_content_length(x, &length));
}

TEST(a_field_of_the_server_is_refused)
{
	ck_assert_int_eq(
	    tined_add_field(x, TINED_TEXT("Date"), TINED_TEXT("now")), -1);
	ck_assert_int_eq(
	    tined_add_field(x, TINED_TEXT("X"), TINED_TEXT("a\nb")), -1);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
	ck_assert_uint_eq(x->response.fields.len, 0);
	tined_error(x, 503);
	ck_assert_int_eq(tined_printf_field(x, "Retry-After", "%d", 5), 0);
	ck_assert_ptr_null(response_mistake(&x->response));
	assert_fields("Retry-After: 5\r\n");
}

TEST(a_short_stream_waits_for_its_end)
{
	char bytes[1024] = "";

	for (int i = 0; i < RESPONSE_STREAM_MAX / 1024 - 1; i++)
		ck_assert_int_eq(tined_write(x, bytes, sizeof(bytes)), 0);
	ck_assert_uint_eq(output_position(&connection.out), 0);
	ck_assert(x->response.streaming);
}

TEST(fields_are_set_in_place_of_others)
{
	tined_add_field(x, TINED_TEXT("Vary"), TINED_TEXT("a"));
	tined_add_field(x, TINED_TEXT("X-Vary"), TINED_TEXT("b"));
	tined_add_field(x, TINED_TEXT("VARY"), TINED_TEXT("c"));
	ck_assert_int_eq(
	    tined_set_field(x, TINED_TEXT("vary"), TINED_TEXT("d")), 0);
	assert_fields("X-Vary: b\r\nvary: d\r\n");
	ck_assert_int_eq(
	    tined_set_field(x, TINED_TEXT("date"), TINED_TEXT("d")), -1);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
}

TEST(a_formatted_value_may_be_long)
{
	char value[1000], wanted[1010];

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	snprintf(wanted, sizeof(wanted), "X: %s\r\n", value);
	ck_assert_int_eq(tined_printf_field(x, "X", "%s", value), 0);
	assert_fields(wanted);
}

TEST(a_reason_has_no_control_bytes)
{
	tined_set_status_reason(x, 299, TINED_TEXT("Fine\tand \xe9"));
	ck_assert_ptr_null(response_mistake(&x->response));
	tined_set_status_reason(x, 299, TINED_TEXT("Fine\r\nX: y"));
	ck_assert_ptr_nonnull(response_mistake(&x->response));
}

TEST(copies_that_follow_each_other_are_one_piece)
{
	for (int i = 0; i < 2 * RESPONSE_PIECES_MAX; i++)
		tined_add_copy(x, "ab", 2);
	ck_assert_uint_eq(x->response.piece_count, 1);
	ck_assert_uint_eq(x->response.length, 4 * RESPONSE_PIECES_MAX);
	ck_assert_ptr_null(response_mistake(&x->response));
}

TEST(too_many_pieces_are_a_mistake)
{
	for (int i = 0; i < RESPONSE_PIECES_MAX; i++)
		tined_add_constant(x, "ab", 2);
	ck_assert_ptr_null(response_mistake(&x->response));
	tined_add_constant(x, "ab", 2);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
}

TEST(pieces_and_a_stream_do_not_mix)
{
	tined_add_copy(x, "ab", 2);
	tined_write(x, "cd", 2);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
	tined_error(x, 503);
	tined_write(x, "cd", 2);
	ck_assert_ptr_null(response_mistake(&x->response));
	tined_add_copy(x, "ab", 2);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
}

TEST(a_stream_may_not_be_longer_than_declared)
{
	tined_declare_length(x, 3);
	tined_write(x, "abc", 3);
	ck_assert_ptr_null(response_mistake(&x->response));
	tined_write(x, "d", 1);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
}
