/*
 * path: absolute paths, which stay valid when the process changes its
 * directory; and whether a file could be written.
 */
#ifndef TINED_BASE_PATH_H
#define TINED_BASE_PATH_H

/*
 * Returns path as an absolute path, below $PWD if that is the current
 * directory.  So symbolic links in $PWD are followed again at each use.  The
 * caller frees it.
 */
char *path_absolute(const char *path);
/* Replaces *path by its absolute path. */
void path_make_absolute(char **path);
/*
 * Checks that this process could write the file, or create it, and does neither.
 * -1 with errno.
 */
int path_check_writable(const char *path);

#endif
