/*
 * faults: what modules can do wrong, each as its name says.  They are part of the
 * probe, and of build/t/faulty/tined.
 *
 * Functions are not static, so that no two become one, but for those that are to
 * be found though they are.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

/* Past what a response may keep back: it is sent. */
#define PART ((64 << 10) + 1)

static void
say(struct tined_exchange *x, const char *words)
{
	tined_add_copy(x, words, strlen(words));
	tined_add_copy(x, "\n", 1);
}

static volatile int zero;
static int *volatile nowhere;

void
fault_segv(struct tined_exchange *x)
{
	(void)x;
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	*nowhere = 1;
}

__attribute__((noinline)) static void
hidden(void)
{
	*nowhere = 1;
	__asm__ volatile("" : : : "memory"); /* it is left by no jump */
}

static void
fault_static(struct tined_exchange *x)
{
	(void)x;
	hidden();
	tined_set_status(x, 200);
}

void
fault_bus(struct tined_exchange *x)
{
	char *page =
	    mmap(NULL, 1, PROT_READ, MAP_SHARED, memfd_create("empty", 0), 0);

	(void)x;
	tined_set_status(x, page[0]);
}

void
fault_abort(struct tined_exchange *x)
{
	(void)x;
	abort();
}

/* Not every processor traps where it divides by zero. */
void
fault_fpe(struct tined_exchange *x)
{
	(void)x;
	tined_set_status(x, 100 / zero);
	raise(SIGFPE);
	tined_set_status(x, 200);
}

void
fault_ill(struct tined_exchange *x)
{
	(void)x;
	__builtin_trap();
}

/* A call of nothing: there is no code to be found where it happened. */
void
fault_call(struct tined_exchange *x)
{
	void (*volatile nothing)(void) = NULL;

	nothing();
	tined_set_status(x, 200);
}

size_t
fault_stack(struct tined_exchange *x)
{
	volatile char frame[4096];

	memset((void *)(uintptr_t)frame, 0, sizeof(frame));
	if (zero != 0) /* never, but a compiler cannot know */
		return 0;
	return (size_t)frame[0] + fault_stack(x);
}

static void
overflow(struct tined_exchange *x)
{
	fault_stack(x);
}

/* The client has a part of the stream. */
void
fault_part(struct tined_exchange *x)
{
	(void)x;
	tined_write(x, "part", 4);
	tined_flush(x);
	*nowhere = 1;
}

/* Nothing of it was sent, though something was written. */
void
fault_written(struct tined_exchange *x)
{
	(void)x;
	tined_write(x, "part", 4);
	*nowhere = 1;
}

/* Behind what was sent because it was much. */
void
fault_much(struct tined_exchange *x)
{
	char *much = calloc(1, PART);

	(void)x;
	tined_declare_length(x, 2 * PART);
	tined_write(x, much, PART);
	*nowhere = 1;
}

void
fault_hang(struct tined_exchange *x)
{
	(void)x;
	for (;;)
		pause();
}

/* The client has the beginning, and gets no more. */
void
fault_stall(struct tined_exchange *x)
{
	tined_write(x, "part", 4);
	tined_flush(x);
	fault_hang(x);
}

void
fault_spin(struct tined_exchange *x)
{
	(void)x;
	while (zero == 0)
		;
}

/* No signal but SIGKILL gets through. */
void
fault_deaf(struct tined_exchange *x)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	fault_hang(x);
}

/* What was asked for is read first. */
void
fault_reader(struct tined_exchange *x)
{
	char piece[1024];

	while (tined_read(x, piece, sizeof(piece)) > 0)
		;
	fault_hang(x);
}

static void
read_well(struct tined_exchange *x)
{
	char piece[1024];

	while (tined_read(x, piece, sizeof(piece)) > 0)
		;
	tined_add_bytes(x, "read\n", 5);
}

/* The client has the beginning, and nothing is wrong with that. */
static void
drip(struct tined_exchange *x)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};

	(void)x;
	for (int i = 0; i < 15; i++) {
		tined_write(x, ".", 1);
		tined_flush(x);
		nanosleep(&pause, NULL);
	}
}

/* A megabyte that nobody gives back. */
void
fault_leak(struct tined_exchange *x)
{
	char *lost = malloc(1 << 20);

	(void)x;
	memset(lost, 1, 1 << 20);
	nowhere = NULL;
	__asm__ volatile("" : : "r"(lost) : "memory");
	tined_add_bytes(x, "leaked\n", 7);
}

