/*
 * write_mode: for the laboratory (t/lab), has responses leave as other servers
 * send theirs: --write-mode, of the server or of a mount.  In the mode "together"
 * these functions do nothing, and the output collects the responses of all requests
 * that are at hand.
 */
#ifndef TINED_CONNECTION_WRITE_MODE_H
#define TINED_CONNECTION_WRITE_MODE_H

#include "connection/exchange.h"

/* True if TCP_CORK holds back what is flushed before write_mode_end. */
bool write_mode_holds_back(const struct tined_exchange *x);
/* Called before the head of a response: sends what waits; cork: TCP_CORK on. */
void write_mode_begin(struct tined_exchange *x);
/* Called after the head, and after the size of a chunk: sends it by itself. */
void write_mode_part(struct tined_exchange *x);
/* Called after the last byte: sends it; cork: TCP_CORK off. */
void write_mode_end(struct tined_exchange *x);

#endif
