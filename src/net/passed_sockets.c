#include <sys/socket.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "net/passed_sockets.h"

#define PASSED_MAX 64

static bool
has_option(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 &&
	    value == wanted;
}

static int
passed_sockets_take_one(int fd, struct buffer *why)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || !has_option(fd, SO_ACCEPTCONN, 1) ||
	    !has_option(fd, SO_TYPE, SOCK_STREAM)) {
		buffer_printf(why,
		    "LISTEN_FDS: descriptor %d is not a listening stream "
		    "socket",
		    fd);
		return -1;
	}
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static bool
environment_number(const char *name, uint64_t max, uint64_t *number)
{
	const char *value = getenv(name);

	return value != NULL && text_to_number(text_of(value), max, number);
}

int
passed_sockets_take(struct buffer *why)
{
	uint64_t pid, count;

	if (!environment_number("LISTEN_PID", INT32_MAX, &pid) ||
	    (pid_t)pid != getpid() || getenv("LISTEN_FDS") == NULL)
		return 0;
	if (!environment_number("LISTEN_FDS", PASSED_MAX, &count)) {
		buffer_printf(why, "LISTEN_FDS=%s: expected a number up to %d",
		    getenv("LISTEN_FDS"), PASSED_MAX);
		return -1;
	}
	for (uint64_t i = 0; i < count; i++)
		if (passed_sockets_take_one(
			PASSED_SOCKETS_FIRST + (int)i, why) == -1)
			return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return (int)count;
}
