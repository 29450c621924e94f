/*
 * grammar: the small grammars of RFC 9110, 5.6, at the front of a text.  Each
 * moves *t past what it found; false, and *t anywhere, when it is not there.
 */
#ifndef TINED_HTTP_GRAMMAR_H
#define TINED_HTTP_GRAMMAR_H

#include "base/text.h"

void grammar_skip(struct text *t, size_t bytes);
/* OWS, BWS: any number of SP and HT. */
void grammar_space(struct text *t);
bool grammar_token(struct text *t);
bool grammar_quoted_string(struct text *t);
/*
 * *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), to the end:
 * chunk-ext of RFC 9112, 7.1.1, and, where values are required, the parameters
 * of a transfer-coding (RFC 9112, 7).
 */
bool grammar_parameters(struct text t, bool values_required);
/* field-line of RFC 9112, 5, without CRLF: no space before the colon. */
bool grammar_field_line(struct text t);

#endif
