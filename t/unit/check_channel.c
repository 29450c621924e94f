#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "shared/channel.h"
#include "unit.h"

#define MANY 100

static struct channel channel;
static struct handoff sent;
static char bytes[HANDOFF_BYTES_MAX];
static char got[HANDOFF_BYTES_MAX];
static size_t len;
static struct deferred deferred;

void
unit_set_up(void)
{
	ck_assert_int_eq(channel_open(&channel), 0);
	sent = (struct handoff){
	    .kind = HANDOFF_SERVE,
	    .requests = 7,
	    .since = INT64_C(1) << 40,
	    .gap = 12345,
	    .peer.length = sizeof(sent.peer.address),
	    .peer.name = "192.0.2.1",
	};
	memset(&sent.peer.address, 0x5a, sizeof(sent.peer.address));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)unit_random();
}

void
unit_tear_down(void)
{
	close(channel.from);
	close(channel.to);
}

static void
make_pipe(int ends[2])
{
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

/* The channel has the only copy of what is written to the pipe. */
static bool
is_hung_up(int reader)
{
	struct pollfd end = {.fd = reader};

	return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
}

static int
receive(struct handoff *h)
{
	memset(h, 0xff, sizeof(*h));
	memset(got, 0, sizeof(got));
	return channel_receive(&channel, h, got, sizeof(got), &len, &deferred);
}

TEST(all_of_a_message_arrives)
{
	static const enum handoff_kind kinds[] = {
	    HANDOFF_WAIT, HANDOFF_COLLECT, HANDOFF_SERVE, HANDOFF_TIMED_OUT};
	static const size_t lengths[] = {0, 1, 2, 255, 4096, 16384,
	    HANDOFF_BYTES_MAX - 1, HANDOFF_BYTES_MAX};
	struct handoff h;
	int ends[2], fd;

	make_pipe(ends);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		sent.kind = kinds[i % 4];
		sent.requests = (uint32_t)i;
		ck_assert_int_eq(channel_send(&channel, &sent, ends[1], bytes,
				     lengths[i], NULL),
		    0);
		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_ne(fd, ends[1]);
		ck_assert(descriptors_file(fd) == descriptors_file(ends[1]));
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		ck_assert_mem_eq(&h, &sent, sizeof(h));
		ck_assert_uint_eq(len, lengths[i]);
		ck_assert(memcmp(got, bytes, len) == 0);
		close(fd);
	}
	close(ends[0]);
	close(ends[1]);
}

TEST(the_descriptor_stays_the_senders_and_lives_in_the_channel)
{
	struct handoff h;
	int ends[2], fd;

	make_pipe(ends);
	ck_assert_int_eq(
	    channel_send(&channel, &sent, ends[1], NULL, 0, NULL), 0);
	ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
	close(ends[1]);
	ck_assert(!is_hung_up(ends[0]));
	fd = receive(&h);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(ends[0], got, sizeof(got)), 1);
	close(fd);
	ck_assert(is_hung_up(ends[0]));
	close(ends[0]);
}

/* As where a user who is not root has no more: net.core.wmem_default. */
TEST_TIMES(what_there_is_room_for_can_be_sent, 6)
{
	static const int sizes[] = {0, 8192, 20000, 50000, 1 << 17, 1 << 20};
	struct handoff h;
	size_t room;
	int ends[2], fd;

	make_pipe(ends);
	ck_assert_int_eq(setsockopt(channel.to, SOL_SOCKET, SO_SNDBUF,
			     &sizes[nth], sizeof(int)),
	    0);
	room = channel_capacity(&channel);
	ck_assert_uint_le(room, HANDOFF_BYTES_MAX);
	/* A rest is received where the bytes are. */
	if (room + sizeof(deferred) < HANDOFF_BYTES_MAX)
		sent.kind = HANDOFF_SEND;
	deferred_init(&deferred);
	ck_assert_int_eq(
	    channel_send(&channel, &sent, ends[1], bytes, room, &deferred), 0);
	fd = receive(&h);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(len, room);
	close(fd);
	if (room + sizeof(deferred) < HANDOFF_BYTES_MAX) {
		ck_assert_int_eq(channel_send(&channel, &sent, ends[1], bytes,
				     HANDOFF_BYTES_MAX, &deferred),
		    -1);
		ck_assert_int_eq(errno, EMSGSIZE);
	}
	close(ends[0]);
	close(ends[1]);
}

TEST(an_empty_channel_does_not_block)
{
	struct handoff h;

	errno = 0;
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!channel_has_message(&channel));
	ck_assert_int_eq(
	    channel_send(&channel, &sent, channel.to, NULL, 0, NULL), 0);
	ck_assert(channel_has_message(&channel));
	close(receive(&h));
	ck_assert(!channel_has_message(&channel));
}

