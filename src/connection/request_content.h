/*
 * request_content: the content of the present request, from the socket.
 */
#ifndef TINED_CONNECTION_REQUEST_CONTENT_H
#define TINED_CONNECTION_REQUEST_CONTENT_H

#include <sys/types.h>

#include "connection/exchange.h"

/* Content left unread is read and dropped up to here (bytes). */
#define REQUEST_CONTENT_DRAIN_MAX (64 << 10)

/* Behind a head of so many bytes, which is taken next. */
void request_content_start(struct exchange *x, size_t head);
/* There is none that anybody could know of. */
void request_content_none(struct exchange *x);
/*
 * Whether the client is so slow that what is missing of a small content, behind
 * a head that has not been taken, is waited for elsewhere: client.wanted bytes.
 * It must be wanted whatever the answer: the client may be asked for it.
 */
bool request_content_is_better_collected(struct exchange *x, size_t head);
/* request.read: context is the connection. */
ssize_t request_content_read(void *context, char *to, size_t size);
/* True when so much of it is left that draining will not do. */
bool request_content_is_too_much(const struct exchange *x);
/*
 * Whether what is left of it is here, or comes within a linger, and is dropped.
 * With a lot no worker waits longer for what nobody wants.
 */
bool request_content_comes_soon(struct exchange *x);
/* Drops what is left; false when the connection must be closed. */
bool request_content_drain(struct exchange *x);

#endif
