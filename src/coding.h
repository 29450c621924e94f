/*
 * coding: content codings of files that lie compressed beside their plain
 * form (RFC 9110, 8.4 and 12.5.3): page.html.br, page.html.zst, page.html.gz.
 */
#ifndef TINED_CODING_H
#define TINED_CODING_H

#include <stdbool.h>

#include "request.h"

/* In the order in which the server prefers them. */
enum coding { CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY, CODINGS };

/* "br", and ".br"; "" for identity. */
struct text coding_name(enum coding c);
const char *coding_suffix(enum coding c);
/*
 * Of a file whose name says that it is compressed while its type is that of
 * what is in it: .svgz.  Else CODING_IDENTITY.
 */
enum coding coding_of_name(const char *name);

/* Qualities, in thousandths: 0 is not acceptable. */
struct coding_wish {
	int quality[CODINGS];
};

/* Reads Accept-Encoding; without one only identity is acceptable. */
void coding_read_wish(const struct request *r, struct coding_wish *out);
/*
 * The best of those that are available (a bit each), identity if nothing is
 * acceptable at all: that is kinder than a 406.
 */
enum coding coding_choose(const struct coding_wish *wish, unsigned available);

#endif