TEST(messages_keep_their_order_and_their_own_bytes)
{
	struct handoff h;
	int before = descriptors_count();
	int ends[2], fd;

	for (uint32_t i = 0; i < MANY; i++) {
		make_pipe(ends);
		ck_assert_int_eq(write(ends[1], &i, sizeof(i)), sizeof(i));
		sent.requests = i;
		ck_assert_int_eq(
		    channel_send(&channel, &sent, ends[0], bytes + i, i, NULL),
		    0);
		close(ends[0]);
		close(ends[1]);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t own = MANY;

		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(h.requests, i);
		ck_assert_uint_eq(len, i);
		ck_assert(memcmp(got, bytes + i, len) == 0);
		ck_assert_int_eq(read(fd, &own, sizeof(own)), sizeof(own));
		ck_assert_uint_eq(own, i);
		close(fd);
	}
	ck_assert_int_eq(descriptors_count(), before);
}

/* What was refused is not there; what was taken is, and then there is room. */
TEST(a_full_channel_does_not_block)
{
	struct handoff h;
	uint32_t taken = 0;
	int fd;

	while (sent.requests = taken,
	    channel_send(
		&channel, &sent, channel.from, bytes, sizeof(bytes), NULL) == 0)
		ck_assert_uint_lt(++taken, 10000);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(taken, 0);
	for (uint32_t i = 0; i < taken; i++) {
		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(h.requests, i);
		ck_assert_uint_eq(len, sizeof(bytes));
		ck_assert(memcmp(got, bytes, len) == 0);
		close(fd);
	}
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(channel_send(&channel, &sent, channel.from, bytes,
			     sizeof(bytes), NULL),
	    0);
}

static void
allow_descriptors(int count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The connection is lost, which its client sees; the channel goes on. */
TEST(without_a_free_descriptor_none_leaks)
{
	struct handoff h;
	int before = descriptors_count();
	int ends[2], fd;

	make_pipe(ends);
	sent.requests = 1;
	ck_assert_int_eq(
	    channel_send(&channel, &sent, ends[1], bytes, 5, NULL), 0);
	close(ends[1]);
	sent.requests = 2;
	ck_assert_int_eq(
	    channel_send(&channel, &sent, ends[0], bytes, 6, NULL), 0);
	allow_descriptors(ends[0] + 1);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert(is_hung_up(ends[0]));

	allow_descriptors(ends[0] + MANY);
	fd = receive(&h);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(h.requests, 2);
	ck_assert_uint_eq(len, 6);
	close(fd);
	close(ends[0]);
	ck_assert_int_eq(descriptors_count(), before);
}

TEST(a_closed_other_end_is_told)
{
	struct handoff h;

	close(channel.to);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPIPE);
	unit_set_up();
	close(channel.from);
	ck_assert_int_eq(channel_send(&channel, &sent, 0, bytes, 1, NULL), -1);
	ck_assert_int_eq(errno, EPIPE);
	unit_set_up();
}

/*
 * Descriptors that nobody receives would count against their user's bound of
 * those on their way, until no process could pass any: unix(7).
 */
TEST(nothing_is_sent_the_other_way)
{
	ck_assert_int_eq(send(channel.from, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(channel_send(&channel, &sent, 0, bytes, 1, NULL), 0);
	close(receive(&sent));
}

TEST(a_descriptor_that_is_none_is_not_sent)
{
	struct handoff h;

	ck_assert_int_eq(channel_send(&channel, &sent, -1, bytes, 1, NULL), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* From a worker that somebody has taken over. */
TEST(what_makes_no_sense_is_dropped_whole)
{
	int before = descriptors_count();
	struct handoff h;

	sent.kind = (enum handoff_kind)77;
	ck_assert_int_eq(channel_send(&channel, &sent, 0, bytes, 1, NULL), 0);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPROTO);
	ck_assert_int_eq(descriptors_count(), before);
}

/* A head beyond the bytes would be read from where no bytes are. */
TEST(a_head_lies_in_the_bytes)
{
	static const struct {
		uint32_t start, end, len;
		bool good;
	} heads[] = {
	    {0, 5, 5, true},
	    {2, 5, 9, true},
	    {0, 6, 5, false},
	    {5, 5, 5, false},
	    {4, 3, 5, false},
	    {0, UINT32_MAX, 5, false},
	    {UINT32_MAX, UINT32_MAX, 5, false},
	};
	struct handoff h;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		int fd;

		sent.head_start = heads[i].start;
		sent.head_end = heads[i].end;
		ck_assert_int_eq(channel_send(&channel, &sent, channel.from,
				     bytes, heads[i].len, NULL),
		    0);
		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		close(fd);
		ck_assert_uint_eq(
		    h.head_start, heads[i].good ? heads[i].start : 0);
		ck_assert_uint_eq(h.head_end, heads[i].good ? heads[i].end : 0);
	}
}

/* Any bytes, with any number of descriptors, as channel_send never would. */
static void
send_raw(const void *data, size_t size, size_t descriptors)
{
	struct iovec part = {
	    .iov_base = (void *)(uintptr_t)data, .iov_len = size};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MANY * sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int fds[MANY];

	ck_assert_uint_le(descriptors, MANY);
	for (size_t i = 0; i < descriptors; i++)
		fds[i] = channel.from;
	if (descriptors > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		memcpy(
		    CMSG_DATA(&control.header), fds, descriptors * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(channel.to, &message, 0), (ssize_t)size);
}

TEST(descriptors_too_many_or_too_few_are_closed)
{
	static const size_t numbers[] = {0, 2, 3, 4, 5, MANY};
	int before = descriptors_count();
	struct handoff h;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		send_raw(&sent, sizeof(sent), numbers[i]);
		ck_assert_int_eq(receive(&h), -1);
		ck_assert_int_eq(errno, EPROTO);
		ck_assert_int_eq(descriptors_count(), before);
	}
}

/* An empty one looks as if the other end were gone. */
TEST(a_short_message_does_not_end_the_channel)
{
	int before = descriptors_count();
	struct handoff h;

	for (size_t size = 0; size < sizeof(sent); size++) {
		send_raw(&sent, size, size % 3);
		ck_assert_int_eq(receive(&h), -1);
		ck_assert_int_eq(errno, EPROTO);
	}
	ck_assert_int_eq(descriptors_count(), before);
	send_raw(&sent, sizeof(sent), 1);
	close(receive(&h));
}

TEST(a_message_too_long_is_not_cut)
{
	static char large[sizeof(struct handoff) + HANDOFF_BYTES_MAX + 1];
	int before = descriptors_count();
	struct handoff h;

	memcpy(large, &sent, sizeof(sent));
	send_raw(large, sizeof(large), 1);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPROTO);
	ck_assert_int_eq(descriptors_count(), before);
}

static void
expect_refused(const struct deferred *wrong)
{
	struct handoff h;

	sent.kind = HANDOFF_SEND;
	ck_assert_int_eq(channel_send(&channel, &sent, 0, bytes, 1, wrong), 0);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPROTO);
}

