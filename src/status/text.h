/*
 * text: the status for a terminal of 80 columns, and for scripts: the
 * first word of a line tells what the line is about.
 */
#ifndef TINED_STATUS_TEXT_H
#define TINED_STATUS_TEXT_H

#include "base/buffer.h"
#include "status/snapshot.h"

void status_add_text(struct buffer *b, const struct status_snapshot *s);

#endif
