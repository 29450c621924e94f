/*
 * status: the status codes that are sent, with their reason phrases
 * (RFC 9110, 15; 431 is RFC 6585).
 */
#ifndef TINED_STATUS_H
#define TINED_STATUS_H

#include <stdbool.h>

#include "text.h"

/* "Not Found"; "Unknown" for a code that is not known here. */
struct text status_reason(int status);
/* What an error page says to a person, a sentence. */
const char *status_advice(int status);
bool status_is_error(int status);
bool status_is_known(int status);
/* 1xx, 204 and 304 never have a body (RFC 9110, 6.4.1). */
bool status_has_body(int status);

#endif
