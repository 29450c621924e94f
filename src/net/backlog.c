#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/backlog.h"

#define NETSTAT "/proc/net/netstat"
#define NETSTAT_MAX 16384
#define NETSTAT_LINE "TcpExt:"
#define NETSTAT_NAME "ListenOverflows"
#define SOCKETS_V4 "/proc/net/tcp"
#define SOCKETS_V6 "/proc/net/tcp6"
#define SOCKETS_LINE_MAX 256
/* Indices of the words in a line of /proc/net/tcp. */
#define SOCKETS_LOCAL 1
#define SOCKETS_STATE 3
#define SOCKETS_REPEATED 6
#define STATE_SYN_RECV 3 /* TCP_SYN_RECV of netinet/tcp.h, which conflicts */

static bool
is_listening(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
	    value != 0;
}

/* For a listening socket, two fields of TCP_INFO have another meaning. */
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

/* Cuts off and returns the next word of a line; "" if there is none. */
static const char *
backlog_next_word(char **line)
{
	const char *word;

	do {
		word = strsep(line, " ");
	} while (word != NULL && *word == '\0');
	return word != NULL ? word : "";
}

/* "0: 0100007F:1F90 0100007F:8EF2 03 00000000:00000000 01:00000064 00000000" */
static bool
is_handshake(char *line, unsigned port)
{
	const char *words[SOCKETS_REPEATED + 1];
	const char *colon;

	for (int i = 0; i <= SOCKETS_REPEATED; i++)
		words[i] = backlog_next_word(&line);
	colon = strchr(words[SOCKETS_LOCAL], ':');
	return colon != NULL && strtoul(colon + 1, NULL, 16) == port &&
	    strtoul(words[SOCKETS_STATE], NULL, 16) == STATE_SYN_RECV &&
	    strtoul(words[SOCKETS_REPEATED], NULL, 16) == 0;
}

bool
backlog_is_greeting(int fd)
{
	struct sockaddr_in6 a = {0}; /* the port is where sockaddr_in has it */
	socklen_t len = sizeof(a);
	char line[SOCKETS_LINE_MAX];
	bool found = false;
	FILE *f;

	if (getsockname(fd, (struct sockaddr *)&a, &len) == -1 ||
	    (a.sin6_family != AF_INET && a.sin6_family != AF_INET6))
		return false;
	f = fopen(a.sin6_family == AF_INET ? SOCKETS_V4 : SOCKETS_V6, "re");
	if (f == NULL)
		return true;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = is_handshake(line, ntohs(a.sin6_port));
	fclose(f);
	return found;
}

/* Finds a number by its name: a line of names is above a line of numbers. */
static bool
backlog_find_number(char *names, uint64_t *n)
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
	return backlog_find_number(strstr(text, NETSTAT_LINE), n);
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
