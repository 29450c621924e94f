#include <sys/sendfile.h>

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/output.h"
#include "connection/output_internal.h"

/*
 * Returns output.file_error for n, the result of pread(2) or sendfile(2): 0 if it
 * is not the file that has failed but the client.
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
output_file_read_file(
    struct output *o, int file, uint64_t offset, size_t length)
{
	output_make_room(o, length);
	while (length > 0 && !o->failed) {
		char *to = o->buffer + o->used;
		ssize_t n = pread(file, to, length, (off_t)offset);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			o->file_error = file_error(n);
			output_flush(o); /* complete responses before it */
			o->failed = true;
			return;
		}
		output_add_part(o, to, (size_t)n);
		o->used += (size_t)n;
		offset += (size_t)n;
		length -= (size_t)n;
	}
}

/*
 * Sends a step of a file, from *at on, and returns what sendfile(2) does, which
 * has no flag to send without waiting.
 */
static ssize_t
send_step(struct output *o, int file, off_t *at, size_t want, bool may_wait)
{
	ssize_t n;

	output_set_send_timeout(o, may_wait);
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
	bool may_wait = !output_may_defer(o, PARKING_FULL);

	o->sends++;
	output_note_send(o);
	while (length > 0 && !o->failed) {
		size_t want =
		    length < OUTPUT_FILE_STEP ? length : OUTPUT_FILE_STEP;
		ssize_t n = send_step(o, file, &at, want, may_wait);

		if (n > 0)
			length -= (size_t)n;
		if (!may_wait)
			min_rate_start(&rate, o->timeout);
		o->file_error = file_error(n);
		if (n == 0 ||
		    (n != (ssize_t)want && !output_may_go_on(o, &rate, n)))
			o->failed = true;
		else if (length > 0 &&
		    output_is_to_defer(o, n == OUTPUT_FILE_STEP, began) &&
		    output_defer_file(o, file, (uint64_t)at, length))
			return;
		may_wait = may_wait || n != (ssize_t)want;
	}
}

static void
send_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	output_pass_parts(o, MSG_MORE);
	if (o->deferring && output_defer_file(o, file, offset, length))
		return;
	if (o->deferring)
		output_send_deferred(o, CLOCK_NEVER);
	o->sending = true;
	send_region(o, file, offset, length);
	o->sending = false;
}

void
output_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	if (o->failed || length == 0)
		return;
	if (length <= OUTPUT_READ_MAX && !o->deferring)
		output_file_read_file(o, file, offset, length);
	else
		send_file(o, file, offset, length);
}
