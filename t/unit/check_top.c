#include <string.h>

#include "base/clock.h"
#include "cli/top.h"
#include "unit.h"

static struct buffer out;

void
unit_tear_down(void)
{
	buffer_free(&out);
}

static const char status[] = "tined 0.1.0, master 7, up 1.7s\n"
			     "\n"
			     "Requests       90: 0.5 a second\n"
			     "Bytes          sent 5000, content received 0\n";

TEST(counts_of_a_status)
{
	struct top_look look = top_read(status, 17);

	ck_assert_int_eq(look.when, 17);
	ck_assert_uint_eq(look.requests, 90);
	ck_assert_uint_eq(look.sent, 5000);
	look = top_read("Requests 5", 17);
	ck_assert_uint_eq(look.requests, 0);
	ck_assert_uint_eq(look.sent, 0);
}

TEST(a_screen)
{
	struct top_look before = {.when = 0, .requests = 40, .sent = 1000};
	struct top_look now = top_read(status, 2 * CLOCK_SECOND);

	top_draw(&out, status, &before, &now, 24, 80);
	assert_string_eq(&out,
	    "\033[H25.0 requests/s, 2.0 kB/s sent, in the last second; q "
	    "leaves\033[K\r\n"
	    "tined 0.1.0, master 7, up 1.7s\033[K\r\n"
	    "\033[K\r\n"
	    "Requests       90: 0.5 a second\033[K\r\n"
	    "Bytes          sent 5000, content received 0\033[K\033[J");
}

TEST(a_small_screen)
{
	struct top_look now = top_read(status, CLOCK_SECOND);

	top_draw(&out, status, &now, &now, 3, 10);
	assert_string_eq(
	    &out, "\033[H0.0 reques\033[K\r\ntined 0.1.\033[K\r\n\033[K\033[J");
	buffer_clear(&out);
	top_draw(&out, status, &now, &now, 1, 3);
	assert_string_eq(&out, "\033[H0.0\033[K\033[J");
}

TEST(another_server_with_smaller_counts)
{
	struct top_look before = {.when = 0, .requests = 1000, .sent = 9000};
	struct top_look now = top_read(status, CLOCK_SECOND);

	top_draw(&out, status, &before, &now, 1, 80);
	assert_string_eq(&out,
	    "\033[H0.0 requests/s, 0 B/s sent, in the last "
	    "second; q leaves\033[K\033[J");
}

TEST(what_would_move_the_cursor_is_not_sent)
{
	struct top_look look = {0};

	top_draw(&out, "a\033[2Jb\r\x80\n", &look, &look, 24, 80);
	ck_assert_ptr_nonnull(strstr(buffer_string(&out), "\r\na?[2Jb??\033"));
}
