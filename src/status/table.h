/*
 * table: the numbers of a snapshot, and the names under which each form of the
 * server's status shows them.  A new number needs a row in table.c, and a line
 * in the manual.
 */
#ifndef TINED_STATUS_TABLE_H
#define TINED_STATUS_TABLE_H

#include "status/forms.h"

enum status_flag {
	STATUS_SECONDS = 1 << 0,   /* the number is of nanoseconds */
	STATUS_BYTES = 1 << 1,	   /* the page shows it as "1.2 MB" */
	STATUS_BAD = 1 << 2,	   /* the page shows it in red unless it is 0 */
	STATUS_LOT = 1 << 3,	   /* shown only where there is a lot */
	STATUS_OVERFLOWS = 1 << 4, /* shown only where the kernel tells it */
};

struct status_row {
	size_t at;	/* offset of the number in struct status_snapshot */
	unsigned flags; /* enum status_flag */
	/* The metric's help; NULL: the row before is of the same metric. */
	const char *help;
	/*
	 * The section that it stands in, a dot, and its name there: a line of
	 * the text, a table of the page, an object of JSON.  FORM_METRICS: the
	 * metric without "tined_"; "_total" at the end says that it is a
	 * counter.  NULL: this form does not show it.
	 */
	const char *shown[FORM_METRICS + 1];
};

/*
 * The row behind that one, or the first behind NULL, of those that a form shows
 * in a section; NULL at the end.  All metrics are in the section NULL.
 */
const struct status_row *status_next_row(const struct status_row *row,
    const struct status_snapshot *s, enum status_form form,
    const char *section);
uint64_t status_number(
    const struct status_row *row, const struct status_snapshot *s);
/* Adds it as programs read it: time in seconds, "3.400000". */
void status_add_number(struct buffer *b, const struct status_row *row,
    const struct status_snapshot *s);
/* What stands behind the section's dot. */
const char *status_row_name(
    const struct status_row *row, enum status_form form);

#endif
