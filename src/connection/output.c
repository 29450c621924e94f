#include <netinet/in.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/iovec.h"
#include "base/memory.h"
#include "connection/output.h"
#include "connection/output_internal.h"

void
output_init(struct output *o, int64_t timeout, int64_t tick)
{
	*o = (struct output){.fd = -1, .timeout = timeout, .tick = tick};
	o->buffer = memory_get(OUTPUT_BUFFER_SIZE);
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

void
output_clear(struct output *o)
{
	if (o->used > o->touched)
		o->touched = o->used;
	o->used = 0;
	o->part_count = 0;
	o->waiting = 0;
	o->borrows = false;
}

void
output_attach(struct output *o, int fd)
{
	output_clear(o);
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

void
output_note_send(struct output *o)
{
	if (o->times_first_send && o->began == 0)
		o->began = clock_now();
}

/*
 * A blocking send returns early only after SO_SNDTIMEO or a signal, so only then
 * does this read the clock.
 */
bool
output_may_go_on(const struct output *o, struct min_rate *rate, ssize_t n)
{
	if (output_has_failed(n))
		return false;
	if (rate->window == 0) { /* it began a tick ago */
		min_rate_start(rate, o->timeout);
		rate->ends -= o->tick;
	}
	if (n > 0)
		min_rate_add(rate, (size_t)n);
	return !min_rate_is_over(rate);
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
 * The socket's timeout is not trusted: it comes from the listener, where a worker
 * that was taken over may have changed it.  The shortest is one tick of the
 * kernel.  O_NONBLOCK would need a call that is refused to workers, because it
 * also works on a listener.
 */
void
output_set_send_timeout(struct output *o, bool may_wait)
{
	int64_t timeout = may_wait ? o->tick : 1;
	struct timeval time = clock_timeval(timeout);

	if (o->send_timeout == timeout)
		return;
	(void)setsockopt(o->fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
	o->send_timeout = timeout;
}

bool
output_wait_for_room(const struct output *o)
{
	return o->parking != NULL && parking_wait_for_room(o->parking, o->fd);
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
	bool may_wait = false;

	o->sending = true;
	output_note_send(o);
	while (o->waiting > 0 && !o->failed) {
		bool waits = may_wait && !output_wait_for_room(o);
		ssize_t n;

		if (waits)
			output_set_send_timeout(o, true);
		n = sendmsg(o->fd, &message,
		    flags | (waits ? 0 : MSG_DONTWAIT) | MSG_NOSIGNAL);
		if (n == (ssize_t)o->waiting)
			break;
		o->failed = may_wait ? !output_may_go_on(o, &rate, n)
				     : output_has_failed(n);
		if (n > 0)
			advance(o, &message, (size_t)n);
		if (!o->failed && waits == may_wait &&
		    output_begin_deferring(
			o, message.msg_iov, message.msg_iovlen, reason)) {
			o->sending = false;
			return;
		}
		if (!may_wait)
			min_rate_start(&rate, o->timeout);
		reason = PARKING_STALLED;
		may_wait = true;
	}
	if (!o->failed)
		o->sent += o->waiting;
	o->corked = (flags & MSG_MORE) != 0;
	o->sends += !o->corked;
	output_clear(o);
	o->sending = false;
}

void
output_pass_parts(struct output *o, int flags)
{
	if (o->deferring && output_defer_waiting(o))
		return;
	if (o->deferring)
		output_send_deferred(o, CLOCK_NEVER);
	if (o->failed)
		output_clear(o);
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
		output_pass_parts(o, 0);
	else if (!o->failed && o->corked)
		uncork(o);
	if (must_leave(o))
		output_send_deferred(o, CLOCK_NEVER);
	return o->failed ? -1 : 0;
}

void
output_add_part(struct output *o, const char *bytes, size_t len)
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

void
output_make_room(struct output *o, size_t len)
{
	if (o->part_count == OUTPUT_PARTS_MAX ||
	    OUTPUT_BUFFER_SIZE - o->used < len)
		output_pass_parts(o, MSG_MORE);
}

void
output_copy(struct output *o, const char *bytes, size_t len)
{
	if (o->failed || len == 0)
		return;
	output_make_room(o, len < OUTPUT_BUFFER_SIZE ? len : 0);
	if (len >= OUTPUT_BUFFER_SIZE) {
		output_add_part(o, bytes, len);
		output_pass_parts(o, MSG_MORE);
		return;
	}
	memcpy(o->buffer + o->used, bytes, len);
	output_add_part(o, o->buffer + o->used, len);
	o->used += len;
}

void
output_refer(struct output *o, const char *bytes, size_t len)
{
	if (o->failed || len == 0)
		return;
	output_make_room(o, 0);
	output_add_part(o, bytes, len);
}

void
output_borrow(struct output *o, const char *bytes, size_t len)
{
	if (len < OUTPUT_BORROW_MIN) {
		output_copy(o, bytes, len);
		return;
	}
	output_refer(o, bytes, len);
	o->borrows = !o->failed;
}

bool
output_borrows(const struct output *o)
{
	return o->borrows;
}

/* A small response has been sent already, and is not worth the system call. */
bool
output_is_unsent(const struct output *o)
{
	int unsent = 0;

	return !o->failed && o->sent > OUTPUT_BUFFER_SIZE &&
	    ioctl(o->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
}
