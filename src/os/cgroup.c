#include <fcntl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "os/cgroup.h"

#define PIECE 4096
/* Version 1 shows no limit as a number about this large. */
#define NO_LIMIT (UINT64_C(1) << 60)

/* Returns the text up to that byte, or all of it; *rest begins behind it. */
static struct text
next_part(struct text *rest, char end)
{
	struct text part = {rest->at, 0};

	while (part.len < rest->len && part.at[part.len] != end)
		part.len++;
	rest->at += part.len;
	rest->len -= part.len;
	if (rest->len > 0) {
		rest->at++;
		rest->len--;
	}
	return part;
}

static bool
has_memory(struct text controllers)
{
	struct text name;

	while (text_next_element(&controllers, &name))
		if (text_equal(name, TEXT("memory")))
			return true;
	return false;
}

/*
 * Each line is number:controllers:path; in version 2 controllers is empty.  If
 * both versions are mounted, the memory controller is in version 1 if that
 * lists it.
 */
bool
cgroup_locate(struct text groups, struct cgroup_place *place)
{
	bool found = false;

	while (groups.len > 0) {
		struct text line = next_part(&groups, '\n');
		struct text controllers;

		(void)next_part(&line, ':');
		controllers = next_part(&line, ':');
		if (!text_begins(line, TEXT("/")))
			continue;
		if (has_memory(controllers)) {
			*place = (struct cgroup_place){"/sys/fs/cgroup/memory",
			    "memory.limit_in_bytes", line};
			return true;
		}
		if (controllers.len == 0) {
			*place = (struct cgroup_place){
			    "/sys/fs/cgroup", "memory.max", line};
			found = true;
		}
	}
	return found;
}

uint64_t
cgroup_limit(struct text t)
{
	struct text line = next_part(&t, '\n');
	uint64_t n;

	if (!text_to_number(line, NO_LIMIT, &n))
		return CGROUP_UNLIMITED;
	return n;
}

/* Reads a file of /proc or /sys, whose size is not known in advance. */
static bool
read_all(const char *path, struct buffer *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[PIECE];
	ssize_t n;

	buffer_clear(b);
	if (fd == -1)
		return false;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buffer_add(b, piece, (size_t)n);
	close(fd);
	return n == 0;
}

/*
 * A container may see its own group at the top of the hierarchy, while /proc
 * has the path of the group on the host.  That directory then does not exist,
 * and the limit is at the top.  A group outside of the namespace has a path
 * that begins with /.., and is ignored.
 */
uint64_t
cgroup_least_limit(const struct cgroup_place *place)
{
	struct text path = place->path;
	struct buffer file = {0}, text = {0};
	uint64_t least = CGROUP_UNLIMITED;

	if (text_begins(path, TEXT("/..")))
		path.len = 0;
	for (;;) {
		uint64_t limit;

		buffer_clear(&file);
		buffer_printf(&file, "%s%.*s/%s", place->top, TEXT_ARG(path),
		    place->file);
		if (read_all(buffer_string(&file), &text)) {
			limit = cgroup_limit(buffer_text(&text));
			least = limit < least ? limit : least;
		}
		if (path.len == 0)
			break;
		while (path.len > 0 && path.at[--path.len] != '/')
			continue;
	}
	buffer_free(&file);
	buffer_free(&text);
	return least;
}

uint64_t
cgroup_memory(void)
{
	struct buffer groups = {0};
	struct cgroup_place place;
	uint64_t limit = CGROUP_UNLIMITED;

	if (read_all("/proc/self/cgroup", &groups) &&
	    cgroup_locate(buffer_text(&groups), &place))
		limit = cgroup_least_limit(&place);
	buffer_free(&groups);
	return limit;
}
