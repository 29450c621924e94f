#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/listen_address.h"

#define UNIX_PREFIX "unix:"
#define PORT_MAX 65535

static const char *
parse_unix(const char *path, struct listen_address *out)
{
	if (*path == '\0')
		return "expected unix:PATH, such as unix:/run/tined/www.sock";
	if (strlen(path) > LISTEN_ADDRESS_PATH_MAX)
		return "the path of a Unix socket has at most 107 bytes";
	out->path = path;
	return NULL;
}

/* The brackets distinguish the colons of an IPv6 address from the port's. */
static const char *
parse_host(struct text host, struct listen_address *out)
{
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct text){host.at + 1, host.len - 2};
	else if (memchr(host.at, ':', host.len) != NULL)
		return "expected host:port, or an IPv6 address in brackets, "
		       "such as [::1]:8080";
	if (host.len >= sizeof(out->host))
		return "the name of a host has at most 255 bytes";
	memcpy(out->host, host.at, host.len);
	out->host[host.len] = '\0';
	return NULL;
}

const char *
listen_address_parse(const char *address, struct listen_address *out)
{
	const char *colon = strrchr(address, ':');
	uint64_t port;

	*out = (struct listen_address){0};
	if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_unix(address + strlen(UNIX_PREFIX), out);
	if (colon == NULL)
		return "expected host:port, [v6]:port, :port or unix:PATH";
	if (!text_to_number(text_of(colon + 1), PORT_MAX, &port))
		return "expected host:port, where port is a number up to 65535";
	snprintf(out->port, sizeof(out->port), "%u", (unsigned)port);
	return parse_host(
	    (struct text){address, (size_t)(colon - address)}, out);
}
