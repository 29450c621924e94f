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

/* Past what a response may keep back: it is sent. */
#define PART (RESPONSE_STREAM_MAX + 1)

/* How often a process that hangs at its start looks whether it is to go on. */
#define FAULT_TICK_MS 10

static volatile int zero;
static int *volatile nowhere;

void
fault_segv(struct request *request, struct response *response)
{
	(void)request;
	response_field(response, TEXT("Content-Type"), TEXT("text/plain"));
	*nowhere = 1;
}

__attribute__((noinline)) static void
hidden(void)
{
	*nowhere = 1;
	__asm__ volatile("" : : : "memory"); /* it is left by no jump */
}

static void
fault_static(struct request *request, struct response *response)
{
	(void)request;
	hidden();
	response->status = 200;
}

void
fault_bus(struct request *request, struct response *response)
{
	char *page =
	    mmap(NULL, 1, PROT_READ, MAP_SHARED, memfd_create("empty", 0), 0);

	(void)request;
	response->status = page[0];
}

void
fault_abort(struct request *request, struct response *response)
{
	(void)request;
	(void)response;
	abort();
}

/* Not every processor traps where it divides by zero. */
void
fault_fpe(struct request *request, struct response *response)
{
	(void)request;
	response->status = 100 / zero;
	raise(SIGFPE);
	response->status = 200;
}

void
fault_ill(struct request *request, struct response *response)
{
	(void)request;
	(void)response;
	__builtin_trap();
}

/* A call of nothing: there is no code to be found where it happened. */
void
fault_call(struct request *request, struct response *response)
{
	void (*volatile nothing)(void) = NULL;

	nothing();
	request->line.len = 0;
	response->status = 200;
}

size_t
fault_stack(struct request *request, struct response *response)
{
	volatile char frame[4096];

	memset((void *)(uintptr_t)frame, 0, sizeof(frame));
	if (zero != 0) /* never, but a compiler cannot know */
		return 0;
	return (size_t)frame[0] + fault_stack(request, response);
}

static void
overflow(struct request *request, struct response *response)
{
	fault_stack(request, response);
}

/* The client has a part of the stream. */
void
fault_part(struct request *request, struct response *response)
{
	(void)request;
	response_write(response, "part", 4);
	response_flush(response);
	*nowhere = 1;
}

/* Nothing of it was sent, though something was written. */
void
fault_written(struct request *request, struct response *response)
{
	(void)request;
	response_write(response, "part", 4);
	*nowhere = 1;
}

/* Behind what was sent because it was much. */
void
fault_much(struct request *request, struct response *response)
{
	char *much = memory_get_array(1, PART);

	(void)request;
	response_declare_length(response, 2 * PART);
	response_write(response, much, PART);
	*nowhere = 1;
}

void
fault_hang(struct request *request, struct response *response)
{
	(void)request;
	(void)response;
	for (;;)
		pause();
}

/* The client has the beginning, and gets no more. */
void
fault_stall(struct request *request, struct response *response)
{
	response_write(response, "part", 4);
	response_flush(response);
	fault_hang(request, response);
}

void
fault_spin(struct request *request, struct response *response)
{
	(void)request;
	(void)response;
	while (zero == 0)
		;
}

/* No signal but SIGKILL gets through. */
void
fault_deaf(struct request *request, struct response *response)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	fault_hang(request, response);
}

/* What was asked for is read first. */
void
fault_reader(struct request *request, struct response *response)
{
	char piece[1024];

	while (request_read(request, piece, sizeof(piece)) > 0)
		;
	fault_hang(request, response);
}

static void
read_well(struct request *request, struct response *response)
{
	char piece[1024];

	while (request_read(request, piece, sizeof(piece)) > 0)
		;
	response_add_bytes(response, "read\n", 5);
}

/* The client has the beginning, and nothing is wrong with that. */
static void
drip(struct request *request, struct response *response)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};

	(void)request;
	for (int i = 0; i < 15; i++) {
		response_write(response, ".", 1);
		response_flush(response);
		nanosleep(&pause, NULL);
	}
}

/* A megabyte that nobody gives back. */
void
fault_leak(struct request *request, struct response *response)
{
	char *lost = memory_get(1 << 20);

	(void)request;
	memset(lost, 1, 1 << 20);
	nowhere = NULL;
	__asm__ volatile("" : : "r"(lost) : "memory");
	response_add_bytes(response, "leaked\n", 7);
}

/* A descriptor that nobody closes. */
void
fault_lose(struct request *request, struct response *response)
{
	(void)request;
	if (dup(STDERR_FILENO) == -1)
		response_error(response, 503);
	else
		response_add_bytes(response, "lost\n", 5);
}

/* Responses that must not reach a client as they are. */
static void
bad_status(struct request *request, struct response *response)
{
	(void)request;
	response->status = 1000;
	response_add_bytes(response, "bad\n", 4);
}

static void
interim_status(struct request *request, struct response *response)
{
	(void)request;
	response->status = 101;
}

static void
own_field(struct request *request, struct response *response)
{
	(void)request;
	response_field(response, TEXT("content-length"), TEXT("0"));
	response_add_bytes(response, "bad\n", 4);
}

static void
bad_field(struct request *request, struct response *response)
{
	(void)request;
	response_field(response, TEXT("X-Bad"), TEXT("a\r\nSet-Cookie: b"));
	response_add_bytes(response, "bad\n", 4);
}

/* It does not mind that nothing can be flushed. */
static void
bad_stream(struct request *request, struct response *response)
{
	(void)request;
	response_field(response, TEXT("Transfer-Encoding"), TEXT("gzip"));
	for (int i = 0; i < 100; i++) {
		response_write(response, "bad\n", 4);
		response_flush(response);
	}
}

/* Its mistake is the field, not the length: it writes all that it declared. */
static void
bad_long_stream(struct request *request, struct response *response)
{
	static const char bytes[1024];
	const int count = RESPONSE_STREAM_MAX / (int)sizeof(bytes) + 1;

	(void)request;
	response_declare_length(response, count * sizeof(bytes));
	response_field(response, TEXT("Transfer-Encoding"), TEXT("gzip"));
	for (int i = 0; i < count; i++)
		response_write(response, bytes, sizeof(bytes));
}

static void
short_stream(struct request *request, struct response *response)
{
	(void)request;
	response_declare_length(response, 5);
	response_write(response, "bad\n", 4);
}

static void
do_well(struct request *request, struct response *response)
{
	size_t offset = response->text.len;

	buffer_add_text(&response->text, request->target);
	response_add_text(response, offset);
}

static const struct {
	const char *name;
	void (*serve)(struct request *, struct response *);
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
fault_mount(const struct handler_setup *setup, struct handler_mounted *out,
    struct buffer *why)
{
	(void)setup;
	(void)why;
	out->methods = METHODS_ALL;
	out->reads = METHODS_ALL;
	return pthread_atfork(NULL, NULL, fault_start) == 0 ? 0 : -1;
}

static void
fault_unmount(void *state)
{
	(void)state;
}

static void
fault_serve(void *state, struct request *request, struct text rest,
    struct response *response)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (text_begins(rest, text_of(faults[i].name))) {
			faults[i].serve(request, response);
			return;
		}
	response_error(response, 404);
}

static const struct handler handler_fault = {
    .kind = "fault",
    .mount = fault_mount,
    .unmount = fault_unmount,
    .serve = fault_serve,
};

/* In place of the program's own table. */
const struct handler *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_status,
    &handler_fault,
    &handler_intruder,
    &handler_vandal,
    NULL,
};
