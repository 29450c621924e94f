#include <string.h>

#include "connection/exchange.h"
#include "guard.h"
#include "http/request_head.h"
#include "tined.h"
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
assert_text(struct text got, const char *wanted)
{
	ck_assert_msg(text_equal(got, text_of(wanted)), "\"%.*s\", not \"%s\"",
	    TEXT_ARG(got), wanted);
}

TEST(a_field_is_found_by_its_name_in_any_case)
{
	struct text value;

	parse("GET / HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
	ck_assert(tined_field(x, TEXT("HOST"), &value));
	assert_text(value, "a");
	ck_assert(tined_field(x, TEXT("x-one"), &value));
	assert_text(value, "1");
	ck_assert(!tined_field(x, TEXT("Range"), &value));
	ck_assert(!tined_field(x, TEXT("X-Two"), &value));
	ck_assert(!tined_field(x, TEXT(""), &value));
}

TEST(fields_are_there_in_their_order)
{
	struct text name, value;

	parse("GET / HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
	ck_assert(tined_field_at(x, 0, &name, &value));
	assert_text(name, "host");
	ck_assert(tined_field_at(x, 2, &name, &value));
	assert_text(name, "X-One");
	assert_text(value, "2");
	ck_assert(!tined_field_at(x, 3, &name, &value));
}

TEST(an_empty_query_is_a_query)
{
	struct text query;

	parse("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(tined_query(x, &query));
	assert_text(query, "");
	assert_text(tined_target(x), "/a?");
	ck_assert_int_eq(tined_method(x), METHOD_GET);
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
	ck_assert_int_eq(tined_add_field(x, TEXT("Date"), TEXT("now")), -1);
	ck_assert_int_eq(tined_add_field(x, TEXT("X"), TEXT("a\nb")), -1);
	ck_assert_ptr_nonnull(response_mistake(&x->response));
	ck_assert_uint_eq(x->response.fields.len, 0);
	tined_error(x, 503);
	ck_assert_int_eq(tined_printf_field(x, "Retry-After", "%d", 5), 0);
	ck_assert_ptr_null(response_mistake(&x->response));
	assert_text(buffer_text(&x->response.fields), "Retry-After: 5\r\n");
}

TEST(a_short_stream_waits_for_its_end)
{
	char bytes[1024] = "";

	for (int i = 0; i < RESPONSE_STREAM_MAX / 1024 - 1; i++)
		ck_assert_int_eq(tined_write(x, bytes, sizeof(bytes)), 0);
	ck_assert_uint_eq(output_position(&connection.out), 0);
	ck_assert(x->response.streaming);
}
