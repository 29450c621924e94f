/*
 * listen_address: the syntax of an address to listen on: host:port, [v6]:port,
 * :port or unix:PATH.
 */
#ifndef TINED_NET_LISTEN_ADDRESS_H
#define TINED_NET_LISTEN_ADDRESS_H

#include <sys/un.h>

struct listen_address {
	const char *path; /* of a Unix socket, in the parsed string; or NULL */
	char host[256];	  /* "": all addresses */
	char port[6];
};

/* The longest path of a Unix socket, in bytes. */
#define LISTEN_ADDRESS_PATH_MAX                                                \
	(sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/*
 * Parses an address, without looking up the host.  Returns NULL, or an error
 * message that completes "ADDRESS: ".
 */
const char *listen_address_parse(
    const char *address, struct listen_address *out);

#endif
