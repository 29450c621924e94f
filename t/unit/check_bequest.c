#include <string.h>

#include "bequest.h"
#include "unit.h"

static struct buffer string;
static struct bequest got;

static void
tear_down(void)
{
	bequest_free(&got);
	buffer_free(&string);
}

static void
write_it(const struct bequest *q)
{
	buffer_clear(&string);
	bequest_write(&string, q);
}

static char url_tcp[] = "http://[::1]:8080/";
static char url_unix[] = "unix:a path with spaces";
static char path_unix[] = "/srv/a path with spaces";

static struct listener listeners[] = {
    {.fd = 7, .url = url_tcp, .passed = true},
    {.fd = 8,
	.url = url_unix,
	.path = path_unix,
	.device = (dev_t)-1,
	.inode = (ino_t)-1},
};

static const struct bequest whole = {
    .talk = 3,
    .errors = 4,
    .lane = -1,
    .pidfile = 6,
    .at = listeners,
    .count = 2,
    .status = 1,
};

START_TEST(what_is_written_is_read)
{
	write_it(&whole);
	ck_assert(bequest_read(&got, buffer_string(&string)));
	ck_assert_int_eq(got.talk, 3);
	ck_assert_int_eq(got.errors, 4);
	ck_assert_int_eq(got.lane, -1);
	ck_assert_int_eq(got.pidfile, 6);
	ck_assert_uint_eq(got.count, 2);
	ck_assert_int_eq(got.status, 1);
	ck_assert_int_eq(got.at[0].fd, 7);
	ck_assert_str_eq(got.at[0].url, url_tcp);
	ck_assert_ptr_null(got.at[0].path);
	ck_assert(got.at[0].passed);
	ck_assert_int_eq(got.at[1].fd, 8);
	ck_assert_str_eq(got.at[1].url, url_unix);
	ck_assert_str_eq(got.at[1].path, path_unix);
	ck_assert(!got.at[1].passed);
	ck_assert(got.at[1].device == listeners[1].device);
	ck_assert(got.at[1].inode == listeners[1].inode);
}
END_TEST

START_TEST(without_listeners_it_is_one_too)
{
	const struct bequest q = {.talk = 5, .lane = 6, .pidfile = -1};

	write_it(&q);
	ck_assert(bequest_read(&got, buffer_string(&string)));
	ck_assert_int_eq(got.lane, 6);
	ck_assert_uint_eq(got.count, 0);
}
END_TEST

START_TEST(what_is_none_is_refused)
{
	static const char *const wrong[] = {"", "\n", "1", "tined",
	    "tined 1 2 3 4 5", "tined 999999 2 3 4 5 0\n",
	    "tined 1 2 3 4 5 1\n", "tined 1 2 3 4 5 -1\n",
	    "tined 1 2 3 4 5 0\n6 0 1 2\nhttp://localhost/",
	    "tined 1 2 3 4 5 0\n6 0 1\nhttp://localhost/\n\n",
	    "tined 1 2 3 4 5 0\nsix 0 1 2\nhttp://localhost/\n\n"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!bequest_read(&got, wrong[i]), "%s", wrong[i]);
}
END_TEST

START_TEST(one_that_is_cut_off_is_refused_or_shorter)
{
	size_t len;

	write_it(&whole);
	len = string.len;
	for (size_t cut = 0; cut < len; cut++) {
		char copy[512] = "";

		memcpy(copy, string.data, cut);
		if (bequest_read(&got, copy))
			ck_assert_uint_le(got.count, 2);
		bequest_free(&got);
	}
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("bequest");

	tcase_add_checked_fixture(tests, NULL, tear_down);
	tcase_add_test(tests, what_is_written_is_read);
	tcase_add_test(tests, without_listeners_it_is_one_too);
	tcase_add_test(tests, what_is_none_is_refused);
	tcase_add_test(tests, one_that_is_cut_off_is_refused_or_shorter);
	return unit_run();
}
