/*
 * status_code: the status codes that are sent, with their reason phrases
 * (RFC 9110, 15; 431 is RFC 6585).
 */
#ifndef TINED_HTTP_STATUS_CODE_H
#define TINED_HTTP_STATUS_CODE_H

#include <stdbool.h>

#include "base/text.h"

/* "Not Found"; "Unknown" for a code that is not known here. */
struct text status_code_reason(int status);
/* What an error page says to a person, a sentence. */
const char *status_code_advice(int status);
bool status_code_is_error(int status);
bool status_code_is_known(int status);
/* 1xx, 204 and 304 never have a body (RFC 9110, 6.4.1). */
bool status_code_has_body(int status);

#endif
