#include <sys/stat.h>

#include <limits.h>
#include <string.h>

#include "base/path.h"
#include "handlers/cgi_path.h"

#define EXECUTABLE (S_IXUSR | S_IXGRP | S_IXOTH)

/* True for "", and for what is not to be seen. */
static bool
is_no_name(struct text path, size_t at, size_t end)
{
	return end == at + 1 || path.at[at + 1] == '.';
}

int
cgi_path_find(
    const struct directory *d, struct text path, struct cgi_path *found)
{
	char name[PATH_MAX];
	size_t end = 0;
	mode_t mode = S_IFDIR;

	if (path.len >= sizeof(name))
		return 404;
	while (S_ISDIR(mode)) {
		size_t at = end;
		int status;

		if (at >= path.len)
			return 404;
		end = path_segment_end(path, at);
		if (is_no_name(path, at, end))
			return 404;
		memcpy(name, path.at + 1, end - 1);
		name[end - 1] = '\0';
		status = directory_look_up(d, name, &mode);
		if (status != 0)
			return status;
	}
	if (!S_ISREG(mode) || (mode & EXECUTABLE) == 0)
		return 403;
	found->program = (struct text){path.at, end};
	found->info = (struct text){path.at + end, path.len - end};
	return 0;
}
