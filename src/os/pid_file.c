#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libutil.h>

#include "base/path.h"
#include "os/pid_file.h"

#define PID_FILE_MODE 0644
#define PID_LINE_MAX 32 /* more than a number and a newline */

/* At most one of these two is in use. */
static struct pidfh *own;
static struct {
	int fd;
	char *path; /* owned */
} inherited = {.fd = -1};

/*
 * pidfile_open(3) would empty the file, and the server would remove it at its
 * end.
 */
static bool
has_other_content(const char *path)
{
	char content[PID_LINE_MAX];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return false;
	n = read(fd, content, sizeof(content) - 1);
	close(fd);
	if (n <= 0)
		return false;
	content[n] = '\0';
	return strspn(content, "0123456789 \n") != (size_t)n;
}

int
pid_file_check(const char *path)
{
	if (has_other_content(path)) {
		errno = ENOTUNIQ;
		return -1;
	}
	return path_check_writable(path);
}

int
pid_file_open(const char *path, pid_t *other)
{
	char *whole;

	if (has_other_content(path)) {
		errno = ENOTUNIQ;
		return -1;
	}
	/* A daemon changes its directory, and removes the file at its end. */
	whole = path_absolute(path);
	own = pidfile_open(whole, PID_FILE_MODE, other);
	free(whole);
	if (own == NULL)
		return -1;
	fcntl(pidfile_fileno(own), F_SETFD,
	    FD_CLOEXEC); /* some versions of libbsd leave it unset */
	return 0;
}

void
pid_file_inherit(const char *path, int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	inherited.fd = fd;
	inherited.path = path_absolute(path);
}

int
pid_file_fd(void)
{
	return own != NULL ? pidfile_fileno(own) : inherited.fd;
}

/*
 * Overwrites the old number before it truncates, so that the file is never
 * empty.
 */
static int
write_inherited(void)
{
	char line[16];
	int len = snprintf(line, sizeof(line), "%d", (int)getpid());

	if (pwrite(inherited.fd, line, (size_t)len, 0) != len)
		return -1;
	return ftruncate(inherited.fd, len);
}

/*
 * If somebody has removed the file, creates it again: programs that read it
 * must find the new server, and no other server may take the path.
 */
static int
replace_removed(void)
{
	char *path = inherited.path;
	pid_t other;

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return 0;
	if (pid_file_open(path, &other) == -1)
		return -1;
	close(inherited.fd);
	free(path);
	inherited.fd = -1;
	inherited.path = NULL;
	return 0;
}

int
pid_file_write(void)
{
	if (inherited.fd != -1 && replace_removed() == -1)
		return -1;
	if (own != NULL)
		return pidfile_write(own);
	return inherited.fd != -1 ? write_inherited() : 0;
}

/* Removes the file unless another server has replaced it since. */
static void
remove_inherited(void)
{
	struct stat here, there;

	if (fstat(inherited.fd, &here) == 0 &&
	    stat(inherited.path, &there) == 0 && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino)
		unlink(inherited.path);
}

void
pid_file_remove(void)
{
	if (own != NULL)
		pidfile_remove(own);
	else if (inherited.fd != -1)
		remove_inherited();
	own = NULL;
	pid_file_close();
}

void
pid_file_close(void)
{
	if (own != NULL)
		pidfile_close(own);
	own = NULL;
	if (inherited.fd != -1)
		close(inherited.fd);
	free(inherited.path);
	inherited.fd = -1;
	inherited.path = NULL;
}

void
pid_file_leave(void)
{
	int fd = pid_file_fd();

	if (fd != -1)
		close(fd);
}
