#include "heads.h"
#include "http/framing.h"

#define LENGTH "Content-Length: "
#define CODING "Transfer-Encoding: "

#define assert_host(status, host)                                              \
	assert_refused(status, "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n")
#define assert_old(status, lines)                                              \
	assert_refused(status, "GET / HTTP/1.0\r\n" lines "\r\n")

TEST(g10_exactly_one_host_on_1_1)
{
	assert_refused(400, "GET / HTTP/1.1\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nX-Host: a\r\n\r\n");
	assert_fields_refused(400, "Host: a\r\n");
	assert_fields_refused(400, "hOST: b\r\n");
	assert_fields_served("");
}

TEST(g10_at_most_one_host_on_1_0)
{
	assert_old(400, "Host: a\r\nHost: a\r\n");
	assert_old(0, "Host: a\r\n");
	assert_old(0, "");
	ck_assert_uint_eq(heads_request.host.len, 0);
}

TEST(g11_host_is_host_and_port)
{
	assert_host(400, "a:65536");
	assert_host(400, "a:-1");
	assert_host(400, "a:80:80");
	assert_host(400, "u@a");
	assert_host(400, "a/b");
	assert_host(400, "a b");
	assert_host(400, "a, b");
	assert_host(400, "http://a");
	assert_host(400, "[::1");
	assert_host(400, "::1");
	assert_host(400, "a\x80");
	assert_host(400, ":80");
	assert_host(400, ":");
	assert_host(0, "a:65535");
	assert_host(0, "[::1]:80");
	assert_host(0, "a:");
	assert_host(0, "");
}

