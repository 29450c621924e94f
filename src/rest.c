#include <sys/mman.h>
#include <sys/sendfile.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "rest.h"

void
rest_init(struct rest *r)
{
	r->file = -1;
	r->spill = -1;
	r->spilled = 0;
	r->count = 0;
	r->first = 0;
}

void
rest_release(struct rest *r)
{
	if (r->file != -1)
		close(r->file);
	if (r->spill != -1)
		close(r->spill);
	rest_init(r);
}

size_t
rest_descriptors(const struct rest *r)
{
	return (size_t)(r->file != -1) + (size_t)(r->spill != -1);
}

static int
add_segment(struct rest *r, bool of_file, uint64_t offset, uint64_t length)
{
	struct rest_segment *last = &r->segments[r->count];

	if (r->count > 0 && last[-1].of_file == of_file &&
	    last[-1].offset + last[-1].length == offset) {
		last[-1].length += length;
		return 0;
	}
	if (r->count == REST_SEGMENTS_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	*last = (struct rest_segment){of_file, offset, length};
	r->count++;
	return 0;
}

static int
write_all(int fd, const char *bytes, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n == -1)
			continue;
		bytes += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

int
rest_add_bytes(struct rest *r, const char *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (r->spill == -1)
		r->spill = memfd_create("tined", MFD_CLOEXEC);
	if (r->spill == -1 ||
	    write_all(r->spill, bytes, len, r->spilled) == -1 ||
	    add_segment(r, false, r->spilled, len) == -1)
		return -1;
	r->spilled += len;
	return 0;
}

int
rest_add_file(struct rest *r, int file, uint64_t offset, uint64_t length)
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
rest_length(const struct rest *r)
{
	uint64_t sum = 0;

	for (size_t i = r->first; i < r->count; i++)
		sum += r->segments[i].length;
	return sum;
}

ssize_t
rest_send(struct rest *r, int socket, size_t max)
{
	struct rest_segment *s = &r->segments[r->first];
	off_t offset = (off_t)s->offset;
	ssize_t n;

	if (r->first == r->count)
		return 0;
	n = sendfile(socket, s->of_file ? r->file : r->spill, &offset,
	    s->length < max ? s->length : max);
	if (n == 0)
		errno = EIO;
	if (n <= 0)
		return -1;
	s->offset += (uint64_t)n;
	s->length -= (uint64_t)n;
	if (s->length == 0)
		r->first++;
	return n;
}
