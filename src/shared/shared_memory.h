/*
 * shared_memory: memory that all processes of a server can read, and each can
 * write only in parts.  It is an anonymous file (memfd_create(2)) that is
 * mapped to be written, sealed (F_SEAL_FUTURE_WRITE), and mapped once more, to
 * be read.  The process that makes it can write all of it.  A child gives up
 * what is not its own to write: there, at the same address, it has the second
 * mapping from then on, which nothing can make writable.
 *
 * Where files may not be as large as that (RLIMIT_FSIZE), it is no file, and
 * what was given up could be made writable again: is_sealed tells.
 */
#ifndef TINED_SHARED_SHARED_MEMORY_H
#define TINED_SHARED_SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct shared_memory {
	char *at;
	char *readable; /* the second mapping; less what was given up */
	size_t size;
	bool is_sealed;
};

/* Zeroed, for this process and those that it forks.  -1 with errno. */
int shared_memory_create(struct shared_memory *m, size_t size);
void shared_memory_free(struct shared_memory *m);
/* Parts are given up by whole pages: the next multiple of their size. */
size_t shared_memory_round(size_t size);
/*
 * From one offset to the other; none is fine.  A write there kills the process.
 * -1 with errno.
 */
int shared_memory_give_up(struct shared_memory *m, size_t from, size_t to);

#endif
