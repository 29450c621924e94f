/*
 * qvalue: the weights in Accept and Accept-Encoding (RFC 9110, 12.4.2), in
 * thousandths.
 */
#ifndef TINED_HTTP_QVALUE_H
#define TINED_HTTP_QVALUE_H

#include "base/text.h"

#define QVALUE_MAX 1000

/* Parses "0.5", "1" or "1.000"; -1 if it is malformed. */
int qvalue_parse(struct text t);

#endif
