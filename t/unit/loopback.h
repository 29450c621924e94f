/*
 * loopback: TCP between two sockets of this process.
 */
#ifndef TINED_LOOPBACK_H
#define TINED_LOOPBACK_H

#include <netinet/in.h>

/* Listens at a free port of 127.0.0.1, which it stores: the socket. */
int loopback_listen(struct sockaddr_in *at);
/* Connects a socket to that listener, which it closes: the other end. */
int loopback_connect(int client, int listener, const struct sockaddr_in *at);

#endif
