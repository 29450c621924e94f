/*
 * forms: the server's status as clients get it.  Each function adds a snapshot
 * to a buffer, in one form; the numbers of all forms come from one table
 * (table.h).
 */
#ifndef TINED_STATUS_FORMS_H
#define TINED_STATUS_FORMS_H

#include "base/buffer.h"
#include "status/snapshot.h"

enum status_form {
	FORM_TEXT,
	FORM_PAGE,
	FORM_JSON,
	FORM_METRICS,	   /* Prometheus' text format, version 0.0.4 */
	FORM_OPEN_METRICS, /* OpenMetrics 1.0.0 */
	FORMS
};

/*
 * For a terminal of 80 columns, and for scripts: the first word of a line tells
 * what the line is about.
 */
void status_add_text(struct buffer *b, const struct status_snapshot *s);
/*
 * A page of HTML that updates itself.  It loads nothing but itself; its script
 * and style are the only ones that the policy, for Content-Security-Policy,
 * allows, by their hashes.  prefix is the path of the mount, without a slash at
 * its end.
 */
void status_add_page(
    struct buffer *b, const struct status_snapshot *s, struct text prefix);
extern const char status_page_policy[];
/* RFC 8259; times are seconds. */
void status_add_json(struct buffer *b, const struct status_snapshot *s);
/* In one of the two forms of metrics. */
void status_add_metrics(
    struct buffer *b, const struct status_snapshot *s, enum status_form form);

#endif
