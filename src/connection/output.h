/*
 * output: the one place that writes to clients.  What is handed in waits, so
 * that a head and its body, and the responses to all pipelined requests, leave
 * in one send; what does not fit sends what waits first.  With Nagle's
 * algorithm off nothing that was sent ever waits in the kernel for an
 * acknowledgement, and with everything ready in one send there are no small
 * packets to regret.
 *
 * When the client takes its time, and parking.h allows it, the output sends
 * no more: what is handed in from then on is added to a rest (deferred.h),
 * which the owner has sent by somebody who has the time.
 */
#ifndef TINED_CONNECTION_OUTPUT_H
#define TINED_CONNECTION_OUTPUT_H

#include <sys/uio.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/text.h"
#include "connection/parking.h"
#include "shared/deferred.h"

#define OUTPUT_BUFFER_SIZE (80 << 10)
#define OUTPUT_PARTS_MAX 64
/* Bytes of a file that are read into the buffer; a larger one is sent by
 * sendfile(2), which measures faster from here on. */
#define OUTPUT_READ_MAX (64 << 10)

/* Bytes that one client may have in memory, beside regions of files. */
#define OUTPUT_DEFER_MAX DEFERRED_SPILLED_MAX
/* A file is sent in pieces of this, so that a long one can be deferred. */
#define OUTPUT_FILE_STEP (1 << 20)
/* A client that takes what there is, but not all within this, is slow too. */
#define OUTPUT_DEFER_TIME (20 * CLOCK_MILLISECOND)

struct output {
	int fd;		 /* not owned; -1 if detached */
	int64_t timeout; /* nanoseconds; min_rate.h */
	int64_t tick;	 /* nanoseconds: the socket's SO_SNDTIMEO */
	char *buffer;	 /* owned, OUTPUT_BUFFER_SIZE */
	size_t used;	 /* of buffer */
	size_t touched;	 /* the most that was */
	struct iovec parts[OUTPUT_PARTS_MAX];
	int part_count;
	size_t waiting; /* bytes in the parts */
	uint64_t sent;	/* bytes since output_attach */
	unsigned sends; /* that ended a segment, since somebody made it 0 */
	bool corked;	/* the last send said MSG_MORE */
	/* For output_emergency: what is sent is just being changed. */
	volatile sig_atomic_t sending;
	bool failed;   /* nothing more can be sent on this connection */
	int64_t began; /* clock_now() of the first send since output_begin */

	bool deferring;		   /* what is handed in goes to the rest */
	struct deferred *deferred; /* NULL: nothing is left; owned */
	uint64_t kept_bytes;	   /* bytes in memory for it */
	/* Asked whether it may defer now; NULL: never. */
	const struct parking *parking;
};

void output_init(struct output *o, int64_t timeout, int64_t tick);
void output_free(struct output *o);
/* Between clients: if much of it was used, that takes no memory any more. */
bool output_forget(struct output *o);
void output_attach(struct output *o, int fd);

/* All of these do nothing once the output has failed. */
void output_copy(struct output *o, const char *bytes, size_t len);
/* The bytes must stay as they are until the next flush. */
void output_refer(struct output *o, const char *bytes, size_t len);
/* A file that is shorter than that fails the output. */
void output_file(struct output *o, int file, uint64_t offset, uint64_t length);
/* A response begins here: began is 0 until the next send. */
void output_begin(struct output *o);
/* Bytes since output_attach, sent, deferred or waiting: where the next is. */
uint64_t output_position(const struct output *o);
/* Sends all that waits, or defers it.  -1 once the output has failed. */
int output_flush(struct output *o);
/* Takes over what somebody else has begun to send, and owned. */
void output_take_deferred(struct output *o, const struct deferred *deferred);
/*
 * Sends the rest after all, and defers no more.  -1 if that failed: what was
 * not sent is kept until output_attach.
 */
int output_send_deferred(struct output *o);
/* Sends it as a response: the end of it may be deferred again.  -1 if failed. */
int output_resume(struct output *o);
/* Somebody else has the rest, and keeps its bytes. */
void output_pass_deferred(struct output *o);

/*
 * From the handler of a signal, in a process that ends: sends what waits before
 * that position and then, in place of what waits behind it, these bytes.
 * False if it cannot: more has been sent, or the client takes no more until
 * the deadline (clock.h).
 */
bool output_emergency(
    struct output *o, uint64_t position, struct text bytes, int64_t deadline);

/* Whether some of it is on its way, and not acknowledged (Unix: read). */
bool output_is_unsent(const struct output *o);
/*
 * Whether the kernel keeps back a last small segment, although the client has
 * room for it, until what went before it is acknowledged: Nagle's algorithm,
 * which a client's delayed acknowledgement makes a stall (TCP; else false).
 */
bool output_is_stalled(const struct output *o);

#endif
