/*
 * collect: whether enough of a request has come, its content too, for nobody to
 * wait for more of it.  Where content in chunks ends only its decoder can tell
 * (body.h); what that finds is dropped, and whoever serves the request decodes
 * it anew.
 */
#ifndef TINED_HTTP_COLLECT_H
#define TINED_HTTP_COLLECT_H

#include "http/body.h"

struct collect {
	struct body body;
	size_t at; /* bytes that have been looked at */
};

/*
 * Of a request of so many bytes, head and content; or with that many before its
 * chunks, in which there may be max bytes of content.
 */
void collect_start(
    struct collect *c, bool chunked, size_t wanted, uint64_t max);
/*
 * Looks at bytes[0..len), each time the same and perhaps more.  True when all
 * is there, and when no more of it is worth a wait: it breaks the grammar, or
 * is beyond max.
 */
bool collect_is_done(struct collect *c, const char *bytes, size_t len);

#endif
