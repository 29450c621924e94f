/*
 * quality: the weights that clients give to what they accept (RFC 9110,
 * 12.4.2), in thousandths.
 */
#ifndef TINED_QUALITY_H
#define TINED_QUALITY_H

#include "text.h"

#define QUALITY_MAX 1000

/* "0.5", "1", "1.000"; -1 if it is no weight. */
int quality_parse(struct text t);

#endif
