#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/write_at.h"
#include "connection/spool.h"

/* Not /tmp, which is in memory on many machines. */
#define USUAL_DIRECTORY "/var/tmp"

static int file = -1;
static size_t used;

/* Not by O_TMPFILE, which not all file systems have. */
static int
open_nameless(const char *directory)
{
	char *path = memory_printf("%s/tined-XXXXXX", directory);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd != -1)
		unlink(path);
	free(path);
	return fd;
}

void
spool_open(void)
{
	const char *directory = getenv("TMPDIR");

	if (directory == NULL || *directory != '/')
		directory = USUAL_DIRECTORY;
	file = open_nameless(directory);
	if (file == -1)
		log_info("no file in %s for the content of requests ($TMPDIR): "
			 "%s; it is kept in memory",
		    directory, strerror(errno));
}

bool
spool_is_open(void)
{
	return file != -1;
}

int
spool_add(const char *bytes, size_t len)
{
	size_t at = used;

	used += len; /* if it fails, too, as a part may be there */
	return write_at(file, bytes, len, at);
}

int
spool_rewind(void)
{
	return lseek(file, 0, SEEK_SET) == 0 ? file : -1;
}

/*
 * A worker may not truncate files, because of those that it shares; but it may
 * free what it has mapped.
 */
static int
free_room(void)
{
	void *all =
	    mmap(NULL, used, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	int result;

	if (all == MAP_FAILED)
		return -1;
	result = madvise(all, used, MADV_REMOVE);
	munmap(all, used);
	return result;
}

void
spool_clear(void)
{
	if (used == 0)
		return;
	if (free_room() == -1 && ftruncate(file, 0) == -1) {
		log_warning("the file for the content of requests cannot be "
			    "emptied: %m; from now on it is kept in memory");
		close(file); /* the only other way */
		file = -1;
	}
	used = 0;
}
