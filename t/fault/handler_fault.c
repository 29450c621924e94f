/*
 * fault: goes wrong in the way that the path behind its mount names: faults.c.  It
 * is part of build/t/faulty/tined only, for the tests.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../module/faults.h"
#include "connection/exchange.h"
#include "fault.h"
#include "handlers/module.h"

/* How often a process that hangs at its start looks whether it is to go on. */
#define FAULT_TICK_MS 10
/* Events of a stream, each in two pieces, and the pause between them. */
#define PIECES 5
#define PIECES_PAUSE_MS 100

static void
do_well(struct tined_exchange *x)
{
	struct buffer *text = builtin_buffer(x);
	size_t offset = text->len;

	buffer_add_text(text, text_from(tined_target(x)));
	builtin_add_buffer(x, offset);
}

/* As a program that knows nothing of Nagle's algorithm. */
static void
forget_nodelay(const struct tined_exchange *x)
{
	int off = 0;

	(void)setsockopt(
	    x->connection->fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
}

/* The head and a part of the content, then the rest. */
static void
serve_split(struct tined_exchange *x)
{
	(void)tined_write(x, "head ", 5);
	(void)tined_flush(x);
	(void)tined_write(x, "tail", 4);
}

static void
serve_pieces(struct tined_exchange *x)
{
	for (int i = 0; i < PIECES; i++) {
		unsigned none = 0;

		(void)tined_write(x, "data: ", 6);
		(void)tined_flush(x);
		(void)tined_write(x, "event\n\n", 7);
		(void)tined_flush(x);
		(void)tined_wait(x, NULL, 0, PIECES_PAUSE_MS, &none);
	}
}

/* What a client waits for: true if the path names one of these. */
static bool
serve_late(struct tined_exchange *x)
{
	struct text path = text_from(tined_path_below(x));

	if (text_begins(path, TEXT("/nagle"))) {
		forget_nodelay(x);
		path.at += strlen("/nagle");
		path.len -= strlen("/nagle");
	}
	if (text_equal(path, TEXT("/split")))
		serve_split(x);
	else if (text_equal(path, TEXT("/pieces")))
		serve_pieces(x);
	else
		return false;
	return true;
}

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
	(void)state;
	if (text_begins(text_from(tined_path_below(x)), TEXT("/well")))
		do_well(x);
	else if (!serve_late(x) && !faults_serve(x))
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
