/*
 * html: the status as a page of HTML that shows itself anew.  It loads
 * nothing but itself; its script and style are the only ones that the policy
 * allows, by their hashes, whatever a client may have smuggled in.
 */
#ifndef TINED_STATUS_HTML_H
#define TINED_STATUS_HTML_H

#include "base/buffer.h"
#include "status/snapshot.h"

/* For Content-Security-Policy. */
extern const char status_page_policy[];

/* prefix is the path of the mount, without a slash at its end. */
void status_add_page(
    struct buffer *b, const struct status_snapshot *s, struct text prefix);

#endif
