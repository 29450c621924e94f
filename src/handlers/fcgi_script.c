#include <sys/stat.h>

#include <limits.h>

#include "base/path.h"
#include "handlers/fcgi_script.h"

/* Gets the mode of the file with that name, "/...". */
static int
fcgi_script_look_up(
    const struct fcgi_scripts *s, const char *name, mode_t *mode)
{
	return directory_look_up(
	    &s->directory, name[1] != '\0' ? name + 1 : ".", mode);
}

static bool
is_script(const struct fcgi_scripts *s, struct text name)
{
	struct text ending = text_of(s->ending);

	return name.len > ending.len &&
	    text_equal(
		(struct text){name.at + name.len - ending.len, ending.len},
		ending);
}

/* Looks whether the first bytes of the path are the name of a file. */
static int
try_name(const struct fcgi_scripts *s, struct text path, size_t len,
    struct fcgi_script *found, mode_t *mode)
{
	buffer_clear(&found->name);
	buffer_add(&found->name, path.at, len);
	found->info = (struct text){path.at + len, path.len - len};
	return fcgi_script_look_up(s, buffer_string(&found->name), mode);
}

/* The whole path names a directory, or nothing that is a script. */
static int
find_index(
    const struct fcgi_scripts *s, struct text path, struct fcgi_script *found)
{
	bool slash = path.len > 0 && path.at[path.len - 1] == '/';
	mode_t mode = S_IFDIR;
	int status;

	if (path.len == 0)
		return 301;
	status = try_name(s, path, path.len, found, &mode);
	if (status != 0)
		return status;
	if (!S_ISDIR(mode))
		return 404;
	if (!slash)
		return 301;
	buffer_add_string(&found->name, s->index);
	status = fcgi_script_look_up(s, buffer_string(&found->name), &mode);
	return status == 0 && !S_ISREG(mode) ? 404 : status;
}

int
fcgi_script_find(
    const struct fcgi_scripts *s, struct text path, struct fcgi_script *found)
{
	if (path.len >= PATH_MAX)
		return 404;
	for (size_t at = 0, end; at < path.len; at = end) {
		mode_t mode = S_IFDIR;
		int status = 0;

		end = path_segment_end(path, at);
		if (end > at + 1 && path.at[at + 1] == '.')
			return 404;
		if (is_script(s, (struct text){path.at + at + 1, end - at - 1}))
			status = try_name(s, path, end, found, &mode);
		if (status != 0)
			return status;
		if (S_ISREG(mode))
			return 0;
		if (!S_ISDIR(mode))
			return 404;
	}
	return find_index(s, path, found);
}
