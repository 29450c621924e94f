/*
 * directory: opens files below a directory, and no others.  The kernel resolves
 * each name, and refuses to leave the directory (openat2(2), RESOLVE_BENEATH).
 * No name is checked first and opened later.
 */
#ifndef TINED_HANDLERS_DIRECTORY_H
#define TINED_HANDLERS_DIRECTORY_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>

struct directory {
	int fd;
	bool follow; /* symbolic links may lead out of it */
};

/* -1 with errno; ENOSYS if the kernel has no openat2(2). */
int directory_open(struct directory *f, const char *path, bool follow);
void directory_close(struct directory *f);
/* Gets its path, without symbolic links.  -1 with errno. */
int directory_path(const struct directory *f, char path[PATH_MAX]);
/* True if the directory was removed, even if a new one has its name. */
bool directory_is_gone(const struct directory *f);
/*
 * Opens a file for reading, without blocking on a FIFO or a device.  The name
 * is relative; "." is the directory itself.  A symbolic link may be absolute,
 * or lead out of the directory and back in, if its target is below the
 * directory.  -1 with errno: EXDEV if the name leads out.  The caller closes
 * the descriptor.
 */
int directory_open_file(const struct directory *f, const char *name);
/* The same with O_PATH. */
int directory_open_path(const struct directory *f, const char *name);
/* As strerror(3), of a failed open. */
const char *directory_error(int error);
/*
 * Returns the status code for the errno of a failed open: 404 if there is no such
 * file, 403 if it must not be opened, 503 in a shortage of descriptors or memory,
 * else 500.
 */
int directory_status(int error);
/*
 * Gets the mode of a file.  Returns 0; or with errno a status code as
 * directory_status, but 503 if there is no such file because the directory was
 * removed: then errno is ENOENT.
 */
int directory_look_up(
    const struct directory *f, const char *name, mode_t *mode);

#endif
