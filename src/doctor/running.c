#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "doctor/host.h"
#include "doctor/running.h"

#define NAME "tined"
#define SOCKET "socket:["
#define ALL_STATES UINT32_MAX
#define STATE_LISTEN 10 /* TCP_LISTEN of netinet/tcp.h, which conflicts */
#define OVERFLOWS "ListenOverflows"
#define OVERFLOW_GROUP "TcpExt:"

/* Finding its processes */

static bool
is_tined(const struct host *h, pid_t pid)
{
	char *path = memory_printf("/proc/%d/comm", (int)pid);
	struct buffer name = {0};
	bool is = host_read(h, path, &name) &&
	    text_equal(buffer_text(&name), TEXT(NAME "\n"));

	buffer_free(&name);
	free(path);
	return is;
}

static pid_t
parent_of(const struct host *h, pid_t pid)
{
	char *path = memory_printf("/proc/%d/status", (int)pid);
	uint64_t parent;

	if (!host_find(h, path, "PPid:", "", &parent))
		parent = 0;
	free(path);
	return (pid_t)parent;
}

int
running_find_master(
    const struct host *h, pid_t pid, pid_t *master, struct buffer *why)
{
	char *path = memory_printf("%s/proc/%d", h->root, (int)pid);
	bool there = access(path, F_OK) == 0;

	free(path);
	if (!is_tined(h, pid)) {
		buffer_printf(why, "--pid %d: %s", (int)pid,
		    there ? "this process is not tined"
			  : "there is no such process");
		return -1;
	}
	for (pid_t up = pid; up > 0 && is_tined(h, up); up = parent_of(h, up))
		*master = up;
	return 0;
}

/* Its descriptors */

static void
add_inode(struct running *r, uint64_t inode)
{
	r->inodes =
	    memory_resize(r->inodes, r->inode_count + 1, sizeof(r->inodes[0]));
	r->inodes[r->inode_count++] = inode;
}

/* "socket:[12345]" */
static void
note_link(struct running *r, DIR *descriptors, const char *name)
{
	char target[64];
	ssize_t n =
	    readlinkat(dirfd(descriptors), name, target, sizeof(target));
	struct text t = {target, n > 0 ? (size_t)n : 0};
	uint64_t inode;

	if (!text_begins(t, TEXT(SOCKET)) || t.at[t.len - 1] != ']')
		return;
	t.at += strlen(SOCKET);
	t.len -= strlen(SOCKET) + 1;
	if (text_to_number(t, UINT64_MAX, &inode))
		add_inode(r, inode);
}

