#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backlog.h"

#define NETSTAT "/proc/net/netstat"
#define NETSTAT_MAX 16384
#define NETSTAT_LINE "TcpExt:"
#define NETSTAT_NAME "ListenOverflows"

static bool
is_listening(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
	    value != 0;
}

/* In a socket that listens, two fields of TCP_INFO mean something else. */
bool
backlog_read(int fd, struct backlog *out)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (!is_listening(fd) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return false;
	*out = (struct backlog){
	    .waiting = info.tcpi_unacked,
	    .room = info.tcpi_sacked,
	};
	return true;
}

/* A line of names, and below it one of numbers. */
static bool
find_number(char *names, uint64_t *n)
{
	char *numbers = names != NULL ? strchr(names, '\n') : NULL;
	char *name, *number;

	if (numbers == NULL)
		return false;
	*numbers++ = '\0';
	numbers[strcspn(numbers, "\n")] = '\0';
	do {
		name = strsep(&names, " ");
		number = strsep(&numbers, " ");
	} while (name != NULL && strcmp(name, NETSTAT_NAME) != 0);
	if (name == NULL || number == NULL)
		return false;
	*n = strtoull(number, NULL, 10);
	return true;
}

static bool
read_netstat(int fd, uint64_t *n)
{
	char text[NETSTAT_MAX];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return find_number(strstr(text, NETSTAT_LINE), n);
}

void
backlog_watch_overflows(struct backlog_overflows *o)
{
	o->fd = open(NETSTAT, O_RDONLY | O_CLOEXEC);
	if (o->fd == -1 || read_netstat(o->fd, &o->before))
		return;
	close(o->fd);
	o->fd = -1;
}

bool
backlog_read_overflows(const struct backlog_overflows *o, uint64_t *n)
{
	if (o->fd == -1 || !read_netstat(o->fd, n))
		return false;
	*n -= o->before;
	return true;
}
