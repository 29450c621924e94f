/*
 * content_coding: content codings of files that lie compressed beside their
 * plain form (RFC 9110, 8.4 and 12.5.3): page.html.br, page.html.zst,
 * page.html.gz.
 */
#ifndef TINED_HTTP_CONTENT_CODING_H
#define TINED_HTTP_CONTENT_CODING_H

#include <stdbool.h>

#include "http/request.h"

/* In the order in which the server prefers them. */
enum content_coding {
	CONTENT_CODING_BR,
	CONTENT_CODING_ZSTD,
	CONTENT_CODING_GZIP,
	CONTENT_CODING_IDENTITY,
	CONTENT_CODINGS
};

/* "br", and ".br"; "" for identity. */
struct text content_coding_name(enum content_coding c);
const char *content_coding_suffix(enum content_coding c);
/*
 * Of a file whose name says that it is compressed while its type is that of
 * what is in it: .svgz.  Else CONTENT_CODING_IDENTITY.
 */
enum content_coding content_coding_of_name(const char *name);

/* Qualities, in thousandths: 0 is not acceptable. */
struct content_coding_wish {
	int quality[CONTENT_CODINGS];
};

/* Reads Accept-Encoding; without one only identity is acceptable. */
void content_coding_read_wish(
    const struct request *r, struct content_coding_wish *out);
/*
 * The best of those that are available (a bit each), identity if nothing is
 * acceptable at all: that is kinder than a 406.
 */
enum content_coding content_coding_choose(
    const struct content_coding_wish *wish, unsigned available);

#endif
