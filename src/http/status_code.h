/*
 * status_code: the status codes that tined and its applications send, with their
 * reason phrases (RFC 9110, 15; the rest are in IANA's registry).
 */
#ifndef TINED_HTTP_STATUS_CODE_H
#define TINED_HTTP_STATUS_CODE_H

#include <stdbool.h>

#include "base/text.h"

/* Returns "Not Found", for example; "Unknown" for other codes. */
struct text status_code_reason(int status);
/* Returns the sentence that a page shows to its reader; "" if there is none. */
const char *status_code_advice(int status);
/*
 * True for 200 to 599: the code of a response, not of an interim one (RFC 9110,
 * 15).
 */
bool status_code_is_final(int status);
bool status_code_is_error(int status);
/* True for errors and redirects that tined itself responds with. */
bool status_code_has_advice(int status);
/* False for 1xx, 204 and 304 (RFC 9110, 6.4.1). */
bool status_code_has_body(int status);
/*
 * The same for a response that this server generates, and false for 205 as well.
 * That has no content, but is framed as other responses are, with a length of 0
 * (RFC 9110, 15.3.6).
 */
bool status_code_may_have_content(int status);

#endif
