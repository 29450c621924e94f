/*
 * shared_memory: memory that all processes of the server can read, and of which
 * each process can write only its parts.  It is an anonymous file
 * (memfd_create(2)), which is mapped writable, then sealed
 * (F_SEAL_FUTURE_WRITE), and mapped a second time read-only.  The process that
 * creates it can write all of it.  A child gives up the parts that it may not
 * write: it moves the read-only mapping to their address, and the seal keeps it
 * from making that writable again.
 *
 * If RLIMIT_FSIZE does not allow such a file, the memory is anonymous, and a
 * child could make those parts writable again: is_sealed is false.
 */
#ifndef TINED_SHARED_SHARED_MEMORY_H
#define TINED_SHARED_SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct shared_memory {
	char *at;
	char *readable; /* the second mapping, without the parts given up */
	size_t size;
	bool is_sealed;
};

/* Creates zeroed memory for this process and its children.  -1 with errno. */
int shared_memory_create(struct shared_memory *m, size_t size);
void shared_memory_free(struct shared_memory *m);
/* Rounds a size up to whole pages, as parts consist of pages. */
size_t shared_memory_round(size_t size);
/*
 * Gives up the bytes between two offsets, which may be equal.  A later write
 * there kills the process.  -1 with errno.
 */
int shared_memory_give_up(struct shared_memory *m, size_t from, size_t to);

#endif