static void
count_descriptors(struct running *r, const struct host *h, pid_t pid)
{
	char *path = memory_printf("%s/proc/%d/fd", h->root, (int)pid);
	DIR *descriptors = opendir(path);
	const struct dirent *entry;
	uint64_t count = 0;

	free(path);
	r->processes++;
	if (descriptors == NULL) {
		r->descriptor_error = errno;
		return;
	}
	while ((entry = readdir(descriptors)) != NULL)
		if (entry->d_name[0] != '.') {
			note_link(r, descriptors, entry->d_name);
			count++;
		}
	closedir(descriptors);
	if (count > r->descriptors) {
		r->descriptors = count;
		r->fullest = pid;
	}
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
running_count(struct running *r, const struct host *h)
{
	char *path = memory_printf(
	    "/proc/%d/task/%d/children", (int)r->pid, (int)r->pid);
	struct buffer children = {0};
	char *rest, *word;

	count_descriptors(r, h, r->pid);
	if (host_read(h, path, &children)) {
		(void)buffer_string(&children);
		rest = children.data;
		while ((word = strsep(&rest, " \n")) != NULL)
			if (*word != '\0')
				count_descriptors(
				    r, h, (pid_t)strtol(word, NULL, 10));
	} else
		r->descriptor_error = errno;
	if (r->inode_count > 0)
		qsort(r->inodes, r->inode_count, sizeof(r->inodes[0]), compare);
	buffer_free(&children);
	free(path);
}

/* Its sockets */

static void
describe_ends(const struct inet_diag_msg *m, struct running_socket *s)
{
	bool six = m->idiag_family == AF_INET6;
	char address[INET6_ADDRSTRLEN];

	s->port = ntohs(m->id.idiag_sport);
	if (inet_ntop(m->idiag_family, m->id.idiag_src, address,
		sizeof(address)) != NULL)
		snprintf(s->local, sizeof(s->local), "%s%s%s:%u",
		    six ? "[" : "", address, six ? "]" : "", s->port);
	(void)inet_ntop(
	    m->idiag_family, m->id.idiag_dst, s->peer, sizeof(s->peer));
}

/* An older kernel tells less than this header has; that stays 0. */
static void
take_info(struct text value, struct running_socket *s)
{
	struct tcp_info info = {0};

	if (value.len == 0)
		return;
	memcpy(&info, value.at,
	    value.len < sizeof(info) ? value.len : sizeof(info));
	s->sent = info.tcpi_data_segs_out;
	s->repeated = info.tcpi_total_retrans;
	s->waits = stall_now(&info);
}

void
running_take_socket(const struct nlmsghdr *message, void *to)
{
	const struct inet_diag_msg *m = netlink_data(message);
	struct running *r = to;
	struct running_socket s = {.waits = STALL_NONE};

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return;
	s.inode = m->idiag_inode;
	if (r->inode_count == 0 ||
	    bsearch(&s.inode, r->inodes, r->inode_count, sizeof(r->inodes[0]),
		compare) == NULL)
		return;
	s.listens = m->idiag_state == STATE_LISTEN;
	if (s.listens) {
		s.waiting = m->idiag_rqueue;
		s.most = m->idiag_wqueue;
	}
	describe_ends(m, &s);
	take_info(netlink_find(
		      netlink_attributes(message, sizeof(*m)), INET_DIAG_INFO),
	    &s);
	r->sockets = memory_resize(
	    r->sockets, r->socket_count + 1, sizeof(r->sockets[0]));
	r->sockets[r->socket_count++] = s;
}

static void
list_sockets(struct running *r, uint8_t family)
{
	const struct inet_diag_req_v2 request = {
	    .sdiag_family = family,
	    .sdiag_protocol = IPPROTO_TCP,
	    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
	    .idiag_states = ALL_STATES,
	};

	if (netlink_list(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, &request,
		sizeof(request), running_take_socket, r) == -1)
		r->socket_error = errno;
}

/* The kernel lists the sockets of this process's own network namespace. */
static bool
is_elsewhere(const struct host *h, pid_t pid)
{
	char *theirs = memory_printf("%s/proc/%d/ns/net", h->root, (int)pid);
	char *ours = memory_printf("%s/proc/self/ns/net", h->root);
	struct stat a, b;
	bool differ = stat(theirs, &a) == 0 && stat(ours, &b) == 0 &&
	    (a.st_dev != b.st_dev || a.st_ino != b.st_ino);

	free(theirs);
	free(ours);
	return differ;
}

/* Its listeners */

static bool
find_column(char *names, char *numbers, const char *wanted, uint64_t *number)
{
	const char *name, *value;

	do {
		name = strsep(&names, " \n");
		value = strsep(&numbers, " \n");
	} while (name != NULL && strcmp(name, wanted) != 0);
	return name != NULL && value != NULL &&
	    text_to_number(text_of(value), UINT64_MAX, number);
}

bool
running_counter(
    const struct host *h, pid_t pid, const char *name, uint64_t *number)
{
	char *path = memory_printf("/proc/%d/net/netstat", (int)pid);
	struct buffer b = {0};
	bool found = host_read(h, path, &b);
	char *names, *numbers;

	free(path);
	if (found) {
		(void)buffer_string(&b);
		names = strstr(b.data, OVERFLOW_GROUP);
		numbers = names != NULL ? strchr(names, '\n') : NULL;
		if (numbers != NULL)
			*numbers++ = '\0';
		found = numbers != NULL &&
		    find_column(names, numbers, name, number);
		errno = ENODATA;
	}
	buffer_free(&b);
	return found;
}

static void
watch_overflows(struct running *r, const struct host *h)
{
	const struct timespec second = {.tv_sec = 1};
	uint64_t before;

	if (!running_counter(h, r->pid, OVERFLOWS, &before)) {
		r->overflow_error = errno;
		return;
	}
	(void)nanosleep(&second, NULL);
	if (!running_counter(h, r->pid, OVERFLOWS, &r->overflows))
		r->overflow_error = errno;
	else if (r->overflows > before)
		r->overflows_now = r->overflows - before;
}

int
running_look(
    struct running *r, const struct host *h, pid_t pid, struct buffer *why)
{
	*r = (struct running){0};
	if (running_find_master(h, pid, &r->pid, why) == -1)
		return -1;
	watch_overflows(r, h);
	running_count(r, h);
	r->elsewhere = is_elsewhere(h, r->pid);
	list_sockets(r, AF_INET);
	list_sockets(r, AF_INET6);
	return 0;
}

void
running_free(struct running *r)
{
	free(r->inodes);
	free(r->sockets);
	*r = (struct running){0};
}
