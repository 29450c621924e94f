/*
 * directory: files below a folder, and nothing else.  Every name is resolved by
 * the kernel, which refuses to leave the folder (openat2(2), RESOLVE_BENEATH);
 * no name is ever checked first and opened later.
 */
#ifndef TINED_HANDLERS_DIRECTORY_H
#define TINED_HANDLERS_DIRECTORY_H

#include <stdbool.h>

struct directory {
	int fd;
	bool follow; /* symbolic links may lead out of it */
};

/* -1 with errno; ENOSYS where the kernel has no openat2(2). */
int directory_open(struct directory *f, const char *path, bool follow);
void directory_close(struct directory *f);
/* Whether it was removed: another of its name is not it. */
bool directory_is_gone(const struct directory *f);
/*
 * Opens for reading, never blocking on a FIFO or a device.  The name is
 * relative; "." is the folder itself.  A symbolic link may be absolute, or go
 * up and come back, if what it names is below the folder.  -1 with errno: EXDEV
 * when the name leads out of it.  The caller closes.
 */
int directory_open_file(const struct directory *f, const char *name);
/* The same with O_PATH: only to look at. */
int directory_open_path(const struct directory *f, const char *name);

#endif