/* A descriptor that nobody closes. */
void
fault_lose(struct tined_exchange *x)
{
	(void)x;
	if (dup(STDERR_FILENO) == -1)
		tined_error(x, 503);
	else
		tined_add_bytes(x, "lost\n", 5);
}

/* Responses that must not reach a client as they are. */
static void
bad_status(struct tined_exchange *x)
{
	(void)x;
	tined_set_status(x, 1000);
	tined_add_bytes(x, "bad\n", 4);
}

/* Those of interim responses are no response's. */
static void
continue_status(struct tined_exchange *x)
{
	tined_set_status(x, 100);
}

static void
switching_status(struct tined_exchange *x)
{
	tined_set_status_reason(x, 101, TINED_TEXT("Switching Protocols"));
}

static void
hints_status(struct tined_exchange *x)
{
	tined_set_status(x, 103);
	tined_add_field(x, TINED_TEXT("X-Bad"), TINED_TEXT("a"));
	tined_write(x, "bad\n", 4);
	tined_flush(x);
}

static void
own_field(struct tined_exchange *x)
{
	(void)x;
	tined_add_field(x, TINED_TEXT("content-length"), TINED_TEXT("0"));
	tined_add_bytes(x, "bad\n", 4);
}

static void
bad_field(struct tined_exchange *x)
{
	(void)x;
	tined_add_field(
	    x, TINED_TEXT("X-Bad"), TINED_TEXT("a\r\nSet-Cookie: b"));
	tined_add_bytes(x, "bad\n", 4);
}

/* It does not mind that nothing can be flushed. */
static void
bad_stream(struct tined_exchange *x)
{
	(void)x;
	tined_add_field(x, TINED_TEXT("Transfer-Encoding"), TINED_TEXT("gzip"));
	for (int i = 0; i < 100; i++) {
		tined_write(x, "bad\n", 4);
		tined_flush(x);
	}
}

/* Its mistake is the field, not the length: it writes all that it declared. */
static void
bad_long_stream(struct tined_exchange *x)
{
	static const char bytes[1024];
	const int count = PART / (int)sizeof(bytes) + 1;

	(void)x;
	tined_declare_length(x, count * sizeof(bytes));
	tined_add_field(x, TINED_TEXT("Transfer-Encoding"), TINED_TEXT("gzip"));
	for (int i = 0; i < count; i++)
		tined_write(x, bytes, sizeof(bytes));
}

static void
short_stream(struct tined_exchange *x)
{
	(void)x;
	tined_declare_length(x, 5);
	tined_write(x, "bad\n", 4);
}

/* They come too late: the client has the head of another response. */
static void
late_error(struct tined_exchange *x)
{
	tined_declare_length(x, 10);
	tined_write(x, "part", 4);
	tined_flush(x);
	tined_error(x, 500);
}

static void
late_chunked_error(struct tined_exchange *x)
{
	tined_write(x, "part", 4);
	tined_flush(x);
	tined_error(x, 500);
}

static void
late_length(struct tined_exchange *x)
{
	tined_write(x, "part", 4);
	tined_flush(x);
	tined_declare_length(x, 2);
	tined_write(x, "rest", 4);
}

static void
too_long(struct tined_exchange *x)
{
	tined_declare_length(x, 3);
	tined_write(x, "long", 4);
}

static void
too_long_later(struct tined_exchange *x)
{
	tined_declare_length(x, 6);
	tined_write(x, "part", 4);
	tined_flush(x);
	tined_write(x, "rest", 4);
}

static void
too_short_later(struct tined_exchange *x)
{
	tined_declare_length(x, 6);
	tined_write(x, "part", 4);
	tined_flush(x);
}

static void
mixed(struct tined_exchange *x)
{
	tined_add_copy(x, "piece", 5);
	tined_write(x, "stream", 6);
}

static void
bad_reason(struct tined_exchange *x)
{
	tined_set_status_reason(x, 200, TINED_TEXT("a\r\nX: y"));
}

static void
short_file(struct tined_exchange *x)
{
	tined_set_file(x, memfd_create("short", MFD_CLOEXEC));
	tined_add_file(x, 0, 10);
}

