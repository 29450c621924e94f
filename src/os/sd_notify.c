#include <sys/socket.h>
#include <sys/un.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "os/sd_notify.h"

#define SD_NOTIFY_MAX 512
/* A service manager that does not read must not block the master. */
#define SD_NOTIFY_PATIENCE (100 * CLOCK_MILLISECOND)

static void
send_to(const char *path, const char *message)
{
	const struct timeval patience = clock_timeval(SD_NOTIFY_PATIENCE);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd;

	if (len == 0 || len >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, len);
	if (a.sun_path[0] == '@') /* an abstract socket, unix(7) */
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL,
	    (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

bool
sd_notify_is_wanted(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void
sd_notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char message[SD_NOTIFY_MAX];
	va_list args;

	if (path == NULL)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	send_to(path, message);
}

/* Returns the number in an environment variable, or the default. */
static uint64_t
number_of(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);
	uint64_t number;

	if (value == NULL)
		return otherwise;
	return text_to_number(
		   text_of(value), INT64_MAX / CLOCK_MICROSECOND, &number)
	    ? number
	    : 0;
}

int64_t
sd_notify_watchdog_interval(void)
{
	uint64_t us = number_of("WATCHDOG_USEC", 0);
	uint64_t self = (uint64_t)getpid();

	if (us == 0 || number_of("WATCHDOG_PID", self) != self)
		return CLOCK_NEVER;
	return (int64_t)us * CLOCK_MICROSECOND / 2;
}

bool
sd_notify_is_awaited(void)
{
	return sd_notify_is_wanted() &&
	    number_of("SYSTEMD_EXEC_PID", 0) == (uint64_t)getpid();
}
