/*
 * request_content: receives the content of the current request.
 */
#ifndef TINED_CONNECTION_REQUEST_CONTENT_H
#define TINED_CONNECTION_REQUEST_CONTENT_H

#include <sys/types.h>

#include "connection/exchange.h"

/* The largest unread content that is read and discarded, in bytes. */
#define REQUEST_CONTENT_DRAIN_MAX (64 << 10)

/* Begins.  head is the size of the head, which the caller takes next. */
void request_content_start(struct tined_exchange *x, size_t head);
/* Begins without content, if the framing is unknown. */
void request_content_none(struct tined_exchange *x);
/*
 * True if the lot should receive the missing rest of a small content, because
 * the client is slow: sets wanted_bytes.  head is the size of the head, which
 * is not taken yet.  Call it only if a handler will read the content, because
 * the client may get a 100 Continue.
 */
bool request_content_is_better_collected(struct tined_exchange *x, size_t head);
/*
 * Read content as tined_read and tined_read_now say.  content_failure is set only
 * if the client has failed to send it.
 */
ssize_t request_content_read(struct tined_exchange *x, char *to, size_t size);
ssize_t request_content_read_now(
    struct tined_exchange *x, char *to, size_t size);
/*
 * True if request_content_read_now would not be EAGAIN, as far as what has come
 * tells.  Otherwise it invites the client to send (100 Continue), and the caller
 * may wait until *deadline (clock.h), and then calls request_content_receive.
 */
bool request_content_is_ready(struct tined_exchange *x, int64_t *deadline);
/* Receives what has come.  After the deadline the client has failed. */
void request_content_receive(struct tined_exchange *x);
/* True if the client waits for 100 Continue, which was not sent yet. */
bool request_content_waits(const struct tined_exchange *x);
/* True if too much content is unread to discard it. */
bool request_content_is_too_much(const struct tined_exchange *x);
/*
 * Discards the unread content if it arrives within --linger; false if it does
 * not.  With a lot, no worker waits longer for content that no handler reads.
 */
bool request_content_comes_soon(struct tined_exchange *x);
/* Discards the unread content; false if the connection must be closed. */
bool request_content_drain(struct tined_exchange *x);

#endif
