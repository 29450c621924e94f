/*
 * probe: a module for tests.  It does what the path behind its mount names, by
 * functions of tined.h, and answers with what it has learnt; or goes wrong
 * (faults.c).  Arguments:
 *
 *	methods=LIST  tined_take_methods
 *	fail=WORDS    mount fails
 *	start=hang, start=fail, stop=hang
 *	need=exec     its workers may fork
 */
#include <sys/mman.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tined.h>

#include "faults.h"

#ifndef VERSION
#define VERSION "1"
#endif

struct probe {
	const char *start, *stop;
	int served; /* by this worker */
};

static void
say(struct tined_exchange *x, const char *name, struct tined_text value)
{
	tined_add_copy(x, name, strlen(name));
	tined_add_copy(x, "=", 1);
	tined_add_copy(x, value.at, value.len);
	tined_add_copy(x, "\n", 1);
}

static void
say_number(struct tined_exchange *x, const char *name, long long value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%lld", value);
	say(x, name, tined_text_of(digits));
}

static void
say_port(struct tined_exchange *x, const char *name, const struct sockaddr *sa)
{
	struct sockaddr_in in;

	memcpy(&in, sa, sizeof(in));
	say_number(x, name, sa->sa_family == AF_INET ? ntohs(in.sin_port) : -1);
}

static void
about(struct tined_exchange *x)
{
	struct tined_text name, value;
	socklen_t length;

	say(x, "method", tined_method(x));
	say_number(x, "is GET", tined_is_method(x, "GET"));
	say(x, "target", tined_target(x));
	say(x, "path", tined_path(x));
	say(x, "prefix", tined_prefix(x));
	say(x, "below", tined_path_below(x));
	if (tined_query(x, &value))
		say(x, "query", value);
	say_number(x, "ambiguous", tined_path_is_ambiguous(x));
	say_number(x, "minor", tined_minor_version(x));
	say(x, "scheme", tined_scheme(x));
	say(x, "host", tined_host(x));
	say(x, "peer", tined_peer_name(x));
	say_port(x, "peer port", tined_peer_address(x, &length));
	say_port(x, "local port", tined_local_address(x, &length));
	if (tined_field(x, TINED_TEXT("x-one"), &value))
		say(x, "x-one", value);
	for (size_t i = 0; tined_field_at(x, i, &name, &value); i++)
		say(x, "field", name);
}

static void
version(struct tined_exchange *x)
{
	say(x, "version", TINED_TEXT(VERSION));
}

/* Reads as it may, and sends what it has read. */
static void
echo(struct tined_exchange *x)
{
	char piece[1000];
	ssize_t n;

	while ((n = tined_read(x, piece, sizeof(piece))) > 0)
		if (tined_write(x, piece, (size_t)n) == -1)
			return;
}

static void
whole(struct tined_exchange *x)
{
	uint64_t length;
	int fd = tined_read_whole(x, &length);

	if (fd == -1)
		return;
	tined_set_file(x, dup(fd));
	tined_add_file(x, 0, length);
	tined_printf_field(x, "X-Length", "%llu", (unsigned long long)length);
}

