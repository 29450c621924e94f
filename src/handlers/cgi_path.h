/*
 * cgi_path: finds the program that the path of a request names below a directory,
 * and divides the path between program and PATH_INFO (RFC 3875, 3.3).
 */
#ifndef TINED_HANDLERS_CGI_PATH_H
#define TINED_HANDLERS_CGI_PATH_H

#include "base/text.h"
#include "handlers/directory.h"

/* Both are parts of the path: "" or "/...". */
struct cgi_path {
	struct text program;
	struct text info; /* what is behind it */
};

/*
 * Gets the program: the first of "/a", "/a/b", ... that is no directory.  Returns
 * 0, or a status code: 404 if there is none, or a name begins with a dot; 403 if
 * it is no executable file, or a symbolic link leads out of the directory; else
 * as directory_look_up, with errno.
 */
int cgi_path_find(
    const struct directory *d, struct text path, struct cgi_path *found);

#endif
