#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "http/date.h"
#include "http/response.h"
#include "unit.h"

static struct response response;
static struct buffer head;

void
unit_set_up(void)
{
	response_init(&response);
}

void
unit_tear_down(void)
{
	response_free(&response);
	buffer_free(&head);
}

static int
add(struct text name, struct text value)
{
	return response_field(&response, guard_text(name), guard_text(value));
}

TEST(a_response_is_200_without_anything)
{
	ck_assert_int_eq(response.status, 200);
	ck_assert_int_eq(response.file, -1);
	ck_assert_uint_eq(response.length, 0);
	ck_assert_uint_eq(response.piece_count, 0);
}

TEST(fields_are_whole_lines)
{
	ck_assert_int_eq(add(TEXT("A"), TEXT("b c")), 0);
	ck_assert_int_eq(add(TEXT("D"), TEXT("")), 0);
	ck_assert_int_eq(
	    response_printf_field(&response, "E", "%d-%s", 5, "f"), 0);
	assert_string_eq(&response.fields, "A: b c\r\nD: \r\nE: 5-f\r\n");
}

TEST(no_control_byte_goes_out_in_a_value)
{
	for (int c = 0; c < 256; c++) {
		char value[] = {'a', (char)c, 'b'};
		bool good = c == '\t' || (c >= ' ' && c != 0x7f);

		buffer_clear(&response.fields);
		ck_assert_msg(
		    add(TEXT("A"), (struct text){value, 3}) == (good ? 0 : -1),
		    "byte 0x%02x", (unsigned)c);
		ck_assert_int_eq(response.fields.len == 0, !good);
	}
	ck_assert_int_eq(response_printf_field(&response, "Location", "/%s",
			     "a\r\nSet-Cookie: b"),
	    -1);
}

TEST(a_name_is_a_token)
{
	ck_assert_int_eq(add(TEXT(""), TEXT("a")), -1);
	ck_assert_int_eq(add(TEXT("A:"), TEXT("a")), -1);
	ck_assert_int_eq(add(TEXT("A B"), TEXT("a")), -1);
	ck_assert_int_eq(add(TEXT("A\r\nB"), TEXT("a")), -1);
	ck_assert_int_eq(add(TEXT("A\0"), TEXT("a")), -1);
	ck_assert_int_eq(add(TEXT("\xc3\xa4"), TEXT("a")), -1);
	ck_assert_uint_eq(response.fields.len, 0);
}

static struct text
head_of(struct response_framing framing, struct text extra)
{
	buffer_clear(&head);
	response_add_head(&response, &framing, extra, &head);
	return buffer_text(&head);
}

static bool
head_has(const char *line)
{
	return strstr(buffer_string(&head), line) != NULL;
}

TEST(a_head_is_status_line_fields_and_an_empty_line)
{
	struct text t;

	response.status = 404;
	add(TEXT("A"), TEXT("b"));
	t = head_of((struct response_framing){.has_length = true, .length = 5},
	    TEXT("C: d\r\n"));
	ck_assert(text_begins(t, TEXT("HTTP/1.1 404 Not Found\r\n")));
	ck_assert(head_has("\r\nServer: tined\r\n"));
	ck_assert(head_has("\r\nA: b\r\n"));
	ck_assert(head_has("\r\nC: d\r\n"));
	ck_assert(head_has("\r\nContent-Length: 5\r\n"));
	ck_assert_ptr_eq(
	    strstr(buffer_string(&head), "\r\n\r\n") + 4, head.data + head.len);
	ck_assert(!head_has("Transfer-Encoding"));
	ck_assert(!head_has("Connection"));
}

TEST(a_head_has_the_date_of_now)
{
	time_t before = time(NULL), date;
	const char *at;

	head_of((struct response_framing){0}, TEXT(""));
	at = strstr(buffer_string(&head), "\r\nDate: ");
	ck_assert_ptr_nonnull(at);
	at += strlen("\r\nDate: ");
	ck_assert(date_parse((struct text){at, DATE_SIZE - 1}, &date));
	ck_assert_mem_eq(at + DATE_SIZE - 1, "\r\n", 2);
	ck_assert_int_ge(date, before);
	ck_assert_int_le(date, time(NULL));
}

TEST(the_framing_decides_length_coding_and_connection)
{
	head_of((struct response_framing){.chunked = true}, TEXT(""));
	ck_assert(head_has("\r\nTransfer-Encoding: chunked\r\n"));
	ck_assert(!head_has("Content-Length"));
	head_of((struct response_framing){.close = true}, TEXT(""));
	ck_assert(head_has("\r\nConnection: close\r\n"));
	ck_assert(!head_has("Content-Length"));
	head_of((struct response_framing){.keep_alive = true}, TEXT(""));
	ck_assert(head_has("\r\nConnection: keep-alive\r\n"));
	head_of((struct response_framing){.close = true, .keep_alive = true},
	    TEXT(""));
	ck_assert(head_has("\r\nConnection: close\r\n"));
	ck_assert(!head_has("keep-alive"));
	head_of(
	    (struct response_framing){.has_length = true, .length = UINT64_MAX},
	    TEXT(""));
	ck_assert(head_has("\r\nContent-Length: 18446744073709551615\r\n"));
}

