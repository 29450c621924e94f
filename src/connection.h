/*
 * connection: a client's connection from accept to close: heads, keep-alive,
 * and the end.
 */
#ifndef TINED_CONNECTION_H
#define TINED_CONNECTION_H

#include "client.h"

/* Serves a client until the end, and closes fd. */
void connection_serve(struct client *c, int fd, const struct peer *peer);

#endif
