#include <sys/socket.h>

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/iovec.h"
#include "connection/output.h"

/*
 * Stores the pending parts before that position in *parts, and returns their
 * number.
 */
static int
output_emergency_gather(const struct output *o, uint64_t position,
    struct text bytes, struct iovec parts[OUTPUT_PARTS_MAX + 1])
{
	uint64_t left = position - o->sent;
	int count = 0;

	for (int i = 0; i < o->part_count && left > 0; i++) {
		parts[count] = o->parts[i];
		if (parts[count].iov_len > left)
			parts[count].iov_len = (size_t)left;
		left -= parts[count++].iov_len;
	}
	if (bytes.len > 0)
		parts[count++] =
		    (struct iovec){(void *)(uintptr_t)bytes.at, bytes.len};
	return count;
}

/* A blocking send could not keep the deadline. */
static bool
send_until(int fd, struct iovec *parts, int count, int64_t deadline)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	while (count > 0) {
		const struct msghdr message = {
		    .msg_iov = parts, .msg_iovlen = (size_t)count};
		struct timespec left = clock_until(deadline);
		ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		int done;

		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n == -1 && ppoll(&room, 1, &left, NULL) == 0)
			return false;
		done = n > 0 ? iovec_skip(parts, count, (size_t)n) : 0;
		parts += done;
		count -= done;
	}
	return true;
}

bool
output_emergency(
    struct output *o, uint64_t position, struct text bytes, int64_t deadline)
{
	struct iovec parts[OUTPUT_PARTS_MAX + 1];

	if (o->failed || o->sending || o->deferring || o->sent > position)
		return false;
	return send_until(o->fd, parts,
	    output_emergency_gather(o, position, bytes, parts), deadline);
}
