/*
 * json: the status as JSON (RFC 8259).  Times are seconds.
 */
#ifndef TINED_STATUS_JSON_H
#define TINED_STATUS_JSON_H

#include "base/buffer.h"
#include "status/snapshot.h"

void status_add_json(struct buffer *b, const struct status_snapshot *s);

#endif
