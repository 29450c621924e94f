/*
 * channel: passes connections between processes.  A message contains the
 * descriptor (SCM_RIGHTS), the state of the connection, and bytes that were
 * received but not used.  A channel is a SOCK_SEQPACKET socket pair: it keeps
 * messages whole and in order, and any number of processes can use each end.
 */
#ifndef TINED_SHARED_CHANNEL_H
#define TINED_SHARED_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/peer.h"
#include "net/stall.h"
#include "shared/deferred.h"
#include "shared/loan.h"

/* Bytes that fit into a message, with what else is in it; as a rule an
 * unprivileged socket takes 208 KiB. */
#define HANDOFF_BYTES_MAX (128 << 10)

/* Descriptors of a message: the connection, and two of a deferred response. */
#define HANDOFF_DESCRIPTORS_MAX 3

enum handoff_kind {
	HANDOFF_WAIT,	   /* to the lot: until a request has come */
	HANDOFF_COLLECT,   /* to the lot: until its content has come */
	HANDOFF_SEND,	   /* the rest of a response, then on; to a worker:
			  * its next bytes must be waited for on a disk */
	HANDOFF_LINGER,	   /* to the lot: until the client closes */
	HANDOFF_SERVE,	   /* to a worker: what has come wants an answer */
	HANDOFF_TIMED_OUT, /* to a worker: it took too long, answer 408 */
};

/*
 * An upgrade sends it, and struct deferred, from one version of the program to
 * the next, which must have the same handoff_layout.  A change of the meaning of
 * a field needs a new UPGRADE_ENV_VERSION (upgrade_env.c).
 */
struct handoff {
	enum handoff_kind kind;
	bool close_after;  /* HANDOFF_SEND: linger and close after it */
	bool collected;	   /* the lot has waited for its content */
	bool continued;	   /* 100 Continue was sent */
	bool chunked;	   /* HANDOFF_COLLECT: chunks after wanted bytes */
	bool recalled;	   /* another worker may have a copy of it: loan.h */
	uint32_t worker;   /* HANDOFF_SEND: the worker, from 1; 0: none */
	uint32_t requests; /* answered on this connection so far */
	uint32_t wanted;   /* bytes, of HANDOFF_COLLECT: collect.h */
	/*
	 * Of HANDOFF_SERVE: bytes[head_start..head_end) are the head that the
	 * lot has found, so that no worker looks for it again; 0: it has found
	 * none.  It is the lot's word for workers: the lot does not believe a
	 * worker, and looks for itself.
	 */
	uint32_t head_start;
	uint32_t head_end;
	/*
	 * To a worker: place 0: it is no loan, but given away.  From a worker: the
	 * loan that this was, so that the lot closes its other descriptor.
	 */
	struct loan_name loan;
	int64_t since; /* clock_now() when it began to wait for a worker */
	int64_t gap;   /* how long it was parked before that, nanoseconds */
	struct stall_mark stall; /* of its last response */
	struct peer peer;
};

struct channel {
	int from;    /* receive here */
	int to;	     /* send here */
	size_t room; /* channel_capacity, when it was opened */
};

/* Returns a number that changes with the layout of messages. */
uint32_t handoff_layout(void);
/* Opens a channel, non-blocking at both ends.  -1 with errno. */
int channel_open(struct channel *channel);
/*
 * Returns the largest number of bytes in a message: HANDOFF_BYTES_MAX, or less
 * if the kernel allows less to an ordinary user (net.core.wmem_default and
 * wmem_max: socket(7)).
 */
size_t channel_capacity(const struct channel *channel);
/*
 * Sends a connection and, if it is HANDOFF_SEND, a deferred response.  The
 * caller keeps both.  -1 with errno: EAGAIN if the channel is full, EMSGSIZE if
 * the message is too large.
 */
int channel_send(const struct channel *channel, const struct handoff *h, int fd,
    const char *bytes, size_t len, const struct deferred *deferred);
/*
 * True if that errno is temporary, but no event tells its end: memory is short,
 * or an ordinary user has as many descriptors on their way as its limit on open
 * files allows (unix(7)).  The channel then polls as writable, but is not.
 */
bool channel_is_choked(int error);
/* True if a message waits to be received. */
bool channel_has_message(const struct channel *channel);
/*
 * Receives a connection, with up to size bytes.  Returns its descriptor, which
 * the caller then owns, like the deferred response.  -1 with errno: EAGAIN if
 * there is no message, EMFILE if a connection was lost for lack of descriptors,
 * EPIPE if the other end is closed, EPROTO if the message is invalid.
 *
 * The sender may be a worker that was taken over.  This function checks every
 * count, index and flag, and closes descriptors that it refuses.  It does not
 * check the peer, and the file types of the descriptors.
 */
int channel_receive(const struct channel *channel, struct handoff *h,
    char *bytes, size_t size, size_t *len, struct deferred *deferred);

#endif