/* As a module does that needs all of it at once. */
static void
mapped(struct tined_exchange *x)
{
	uint64_t length;
	int fd = tined_read_whole(x, &length);
	void *all;

	if (fd == -1 || length == 0)
		return;
	all = mmap(NULL, (size_t)length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (all == MAP_FAILED)
		return;
	(void)tined_write(x, all, (size_t)length);
	munmap(all, (size_t)length);
}

/* Waits for content, and counts how often it had to. */
static void
now(struct tined_exchange *x)
{
	char piece[1000];
	unsigned events = TINED_CONTENT;
	ssize_t n;

	do {
		n = tined_read_now(x, piece, sizeof(piece));
		if (n > 0 && tined_write(x, piece, (size_t)n) == -1)
			return;
		if (n == -1 && errno != EAGAIN)
			return;
		events = TINED_CONTENT;
		if (n == -1 && tined_wait(x, NULL, 0, -1, &events) == -1)
			return;
	} while (n != 0);
}

static void
declared(struct tined_exchange *x)
{
	tined_declare_length(x, 5);
	if (tined_is_method(x, "GET"))
		tined_write(x, "12345", 5);
}

static void
reason(struct tined_exchange *x)
{
	tined_set_status_reason(x, 299, TINED_TEXT("As You Like It"));
	tined_add_field(x, TINED_TEXT("X-A"), TINED_TEXT("1"));
	tined_add_field(x, TINED_TEXT("x-a"), TINED_TEXT("2"));
	tined_set_field(x, TINED_TEXT("X-a"), TINED_TEXT("3"));
}

/* Other bytes each time, in the same place: of a module that keeps one buffer. */
static void
same_place(struct tined_exchange *x)
{
	static char bytes[2000];
	static int count;

	memset(bytes, 'a' + count++ % 26, sizeof(bytes));
	tined_add_bytes(x, bytes, sizeof(bytes));
}

/* As much as it is asked for, through a pipe that somebody else fills. */
static void
splice_pipe(struct tined_exchange *x)
{
	static char bytes[30000];
	uint64_t sent = 0;
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return;
	memset(bytes, 'p', sizeof(bytes));
	while (sent < 10 * sizeof(bytes)) {
		struct pollfd readable = {.fd = ends[0], .events = POLLIN};
		unsigned events = 0;

		n = tined_splice(x, ends[0], sizeof(bytes));
		if (n > 0)
			sent += (uint64_t)n;
		if (n != -1)
			continue;
		if (errno != EAGAIN ||
		    write(ends[1], bytes, sizeof(bytes)) == -1 ||
		    tined_wait(x, &readable, 1, -1, &events) != 1)
			break;
	}
	close(ends[1]);
	if (tined_splice(x, ends[0], 1) != 0)
		tined_error(x, 500);
	close(ends[0]);
}

static uint64_t
number(struct tined_exchange *x)
{
	struct tined_text query;

	return tined_query(x, &query) ? strtoull(query.at, NULL, 10) : 0;
}

/* The query: so many bytes, which nobody can confuse; not flushed. */
static int
write_stream(struct tined_exchange *x, uint64_t left)
{
	uint64_t piece[1000];

	for (uint64_t next = 0; left > 0;) {
		size_t len = left < sizeof(piece) ? left : sizeof(piece);

		for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++)
			piece[i] = htobe64(next++);
		if (tined_write(x, piece, len) == -1)
			return -1;
		left -= len;
	}
	return 0;
}

static void
stream(struct tined_exchange *x)
{
	if (write_stream(x, number(x)) == -1)
		tined_log(x, TINED_WARNING, "it cannot be sent");
}

static void
stream_declared(struct tined_exchange *x)
{
	tined_declare_length(x, number(x));
	stream(x);
}

/* Ends with a flush. */
static void
stream_flushed(struct tined_exchange *x)
{
	stream(x);
	tined_flush(x);
	tined_log(x, TINED_WARNING, "flushed");
}

/* It crashes when much of it was kept. */
static void
stream_and_crash(struct tined_exchange *x)
{
	stream(x);
	abort();
}

/* Waits behind a stream, which is sent first. */
static void
stream_and_wait(struct tined_exchange *x)
{
	unsigned events = 0;

	stream(x);
	if (tined_wait(x, NULL, 0, 0, &events) != -1)
		tined_log(x, TINED_WARNING, "waited");
}

static void
wait_for_end(struct tined_exchange *x)
{
	unsigned events = TINED_CLIENT_GONE | TINED_STOPPING;
	int n;

	tined_write(x, "waiting\n", 8);
	n = tined_wait(x, NULL, 0, -1, &events);
	tined_log(x, TINED_WARNING, "the wait ended: %d, %s%s", n,
	    (events & TINED_CLIENT_GONE) != 0 ? "gone" : "",
	    (events & TINED_STOPPING) != 0 ? "stopping" : "");
}

/* Nothing of a response is sent by a wait. */
static void
wait_first(struct tined_exchange *x)
{
	unsigned events = TINED_CLIENT_GONE;

	if (tined_wait(x, NULL, 0, 20, &events) == 0 && events == 0)
		tined_error(x, 418);
}

static int
alive(struct tined_exchange *x)
{
	tined_alive(x);
	return 0;
}

static int
silent(struct tined_exchange *x)
{
	(void)x;
	return 0;
}

static int
event(struct tined_exchange *x)
{
	tined_write(x, ".", 1);
	return tined_flush(x);
}

