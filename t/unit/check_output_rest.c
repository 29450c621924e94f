/* What an output does not send itself: the rest, and the bytes kept for it. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/output.h"
#include "unit.h"

#define BIG (1 << 20) /* more than a socket holds */

static struct output out;
static int peer = -1;
static struct scoreboard *board;
static struct channel ready, parked;
static struct service service;
static struct input in;
static struct parking parking;
static char bytes[2 * BIG];

static uint64_t
kept(void)
{
	return deferred_budget_used(service.deferred_budget);
}

static void
allow(uint64_t max)
{
	service.deferred_budget->max = max;
}

/* There is a lot with room, no worker is idle, and a client waits for one. */
static void
set_up_server(void)
{
	board = scoreboard_create(1);
	ck_assert_ptr_nonnull(board);
	atomic_store(&board->server->used, 1);
	score_lot_start(board->lot, 1 << 20);
	score_lot_handed(board->lot);
	ck_assert_int_eq(channel_open(&ready), 0);
	ck_assert_int_eq(channel_open(&parked), 0);
	ck_assert_int_eq(write(ready.to, "", 1), 1);
	service = (struct service){
	    .board = board,
	    .ready = &ready,
	    .parked = &parked,
	    .worker = 1,
	    .deferred_budget = deferred_budget_create(board, UINT64_MAX),
	};
	input_init(&in, 1 << 20);
	parking = (struct parking){
	    .service = &service,
	    .in = &in,
	    .response_may_wait = true,
	};
}

void
unit_set_up(void)
{
	int pair[2];

	set_up_server();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	output_init(&out, 20 * CLOCK_SECOND, 5 * CLOCK_SECOND);
	output_attach(&out, pair[0]);
	peer = pair[1];
	out.parking = &parking;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
}

void
unit_tear_down(void)
{
	close(out.fd);
	close(peer);
	output_free(&out);
	input_free(&in);
	deferred_budget_free(service.deferred_budget);
	close(ready.from);
	close(ready.to);
	close(parked.from);
	close(parked.to);
	scoreboard_free(board);
}

/* In another process; how many bytes come before the end, or -1. */
static pid_t
read_all(size_t wanted)
{
	pid_t pid = fork();
	size_t had = 0;
	static char some[BIG];
	ssize_t n;

	if (pid != 0)
		return pid;
	close(out.fd);
	while ((n = recv(peer, some, sizeof(some), 0)) > 0) {
		if (had + (size_t)n > sizeof(bytes) ||
		    memcmp(some, bytes + had, (size_t)n) != 0)
			_exit(1);
		had += (size_t)n;
	}
	_exit(had == wanted ? 0 : 2);
}

static void
assert_read(pid_t reader)
{
	int status;

	shutdown(out.fd, SHUT_WR);
	ck_assert_int_eq(waitpid(reader, &status, 0), reader);
	ck_assert_int_eq(status, 0);
}

/* The client waits until it is called. */
static void
let_client_read(void *reader)
{
	service.others->are_kept = false;
	*(pid_t *)reader = read_all(BIG);
}

TEST(before_a_client_is_waited_for_others_go)
{
	pid_t reader = -1;
	struct others others = {
	    .board = board, .let_go = let_client_read, .keeper = &reader};

	service.others = &others;
	others_begin(&others, true);
	parking.response_may_wait = false;
	output_refer(&out, bytes, BIG);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(!others.are_kept);
	ck_assert(!out.deferring);
	assert_read(reader);
}

TEST(what_the_client_does_not_take_is_kept)
{
	output_refer(&out, bytes, BIG);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(out.deferring);
	ck_assert_uint_gt(kept(), 0);
	ck_assert_uint_lt(kept(), BIG);
	ck_assert_uint_eq(deferred_length(out.deferred), kept());
	ck_assert_uint_eq(out.kept_bytes, kept());
	/* And all behind it. */
	output_refer(&out, bytes, 1000);
	output_flush(&out);
	ck_assert_uint_eq(deferred_length(out.deferred), kept());
	ck_assert_uint_eq(out.sent, BIG + 1000);
}

TEST(who_drops_the_rest_gives_back_all_of_it)
{
	output_refer(&out, bytes, BIG);
	output_flush(&out);
	output_refer(&out, bytes, BIG);
	output_flush(&out);
	ck_assert_uint_gt(kept(), BIG);
	output_attach(&out, out.fd);
	ck_assert_uint_eq(kept(), 0);
	ck_assert_uint_eq(out.kept_bytes, 0);
}

TEST(who_passes_the_rest_on_gives_back_nothing)
{
	uint64_t before;

	output_refer(&out, bytes, BIG);
	output_flush(&out);
	before = kept();
	output_pass_deferred(&out);
	ck_assert_ptr_null(out.deferred);
	output_attach(&out, out.fd);
	ck_assert_uint_eq(kept(), before);
}

TEST(what_may_not_be_kept_is_sent)
{
	pid_t reader = read_all(BIG);

	allow(0);
	output_refer(&out, bytes, BIG);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(!out.deferring);
	ck_assert_uint_eq(kept(), 0);
	assert_read(reader);
}

TEST(when_no_more_may_be_kept_all_is_sent_in_its_order)
{
	pid_t reader;

	output_refer(&out, bytes, BIG);
	output_flush(&out);
	ck_assert(out.deferring);
	allow(kept() + 10);
	reader = read_all(sizeof(bytes));
	output_refer(&out, bytes + BIG, 10);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(out.deferring);
	allow(0);
	output_refer(&out, bytes + BIG + 10, BIG - 10);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(!out.deferring);
	ck_assert_uint_eq(kept(), 0);
	assert_read(reader);
}

TEST(who_goes_on_with_a_rest_may_defer_it_again)
{
	const int64_t tick = out.tick;
	struct deferred deferred;
	pid_t reader;

	deferred_init(&deferred);
	ck_assert_int_eq(
	    deferred_add_bytes(&deferred, bytes, sizeof(bytes)), 0);
	output_take_deferred(&out, &deferred);
	ck_assert_int_eq(output_resume(&out), 0);
	ck_assert(out.deferring);
	ck_assert_uint_eq(kept(), sizeof(bytes));
	ck_assert_uint_lt(deferred_length(out.deferred), sizeof(bytes));
	ck_assert_uint_gt(deferred_length(out.deferred), 0);
	/* The lot does not take it, nor the client: it can be parked later. */
	out.tick = 1;
	ck_assert_int_eq(output_send_deferred(&out, clock_now()), 1);
	out.tick = tick;
	ck_assert(out.deferring);
	reader = read_all(sizeof(bytes));
	ck_assert_int_eq(output_send_deferred(&out, CLOCK_NEVER), 0);
	ck_assert(!out.deferring);
	ck_assert_uint_eq(kept(), 0);
	assert_read(reader);
}

/* A rest has its own bound. */
TEST(what_has_no_room_in_a_rest_is_not_asked_for)
{
	static char much[OUTPUT_DEFER_MAX + 1];
	uint64_t before;
	pid_t reader;

	memset(bytes, 'x', sizeof(bytes));
	output_refer(&out, bytes, BIG);
	output_flush(&out);
	before = kept();
	ck_assert_uint_gt(before, 0);
	reader = fork();
	if (reader == 0) {
		while (recv(peer, bytes, sizeof(bytes), 0) > 0)
			continue;
		_exit(0);
	}
	output_refer(&out, much, sizeof(much));
	parking.response_may_wait = false;
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert_uint_eq(kept(), 0);
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
}