TEST(the_length_is_that_of_all_pieces)
{
	response_add_bytes(&response, "abc", 3);
	buffer_add_string(&response.text, "01234");
	response_add_text(&response, 2);
	response_add_file(&response, UINT64_C(1) << 40, UINT64_C(1) << 33);
	response_add_copy(&response, "56", 2);
	ck_assert_uint_eq(response.piece_count, 4);
	ck_assert_uint_eq(response.length, 3 + 3 + (UINT64_C(1) << 33) + 2);
	ck_assert_int_eq(response.pieces[1].kind, PIECE_TEXT);
	ck_assert_uint_eq(response.pieces[1].offset, 2);
	ck_assert_uint_eq(response.pieces[2].offset, UINT64_C(1) << 40);
	ck_assert_int_eq(response.pieces[3].kind, PIECE_COPY);
}

TEST(a_declared_length_makes_a_stream)
{
	response_declare_length(&response, 7);
	ck_assert(response.streaming && response.has_declared_length);
	ck_assert_uint_eq(response.declared_length, 7);
}

TEST(a_reset_closes_the_file_and_forgets_all)
{
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	response.status = 206;
	response.file = file;
	add(TEXT("A"), TEXT("b"));
	buffer_add_string(&response.text, "text");
	response_add_text(&response, 0);
	response_declare_length(&response, 4);
	response_reset(&response);
	ck_assert_int_eq(fcntl(file, F_GETFD), -1);
	ck_assert_int_eq(response.file, -1);
	ck_assert_int_eq(response.status, 200);
	ck_assert_uint_eq(response.fields.len, 0);
	ck_assert_uint_eq(response.text.len, 0);
	ck_assert_uint_eq(response.length, 0);
	ck_assert_uint_eq(response.piece_count, 0);
	ck_assert(!response.streaming && !response.has_declared_length);
}

TEST(an_error_begins_again_and_wants_a_page)
{
	add(TEXT("ETag"), TEXT("\"a\""));
	response_add_bytes(&response, "abc", 3);
	response_status_page(&response, 503);
	ck_assert_int_eq(response.status, 503);
	ck_assert(response.wants_page);
	ck_assert_uint_eq(response.fields.len, 0);
	ck_assert_uint_eq(response.length, 0);
	response_reset(&response);
	ck_assert(!response.wants_page);
}

TEST(an_error_page_names_its_status)
{
	struct text page;

	response_status_page(&response, 404);
	response_add_page(&response);
	page = buffer_text(&response.text);
	ck_assert_uint_eq(response.length, page.len);
	ck_assert(text_begins(page, TEXT("<!doctype html>")));
	ck_assert_ptr_nonnull(strstr(
	    buffer_string(&response.text), "<title>404 Not Found</title>"));
	ck_assert(text_begins(buffer_text(&response.fields),
	    TEXT("Content-Type: text/html; charset=utf-8\r\n")));
}

TEST(no_sniffing_is_a_field)
{
	response_no_sniffing(&response);
	assert_string_eq(
	    &response.fields, "X-Content-Type-Options: nosniff\r\n");
}

TEST(a_large_response_leaves_no_large_memory_behind)
{
	buffer_reserve(&response.text, RESPONSE_TEXT_KEPT + 1);
	response_reset(&response);
	ck_assert_uint_le(response.text.size, RESPONSE_TEXT_KEPT);
}

TEST(a_status_that_is_none_is_a_mistake)
{
	static const int wrong[] = {-1, 0, 99, 100, 101, 199, 600, 1000};
	static const int right[] = {200, 204, 304, 418, 500, 599};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		response.status = wrong[i];
		ck_assert_ptr_nonnull(response_mistake(&response));
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		response.status = right[i];
		ck_assert_ptr_null(response_mistake(&response));
	}
}

TEST(a_field_of_the_connection_is_a_mistake)
{
	static const char *const own[] = {"Connection", "content-length",
	    "DATE", "Keep-Alive", "Server", "Transfer-Encoding", "Upgrade"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		response_reset(&response);
		ck_assert_int_eq(add(text_of(own[i]), TEXT("5")), -1);
		ck_assert_uint_eq(response.fields.len, 0);
		ck_assert_ptr_nonnull(response_mistake(&response));
		/* Another field does not make it right. */
		ck_assert_int_eq(add(TEXT("A"), TEXT("b")), 0);
		ck_assert_ptr_nonnull(response_mistake(&response));
	}
	response_status_page(&response, 500);
	ck_assert_ptr_null(response_mistake(&response));
	ck_assert_int_eq(add(TEXT("Content-Type"), TEXT("a/b")), 0);
	ck_assert_ptr_null(response_mistake(&response));
}

TEST(a_field_with_bytes_of_none_is_a_mistake)
{
	ck_assert_int_eq(add(TEXT("A"), TEXT("b\r\nC: d")), -1);
	ck_assert_ptr_nonnull(response_mistake(&response));
	response_reset(&response);
	ck_assert_int_eq(add(TEXT("A b"), TEXT("c")), -1);
	ck_assert_ptr_nonnull(response_mistake(&response));
}
