/*
 * report: findings in words, for a terminal of 80 columns.
 */
#ifndef TINED_DOCTOR_REPORT_H
#define TINED_DOCTOR_REPORT_H

#include <stddef.h>

#include "doctor/finding.h"

/*
 * Adds the findings in order of weight: by their verdict, and as they come.
 * The last line counts them.
 */
void report_add(struct buffer *b, const struct finding *all, size_t count);

#endif
