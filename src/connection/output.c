#include <netinet/in.h>

#include <linux/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/iovec.h"
#include "base/memory.h"
#include "connection/output.h"

/* output_catch_up sends so much at a time. */
#define CATCH_UP_PIECE (64 << 10)

void
output_init(struct output *o, int64_t timeout, int64_t tick)
{
	*o = (struct output){.fd = -1, .timeout = timeout, .tick = tick};
	o->buffer = memory_get(OUTPUT_BUFFER_SIZE);
}

/* Frees the deferred response. */
static void
output_drop_deferred(struct output *o)
{
	uint64_t kept = o->kept_bytes;

	output_pass_deferred(o);
	if (kept > 0)
		parking_give_back(o->parking, kept);
}

void
output_pass_deferred(struct output *o)
{
	if (o->deferred != NULL)
		deferred_release(o->deferred);
	free(o->deferred);
	o->deferred = NULL;
	o->kept_bytes = 0;
}

void
output_free(struct output *o)
{
	output_drop_deferred(o);
	free(o->buffer);
	o->buffer = NULL;
}

bool
output_forget(struct output *o)
{
	return memory_forget(o->buffer, &o->touched);
}

static void
clear(struct output *o)
{
	if (o->used > o->touched)
		o->touched = o->used;
	o->used = 0;
	o->part_count = 0;
	o->waiting = 0;
}

void
output_attach(struct output *o, int fd)
{
	clear(o);
	o->fd = fd;
	o->send_timeout = 0;
	o->sent = 0;
	o->sends = 0;
	o->sending = false;
	o->corked = false;
	o->failed = false;
	o->file_error = 0;
	o->deferred_error = 0;
	o->began = 0;
	o->deferring = false;
	output_drop_deferred(o);
}

void
output_begin(struct output *o)
{
	o->began = 0;
}

static void
note_send(struct output *o)
{
	if (o->times_first_send && o->began == 0)
		o->began = clock_now();
}

static bool
has_failed(ssize_t n)
{
	return n == -1 && errno != EAGAIN && errno != EINTR;
}

/*
 * Called after a send that moved n bytes, or -1.  A blocking send returns early
 * only after SO_SNDTIMEO or a signal, so only then does this read the clock.
 */
static bool
output_may_go_on(const struct output *o, struct min_rate *rate, ssize_t n)
{
	if (has_failed(n))
		return false;
	if (rate->window == 0) { /* it began a tick ago */
		min_rate_start(rate, o->timeout);
		rate->ends -= o->tick;
	}
	if (n > 0)
		min_rate_add(rate, (size_t)n);
	return !min_rate_is_over(rate);
}

static bool
may_defer(const struct output *o, enum parking_reason reason)
{
	return o->parking != NULL && parking_may_defer(o->parking, reason);
}

/*
 * All bytes together are one segment, or two if there is a file between them.
 */
static bool
has_room_in_deferred(const struct output *o)
{
	uint64_t spilled = o->deferred != NULL ? o->deferred->spilled : 0;
	size_t count = o->deferred != NULL ? o->deferred->count : 0;

	return spilled + o->waiting <= OUTPUT_DEFER_MAX &&
	    count < DEFERRED_SEGMENTS_MAX;
}

/* True if the pending parts may be added to the deferred response. */
static bool
may_keep(struct output *o)
{
	if (!has_room_in_deferred(o) || !parking_keep(o->parking, o->waiting))
		return false;
	o->kept_bytes += o->waiting;
	return true;
}

/* Few responses are deferred, so the memory is allocated only then. */
static struct deferred *
make_deferred(struct output *o)
{
	if (o->deferred == NULL) {
		o->deferred = memory_get(sizeof(*o->deferred));
		deferred_init(o->deferred);
		o->deferred_rate = (struct min_rate){0};
		min_rate_start(&o->catch_up_rate, o->timeout);
	}
	return o->deferred;
}

