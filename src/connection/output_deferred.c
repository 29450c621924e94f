#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "connection/output.h"
#include "connection/output_internal.h"

/* output_catch_up sends so much at a time. */
#define CATCH_UP_PIECE (64 << 10)

void
output_drop_deferred(struct output *o)
{
	uint64_t kept = o->kept_bytes;

	output_pass_deferred(o);
	if (kept > 0)
		parking_give_back(o->parking, kept);
}

void
output_pass_deferred(struct output *o)
{
	if (o->deferred != NULL)
		deferred_release(o->deferred);
	free(o->deferred);
	o->deferred = NULL;
	o->kept_bytes = 0;
}

bool
output_may_defer(const struct output *o, enum parking_reason reason)
{
	return o->parking != NULL && parking_may_defer(o->parking, reason);
}

/*
 * All bytes together are one segment, or two if there is a file between them.
 */
static bool
has_room_in_deferred(const struct output *o)
{
	uint64_t spilled = o->deferred != NULL ? o->deferred->spilled : 0;
	size_t count = o->deferred != NULL ? o->deferred->count : 0;

	return spilled + o->waiting <= OUTPUT_DEFER_MAX &&
	    count < DEFERRED_SEGMENTS_MAX;
}

/*
 * True if what waits may be added to the deferred response, which then counts
 * it.
 */
static bool
may_keep(struct output *o)
{
	if (!has_room_in_deferred(o) || !parking_keep(o->parking, o->waiting))
		return false;
	o->kept_bytes += o->waiting;
	return true;
}

/* Few responses are deferred, so the memory is allocated only then. */
static struct deferred *
make_deferred(struct output *o)
{
	if (o->deferred == NULL) {
		o->deferred = memory_get(sizeof(*o->deferred));
		deferred_init(o->deferred);
		o->deferred_rate = (struct min_rate){0};
		min_rate_start(&o->catch_up_rate, o->timeout);
	}
	return o->deferred;
}

/* Adds these parts, which are all that waits; false on failure. */
static bool
defer_parts(struct output *o, const struct iovec *parts, size_t count)
{
	struct deferred *deferred = make_deferred(o);

	for (size_t i = 0; i < count; i++)
		if (deferred_add_bytes(
			deferred, parts[i].iov_base, parts[i].iov_len) == -1)
			return false;
	o->sent += o->waiting;
	o->deferring = true;
	output_clear(o);
	return true;
}

bool
output_defer_file(struct output *o, int file, uint64_t offset, uint64_t length)
{
	if (deferred_add_file(make_deferred(o), file, offset, length) == -1)
		return false;
	o->sent += length;
	o->deferring = true;
	return true;
}

bool
output_begin_deferring(struct output *o, const struct iovec *parts,
    size_t count, enum parking_reason reason)
{
	if (!output_may_defer(o, reason) || !may_keep(o))
		return false;
	if (defer_parts(o, parts, count))
		return true;
	output_drop_deferred(o);
	return false;
}

bool
output_defer_waiting(struct output *o)
{
	if (!may_keep(o))
		return false;
	if (!defer_parts(o, o->parts, (size_t)o->part_count))
		o->failed = true;
	return true;
}

bool
output_is_to_defer(const struct output *o, bool whole, int64_t began)
{
	if (!whole)
		return output_may_defer(o, PARKING_STALLED);
	return clock_now() - began > OUTPUT_DEFER_TIME &&
	    output_may_defer(o, PARKING_LONG);
}

/* The bytes are in memory: a stream has no file. */
void
output_catch_up(struct output *o)
{
	char piece[CATCH_UP_PIECE];
	ssize_t n = 0;

	while (o->deferring && !o->failed && n != -1) {
		n = deferred_send_cached(
		    o->deferred, o->fd, OUTPUT_FILE_STEP, piece, sizeof(piece));
		o->failed = output_has_failed(n);
		min_rate_add(&o->catch_up_rate, n > 0 ? (size_t)n : 0);
		o->deferring = deferred_length(o->deferred) > 0;
		if (!o->deferring)
			output_drop_deferred(o);
	}
}

/*
 * Sends until the end, a failure, or the deadline; if may_defer_again, only until
 * another process can go on.
 */
static int
output_send_next(struct output *o, int64_t until, bool may_defer_again)
{
	bool may_wait = !may_defer_again || !output_may_defer(o, PARKING_FULL);
	int64_t began = clock_now();

	o->deferring = false;
	while (!o->failed && deferred_length(o->deferred) > 0) {
		uint64_t next = deferred_next(o->deferred);
		ssize_t n;
		bool whole;

		if (may_wait)
			(void)output_wait_for_room(o);
		output_set_send_timeout(o, may_wait);
		n = deferred_send(o->deferred, o->fd, OUTPUT_FILE_STEP);
		whole = n == OUTPUT_FILE_STEP || n == (ssize_t)next;
		o->deferred_error = n == -1 ? errno : 0;
		o->failed =
		    !whole && !output_may_go_on(o, &o->deferred_rate, n);
		if (o->failed)
			break;
		o->deferring = deferred_length(o->deferred) > 0 &&
		    (may_defer_again ? output_is_to_defer(o, whole, began)
				     : clock_now() >= until);
		if (o->deferring)
			return 1;
		may_wait = may_wait || !whole;
	}
	if (o->failed)
		return -1;
	output_drop_deferred(o);
	return 0;
}

int
output_send_deferred(struct output *o, int64_t until)
{
	return output_send_next(o, until, false);
}

void
output_take_deferred(struct output *o, const struct deferred *deferred)
{
	memcpy(make_deferred(o), deferred, deferred_size(deferred));
}

int
output_resume(struct output *o)
{
	uint64_t spilled = o->deferred->spilled;

	if (spilled > 0 && parking_keep(o->parking, spilled))
		o->kept_bytes = spilled;
	return output_send_next(o, CLOCK_NEVER, true) == -1 ? -1 : 0;
}
