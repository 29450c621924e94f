#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "descriptors.h"
#include "master/site_opener.h"
#include "os/fd_passing.h"
#include "unit.h"

/* More than a message has. */
#define SIZE_MAX_TRIED 8192
/* Kind, index, needs and length are in its first words. */
#define HEAD_WORDS 8
#define ROUNDS 20000
/* Messages in a row; a call takes fewer, unless the kernel holds as few. */
#define FLOOD 200

static struct config_mount mounts[2];
static struct config_page pages[1];
static const struct config config = {
    .mounts = {.at = mounts, .count = 2},
    .error_pages = {.at = pages, .count = 1},
};
static struct site_opener opener;
static struct buffer why;
static int line; /* the end of the process that opens files */

static void
begin(int64_t deadline)
{
	int ends[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	opener = (struct site_opener){
	    .process = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    .line = ends[0],
	    .deadline = deadline,
	};
	site_opened_init(&opener.opened, &config);
	line = ends[1];
}

static void
end(void)
{
	site_opener_end(&opener);
	ck_assert(site_opener_is_gone(&opener)); /* /dev/null is always ready */
	buffer_free(&why);
	close(line);
}

/* With a descriptor, if fd is not -1. */
static void
say(const void *bytes, size_t len, int fd)
{
	struct iovec part = {(void *)(uintptr_t)bytes, len};

	ck_assert_int_eq(
	    fd_passing_send(line, &part, 1, &fd, fd != -1, 0), (int)len);
}

TEST(one_that_has_not_begun_in_time_is_told_from_one_that_waits)
{
	begin(clock_now() - 1);
	ck_assert_int_eq(site_opener_act(&opener, &why), SITE_OPENER_FAILED);
	assert_string_eq(&why,
	    "the process that opens files has not begun within 5 s: this "
	    "machine is too busy, or that process was stopped");
	buffer_clear(&why);
	buffer_add_string(&opener.path, "/srv");
	ck_assert_int_eq(site_opener_act(&opener, &why), SITE_OPENER_FAILED);
	assert_string_eq(&why,
	    "/srv: its file system or name server has not responded for 5 s: "
	    "check its disk, or that server");
	end();
}

TEST(one_that_has_ended_is_named)
{
	begin(CLOCK_NEVER);
	shutdown(line, SHUT_WR);
	ck_assert_int_eq(site_opener_act(&opener, &why), SITE_OPENER_FAILED);
	assert_string_eq(&why, "the process that opens files has ended");
	end();
}

/* The size of a message, which the first bytes of 0 make a sound one. */
static size_t
size_of_message(void)
{
	static const char zeros[SIZE_MAX_TRIED];
	size_t found = 0;

	for (size_t size = 1; size <= sizeof(zeros); size++) {
		begin(CLOCK_NEVER);
		say(zeros, size, -1);
		if (site_opener_act(&opener, &why) == SITE_OPENER_PENDING) {
			ck_assert_uint_eq(found, 0);
			found = size;
		}
		end();
	}
	return found;
}

TEST(messages_have_one_size)
{
	static char ones[SIZE_MAX_TRIED];
	size_t size = size_of_message();

	ck_assert_uint_gt(size, 0);
	memset(ones, 0xff, sizeof(ones));
	begin(CLOCK_NEVER);
	say(ones, size, -1);
	ck_assert_int_eq(site_opener_act(&opener, &why), SITE_OPENER_FAILED);
	assert_string_eq(&why, "the process that opens files: Protocol error");
	end();
}

/* It comes with a descriptor, and looks like the end. */
TEST(an_empty_message_leaves_no_descriptor)
{
	int before = descriptors_count();

	begin(CLOCK_NEVER);
	say("", 0, line);
	ck_assert_int_eq(site_opener_act(&opener, &why), SITE_OPENER_FAILED);
	end();
	ck_assert_int_eq(descriptors_count(), before);
}

/* Whatever it says: sanitizers see what it does here. */
TEST(no_message_does_harm)
{
	static char bytes[SIZE_MAX_TRIED];
	size_t size = size_of_message();
	int before = descriptors_count();
	int results[SITE_OPENER_NEEDLESS + 1] = {0};

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t head[HEAD_WORDS] = {0};

		for (int k = 0; k < HEAD_WORDS; k++)
			if (unit_random_below(3) == 0)
				head[k] = unit_random_below(20) == 0
				    ? unit_random()
				    : (uint32_t)unit_random_below(13);
		memcpy(bytes, head, sizeof(head));
		begin(CLOCK_NEVER);
		say(bytes, size, unit_random_below(2) == 0 ? line : -1);
		results[site_opener_act(&opener, &why)]++;
		end();
	}
	ck_assert_int_eq(descriptors_count(), before);
	for (int r = SITE_OPENER_PENDING; r <= SITE_OPENER_NEEDLESS; r++)
		ck_assert_int_gt(results[r], 0);
}

/* Returns how many messages the kernel holds, at most FLOOD. */
static int
flood(size_t size)
{
	static const char zeros[SIZE_MAX_TRIED];
	const int room = FLOOD * 2 * SIZE_MAX_TRIED;
	int count = 0;

	if (setsockopt(line, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ==
	    -1)
		(void)setsockopt(
		    line, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	while (count < FLOOD && send(line, zeros, size, MSG_DONTWAIT) != -1)
		count++;
	return count;
}

/* The master has other work, which waits no longer than for some messages. */
TEST(a_call_does_not_take_all_of_a_flood)
{
	size_t size = size_of_message();
	char byte;
	int count, calls = 0;

	begin(CLOCK_NEVER);
	count = flood(size);
	while (recv(opener.line, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != -1) {
		ck_assert_int_eq(
		    site_opener_act(&opener, &why), SITE_OPENER_PENDING);
		calls++;
	}
	if (count == FLOOD)
		ck_assert_int_gt(calls, 1);
	ck_assert_int_lt(calls, FLOOD / 2);
	end();
}
