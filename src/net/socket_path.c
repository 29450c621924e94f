#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "net/socket_path.h"

void
socket_path_remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == -1 &&
	    errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
}

/* Returns the name of a file type, for any file but a socket. */
static const char *
type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFIFO:
		return "FIFO";
	default:
		return "device";
	}
}

static const char *
unix_mend(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another tined or another server listens there: "
		       "stop it, or choose another path";
	case EACCES:
		return "; tined may not create a socket there: choose another "
		       "directory";
	default:
		return "";
	}
}

void
socket_path_explain(struct buffer *why, const char *path, int error)
{
	struct stat st;

	buffer_printf(why, "cannot listen on unix:%s: ", path);
	if (error == EADDRINUSE && lstat(path, &st) == 0 &&
	    !S_ISSOCK(st.st_mode))
		buffer_printf(why,
		    "a %s has this name: remove it, or choose another path",
		    type_name(st.st_mode));
	else
		buffer_printf(why, "%s%s", strerror(error), unix_mend(error));
}

int
socket_path_check(const char *path, struct buffer *why)
{
	int error = 0;
	struct stat st;

	if (lstat(path, &st) == 0)
		error = S_ISSOCK(st.st_mode) ? 0 : EADDRINUSE;
	else if (path_check_writable(path) == -1)
		error = errno;
	if (error == 0)
		return 0;
	socket_path_explain(why, path, error);
	return -1;
}
