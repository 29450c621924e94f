#include <linux/openat2.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "folder.h"

/* A rename in the middle of a lookup makes openat2(2) give up with EAGAIN. */
#define FOLDER_TRIES 8

static int
open_below(const struct folder *f, const char *name, int flags)
{
	struct open_how how = {
	    .flags = (unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_NO_MAGICLINKS |
		(f->follow ? 0 : (unsigned)RESOLVE_BENEATH),
	};
	int fd = -1;

	for (int i = 0; i < FOLDER_TRIES && fd == -1; i++) {
		fd = (int)syscall(SYS_openat2, f->fd, name, &how, sizeof(how));
		if (fd == -1 && errno != EAGAIN && errno != EINTR)
			break;
	}
	return fd;
}

int
folder_open(struct folder *f, const char *path, bool follow)
{
	int fd;

	*f = (struct folder){.follow = follow};
	f->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->fd == -1)
		return -1;
	fd = folder_open_file(f, ".");
	if (fd == -1) {
		int saved = errno;

		folder_close(f);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;
}

void
folder_close(struct folder *f)
{
	close(f->fd);
	f->fd = -1;
}

int
folder_open_file(const struct folder *f, const char *name)
{
	return open_below(f, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int
folder_open_path(const struct folder *f, const char *name)
{
	return open_below(f, name, O_PATH);
}
