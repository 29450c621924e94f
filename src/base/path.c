#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"

static char *kept; /* NULL: none */

void
path_keep_directory(void)
{
	free(kept);
	kept = get_current_dir_name();
}

char *
path_absolute(const char *path)
{
	char *here = kept == NULL ? get_current_dir_name() : NULL;
	const char *directory = here != NULL ? here : kept;
	char *whole = *path != '/' && directory != NULL
	    ? memory_printf("%s/%s", directory, path)
	    : memory_copy_string(path);

	free(here);
	return whole;
}

void
path_make_absolute(char **path)
{
	char *whole = path_absolute(*path);

	free(*path);
	*path = whole;
}

static int
check_parent(const char *path)
{
	char *copy = memory_copy_string(path);
	int result =
	    faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS);
	int saved = errno;

	free(copy);
	errno = saved;
	return result;
}

/* A slash at its end makes a name that of a directory. */
static bool
is_directory_name(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

int
path_check_writable(const char *path)
{
	struct stat st;
	bool exists = stat(path, &st) == 0;

	if (!exists && errno != ENOENT)
		return -1;
	if (exists ? S_ISDIR(st.st_mode) : is_directory_name(path)) {
		errno = EISDIR;
		return -1;
	}
	if (!exists)
		return check_parent(path);
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
}

size_t
path_segment_end(struct text path, size_t at)
{
	do
		at++;
	while (at < path.len && path.at[at] != '/');
	return at;
}