TEST(g11_a_bad_host_is_refused_beside_an_absolute_target_too)
{
	assert_refused(400, "GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n");
	assert_refused(0, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n");
}

TEST(g17_no_transfer_encoding_on_1_0)
{
	assert_old(400, CODING "chunked\r\n");
	assert_old(400, CODING "gzip, chunked\r\n");
	assert_old(0, LENGTH "5\r\n");
	assert_fields_served(CODING "chunked\r\n");
}

TEST(g18_never_transfer_encoding_and_content_length)
{
	assert_fields_refused(400, CODING "chunked\r\n" LENGTH "5\r\n");
	assert_fields_refused(400, LENGTH "5\r\n" CODING "chunked\r\n");
	assert_fields_refused(400, LENGTH "0\r\n" CODING "chunked\r\n");
	assert_fields_refused(400, LENGTH "5\r\n" CODING "gzip, chunked\r\n");
	assert_fields_served(LENGTH "5\r\n");
}

static void
add_field(struct request *r, enum field_id id, struct text value)
{
	r->firsts[id] = (unsigned char)r->field_count;
	r->counts[id]++;
	r->fields[r->field_count++] = (struct field){.value = value, .id = id};
}

TEST(g18_that_holds_without_the_parsers_help)
{
	struct request *r = &heads_request;

	request_reset(r);
	r->minor = 1;
	add_field(r, FIELD_HOST, TEXT("a"));
	add_field(r, FIELD_TRANSFER_ENCODING, TEXT("chunked"));
	ck_assert_int_eq(framing_check(r), 0);
	add_field(r, FIELD_CONTENT_LENGTH, TEXT("5"));
	ck_assert_int_eq(framing_check(r), 400);
}

TEST(g19_chunked_alone_is_served_in_any_case)
{
	assert_fields_served(CODING "chunked\r\n");
	ck_assert_int_eq(heads_request.framing, FRAMING_CHUNKED);
	assert_fields_served("TRANSFER-encoding:\tChunKED \r\n");
	ck_assert_int_eq(heads_request.framing, FRAMING_CHUNKED);
}

TEST(g19_where_chunked_is_not_the_sole_final_coding_it_is_400)
{
	assert_fields_refused(400, CODING "gzip\r\n");
	assert_fields_refused(400, CODING "identity\r\n");
	assert_fields_refused(400, CODING "gzip, deflate\r\n");
	assert_fields_refused(400, CODING "chunked, gzip\r\n");
	assert_fields_refused(400, CODING "chunked, chunked\r\n");
	assert_fields_refused(400, CODING "gzip, chunked, chunked\r\n");
	assert_fields_refused(400, CODING "chunked, identity\r\n");
	assert_fields_refused(400, CODING "chunked\r\n" CODING "chunked\r\n");
	assert_fields_refused(400, CODING "chunked\r\n" CODING "gzip\r\n");
	assert_fields_refused(400, CODING "gzip\r\n" CODING "br\r\n");
	assert_fields_refused(400, CODING "\r\n" CODING "chunked\r\n");
}

TEST(g19_an_empty_or_malformed_coding_is_400)
{
	assert_fields_refused(400, CODING "\r\n");
	assert_fields_refused(400, CODING ",\r\n");
	assert_fields_refused(400, CODING ", chunked\r\n");
	assert_fields_refused(400, CODING "chunked,\r\n");
	assert_fields_refused(400, CODING "chunked;a=b\r\n");
	assert_fields_refused(400, CODING "\"chunked\"\r\n");
	assert_fields_refused(400, CODING "'chunked'\r\n");
	assert_fields_refused(400, CODING "xchunked\r\n");
	assert_fields_refused(400, CODING "chunkedx\r\n");
	assert_fields_refused(400,
	    CODING "\x0b"
		   "chunked\r\n");
	assert_fields_refused(400, CODING "gzip chunked\r\n");
	assert_fields_refused(400, CODING "gz ip, chunked\r\n");
	assert_fields_refused(400, CODING "g@ip, chunked\r\n");
	assert_fields_refused(400, CODING "=a, chunked\r\n");
	assert_fields_refused(400, CODING "gzip;, chunked\r\n");
	assert_fields_refused(400, CODING "gzip;a, chunked\r\n");
	assert_fields_refused(400, CODING "gzip;a=, chunked\r\n");
}

TEST(g19_an_unknown_coding_before_chunked_is_501)
{
	assert_fields_refused(501, CODING "gzip, chunked\r\n");
	assert_fields_refused(501, CODING "x;a=b, Chunked\r\n");
	assert_fields_refused(501, CODING "a,b , chunked\r\n");
	assert_fields_refused(501, CODING "gzip\r\n" CODING "chunked\r\n");
	assert_fields_refused(
	    501, CODING "a\r\nX: y\r\n" CODING "b, c\r\n" CODING "chunked\r\n");
}

TEST(g25_a_length_is_1_to_18_digits)
{
	assert_fields_refused(400, LENGTH "\r\n");
	assert_fields_refused(400, LENGTH "-1\r\n");
	assert_fields_refused(400, LENGTH "+1\r\n");
	assert_fields_refused(400, LENGTH "1 2\r\n");
	assert_fields_refused(400, LENGTH "0x5\r\n");
	assert_fields_refused(400, LENGTH "5;\r\n");
	assert_fields_refused(400, LENGTH "5.0\r\n");
	assert_fields_refused(400, LENGTH "1e1\r\n");
	assert_fields_refused(400, LENGTH "\xb2\r\n");
	assert_fields_refused(400, LENGTH "1000000000000000000\r\n");
	assert_fields_refused(400, LENGTH "0001000000000000000000\r\n");
	assert_fields_refused(400, LENGTH "18446744073709551621\r\n");
	assert_fields_served(LENGTH "999999999999999999\r\n");
	ck_assert_uint_eq(heads_request.length, 999999999999999999);
	assert_fields_served(LENGTH "000000000000000000000000000000\r\n");
	ck_assert_uint_eq(heads_request.length, 0);
	assert_fields_served(LENGTH "000000000000000000000000000005\r\n");
	ck_assert_uint_eq(heads_request.length, 5);
	ck_assert_int_eq(heads_request.framing, FRAMING_LENGTH);
}

TEST(g25_there_is_one_length)
{
	assert_fields_refused(400, LENGTH "5\r\n" LENGTH "5\r\n");
	assert_fields_refused(400, LENGTH "5\r\n" LENGTH "6\r\n");
	assert_fields_refused(400, LENGTH "5, 5\r\n");
	assert_fields_refused(400, LENGTH "5,\r\n");
	assert_fields_served(LENGTH "0\r\n");
	ck_assert_uint_eq(heads_request.length, 0);
}

TEST(without_a_length_or_a_coding_there_is_no_content)
{
	assert_fields_served("");
	ck_assert_int_eq(heads_request.framing, FRAMING_NONE);
	assert_refused(0, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert_int_eq(heads_request.framing, FRAMING_NONE);
}

TEST(a_content_type_is_given_once)
{
	assert_fields_refused(
	    400, "Content-Type: a/b\r\nContent-Type: a/b\r\n");
	assert_fields_served("Content-Type: a/b\r\n");
}

#define assert_persists(wanted, lines)                                         \
	do {                                                                   \
		assert_fields_served(lines);                                   \
		ck_assert_int_eq(heads_request.keep_alive, wanted);            \
	} while (0)
#define assert_old_persists(wanted, lines)                                     \
	do {                                                                   \
		assert_old(0, lines);                                          \
		ck_assert_int_eq(heads_request.keep_alive, wanted);            \
	} while (0)

TEST(a_1_1_connection_persists_unless_close_is_among_the_options)
{
	assert_persists(true, "");
	assert_persists(true, "Connection: closed, not-close\r\n");
	assert_persists(true, "Connection: \"close\"\r\n");
	assert_persists(true, "Proxy-Connection: close\r\n");
	assert_persists(false, "Connection: close\r\n");
	assert_persists(false, "Connection: a,, CLOSE ,b\r\n");
	assert_persists(false, "Connection: a\r\nConnection: close\r\n");
	assert_persists(false, "Connection: keep-alive, close\r\n");
	assert_persists(false, "Connection: close, keep-alive\r\n");
	assert_persists(
	    false, "Connection: close\r\nConnection: keep-alive\r\n");
}

TEST(a_1_0_connection_persists_only_with_keep_alive)
{
	assert_old_persists(false, "");
	assert_old_persists(false, "Connection: keep-alives\r\n");
	assert_old_persists(false, "Proxy-Connection: keep-alive\r\n");
	assert_old_persists(false, "Keep-Alive: timeout=5\r\n");
	assert_old_persists(false, "Connection: keep-alive, close\r\n");
	assert_old_persists(true, "Connection: Keep-Alive\r\n");
	assert_old_persists(
	    true, "Connection: a\r\nConnection: keep-alive\r\n");
}

TEST(expectations_other_than_100_continue_are_417)
{
	assert_fields_refused(417, "Expect: 200-ok\r\n");
	assert_fields_refused(417, "Expect: 100-continue, a\r\n");
	assert_fields_refused(417, "Expect: 100-continue;a=b\r\n");
	assert_fields_refused(417, "Expect: 100-continue\r\nExpect: a\r\n");
	assert_fields_served("Expect: 100-Continue\r\n");
	ck_assert(heads_request.expects_continue);
	assert_fields_served("Expect: 100-continue,\r\nExpect:,\r\n");
	ck_assert(heads_request.expects_continue);
	assert_fields_served("Expect: \r\n");
	ck_assert(!heads_request.expects_continue);
}

TEST(expectations_of_1_0_are_ignored)
{
	assert_old(0, "Expect: 100-continue\r\n");
	ck_assert(!heads_request.expects_continue);
	assert_old(0, "Expect: a\r\n");
}

TEST(bad_framing_is_400_before_a_bad_expectation_is_417)
{
	assert_fields_refused(400, "Expect: a\r\n" LENGTH "x\r\n");
}
