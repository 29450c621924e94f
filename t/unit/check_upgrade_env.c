#include <string.h>

#include "master/upgrade_env.h"
#include "shared/channel.h"
#include "unit.h"

static struct buffer string;
static struct upgrade_env got;

void
unit_tear_down(void)
{
	upgrade_env_free(&got);
	buffer_free(&string);
}

static void
write_it(const struct upgrade_env *q)
{
	buffer_clear(&string);
	upgrade_env_write(&string, q);
}

static char url_tcp[] = "http://[::1]:8080/";
static char url_unix[] = "unix:a path\nof\n\ntwo lines\n";
static char path_unix[] = "/srv/a path\nof\n\ntwo lines\n";

static struct listener listeners[] = {
    {.fd = 7, .url = url_tcp, .passed = true},
    {.fd = 8,
	.url = url_unix,
	.path = path_unix,
	.device = (dev_t)-1,
	.inode = (ino_t)-1},
};

static const struct upgrade_env whole = {
    .talk = 3,
    .errors = 4,
    .channel = -1,
    .pidfile = 6,
    .predecessor = 9,
    .at = listeners,
    .count = 2,
    .status = 1,
};

TEST(what_is_written_is_read)
{
	write_it(&whole);
	ck_assert(upgrade_env_read(&got, buffer_string(&string)));
	ck_assert_int_eq(got.talk, 3);
	ck_assert_int_eq(got.errors, 4);
	ck_assert_int_eq(got.channel, -1);
	ck_assert_int_eq(got.pidfile, 6);
	ck_assert_int_eq(got.predecessor, 9);
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

TEST(without_listeners_it_is_one_too)
{
	const struct upgrade_env q = {.talk = 5, .channel = 6, .pidfile = -1};

	write_it(&q);
	ck_assert(upgrade_env_read(&got, buffer_string(&string)));
	ck_assert_int_eq(got.channel, 6);
	ck_assert_uint_eq(got.count, 0);
}

/* What the head of one of ours is, with other words behind it. */
static void
refuse(const char *numbers, const char *rest)
{
	struct buffer b = {0};

	buffer_printf(&b, "tined 2 %u %s\n%s", handoff_layout(), numbers, rest);
	ck_assert_msg(!upgrade_env_read(&got, buffer_string(&b)), "%s",
	    buffer_string(&b));
	buffer_free(&b);
}

TEST(what_is_none_is_refused)
{
	static const char *const wrong[] = {"", "\n", "1", "tined",
	    "tined 2 3 4 5", "tined 999999 2 3 4 5 0\n", "tined 1 3 4 5 6 0\n"};
	static const char *const listener[] = {"6 0 1 2 3 -1\nabc",
	    "6 0 1 2 4 -1\nabc\n", "6 0 1 2 2 -1\nabc\n", "6 0 1\nabc\n\n",
	    "6 0 1 2 -1 3\nabc\n", "six 0 1 2 3 -1\nabc\n",
	    "6 0 1 2 9223372036854775807 -1\nabc\n", "6 0 1 2 3 -2\nabc\n"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(
		    !upgrade_env_read(&got, wrong[i]), "%s", wrong[i]);
	refuse("3 4 5 6 7", "");
	refuse("3 4 5 6 7 1", "");
	refuse("3 4 5 6 7 -1", "");
	for (size_t i = 0; i < sizeof(listener) / sizeof(listener[0]); i++)
		refuse("3 4 5 6 7 0", listener[i]);
}

TEST(that_of_a_program_with_other_messages_is_refused)
{
	struct buffer b = {0};

	buffer_printf(&b, "tined 2 %u 3 4 5 6 7 0\n", handoff_layout());
	ck_assert(upgrade_env_read(&got, buffer_string(&b)));
	buffer_clear(&b);
	buffer_printf(&b, "tined 2 %u 3 4 5 6 7 0\n", handoff_layout() + 1);
	ck_assert(!upgrade_env_read(&got, buffer_string(&b)));
	buffer_free(&b);
}

TEST(one_that_is_cut_off_is_refused_or_shorter)
{
	size_t len;

	write_it(&whole);
	len = string.len;
	for (size_t cut = 0; cut < len; cut++) {
		char copy[512] = "";

		memcpy(copy, string.data, cut);
		if (upgrade_env_read(&got, copy))
			ck_assert_uint_le(got.count, 2);
		upgrade_env_free(&got);
	}
}
