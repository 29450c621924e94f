/*
 * output_internal: what the files of output.h have of each other, and no other
 * module uses.
 *
 *	output.c		the waiting parts, and the sends of them
 *	output_file.c		files: read into the buffer, or sent by sendfile(2)
 *	output_deferred.c	the deferred response: added to, and sent here
 *	output_emergency.c	the last send of a process that crashes
 *
 * Those who send set o->failed when nothing more can be sent, and add to o->sent
 * what has left or was deferred.
 */
#ifndef TINED_CONNECTION_OUTPUT_INTERNAL_H
#define TINED_CONNECTION_OUTPUT_INTERNAL_H

#include <sys/types.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/parking.h"

struct iovec;
struct min_rate;
struct output;

/* What waits. */

/*
 * Makes room for len bytes in the buffer and for one more part: if there is too
 * little, passes on what waits.
 */
void output_make_room(struct output *o, size_t len);
/*
 * Adds a part, which has room.  Bytes that follow the last part directly only
 * make it longer.
 */
void output_add_part(struct output *o, const char *bytes, size_t len);
/*
 * Sends the waiting parts with these flags, or defers them.  If they do not fit
 * into the deferred response, sends that first.
 */
void output_pass_parts(struct output *o, int flags);
/* Forgets the waiting parts. */
void output_clear(struct output *o);

/* A send. */

/* Called before the first send of a response. */
void output_note_send(struct output *o);
/*
 * Called before a send that is to wait for the client: waits for a moment itself if
 * other clients wait for this worker.  True if the client then has room.
 */
bool output_wait_for_room(const struct output *o);
/*
 * Called before a send without MSG_DONTWAIT: it waits for a tick, or, if it must
 * not wait, for as short a time as there is.
 */
void output_set_send_timeout(struct output *o, bool may_wait);
/*
 * Called after a send that waits and has not sent everything: n is what it has
 * returned.  False if it has failed, or if the client is too slow.
 */
bool output_may_go_on(const struct output *o, struct min_rate *rate, ssize_t n);

static inline bool
output_has_failed(ssize_t n)
{
	return n == -1 && errno != EAGAIN && errno != EINTR;
}

/* The deferred response. */

/* True if the lot may send the rest. */
bool output_may_defer(const struct output *o, enum parking_reason reason);
/*
 * True if the lot is to send the rest, after a step that was sent completely
 * (whole) or not.  began is when the first step began (clock.h).
 */
bool output_is_to_defer(const struct output *o, bool whole, int64_t began);
/*
 * Begins a deferred response with these parts, which are all that waits.  False
 * if that is not possible: this process sends them.
 */
bool output_begin_deferring(struct output *o, const struct iovec *parts,
    size_t count, enum parking_reason reason);
/*
 * Adds all that waits to the deferred response, to which bytes go already.
 * False if it has no room for them.
 */
bool output_defer_waiting(struct output *o);
/* Begins a deferred response with a region of a file, or adds one; or false. */
bool output_defer_file(
    struct output *o, int file, uint64_t offset, uint64_t length);
/* Frees the deferred response. */
void output_drop_deferred(struct output *o);

#endif