TEST(a_rest_that_cannot_be_is_refused)
{
	struct deferred wrong;

	memset(&wrong, 0, sizeof(wrong));
	deferred_init(&wrong);
	wrong.count = 2;
	wrong.first = 3;
	expect_refused(&wrong);
	wrong.first = 0;
	wrong.segments[1].length = DEFERRED_LENGTH_MAX + 1;
	expect_refused(&wrong);
	wrong.segments[1].length = 10;
	expect_refused(&wrong); /* more bytes than were spilled */
	wrong.spilled = UINT64_MAX;
	expect_refused(&wrong);
	wrong.spilled = 10;
	wrong.segments[0].offset = UINT64_MAX;
	expect_refused(&wrong);
}

/* More or fewer segments than it says, or none that could be. */
TEST(a_rest_that_is_not_there_is_refused)
{
	static const struct {
		size_t count, size;
	} claims[] = {{0, 0}, {0, DEFERRED_HEAD_SIZE - 1},
	    {1, DEFERRED_HEAD_SIZE},
	    {3, DEFERRED_HEAD_SIZE + 3 * sizeof(struct deferred_segment) - 1},
	    {DEFERRED_SEGMENTS_MAX, sizeof(struct deferred) - 1},
	    {DEFERRED_SEGMENTS_MAX + 1, sizeof(struct deferred)},
	    {SIZE_MAX, sizeof(struct deferred)},
	    {SIZE_MAX / sizeof(struct deferred_segment) + 2,
		sizeof(struct deferred)}};
	static struct {
		struct handoff h;
		struct deferred deferred;
	} message;
	int before = descriptors_count();
	struct handoff h;

	sent.kind = HANDOFF_SEND;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		message.h = sent;
		deferred_init(&message.deferred);
		message.deferred.count = claims[i].count;
		send_raw(&message, sizeof(sent) + claims[i].size, 1);
		ck_assert_int_eq(receive(&h), -1);
		ck_assert_int_eq(errno, EPROTO);
	}
	ck_assert_int_eq(descriptors_count(), before);
}

/* Under UBSan a flag that is neither true nor false ends the test. */
TEST(noise_is_refused_or_made_sound)
{
	static unsigned char
	    noise[sizeof(struct handoff) + sizeof(struct deferred)];
	int before = descriptors_count();
	struct handoff h;

	for (int i = 0; i < 20 * MANY; i++) {
		int flags, fd;

		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (unsigned char)unit_random();
		memset(noise, i % 8, sizeof(int)); /* often a kind */
		if (i % 8 < 4)
			memset(noise + 1, 0, sizeof(int) - 1);
		send_raw(noise, sizeof(noise), (size_t)i % 5);
		fd = receive(&h);
		if (fd == -1)
			continue;
		flags = h.close_after + h.collected + h.continued + h.chunked +
		    h.recalled;
		ck_assert_int_ge(flags, 0);
		ck_assert_int_le(flags, 5);
		ck_assert_uint_lt(strlen(h.peer.name), sizeof(h.peer.name));
		close(fd);
	}
	ck_assert_int_eq(descriptors_count(), before);
}
