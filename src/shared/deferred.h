/*
 * deferred: the rest of the responses to a slow client: bytes, and regions of
 * one file, in their order.  The bytes are in an anonymous file
 * (memfd_create(2)), so that sendfile(2) can send them and descriptors can pass
 * them to another process.
 */
#ifndef TINED_SHARED_DEFERRED_H
#define TINED_SHARED_DEFERRED_H

#include <sys/types.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The pieces of the largest response (response.h), and of responses before it.
 */
#define DEFERRED_SEGMENTS_MAX 520

/* The limit on length and offset of a segment, so that sums never overflow. */
#define DEFERRED_LENGTH_MAX (UINT64_C(1) << 54)

/* The largest number of bytes in memory. */
#define DEFERRED_SPILLED_MAX (16 << 20)

struct deferred_segment {
	bool of_file; /* a region of file; else of spill */
	uint64_t offset;
	uint64_t length;
};

struct deferred {
	int file;	  /* owned; -1: none */
	int spill;	  /* the bytes; owned; -1: none */
	uint64_t spilled; /* bytes in spill */
	size_t count;	  /* segments; 0: nothing is left */
	size_t first;	  /* the first segment that is not sent completely */
	struct deferred_segment segments[DEFERRED_SEGMENTS_MAX]; /* the last */
};

/* Size of the members before the segments. */
#define DEFERRED_HEAD_SIZE offsetof(struct deferred, segments)

void deferred_init(struct deferred *r);
/* Closes the descriptors; the state is that after deferred_init. */
void deferred_release(struct deferred *r);

/* Adds bytes at the end.  On failure adds nothing: -1 with errno. */
int deferred_add_bytes(struct deferred *r, const char *bytes, size_t len);
/* Adds a region of a file at the end.  The caller keeps the descriptor.  All
 * regions must be of the same file. */
int deferred_add_file(
    struct deferred *r, int file, uint64_t offset, uint64_t length);

/* Returns the size of the used part of the struct, for a message or a copy. */
size_t deferred_size(const struct deferred *r);
/* Returns the number of descriptors that it owns. */
size_t deferred_descriptors(const struct deferred *r);
uint64_t deferred_length(const struct deferred *r);
/* Returns the length of the first segment that is left; 0: nothing is left. */
uint64_t deferred_next(const struct deferred *r);
/*
 * Sends up to max bytes, as send(2) does.  -1 with errno: DEFERRED_FILE_ENDED if
 * the file has become shorter, which is no fault of a disk.
 */
ssize_t deferred_send(struct deferred *r, int socket, size_t max);
/*
 * The same for a process that must not wait for a disk.  If the bytes are not
 * in memory, it sends nothing, and errno is DEFERRED_IS_ON_DISK.  It copies the
 * bytes through buffer, which has that size.
 */
ssize_t deferred_send_cached(
    struct deferred *r, int socket, size_t max, char *buffer, size_t size);

/* Says that in the error log: the request's line is not known any more. */
void deferred_log_file_ended(const struct deferred *r, const char *client);

/* Two that none of these system calls returns. */
#define DEFERRED_IS_ON_DISK ENODATA
#define DEFERRED_FILE_ENDED ERANGE

#endif
