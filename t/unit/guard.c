#include <sys/mman.h>

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"

#define REGIONS 4

/* GUARD_MAX bytes between two pages that nobody may touch. */
static char *
next_region(void)
{
	static char *regions[REGIONS];
	static size_t turn;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char **region = &regions[turn++ % REGIONS];
	char *all;

	if (*region != NULL)
		return *region;
	all = mmap(NULL, GUARD_MAX + 2 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED ||
	    mprotect(all + page, GUARD_MAX, PROT_READ | PROT_WRITE) == -1)
		err(EXIT_FAILURE, "guard");
	*region = all + page;
	return *region;
}

static char *
put(const void *bytes, size_t len, size_t offset)
{
	char *to = next_region() + offset;

	if (len > 0)
		memcpy(to, bytes, len);
	return to;
}

static void
check_length(size_t len)
{
	if (len > GUARD_MAX)
		errx(EXIT_FAILURE, "guard: %zu bytes are too many", len);
}

char *
guard_copy(const void *bytes, size_t len)
{
	check_length(len);
	return put(bytes, len, GUARD_MAX - len);
}

struct text
guard_text(struct text t)
{
	return (struct text){guard_copy(t.at, t.len), t.len};
}

char *
guard_string(const char *s)
{
	return guard_copy(s, strlen(s) + 1);
}

char *
guard_copy_behind(const void *bytes, size_t len)
{
	check_length(len);
	return put(bytes, len, 0);
}

size_t
guard_ways(size_t len)
{
	return len + 1;
}

size_t
guard_next(size_t way, size_t had, size_t len)
{
	if (had == 0 && way > 0 && way < len)
		return way;
	return way == len && len > 0 ? had + 1 : len;
}
