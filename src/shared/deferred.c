#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/write_at.h"
#include "shared/deferred.h"

void
deferred_init(struct deferred *r)
{
	r->file = -1;
	r->spill = -1;
	r->spilled = 0;
	r->count = 0;
	r->first = 0;
}

void
deferred_release(struct deferred *r)
{
	if (r->file != -1)
		close(r->file);
	if (r->spill != -1)
		close(r->spill);
	deferred_init(r);
}

size_t
deferred_size(const struct deferred *r)
{
	return DEFERRED_HEAD_SIZE + r->count * sizeof(r->segments[0]);
}

size_t
deferred_descriptors(const struct deferred *r)
{
	return (size_t)(r->file != -1) + (size_t)(r->spill != -1);
}

static int
add_segment(struct deferred *r, bool of_file, uint64_t offset, uint64_t length)
{
	struct deferred_segment *last = &r->segments[r->count];

	if (r->count > 0 && last[-1].of_file == of_file &&
	    last[-1].offset + last[-1].length == offset) {
		last[-1].length += length;
		return 0;
	}
	if (r->count == DEFERRED_SEGMENTS_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	*last = (struct deferred_segment){of_file, offset, length};
	r->count++;
	return 0;
}

int
deferred_add_bytes(struct deferred *r, const char *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (r->spill == -1)
		r->spill = memfd_create("tined", MFD_CLOEXEC);
	if (r->spill == -1 ||
	    write_at(r->spill, bytes, len, r->spilled) == -1 ||
	    add_segment(r, false, r->spilled, len) == -1)
		return -1;
	r->spilled += len;
	return 0;
}

int
deferred_add_file(
    struct deferred *r, int file, uint64_t offset, uint64_t length)
{
	if (length == 0)
		return 0;
	if (r->file == -1)
		r->file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (r->file == -1)
		return -1;
	return add_segment(r, true, offset, length);
}

uint64_t
deferred_length(const struct deferred *r)
{
	uint64_t sum = 0;

	for (size_t i = r->first; i < r->count; i++)
		sum += r->segments[i].length;
	return sum;
}

uint64_t
deferred_next(const struct deferred *r)
{
	return r->first < r->count ? r->segments[r->first].length : 0;
}

static int
next_file(const struct deferred *r)
{
	return r->segments[r->first].of_file ? r->file : r->spill;
}

/*
 * Advances past the n bytes that sendfile(2) or send(2) has sent of the next
 * segment.
 */
static ssize_t
note_sent(struct deferred *r, ssize_t n)
{
	struct deferred_segment *s = &r->segments[r->first];

	if (n == 0)
		errno = DEFERRED_FILE_ENDED;
	if (n <= 0)
		return -1;
	s->offset += (uint64_t)n;
	s->length -= (uint64_t)n;
	if (s->length == 0)
		r->first++;
	return n;
}

ssize_t
deferred_send(struct deferred *r, int socket, size_t max)
{
	uint64_t next = deferred_next(r);
	off_t offset;

	if (next == 0)
		return 0;
	offset = (off_t)r->segments[r->first].offset;
	return note_sent(r,
	    sendfile(socket, next_file(r), &offset, next < max ? next : max));
}

/*
 * True for files of tmpfs, as memfd_create(2) makes them: only these have
 * seals.  tmpfs does not support RWF_NOWAIT, and never waits for a disk.
 */
static bool
is_in_memory(int file)
{
	return fcntl(file, F_GET_SEALS) != -1;
}

/*
 * A file system without RWF_NOWAIT might wait at any time.  The kernel reads
 * ahead also when the call does not wait.
 */
static ssize_t
read_cached(const struct deferred *r, char *buffer, size_t size)
{
	struct iovec part = {.iov_base = buffer, .iov_len = size};
	int file = next_file(r);

	return preadv2(file, &part, 1, (off_t)r->segments[r->first].offset,
	    is_in_memory(file) ? 0 : RWF_NOWAIT);
}

/*
 * Does not use sendfile: another process that has the socket open decides
 * whether that blocks.
 */
ssize_t
deferred_send_cached(
    struct deferred *r, int socket, size_t max, char *buffer, size_t size)
{
	uint64_t next = deferred_next(r);
	ssize_t n;

	if (next == 0)
		return 0;
	if (max > next)
		max = (size_t)next;
	n = read_cached(r, buffer, size < max ? size : max);
	if (n == -1 && (errno == EAGAIN || errno == EOPNOTSUPP))
		errno = DEFERRED_IS_ON_DISK;
	if (n > 0)
		n = send(
		    socket, buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return note_sent(r, n);
}

void
deferred_log_file_ended(const struct deferred *r, const char *client)
{
	log_error("a response to %s is cut off: its file became shorter while "
		  "it was sent, or was shorter than its handler said; %llu "
		  "bytes of it are missing",
	    client, (unsigned long long)deferred_next(r));
}
