/*
 * fcgi_script: finds the script that the path of a request names below a
 * directory, for an application that will open it by its name.
 */
#ifndef TINED_HANDLERS_FCGI_SCRIPT_H
#define TINED_HANDLERS_FCGI_SCRIPT_H

#include "base/buffer.h"
#include "handlers/directory.h"

struct fcgi_scripts {
	struct directory directory;
	/* The names of scripts end with it; "": all files are scripts. */
	const char *ending;
	const char *index; /* the script of a directory */
};

struct fcgi_script {
	struct buffer name; /* "/a/b.php", below the directory; owned */
	struct text info;   /* the rest of the path: "" or "/..." */
};

/*
 * Divides the path, "" or "/...", into the name of a script and the rest: the
 * script is the first file on the way whose name has the ending, or the index of
 * the directory that the whole path names.  Returns 0 or a status code:
 *
 *	301	the path names a directory, and has no slash at its end
 *	403	a symbolic link leads out of the directory, or errno is EACCES
 *	404	there is no such file, or it is no script, or a name on the way
 *		begins with a dot
 *	500	with another errno
 *	503	there is a shortage of descriptors or memory, in errno; or, with
 *		ENOENT, the directory was removed
 */
int fcgi_script_find(
    const struct fcgi_scripts *s, struct text path, struct fcgi_script *found);

#endif
