#include <sys/socket.h>
#include <sys/time.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "connection/input.h"

void
input_init(struct input *in, size_t size)
{
	*in = (struct input){.fd = -1, .idle_fd = -1, .size = size};
	in->data = memory_get(size);
}

void
input_free(struct input *in)
{
	free(in->data);
	in->data = NULL;
}

void
input_attach(struct input *in, int fd)
{
	in->fd = fd;
	in->begin = 0;
	in->end = 0;
	in->held = 0;
	in->taken = 0;
	in->timeout = 0;
}

void
input_limit_wait(struct input *in, int64_t timeout)
{
	in->timeout = timeout > 0 ? timeout : 1;
}

bool
input_forget(struct input *in)
{
	return memory_forget(in->data, &in->touched);
}

struct text
input_text(const struct input *in)
{
	return (struct text){in->data + in->begin, in->end - in->begin};
}

void
input_take(struct input *in, size_t len)
{
	in->begin += len;
	in->taken += len;
}

static void
move_to_front(struct input *in)
{
	size_t len = in->end - in->begin;

	memmove(in->data + in->held, in->data + in->begin, len);
	in->begin = in->held;
	in->end = in->held + len;
}

bool
input_compact(struct input *in, size_t len, size_t room)
{
	if (in->size - in->begin - len >= room)
		return false;
	move_to_front(in);
	return true;
}

bool
input_is_full(const struct input *in)
{
	return in->end == in->size;
}

void
input_hold(struct input *in)
{
	in->held = in->begin;
}

void
input_release(struct input *in)
{
	in->held = 0;
}

static void
input_make_room(struct input *in)
{
	if (in->begin == in->end || in->end == in->size)
		move_to_front(in);
}

static enum input_result
input_receive(struct input *in, int flags)
{
	ssize_t n;

	input_make_room(in);
	assert(in->end < in->size && "input: it is full of what nobody takes");
	/*
	 * A signal, for example from a debugger, has not ended the wait.  See
	 * also input_hurry.
	 */
	do {
		n = recv(in->fd, in->data + in->end, in->size - in->end, flags);
	} while (n == -1 && errno == EINTR && !in->yield && !in->hurry);
	if (n > 0) {
		input_filled(in, (size_t)n);
		return INPUT_BYTES;
	}
	if (n == 0)
		return INPUT_END;
	return errno == EAGAIN || errno == EINTR ? INPUT_TIMEOUT : INPUT_FAILED;
}

/*
 * False if bytes have arrived, or on failure.  Usually the first bytes of a
 * connection are there already.
 */
static bool
prepare_wait(struct input *in, enum input_result *result)
{
	struct timeval timeout = clock_timeval(in->timeout);

	if (in->timeout == 0)
		return true;
	if (in->end == 0) {
		*result = input_receive(in, MSG_DONTWAIT);
		if (*result != INPUT_TIMEOUT)
			return false;
	}
	(void)setsockopt(
	    in->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	in->timeout = 0;
	return true;
}

enum input_result
input_wait(struct input *in, bool block)
{
	enum input_result result;

	/* Before input_hurry can change the timeout. */
	if (block && !prepare_wait(in, &result))
		return result;
	/* The order matters: input_hurry uses these in the opposite order. */
	in->idle_fd = in->fd;
	block = block && !in->hurry && !in->yield;
	result = input_receive(in, block ? 0 : MSG_DONTWAIT);
	in->idle_fd = -1;
	return result;
}

void
input_filled(struct input *in, size_t len)
{
	in->end += len;
	if (in->end > in->touched)
		in->touched = in->end;
}

/*
 * If the wait has begun, the signal interrupts it.  If it is about to begin,
 * and in->hurry has been checked already, its timeout ends it immediately.
 */
void
input_hurry(struct input *in)
{
	const struct timeval at_once = {.tv_usec = 1};

	in->hurry = 1;
	if (in->idle_fd != -1)
		(void)setsockopt(in->idle_fd, SOL_SOCKET, SO_RCVTIMEO, &at_once,
		    sizeof(at_once));
}

void
input_yield(struct input *in)
{
	in->yield = 1;
}

static enum input_result
wait_until(struct input *in, int64_t deadline, bool yields)
{
	struct pollfd readable = {.fd = in->fd, .events = POLLIN};

	for (;;) {
		struct timespec left = clock_until(deadline);
		enum input_result result = input_receive(in, MSG_DONTWAIT);

		if (result != INPUT_TIMEOUT)
			return result;
		if (left.tv_sec == 0 && left.tv_nsec == 0)
			return INPUT_TIMEOUT;
		if (yields && in->yield)
			return INPUT_TIMEOUT;
		ppoll(&readable, 1, &left, NULL);
	}
}

enum input_result
input_more(struct input *in, int64_t deadline)
{
	return wait_until(in, deadline, false);
}

enum input_result
input_linger(struct input *in, int64_t deadline)
{
	return wait_until(in, deadline, true);
}
