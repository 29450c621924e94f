/*
 * path: names of files that stay right when the process leaves its folder.
 */
#ifndef TINED_BASE_PATH_H
#define TINED_BASE_PATH_H

/*
 * The same file from the root, by the way that led here ($PWD), so that a link
 * on that way is followed anew each time.  The caller's to free.
 */
char *path_absolute(const char *path);
/* The same in its place. */
void path_make_absolute(char **path);

#endif
