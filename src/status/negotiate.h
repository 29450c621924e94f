/*
 * negotiate: in which form a client wants the status (RFC 9110, 12.5.1).
 */
#ifndef TINED_STATUS_NEGOTIATE_H
#define TINED_STATUS_NEGOTIATE_H

#include "http/request.h"

enum status_form {
	FORM_TEXT,
	FORM_PAGE,
	FORM_JSON,
	FORM_METRICS,	   /* Prometheus' text format */
	FORM_OPEN_METRICS, /* OpenMetrics */
	FORMS
};

/* Of all forms, the one that Accept prefers; of equals the first. */
enum status_form status_wanted_form(const struct request *r);
/* Of the two forms of metrics. */
enum status_form status_wanted_metrics(const struct request *r);

#endif
