/*
 * output: writes to clients, and is the only module that does.  Bytes wait in
 * the output, so that a head and its body, and the responses to all pipelined
 * requests, leave in one send; when it is full, it sends.  TCP_NODELAY keeps
 * the kernel from holding data back for an acknowledgement, and sending
 * everything at once avoids small packets.
 *
 * If the client is slow and parking.h allows it, the output stops sending.  All
 * further bytes become a deferred response (deferred.h), which the owner hands
 * to the lot when the handler has finished.
 *
 * output_internal.h lists its files.
 */
#ifndef TINED_CONNECTION_OUTPUT_H
#define TINED_CONNECTION_OUTPUT_H

#include <sys/uio.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/min_rate.h"
#include "base/text.h"
#include "connection/parking.h"
#include "shared/deferred.h"

#define OUTPUT_BUFFER_SIZE (80 << 10)
#define OUTPUT_PARTS_MAX 64
/* Fewer bytes are cheaper to copy than to send as a part of their own. */
#define OUTPUT_BORROW_MIN 1024
/* A file of up to this size is read into the buffer; sendfile(2) is faster for
 * larger ones. */
#define OUTPUT_READ_MAX (64 << 10)

/* The largest deferred response of one client in memory, without files. */
#define OUTPUT_DEFER_MAX DEFERRED_SPILLED_MAX
/* A file is sent in pieces of this, so that a long one can be deferred. */
#define OUTPUT_FILE_STEP (1 << 20)
/* A client that has not received everything after this time is slow. */
#define OUTPUT_DEFER_TIME (20 * CLOCK_MILLISECOND)

/* A file was shorter than the region that was to be sent. */
#define OUTPUT_FILE_ENDED (-1)

struct output {
	int fd;		 /* not owned; -1 if detached */
	int64_t timeout; /* nanoseconds; min_rate.h */
	int64_t tick;	 /* nanoseconds: SO_SNDTIMEO of a send that waits */
	int64_t send_timeout; /* SO_SNDTIMEO; 0: not set here yet */
	char *buffer;	      /* owned, OUTPUT_BUFFER_SIZE */
	size_t used;	      /* bytes of buffer */
	size_t touched;	      /* the largest used so far */
	struct iovec parts[OUTPUT_PARTS_MAX];
	int part_count;
	size_t waiting; /* bytes in the parts */
	bool borrows;	/* some of them: output_borrow */
	uint64_t sent;	/* bytes since output_attach */
	unsigned sends; /* sends without MSG_MORE; reset by accounting.c */
	bool corked;	/* the last send had MSG_MORE */
	/* For output_emergency: the other members are being changed. */
	volatile sig_atomic_t sending;
	bool failed;	/* nothing more can be sent on this connection */
	int file_error; /* because of a file: errno, or OUTPUT_FILE_ENDED */
	/* clock_now() of the first send since output_begin; 0: none yet, or the
	 * access log does not show it. */
	int64_t began;
	bool times_first_send;
	bool nagle; /* the socket has no TCP_NODELAY, and gets it back */

	bool deferring;		       /* further bytes go to deferred */
	struct deferred *deferred;     /* NULL: none; owned */
	uint64_t kept_bytes;	       /* its bytes in memory */
	int deferred_error;	       /* of its last send: errno, or 0 */
	struct min_rate deferred_rate; /* at which it is sent here */
	struct min_rate catch_up_rate; /* and by output_catch_up */
	/* Decides whether it may defer; NULL: never. */
	const struct parking *parking;
};

void output_init(struct output *o, int64_t timeout, int64_t tick);
void output_free(struct output *o);
/* Between clients: releases the memory of the buffer, if much was used. */
bool output_forget(struct output *o);
void output_attach(struct output *o, int fd);

/* These do nothing once the output has failed.  Adds a copy of bytes. */
void output_copy(struct output *o, const char *bytes, size_t len);
/* Adds bytes that the caller keeps unchanged until the next flush. */
void output_refer(struct output *o, const char *bytes, size_t len);
/*
 * Adds bytes that the caller keeps unchanged until it serves the next request.
 * Copies them if they are few; otherwise output_borrows is true until they are
 * sent, which a flush before that request must do.
 */
void output_borrow(struct output *o, const char *bytes, size_t len);
bool output_borrows(const struct output *o);
/* Adds a region of a file; if the file is shorter, the output fails. */
void output_file(struct output *o, int file, uint64_t offset, uint64_t length);
/* Begins a response: began becomes 0 until the next send. */
void output_begin(struct output *o);
/* Returns the number of bytes added since output_attach. */
uint64_t output_position(const struct output *o);
/*
 * Sends all waiting bytes, or defers them.  If the response must leave at once
 * (parking.h), sends what was deferred of it, too.  -1 once the output has
 * failed.
 */
int output_flush(struct output *o);
/*
 * Sends as much of the deferred response as the client has room for, without
 * waiting: for a response to which the handler still adds.
 */
void output_catch_up(struct output *o);
/* Takes over a deferred response from the lot. */
void output_take_deferred(struct output *o, const struct deferred *deferred);
/*
 * Sends the deferred response here, without deferring again, until it is sent
 * (0) or that time has come (1; clock.h).  On failure returns -1 and keeps the
 * rest until output_attach.
 */
int output_send_deferred(struct output *o, int64_t until);
/* Sends the deferred response; may defer its end again.  -1 on failure. */
int output_resume(struct output *o);
/* Called when the lot has the deferred response and counts its bytes. */
void output_pass_deferred(struct output *o);

/*
 * Called by a signal handler in a process that ends: sends the waiting bytes
 * before position, and then bytes in place of those after it.  False if more
 * than that has been sent already, or if the client does not receive them
 * before the deadline (clock.h).
 */
bool output_emergency(
    struct output *o, uint64_t position, struct text bytes, int64_t deadline);

/* True if the client has not acknowledged (Unix: read) everything. */
bool output_is_unsent(const struct output *o);

#endif