/* The query: calls it ten times a second, for so many seconds. */
static void
spend(struct tined_exchange *x, int (*each)(struct tined_exchange *))
{
	const struct timespec tick = {.tv_nsec = 100 * 1000 * 1000};

	for (uint64_t i = number(x) * 10; i > 0; i--) {
		nanosleep(&tick, NULL);
		if (each(x) == -1)
			return;
	}
	tined_write(x, "alive\n", 6);
}

static void
busy(struct tined_exchange *x)
{
	spend(x, alive);
}

static void
quiet(struct tined_exchange *x)
{
	spend(x, silent);
}

static void
stream_events(struct tined_exchange *x)
{
	spend(x, event);
}

static void
stream_busy(struct tined_exchange *x)
{
	event(x);
	spend(x, alive);
}

static void
stream_quiet(struct tined_exchange *x)
{
	event(x);
	spend(x, silent);
}

static void
idle(struct tined_exchange *x)
{
	unsigned events = TINED_CLIENT_GONE;

	tined_wait(x, NULL, 0, (int)number(x) * 1000, &events);
	tined_add_copy(x, "alive\n", 6);
}

static void
log_all(struct tined_exchange *x)
{
	tined_log(x, TINED_ERROR, "an %s\nof two lines", "error");
	tined_log(NULL, TINED_WARNING, "a warning");
	tined_log(x, TINED_DEBUG, "debugging");
}

static const struct {
	const char *name;
	void (*serve)(struct tined_exchange *);
} deeds[] = {
    {"/about", about},
    {"/version", version},
    {"/echo", echo},
    {"/whole", whole},
    {"/mapped", mapped},
    {"/now", now},
    {"/reason", reason},
    {"/declared", declared},
    {"/same-place", same_place},
    {"/splice", splice_pipe},
    {"/wait", wait_for_end},
    {"/stream-declared", stream_declared},
    {"/stream-flushed", stream_flushed},
    {"/stream-crash", stream_and_crash},
    {"/stream-wait", stream_and_wait},
    {"/stream-events", stream_events},
    {"/stream-busy", stream_busy},
    {"/stream-quiet", stream_quiet},
    {"/stream", stream},
    {"/first", wait_first},
    {"/busy", busy},
    {"/quiet", quiet},
    {"/idle", idle},
    {"/log", log_all},
};

static int
probe_mount(struct tined_mount *m, void **state)
{
	const char *methods = tined_argument(m, "methods");
	const char *fail = tined_argument(m, "fail");
	struct probe *p = calloc(1, sizeof(*p));

#ifdef MOUNT_CRASHES
	abort();
#endif
	p->start = tined_argument(m, "start");
	p->stop = tined_argument(m, "stop");
	if (tined_argument(m, "need") != NULL)
		tined_need(m, TINED_NEED_EXEC);
	*state = p;
	tined_take_content(m);
	if (fail != NULL)
		return tined_mount_fail(m, "probe: %s", fail);
	return methods != NULL ? tined_take_methods(m, methods) : 0;
}

static int
probe_start(void *state)
{
	struct probe *p = state;

	if (p->start == NULL)
		return 0;
	if (strcmp(p->start, "hang") == 0)
		fault_hang(NULL);
	tined_log(NULL, TINED_ERROR, "probe: start=%s", p->start);
	return -1;
}

static void
probe_stop(void *state)
{
	struct probe *p = state;

	if (p->stop != NULL)
		fault_hang(NULL);
	tined_log(NULL, TINED_NOTICE, "probe: %d served", p->served);
}

static void
probe_serve(void *state, struct tined_exchange *x)
{
	struct tined_text below = tined_path_below(x);
	struct probe *p = state;

	p->served++;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (below.len >= strlen(deeds[i].name) &&
		    memcmp(below.at, deeds[i].name, strlen(deeds[i].name)) ==
			0) {
			deeds[i].serve(x);
			return;
		}
	if (!faults_serve(x))
		tined_error(x, 404);
}

const struct tined_module tined_module = {
#ifdef ABI
    .abi = ABI,
    .size = sizeof(struct tined_module),
#else
    TINED_MODULE_VERSION,
#endif
#ifndef NAMELESS
    .name = "probe",
#endif
    .mount = probe_mount,
    .start = probe_start,
    .serve = probe_serve,
    .stop = probe_stop,
    .unmount = free,
};
