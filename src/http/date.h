/*
 * date: HTTP-date (RFC 9110, 5.6.7).
 */
#ifndef TINED_HTTP_DATE_H
#define TINED_HTTP_DATE_H

#include <stdbool.h>
#include <time.h>

#include "base/text.h"

#define DATE_SIZE sizeof("Sun, 06 Nov 1994 08:49:37 GMT")

/*
 * Formats t as an IMF-fixdate.  A time before 1970 or after 9999 becomes the
 * first or the last second of that span.
 */
void date_format(time_t t, char out[DATE_SIZE]);
/* Parses any of the three forms; false if it is none of them. */
bool date_parse(struct text t, time_t *out);

#endif
