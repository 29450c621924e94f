/*
 * fault: goes wrong in the way that the path behind its mount names.  It is
 * part of build/t/faulty/tined only, for the tests; see the table at the end.
 *
 * Functions are not static, so that no two become one, but for the one that is
 * to be found though it is.
 */
#include <sys/mman.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fault.h"
#include "handlers/module.h"
#include "http/response.h"

/* Past what a response may keep back: it is sent. */
#define PART (RESPONSE_STREAM_MAX + 1)

/* How often a process that hangs at its start looks whether it is to go on. */
#define FAULT_TICK_MS 10

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
	char *much = memory_get_array(1, PART);

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
	char *lost = memory_get(1 << 20);

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

static void
interim_status(struct tined_exchange *x)
{
	(void)x;
	tined_set_status(x, 101);
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
	const int count = RESPONSE_STREAM_MAX / (int)sizeof(bytes) + 1;

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
do_well(struct tined_exchange *x)
{
	struct buffer *text = builtin_buffer(x);
	size_t offset = text->len;

	buffer_add_text(text, text_from(tined_target(x)));
	builtin_add_buffer(x, offset);
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
    {"/interim-status", interim_status},
    {"/own-field", own_field},
    {"/bad-field", bad_field},
    {"/bad-stream", bad_stream},
    {"/bad-long-stream", bad_long_stream},
    {"/short-stream", short_stream},
    {"/late-error", late_error},
    {"/late-chunked-error", late_chunked_error},
    {"/late-length", late_length},
    {"/well", do_well},
};

static bool
is_asked_for(const char *variable)
{
	const char *file = getenv(variable);

	return file != NULL && access(file, F_OK) == 0;
}

static void
hang_for_good(int signo)
{
	(void)signo;
	for (;;)
		pause();
}

/* For a process that dies, or hangs, at its start, while a file is there. */
static void
fault_start(void)
{
	if (is_asked_for("FAULT_START"))
		abort();
	if (getenv("FAULT_SIGNAL_HANGS") != NULL)
		signal(SIGURG, hang_for_good);
	while (is_asked_for("FAULT_START_HANGS"))
		poll(NULL, 0, FAULT_TICK_MS);
}

static int
fault_mount(struct tined_mount *m, void **state)
{
	(void)state;
	tined_take_methods(m, "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE");
	tined_take_content(m);
	return pthread_atfork(NULL, NULL, fault_start) == 0 ? 0 : -1;
}

static void
fault_serve(void *state, struct tined_exchange *x)
{
	struct text rest = text_from(tined_path_below(x));

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (text_begins(rest, text_of(faults[i].name))) {
			faults[i].serve(x);
			return;
		}
	tined_error(x, 404);
}

static const struct tined_module handler_fault = {
    TINED_MODULE_VERSION,
    .name = "fault",
    .mount = fault_mount,
    .serve = fault_serve,
};

/* In place of the program's own table. */
const struct tined_module *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_status,
    &handler_module,
    &handler_fault,
    &handler_intruder,
    &handler_vandal,
    NULL,
};