/* Longer than what is copied. */
static void
long_short_file(struct tined_exchange *x)
{
	tined_set_file(x, memfd_create("short", MFD_CLOEXEC));
	tined_add_file(x, 0, 10 * PART);
}

/* What is no file; of which a little is asked for, or much. */
static void
add_pipe(struct tined_exchange *x, uint64_t length)
{
	int ends[2];

	if (pipe(ends) == -1)
		return;
	close(ends[1]);
	tined_set_file(x, ends[0]);
	tined_add_file(x, 0, length);
}

static void
pipe_as_file(struct tined_exchange *x)
{
	add_pipe(x, 10);
}

static void
long_pipe_as_file(struct tined_exchange *x)
{
	add_pipe(x, 10 * PART);
}

static void
no_file(struct tined_exchange *x)
{
	tined_add_file(x, 0, 10 * PART);
}

static void
close_all(struct tined_exchange *x)
{
	(void)x;
	for (int fd = 3; fd < 64; fd++)
		close(fd);
}

/* With a sandbox that allows it, the child goes back into the server. */
static void
fork_and_return(struct tined_exchange *x)
{
	pid_t pid = fork();

	if (pid > 0)
		waitpid(pid, NULL, 0);
	say(x, pid == 0 ? "the child" : "the worker");
}

/* It has the client's connection until it ends. */
static void
fork_and_stay(struct tined_exchange *x)
{
	pid_t pid = fork();
	char line[64];

	if (pid == 0)
		fault_hang(x);
	snprintf(line, sizeof(line), "%d", (int)pid);
	say(x, line);
}

static void
fork_only(struct tined_exchange *x)
{
	pid_t pid = fork();

	if (pid == -1)
		say(x, strerrorname_np(errno));
}

static void *
be_a_thread(void *argument)
{
	return argument;
}

static void *
stay(void *argument)
{
	while (pause() == -1)
		continue;
	return argument;
}

static void
leave_thread(struct tined_exchange *x)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay, NULL) == 0)
		pthread_detach(thread);
	say(x, "left");
}

static void
start_thread(struct tined_exchange *x)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, be_a_thread, NULL) == 0)
		pthread_join(thread, NULL);
	say(x, "joined");
}

static const struct {
	const char *name;
	void (*serve)(struct tined_exchange *);
} faults[] = {
    {"/segv", fault_segv},
    {"/static", fault_static},
    {"/bus", fault_bus},
    {"/abort", fault_abort},
    {"/fpe", fault_fpe},
    {"/ill", fault_ill},
    {"/call", fault_call},
    {"/stack", overflow},
    {"/part", fault_part},
    {"/written", fault_written},
    {"/much", fault_much},
    {"/hang", fault_hang},
    {"/stall", fault_stall},
    {"/spin", fault_spin},
    {"/deaf", fault_deaf},
    {"/reader", fault_reader},
    {"/read", read_well},
    {"/drip", drip},
    {"/leak", fault_leak},
    {"/lose", fault_lose},
    {"/bad-status", bad_status},
    {"/continue-status", continue_status},
    {"/switching-status", switching_status},
    {"/hints-status", hints_status},
    {"/own-field", own_field},
    {"/bad-field", bad_field},
    {"/bad-stream", bad_stream},
    {"/bad-long-stream", bad_long_stream},
    {"/short-stream", short_stream},
    {"/late-error", late_error},
    {"/late-chunked-error", late_chunked_error},
    {"/late-length", late_length},
    {"/too-long", too_long},
    {"/late-too-long", too_long_later},
    {"/late-short", too_short_later},
    {"/mixed", mixed},
    {"/bad-reason", bad_reason},
    {"/short-file", short_file},
    {"/long-short-file", long_short_file},
    {"/pipe-file", pipe_as_file},
    {"/long-pipe-file", long_pipe_as_file},
    {"/no-file", no_file},
    {"/close-all", close_all},
    {"/fork-and-return", fork_and_return},
    {"/fork-and-stay", fork_and_stay},
    {"/fork", fork_only},
    {"/thread-stays", leave_thread},
    {"/thread", start_thread},
};

bool
faults_serve(struct tined_exchange *x)
{
	struct tined_text below = tined_path_below(x);

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		size_t len = strlen(faults[i].name);

		if (below.len < len ||
		    memcmp(below.at, faults[i].name, len) != 0)
			continue;
		faults[i].serve(x);
		return true;
	}
	return false;
}