/* Adds the parts from here on to the deferred response; false on failure. */
static bool
defer_parts(struct output *o, const struct iovec *parts, size_t count)
{
	struct deferred *deferred = make_deferred(o);

	for (size_t i = 0; i < count; i++)
		if (deferred_add_bytes(
			deferred, parts[i].iov_base, parts[i].iov_len) == -1)
			return false;
	o->sent += o->waiting;
	o->deferring = true;
	clear(o);
	return true;
}

static bool
defer_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	if (deferred_add_file(make_deferred(o), file, offset, length) == -1)
		return false;
	o->sent += length;
	o->deferring = true;
	return true;
}

/* If this fails, the worker sends the response itself. */
static bool
begin_deferring(
    struct output *o, const struct msghdr *message, enum parking_reason reason)
{
	if (!may_defer(o, reason) || !may_keep(o))
		return false;
	if (defer_parts(o, message->msg_iov, message->msg_iovlen))
		return true;
	output_drop_deferred(o);
	return false;
}

/* Removes from the message what was sent: n bytes of the pending parts. */
static void
advance(struct output *o, struct msghdr *message, size_t n)
{
	int done = iovec_skip(message->msg_iov, (int)message->msg_iovlen, n);

	o->waiting -= n;
	o->sent += n;
	message->msg_iov += done;
	message->msg_iovlen -= (size_t)done;
}

/*
 * Called before a send without MSG_DONTWAIT.  The socket's timeout is not
 * trusted: it comes from the listener, where a worker that was taken over may
 * have changed it.  If the send must not wait, this sets the shortest timeout,
 * one tick of the kernel.  O_NONBLOCK would need a call that is refused to
 * workers, because it also works on a listener.
 */
