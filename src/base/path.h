/*
 * path: absolute paths, which stay valid when the process changes its
 * directory; whether a file could be written; and the segments of a path.
 */
#ifndef TINED_BASE_PATH_H
#define TINED_BASE_PATH_H

#include "base/text.h"

/*
 * Makes the current directory the one to which relative paths belong from now
 * on, whatever directory is the current one later.
 */
void path_keep_directory(void);
/*
 * Returns path as an absolute path, below the directory that was kept, or the
 * current one; below $PWD if that is the same.  So symbolic links in $PWD are
 * followed again at each use.  The caller frees it.
 */
char *path_absolute(const char *path);
/* Replaces *path by its absolute path. */
void path_make_absolute(char **path);
/*
 * Checks that this process could write the file, or create it, and does neither.
 * -1 with errno.
 */
int path_check_writable(const char *path);
/* Returns where the segment ends that begins, with its slash, at that offset. */
size_t path_segment_end(struct text path, size_t at);

#endif
