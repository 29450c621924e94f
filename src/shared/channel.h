/*
 * channel: connections on their way between processes.  A message carries a
 * descriptor (SCM_RIGHTS), what is known of its peer, and the bytes that have
 * been read from it and not been used.  A channel is a socketpair of
 * SOCK_SEQPACKET: whole messages, in order, any number of processes at each
 * end.
 */
#ifndef TINED_SHARED_CHANNEL_H
#define TINED_SHARED_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/peer.h"
#include "shared/deferred.h"

/* Bytes that fit into a message, with what else is in it; as a rule an
 * unprivileged socket takes 208 KiB. */
#define HANDOFF_BYTES_MAX (128 << 10)

/* Descriptors that a message brings: a connection, and the two of a rest. */
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
 * the next, which must have the same handoff_layout.  Whoever changes what a
 * field means raises UPGRADE_ENV_VERSION (upgrade_env.c).
 */
struct handoff {
	enum handoff_kind kind;
	bool last;	   /* of HANDOFF_SEND: it lingers after that */
	bool collected;	   /* it has been waited for already */
	bool continued;	   /* and asked for: 100 Continue was sent */
	bool chunked;	   /* HANDOFF_COLLECT: chunks, behind wanted bytes */
	uint32_t worker;   /* of HANDOFF_SEND: whose, from 1; 0: no worker's */
	uint32_t requests; /* answered on this connection so far */
	uint32_t wanted;   /* bytes, of HANDOFF_COLLECT: collect.h */
	/*
	 * Of HANDOFF_SERVE: bytes[head_start..head_end) are the head that the lot
	 * has found, so that no worker looks for it again; 0: it has found none.
	 * It is the lot's word for workers: the lot does not believe a worker, and
	 * looks for itself.
	 */
	uint32_t head_start;
	uint32_t head_end;
	int64_t since; /* clock_now() when it began to wait for a worker */
	int64_t gap;   /* nanoseconds it was parked before that */
	struct peer peer;
};

struct channel {
	int from;    /* receive here */
	int to;	     /* send here */
	size_t room; /* channel_capacity, when it was opened */
};

/* A number that changes with the place and the size of what is sent. */
uint32_t handoff_layout(void);
/* Non-blocking at both ends.  -1 with errno. */
int channel_open(struct channel *channel);
/*
 * Bytes that a message has room for, whatever else is in it: HANDOFF_BYTES_MAX,
 * or less where the kernel gives less to users who are not root
 * (net.core.wmem_default and wmem_max: socket(7)).  More is never sent.
 */
size_t channel_capacity(const struct channel *channel);
/* Both ends, of which either may be closed already. */
void channel_close(struct channel *channel);
/*
 * Sends a descriptor and, if it is HANDOFF_SEND, a rest; both stay the
 * caller's.  -1 with errno: EAGAIN when the channel is full, EMSGSIZE when it
 * is more than there is room for.
 */
int channel_send(const struct channel *channel, const struct handoff *h, int fd,
    const char *bytes, size_t len, const struct deferred *deferred);
/*
 * Whether that errno is one that passes by itself, and without an event: memory
 * is short, or a user who is not root has as many descriptors on their way as
 * files may be open (unix(7)).  The channel then looks writable, and is not.
 */
bool channel_is_choked(int error);
/* Whether a message waits to be received. */
bool channel_has_message(const struct channel *channel);
/*
 * Receives up to size bytes.  Returns the descriptor, which is then the
 * caller's, as is the rest; or -1 with errno: EAGAIN when there is none, EMFILE
 * when a connection was lost for want of descriptors, EPIPE when nobody is at
 * the other end any more, EPROTO when it is no such message.
 *
 * A sender may be a worker that was taken over: every count, index and flag is
 * checked here, and descriptors that are refused are closed.  What stays the
 * sender's word is the peer, and what kinds of files the descriptors are.
 */
int channel_receive(const struct channel *channel, struct handoff *h,
    char *bytes, size_t size, size_t *len, struct deferred *deferred);

#endif
