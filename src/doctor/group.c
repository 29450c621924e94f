#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "doctor/group.h"
#include "os/cgroup.h"

#define THIS_PROCESS "/proc/self/cgroup"
#define LIMIT_OF_VERSION_2 "memory.max"

/* place->path points into *groups. */
static bool
group_find(const struct host *h, const char *file, struct buffer *groups,
    struct cgroup_place *place)
{
	return host_read(h, file, groups) &&
	    cgroup_locate(buffer_text(groups), place);
}

static uint64_t
group_limit(const struct host *h, const char *file)
{
	struct buffer groups = {0};
	struct cgroup_place place;
	uint64_t limit = CGROUP_UNLIMITED;
	char *top;

	if (group_find(h, THIS_PROCESS, &groups, &place)) {
		top = memory_printf("%s%s", h->root, place.top);
		place.top = top;
		if (file != NULL)
			place.file = file;
		limit = cgroup_least_limit(&place);
		free(top);
	}
	buffer_free(&groups);
	return limit;
}

uint64_t
group_memory(const struct host *h)
{
	return group_limit(h, NULL);
}

uint64_t
group_processes(const struct host *h)
{
	return group_limit(h, "pids.max");
}

bool
group_is_hidden(const struct host *h)
{
	struct buffer groups = {0};
	struct cgroup_place place;
	bool hidden = false;
	char *top;

	if (group_find(h, THIS_PROCESS, &groups, &place)) {
		top = memory_printf("%s%s", h->root, place.top);
		hidden = access(top, R_OK) == -1;
		free(top);
	}
	buffer_free(&groups);
	return hidden;
}

/* memory.events of version 2 has the line, and memory.oom_control of 1. */
bool
group_count_kills(const struct host *h, pid_t pid, uint64_t *kills)
{
	char *file = memory_printf("/proc/%d/cgroup", (int)pid);
	struct buffer groups = {0};
	struct cgroup_place place;
	const char *name = "memory.oom_control";
	bool found = false;
	char *path;

	if (group_find(h, file, &groups, &place)) {
		if (strcmp(place.file, LIMIT_OF_VERSION_2) == 0)
			name = "memory.events";
		path = memory_printf(
		    "%s%.*s/%s", place.top, TEXT_ARG(place.path), name);
		found = host_find(h, path, "oom_kill ", "", kills);
		free(path);
	} else
		errno = ENOENT;
	buffer_free(&groups);
	free(file);
	return found;
}
