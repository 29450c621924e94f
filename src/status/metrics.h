/*
 * metrics: the status as metrics, for Prometheus and its like.
 */
#ifndef TINED_STATUS_METRICS_H
#define TINED_STATUS_METRICS_H

#include "base/buffer.h"
#include "status/snapshot.h"

enum metrics_format {
	METRICS_PLAIN, /* Prometheus' text format, version 0.0.4 */
	METRICS_OPEN,  /* OpenMetrics 1.0.0 */
};

const char *status_metrics_type(enum metrics_format format);
void status_add_metrics(struct buffer *b, const struct status_snapshot *s,
    enum metrics_format format);

#endif
