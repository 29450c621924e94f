#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_kind.h"
#include "handlers/directory.h"

/* openat2(2) fails with EAGAIN if a rename happens during the lookup. */
#define DIRECTORY_TRIES 8
/* How many parents of a missing name are looked up. */
#define DIRECTORY_DEPTH_MAX 16

static int
open_at(
    const struct directory *f, const char *name, int flags, unsigned resolve)
{
	struct open_how how = {
	    .flags = (unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_NO_MAGICLINKS | resolve,
	};
	int fd = -1;

	for (int i = 0; i < DIRECTORY_TRIES && fd == -1; i++) {
		fd = (int)syscall(SYS_openat2, f->fd, name, &how, sizeof(how));
		if (fd == -1 && errno != EAGAIN && errno != EINTR)
			break;
	}
	return fd;
}

/* Gets the path of an open file, without symbolic links.  -1 with errno. */
static int
name_of(int fd, char path[PATH_MAX])
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_MAX - 1);
	if (len == -1)
		return -1;
	path[len] = '\0';
	return 0;
}

/*
 * Resolves a name whose links leave the directory.  Returns a name below the
 * directory, which lies within path, or NULL with errno.
 */
static const char *
name_inside(const struct directory *f, const char *name, char path[PATH_MAX])
{
	int fd = open_at(f, name, O_PATH, 0);
	char root[PATH_MAX];
	size_t len;
	bool known;

	if (fd == -1)
		return NULL;
	known = name_of(fd, path) == 0 && name_of(f->fd, root) == 0;
	close(fd);
	errno = EXDEV;
	if (!known)
		return NULL;
	len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return ".";
	return path[len] == '/' ? path + len + 1 : NULL;
}

/*
 * Opens a name whose links lead out of the directory and back in.  A link may
 * change after it was resolved, but the kernel opens only files below the
 * directory.  If the target does not exist, its parents are resolved, so that
 * the result does not reveal what exists outside.
 */
static int
open_inside(const struct directory *f, const char *name, int flags)
{
	size_t len = strlen(name);
	char link[PATH_MAX], path[PATH_MAX], target[2 * PATH_MAX];
	const char *inside = NULL;

	if (len >= sizeof(link))
		return -1;
	memcpy(link, name, len + 1);
	for (int i = 0; i < DIRECTORY_DEPTH_MAX; i++) {
		inside = name_inside(f, link, path);
		if (inside != NULL || errno != ENOENT)
			break;
		while (len > 0 && link[len - 1] != '/')
			len--;
		while (len > 0 && link[len - 1] == '/')
			len--;
		if (len == 0)
			break;
		link[len] = '\0';
	}
	errno = EXDEV;
	if (inside == NULL)
		return -1;
	snprintf(target, sizeof(target), "%s%s", inside, name + len);
	return open_at(f, target, flags, RESOLVE_BENEATH);
}

static int
directory_open_below(const struct directory *f, const char *name, int flags)
{
	int fd =
	    open_at(f, name, flags, f->follow ? 0 : (unsigned)RESOLVE_BENEATH);

	if (fd == -1 && errno == EXDEV && !f->follow)
		return open_inside(f, name, flags);
	return fd;
}

int
directory_open(struct directory *f, const char *path, bool follow)
{
	int fd;

	*f = (struct directory){.follow = follow};
	f->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->fd == -1)
		return -1;
	fd = directory_open_file(f, ".");
	if (fd == -1) {
		int saved = errno;

		directory_close(f);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;
}

void
directory_close(struct directory *f)
{
	close(f->fd);
	f->fd = -1;
}

int
directory_path(const struct directory *f, char path[PATH_MAX])
{
	return name_of(f->fd, path);
}

bool
directory_is_gone(const struct directory *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && st.st_nlink == 0;
}

int
directory_open_file(const struct directory *f, const char *name)
{
	return directory_open_below(f, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int
directory_open_path(const struct directory *f, const char *name)
{
	return directory_open_below(f, name, O_PATH);
}

const char *
directory_error(int error)
{
	switch (error) {
	case ENOSYS: /* openat2(2) */
		return "this needs Linux 5.6 or later";
	case EMFILE:
		return "too many open files: raise the limit (ulimit -Hn, "
		       "LimitNOFILE= of a unit)";
	default:
		return strerror(error);
	}
}

int
directory_status(int error)
{
	if (errno_is_shortage(error))
		return 503;
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
	case ENXIO: /* a socket, or a missing device */
	case ENODEV:
		return 404;
	case EACCES:
	case EPERM:
	case EXDEV: /* leads out of the directory */
		return 403;
	default:
		return 500;
	}
}

int
directory_look_up(const struct directory *f, const char *name, mode_t *mode)
{
	struct stat st;
	int fd = directory_open_path(f, name);
	int result;

	if (fd == -1 && errno == ENOENT) {
		bool is_gone = directory_is_gone(f);

		errno = ENOENT;
		return is_gone ? 503 : 404;
	}
	if (fd == -1)
		return directory_status(errno);
	result = fstat(fd, &st);
	close(fd);
	if (result == -1)
		return 500;
	*mode = st.st_mode;
	return 0;
}
