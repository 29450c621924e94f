/*
 * collect: tells when a request has arrived completely, including its content.
 * For chunked content this runs the decoder (body.h) and discards its output;
 * the worker that serves the request decodes it again.
 */
#ifndef TINED_HTTP_COLLECT_H
#define TINED_HTTP_COLLECT_H

#include "http/body.h"

struct collect {
	struct body body;
	size_t at; /* bytes[0..at) have been scanned */
};

/*
 * Begins.  wanted is the size of the request, head and content; if chunked, it
 * is the size of the head, and max limits the content in the chunks.
 */
void collect_start(
    struct collect *c, bool chunked, size_t wanted, uint64_t max);
/*
 * Scans bytes[0..len), which are the bytes of the last call and perhaps more.
 * True if the request is complete, or if a worker will refuse it in any case,
 * because it is malformed or exceeds max.
 */
bool collect_is_done(struct collect *c, const char *bytes, size_t len);

#endif
