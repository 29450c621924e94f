#include <fcntl.h>
#include <unistd.h>

#include "os/cgroup.h"

#define PIECE 4096
/* Version 1 has no word for it, but a number that is about this large. */
#define NO_LIMIT (UINT64_C(1) << 60)
/* Fields of a line of mountinfo: proc(5). */
#define FIELD_ROOT 3
#define FIELD_POINT 4
#define FIELD_OPTIONAL 6

/* Up to that byte, or all; *rest begins behind it. */
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
is_in_list(struct text list, struct text word)
{
	while (list.len > 0)
		if (text_equal(next_part(&list, ','), word))
			return true;
	return false;
}

/* Lines of number:controllers:path; version 2 has no controllers there. */
static bool
find_group(struct text groups, bool first, struct text *path)
{
	while (groups.len > 0) {
		struct text line = next_part(&groups, '\n');
		struct text controllers;

		(void)next_part(&line, ':');
		controllers = next_part(&line, ':');
		if (first ? is_in_list(controllers, TEXT("memory"))
			  : controllers.len == 0) {
			*path = line;
			return text_begins(line, TEXT("/"));
		}
	}
	return false;
}

struct mount {
	struct text root; /* of the file system, that is seen there */
	struct text point;
	struct text type, options;
};

static struct mount
read_mount(struct text line)
{
	struct mount m = {0};

	for (int i = 0; line.len > 0; i++) {
		struct text field = next_part(&line, ' ');

		if (i == FIELD_ROOT)
			m.root = field;
		else if (i == FIELD_POINT)
			m.point = field;
		else if (i >= FIELD_OPTIONAL && text_equal(field, TEXT("-")))
			break;
	}
	m.type = next_part(&line, ' ');
	(void)next_part(&line, ' ');
	m.options = next_part(&line, ' ');
	return m;
}

static bool
find_mount(struct text mounts, bool first, struct mount *m)
{
	while (mounts.len > 0) {
		*m = read_mount(next_part(&mounts, '\n'));
		if (first && text_equal(m->type, TEXT("cgroup")) &&
		    is_in_list(m->options, TEXT("memory")))
			return true;
		if (!first && text_equal(m->type, TEXT("cgroup2")))
			return true;
	}
	return false;
}

/* Blanks and the like are \040 there. */
static void
add_unescaped(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		const char *s = t.at + i;

		if (*s != '\\' || t.len - i < 4) {
			buffer_add_char(b, *s);
			continue;
		}
		buffer_add_char(b,
		    (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			(s[3] - '0')));
		i += 3;
	}
}

/* The path below the root of the mount; above it, in a namespace, is nobody. */
static struct text
path_below(struct text path, struct text root)
{
	if (root.len > 1 && text_begins(path, root) &&
	    (path.len == root.len || path.at[root.len] == '/'))
		return (struct text){path.at + root.len, path.len - root.len};
	if (root.len == 1 && !text_begins(path, TEXT("/..")))
		return path.len > 1 ? path : TEXT("");
	return TEXT("");
}

static bool
locate(struct text groups, struct text mounts, bool first,
    struct cgroup_place *place)
{
	struct text path;
	struct mount m;

	if (!find_group(groups, first, &path) || !find_mount(mounts, first, &m))
		return false;
	place->first = first;
	buffer_clear(&place->dir);
	add_unescaped(&place->dir, m.point);
	place->top = place->dir.len;
	buffer_add_text(&place->dir, path_below(path, m.root));
	return true;
}

/* Where both are, memory is in the first if that has it at all. */
bool
cgroup_locate(
    struct text groups, struct text mounts, struct cgroup_place *place)
{
	return locate(groups, mounts, true, place) ||
	    locate(groups, mounts, false, place);
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

/* Of /proc, and the like, whose sizes are not known before. */
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

uint64_t
cgroup_least_limit(const struct cgroup_place *place)
{
	const char *name =
	    place->first ? "memory.limit_in_bytes" : "memory.max";
	struct text dir = {place->dir.data, place->dir.len};
	struct buffer path = {0}, text = {0};
	uint64_t least = CGROUP_UNLIMITED;

	for (;;) {
		uint64_t limit;

		buffer_clear(&path);
		buffer_printf(&path, "%.*s/%s", TEXT_ARG(dir), name);
		if (read_all(buffer_string(&path), &text)) {
			limit = cgroup_limit(buffer_text(&text));
			least = limit < least ? limit : least;
		}
		if (dir.len <= place->top)
			break;
		while (dir.len > place->top && dir.at[--dir.len] != '/')
			continue;
	}
	buffer_free(&path);
	buffer_free(&text);
	return least;
}

uint64_t
cgroup_memory(void)
{
	struct buffer groups = {0}, mounts = {0};
	struct cgroup_place place = {0};
	uint64_t limit = CGROUP_UNLIMITED;

	if (read_all("/proc/self/cgroup", &groups) &&
	    read_all("/proc/self/mountinfo", &mounts) &&
	    cgroup_locate(buffer_text(&groups), buffer_text(&mounts), &place))
		limit = cgroup_least_limit(&place);
	buffer_free(&groups);
	buffer_free(&mounts);
	buffer_free(&place.dir);
	return limit;
}