static void
set_send_timeout(struct output *o, bool may_wait)
{
	int64_t timeout = may_wait ? o->tick : 1;
	struct timeval time = clock_timeval(timeout);

	if (o->send_timeout == timeout)
		return;
	(void)setsockopt(o->fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
	o->send_timeout = timeout;
}

/*
 * Sends without waiting first, because other clients may wait for this worker.
 */
static void
send_parts(struct output *o, int flags)
{
	struct msghdr message = {
	    .msg_iov = o->parts,
	    .msg_iovlen = (size_t)o->part_count,
	};
	enum parking_reason reason = PARKING_FULL;
	struct min_rate rate = {0};
	int wait = MSG_DONTWAIT;

	o->sending = true;
	note_send(o);
	while (o->waiting > 0 && !o->failed) {
		ssize_t n;

		if (wait == 0)
			set_send_timeout(o, true);
		n = sendmsg(o->fd, &message, flags | wait | MSG_NOSIGNAL);
		if (n == (ssize_t)o->waiting)
			break;
		o->failed =
		    wait != 0 ? has_failed(n) : !output_may_go_on(o, &rate, n);
		if (n > 0)
			advance(o, &message, (size_t)n);
		if (!o->failed && begin_deferring(o, &message, reason)) {
			o->sending = false;
			return;
		}
		if (wait != 0)
			min_rate_start(&rate, o->timeout);
		reason = PARKING_STALLED;
		wait = 0;
	}
	if (!o->failed)
		o->sent += o->waiting;
	o->corked = (flags & MSG_MORE) != 0;
	o->sends += !o->corked;
	clear(o);
	o->sending = false;
}

/* If the parts do not fit into the deferred response, sends that first. */
static void
pass_parts(struct output *o, int flags)
{
	if (o->deferring && may_keep(o)) {
		if (!defer_parts(o, o->parts, (size_t)o->part_count))
			o->failed = true;
		return;
	}
	if (o->deferring)
		output_send_deferred(o, CLOCK_NEVER);
	if (o->failed)
		clear(o);
	else
		send_parts(o, flags);
}

/*
 * Without this, the kernel would hold the last bytes back for 200 ms, because
 * they were sent with MSG_MORE.
 */
static void
uncork(struct output *o)
{
	int on = 1;

	(void)setsockopt(o->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	on = 0;
	if (o->nagle)
		(void)setsockopt(
		    o->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	o->corked = false;
}

uint64_t
output_position(const struct output *o)
{
	return o->sent + o->waiting;
}

static bool
must_leave(const struct output *o)
{
	return o->deferring && !o->failed && !o->parking->response_may_wait;
}

int
output_flush(struct output *o)
{
	if (!o->failed && o->waiting > 0)
		pass_parts(o, 0);
	else if (!o->failed && o->corked)
		uncork(o);
	if (must_leave(o))
		output_send_deferred(o, CLOCK_NEVER);
	return o->failed ? -1 : 0;
}

/* The bytes are in memory: a stream has no file. */
void
output_catch_up(struct output *o)
{
	char piece[CATCH_UP_PIECE];
	ssize_t n = 0;

	while (o->deferring && !o->failed && n != -1) {
		n = deferred_send_cached(
		    o->deferred, o->fd, OUTPUT_FILE_STEP, piece, sizeof(piece));
		o->failed = has_failed(n);
		min_rate_add(&o->catch_up_rate, n > 0 ? (size_t)n : 0);
		o->deferring = deferred_length(o->deferred) > 0;
		if (!o->deferring)
			output_drop_deferred(o);
	}
}

/* Bytes that follow the last part directly only make it longer. */
static void
add_part(struct output *o, const char *bytes, size_t len)
{
	struct iovec *next = &o->parts[o->part_count];

	o->waiting += len;
	if (o->part_count > 0 &&
	    (char *)next[-1].iov_base + next[-1].iov_len == bytes) {
		next[-1].iov_len += len;
		return;
	}
	next->iov_base = (void *)(uintptr_t)bytes;
	next->iov_len = len;
	o->part_count++;
}

/* Makes room for len bytes in the buffer and for one more part. */
static void
output_make_room(struct output *o, size_t len)
{
	if (o->part_count == OUTPUT_PARTS_MAX ||
	    OUTPUT_BUFFER_SIZE - o->used < len)
		pass_parts(o, MSG_MORE);
}

void
output_copy(struct output *o, const char *bytes, size_t len)
{
	if (o->failed || len == 0)
		return;
	output_make_room(o, len < OUTPUT_BUFFER_SIZE ? len : 0);
	if (len >= OUTPUT_BUFFER_SIZE) {
		add_part(o, bytes, len);
		pass_parts(o, MSG_MORE);
		return;
	}
	memcpy(o->buffer + o->used, bytes, len);
	add_part(o, o->buffer + o->used, len);
	o->used += len;
}

void
output_refer(struct output *o, const char *bytes, size_t len)
{
	if (o->failed || len == 0)
		return;
	output_make_room(o, 0);
	add_part(o, bytes, len);
}

/*
 * Returns output.file_error for what a call has returned: sendfile(2) fails because
 * of the client, too.
 */
static int
file_error(ssize_t n)
{
	if (n >= 0)
		return n == 0 ? OUTPUT_FILE_ENDED : 0;
	switch (errno) {
	case EBADF:
	case EINVAL: /* a pipe or a socket */
	case EIO:
	case EISDIR:
	case ESPIPE:
		return errno;
	default:
		return 0;
	}
}

static void
read_file(struct output *o, int file, uint64_t offset, size_t length)
{
	output_make_room(o, length);
	while (length > 0 && !o->failed) {
		char *to = o->buffer + o->used;
		ssize_t n = pread(file, to, length, (off_t)offset);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			/*
			 * The responses before it are complete, so they are
			 * sent.
			 */
			o->file_error = file_error(n);
			output_flush(o);
			o->failed = true;
			return;
		}
		add_part(o, to, (size_t)n);
		o->used += (size_t)n;
		offset += (size_t)n;
		length -= (size_t)n;
	}
}

/*
 * True if another process is to send the rest of a file, of which a step was
 * just sent, completely or not.
 */
static bool
is_to_be_deferred(const struct output *o, bool whole, int64_t began)
{
	if (!whole)
		return may_defer(o, PARKING_STALLED);
	return clock_now() - began > OUTPUT_DEFER_TIME &&
	    may_defer(o, PARKING_LONG);
}

/*
 * Sends a step of a file, from *at on, and returns what sendfile(2) does.
 * sendfile has no flag to send without waiting.
 */
static ssize_t
output_send_step(
    struct output *o, int file, off_t *at, size_t want, bool may_wait)
{
	ssize_t n;

	set_send_timeout(o, may_wait);
	n = sendfile(o->fd, file, at, want);
	o->corked = false; /* the last bytes leave immediately */
	if (n > 0)
		o->sent += (size_t)n;
	return n;
}

static void
send_region(struct output *o, int file, uint64_t offset, uint64_t length)
{
	int64_t began = clock_now();
	off_t at = (off_t)offset;
	struct min_rate rate = {0};
	bool may_wait = !may_defer(o, PARKING_FULL);

	o->sends++;
	note_send(o);
	while (length > 0 && !o->failed) {
		size_t want =
		    length < OUTPUT_FILE_STEP ? length : OUTPUT_FILE_STEP;
		ssize_t n = output_send_step(o, file, &at, want, may_wait);

		if (n > 0)
			length -= (size_t)n;
		if (!may_wait)
			min_rate_start(&rate, o->timeout);
		o->file_error = file_error(n);
		if (n == 0 ||
		    (n != (ssize_t)want && !output_may_go_on(o, &rate, n)))
			o->failed = true;
		else if (length > 0 &&
		    is_to_be_deferred(o, n == OUTPUT_FILE_STEP, began) &&
		    defer_file(o, file, (uint64_t)at, length))
			return;
		may_wait = may_wait || n != (ssize_t)want;
	}
}

static void
send_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	pass_parts(o, MSG_MORE);
	if (o->deferring && defer_file(o, file, offset, length))
		return;
	if (o->deferring)
		output_send_deferred(o, CLOCK_NEVER);
	o->sending = true;
	send_region(o, file, offset, length);
	o->sending = false;
}

/*
 * Sends until the end, a failure, or the deadline; if may_defer, only until
 * another process can go on.
 */
static int
output_send_next(struct output *o, int64_t until, bool may_defer_again)
{
	bool may_wait = !may_defer_again || !may_defer(o, PARKING_FULL);
	int64_t began = clock_now();

	o->deferring = false;
	while (!o->failed && deferred_length(o->deferred) > 0) {
		uint64_t next = deferred_next(o->deferred);
		ssize_t n;
		bool whole;

		set_send_timeout(o, may_wait);
		n = deferred_send(o->deferred, o->fd, OUTPUT_FILE_STEP);
		whole = n == OUTPUT_FILE_STEP || n == (ssize_t)next;
		o->deferred_error = n == -1 ? errno : 0;
		o->failed =
		    !whole && !output_may_go_on(o, &o->deferred_rate, n);
		if (o->failed)
			break;
		o->deferring = deferred_length(o->deferred) > 0 &&
		    (may_defer_again ? is_to_be_deferred(o, whole, began)
				     : clock_now() >= until);
		if (o->deferring)
			return 1;
		may_wait = may_wait || !whole;
	}
	if (o->failed)
		return -1;
	output_drop_deferred(o);
	return 0;
}

int
output_send_deferred(struct output *o, int64_t until)
{
	return output_send_next(o, until, false);
}

void
output_take_deferred(struct output *o, const struct deferred *deferred)
{
	memcpy(make_deferred(o), deferred, deferred_size(deferred));
}

int
output_resume(struct output *o)
{
	uint64_t spilled = o->deferred->spilled;

	if (spilled > 0 && parking_keep(o->parking, spilled))
		o->kept_bytes = spilled;
	return output_send_next(o, CLOCK_NEVER, true) == -1 ? -1 : 0;
}

void
output_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	if (o->failed || length == 0)
		return;
	if (length <= OUTPUT_READ_MAX && !o->deferring)
		read_file(o, file, offset, length);
	else
		send_file(o, file, offset, length);
}
