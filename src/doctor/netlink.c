#include <sys/socket.h>
#include <sys/time.h>

#include <linux/rtnetlink.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "doctor/netlink.h"

#define MESSAGES_MAX ((size_t)64 << 10)
#define PATIENCE 5 /* seconds */

static int
netlink_open(int protocol)
{
	const struct timeval patience = {.tv_sec = PATIENCE};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd != -1)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static int
netlink_ask(int fd, uint16_t type, const void *request, size_t len)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr head = {
	    .nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
	    .nlmsg_type = type,
	    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	};
	struct buffer b = {0};
	ssize_t n;

	buffer_add(&b, &head, sizeof(head));
	buffer_add(&b, request, len);
	n = sendto(fd, b.data, b.len, 0, (const struct sockaddr *)&kernel,
	    sizeof(kernel));
	buffer_free(&b);
	return n == -1 ? -1 : 0;
}

static int
netlink_error(const struct nlmsghdr *m)
{
	const struct nlmsgerr *e = netlink_data(m);

	errno = m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? -e->error : EPROTO;
	return -1;
}

/* Returns 1 if more is to come, 0 at the end, or -1 with errno. */
static int
netlink_read(const char *messages, size_t len, netlink_taker *take, void *to)
{
	size_t step;

	for (; len >= NLMSG_HDRLEN; messages += step, len -= step) {
		const struct nlmsghdr *m = (const void *)messages;

		if (m->nlmsg_len < NLMSG_HDRLEN || m->nlmsg_len > len)
			break;
		if (m->nlmsg_type == NLMSG_DONE)
			return 0;
		if (m->nlmsg_type == NLMSG_ERROR)
			return netlink_error(m);
		take(m, to);
		step = NLMSG_ALIGN((size_t)m->nlmsg_len);
		if (step > len)
			step = len;
	}
	return 1;
}

int
netlink_list(int protocol, uint16_t type, const void *request, size_t len,
    netlink_taker *take, void *to)
{
	char *messages = memory_get(MESSAGES_MAX);
	int fd = netlink_open(protocol);
	int result = -1, saved;

	if (fd != -1 && netlink_ask(fd, type, request, len) == 0)
		do {
			ssize_t n = recv(fd, messages, MESSAGES_MAX, 0);

			result = n == -1
			    ? -1
			    : netlink_read(messages, (size_t)n, take, to);
		} while (result > 0);
	saved = errno;
	if (fd != -1)
		close(fd);
	free(messages);
	errno = saved;
	return result;
}

struct text
netlink_attributes(const struct nlmsghdr *message, size_t fixed)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);

	if (message->nlmsg_len < skip)
		return (struct text){NULL, 0};
	return (struct text){
	    (const char *)message + skip, message->nlmsg_len - skip};
}

struct text
netlink_find(struct text attributes, uint16_t type)
{
	struct nlattr head;

	while (attributes.len >= NLA_HDRLEN) {
		size_t step;

		memcpy(&head, attributes.at, sizeof(head));
		if (head.nla_len < NLA_HDRLEN || head.nla_len > attributes.len)
			break;
		if ((head.nla_type & NLA_TYPE_MASK) == type)
			return (struct text){attributes.at + NLA_HDRLEN,
			    (size_t)head.nla_len - NLA_HDRLEN};
		step = NLA_ALIGN((size_t)head.nla_len);
		if (step > attributes.len)
			break;
		attributes.at += step;
		attributes.len -= step;
	}
	return (struct text){NULL, 0};
}

uint32_t
netlink_number(struct text attributes, uint16_t type)
{
	struct text value = netlink_find(attributes, type);
	uint32_t number = 0;

	if (value.len == sizeof(number))
		memcpy(&number, value.at, sizeof(number));
	return number;
}
