/*
 * qvalue: the weights that clients give to what they accept (RFC 9110,
 * 12.4.2), in thousandths.
 */
#ifndef TINED_HTTP_QVALUE_H
#define TINED_HTTP_QVALUE_H

#include "base/text.h"

#define QVALUE_MAX 1000

/* "0.5", "1", "1.000"; -1 if it is no weight. */
int qvalue_parse(struct text t);

#endif
