/*
 * content_coding: content codings (RFC 9110, 8.4 and 12.5.3) of precompressed
 * files: page.html.br, page.html.zst and page.html.gz beside page.html.
 */
#ifndef TINED_HTTP_CONTENT_CODING_H
#define TINED_HTTP_CONTENT_CODING_H

#include <stdbool.h>

#include "http/request.h"

/* In the server's order of preference. */
enum content_coding {
	CONTENT_CODING_BR,
	CONTENT_CODING_ZSTD,
	CONTENT_CODING_GZIP,
	CONTENT_CODING_IDENTITY,
	CONTENT_CODINGS
};

/* Return "br" and ".br", for example; "" for identity. */
struct text content_coding_name(enum content_coding c);
const char *content_coding_suffix(enum content_coding c);
/*
 * Returns the content coding that a file name implies: gzip for .svgz, whose
 * media type is that of the uncompressed image; identity for all others.
 */
enum content_coding content_coding_of_name(const char *name);

/* The client's weights in thousandths; 0: not acceptable. */
struct content_coding_wish {
	int quality[CONTENT_CODINGS];
};

/* Reads Accept-Encoding; without it, only identity is acceptable. */
void content_coding_read_wish(
    const struct request *r, struct content_coding_wish *out);
/*
 * Returns the best available coding; available has bit 1 << c for coding c.
 * Returns identity if nothing is acceptable, because a 406 helps no client.
 */
enum content_coding content_coding_choose(
    const struct content_coding_wish *wish, unsigned available);

#endif
