#include <string.h>

#include "http/status_code.h"
#include "unit.h"

TEST(reasons_are_those_of_rfc_9110)
{
	assert_text_eq(status_code_reason(100), "Continue");
	assert_text_eq(status_code_reason(200), "OK");
	assert_text_eq(status_code_reason(206), "Partial Content");
	assert_text_eq(status_code_reason(304), "Not Modified");
	assert_text_eq(status_code_reason(404), "Not Found");
	assert_text_eq(status_code_reason(413), "Content Too Large");
	assert_text_eq(status_code_reason(414), "URI Too Long");
	assert_text_eq(status_code_reason(416), "Range Not Satisfiable");
	assert_text_eq(status_code_reason(417), "Expectation Failed");
	assert_text_eq(
	    status_code_reason(431), "Request Header Fields Too Large");
	assert_text_eq(status_code_reason(505), "HTTP Version Not Supported");
}

TEST(every_status_that_is_sent_has_a_reason)
{
	static const int sent[] = {100, 200, 204, 206, 301, 304, 400, 403, 404,
	    405, 408, 412, 413, 414, 416, 417, 431, 500, 501, 503, 505};

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		ck_assert_msg(
		    !text_equal(status_code_reason(sent[i]), TEXT("Unknown")),
		    "%d has no reason", sent[i]);
		if (status_code_is_error(sent[i]))
			ck_assert_uint_gt(
			    strlen(status_code_advice(sent[i])), 0);
	}
}

/* Applications send them, and most leave the reason phrase to the server. */
TEST(every_registered_status_has_a_reason)
{
	static const int registered[] = {201, 202, 203, 205, 207, 208, 226, 300,
	    302, 303, 305, 307, 308, 401, 402, 406, 407, 409, 410, 411, 415,
	    421, 422, 423, 424, 425, 426, 428, 429, 451, 502, 504, 506, 507,
	    508, 511};

	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++)
		ck_assert_msg(!text_equal(status_code_reason(registered[i]),
				  TEXT("Unknown")),
		    "%d has no reason", registered[i]);
	assert_text_eq(status_code_reason(302), "Found");
	assert_text_eq(status_code_reason(429), "Too Many Requests");
}

TEST(a_status_that_is_not_known_has_words_all_the_same)
{
	assert_text_eq(status_code_reason(299), "Unknown");
	assert_text_eq(status_code_reason(0), "Unknown");
	assert_text_eq(status_code_reason(-1), "Unknown");
	ck_assert_ptr_nonnull(status_code_advice(599));
}

TEST(no_words_have_markup_or_control_bytes)
{
	for (int status = 0; status < 600; status++) {
		struct text reason = status_code_reason(status);
		const char *advice = status_code_advice(status);

		for (size_t i = 0; i < reason.len; i++)
			ck_assert(reason.at[i] >= ' ' && reason.at[i] <= '~');
		ck_assert_ptr_null(strpbrk(advice, "<>&\r\n"));
	}
}

TEST(interim_and_impossible_codes_are_no_response)
{
	for (int status = -1; status <= 1000; status++)
		ck_assert_int_eq(status_code_is_final(status),
		    status / 100 >= 2 && status / 100 <= 5);
}

TEST(only_what_this_server_sends_has_advice)
{
	ck_assert(status_code_has_advice(404));
	ck_assert(status_code_has_advice(503));
	ck_assert(!status_code_has_advice(200));
	ck_assert(!status_code_has_advice(401));
	ck_assert(!status_code_has_advice(599));
}

TEST(errors_are_400_and_up)
{
	ck_assert(!status_code_is_error(100));
	ck_assert(!status_code_is_error(304));
	ck_assert(!status_code_is_error(399));
	ck_assert(status_code_is_error(400));
	ck_assert(status_code_is_error(505));
}

TEST(no_body_on_1xx_204_and_304)
{
	for (int status = 100; status < 600; status++)
		ck_assert_int_eq(status_code_has_body(status),
		    status >= 200 && status != 204 && status != 304);
}

TEST(no_content_is_generated_for_a_205_either)
{
	for (int status = 100; status < 600; status++)
		ck_assert_int_eq(status_code_may_have_content(status),
		    status_code_has_body(status) && status != 205);
}
