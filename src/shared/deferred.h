/*
 * deferred: what is still to be sent of responses when a client takes its time:
 * bytes, and regions of one file, in their order.  Bytes lie in an anonymous
 * file (memfd_create(2)), so that all of it is sent by sendfile(2), and can be
 * handed to another process by descriptors.
 */
#ifndef TINED_SHARED_DEFERRED_H
#define TINED_SHARED_DEFERRED_H

#include <sys/types.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest response in parts (response.h), and what waited before it. */
#define DEFERRED_SEGMENTS_MAX 520

/* Of a segment, and where it may begin: sums of all never overflow. */
#define DEFERRED_LENGTH_MAX (UINT64_C(1) << 54)

/* Bytes that lie in memory. */
#define DEFERRED_SPILLED_MAX (4 << 20)

struct deferred_segment {
	bool of_file; /* else of the spilled bytes */
	uint64_t offset;
	uint64_t length;
};

struct deferred {
	int file;	  /* owned; -1: none */
	int spill;	  /* the bytes; owned; -1: none */
	uint64_t spilled; /* bytes in spill */
	size_t count;	  /* segments; 0: nothing rests */
	size_t first;	  /* that is not sent whole */
	struct deferred_segment segments[DEFERRED_SEGMENTS_MAX]; /* the last */
};

/* Bytes of it that come before its segments. */
#define DEFERRED_HEAD_SIZE offsetof(struct deferred, segments)

void deferred_init(struct deferred *r);
/* Closes what it owns; as after deferred_init. */
void deferred_release(struct deferred *r);

/* Behind what there is.  -1 with errno, and nothing added. */
int deferred_add_bytes(struct deferred *r, const char *bytes, size_t len);
/* The descriptor stays the caller's; there can be one file only. */
int deferred_add_file(
    struct deferred *r, int file, uint64_t offset, uint64_t length);

/* Bytes of it that mean something: of a message, or of a copy to keep. */
size_t deferred_size(const struct deferred *r);
/* How many it owns. */
size_t deferred_descriptors(const struct deferred *r);
uint64_t deferred_length(const struct deferred *r);
/* Bytes of one kind that come next; 0: nothing rests. */
uint64_t deferred_next(const struct deferred *r);
/*
 * Sends up to max bytes of what comes next, as send(2) does: -1 with errno,
 * EIO if the file is shorter than it was.
 */
ssize_t deferred_send(struct deferred *r, int socket, size_t max);
/*
 * The same for a process that must not wait for a disk: what is not in memory
 * is not sent, and errno is DEFERRED_IS_ON_DISK.  Bytes pass through the
 * buffer, of that size.
 */
ssize_t deferred_send_cached(
    struct deferred *r, int socket, size_t max, char *buffer, size_t size);

#define DEFERRED_IS_ON_DISK ENODATA

#endif
