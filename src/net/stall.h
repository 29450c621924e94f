/*
 * stall: how long the kernel held the end of a response back, and why, judged
 * from TCP_INFO (tcp(7)) long after: when the client's next request is here, or
 * the connection ends.
 *
 * What it rests on, tried on Linux 6.18 and checked against its source:
 *
 *	the time      tcpi_last_data_sent is the time since a segment with data
 *	              left.  The time since send(2) returned, less this, is how
 *	              long the last byte stayed in the kernel.  It is counted in
 *	              ticks (CONFIG_HZ: 1 to 10 ms), as CLOCK_MONOTONIC_COARSE
 *	              is: with that clock the result is never too long, even on a
 *	              machine that stood still, and at most two ticks too short.
 *	client window tcpi_rwnd_limited grows, in ticks, while the client's window
 *	              has no room for the next segment.
 *	loss          tcpi_total_retrans, less tcpi_dsack_dups: a client that
 *	              delays an acknowledgement, or whose next request is lost,
 *	              makes the kernel send a segment again although it has
 *	              arrived (tail loss probe, RFC 8985), and says so (RFC 2883),
 *	              or asks for more before it can have come.  Such a segment
 *	              also counts as data that left, so that nothing can be told
 *	              of the time then.  The client says so when the segment
 *	              arrives, and the next request, if that is on its way
 *	              already, comes first.  So a loss is told one look later, and
 *	              a round trip after the segment was sent again.
 *	Nagle         nothing else tells it afterwards: TCP_NODELAY is off, and no
 *	              window was full.
 *	delayed       what is left waited for the congestion window.  If all fits
 *	acknowledge-  into an initial window (RFC 6928), and the network is too
 *	ment          quick for the time, then the window was a small one, and the
 *	              client delayed the acknowledgement that opens it.  The
 *	              window is to blame as well then.  Told is the delay if the
 *	              response took 20 ms longer than its round trips from a window
 *	              of one segment: half of what a client with Linux delays.
 *	cork          nothing tells TCP_CORK afterwards: what it has held back leaves
 *	              after 200 ms, which looks like a delayed acknowledgement.
 *	              So what is flushed while it is on is not to be judged.
 *
 * Not used: tcpi_last_ack_recv (each segment sets it or not, depending on the
 * path that it takes in the kernel), tcpi_rtt (delayed acknowledgements are in
 * it), tcpi_snd_cwnd (it has grown since), tcpi_unacked and tcpi_notsent_bytes (0
 * when the request is here; while they are not, pacing looks like Nagle's
 * algorithm), tcpi_sndbuf_limited.
 */
#ifndef TINED_NET_STALL_H
#define TINED_NET_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Nothing shorter is a stall: it could be a tick or two, and a gap shorter than
 * this between a response and the next request needs no look.
 */
#define STALL_MIN (10 * CLOCK_MILLISECOND)

enum stall_cause {
	STALL_NAGLE,
	STALL_DELAYED_ACK, /* with a small congestion window, without Nagle */
	STALL_CLIENT_WINDOW,
	STALL_CONGESTION_WINDOW,
	STALL_LOSS,
	STALL_CAUSES,
	STALL_NONE = STALL_CAUSES,
};

struct stall {
	enum stall_cause cause; /* STALL_NONE: the last bytes left at once */
	int64_t time;		/* nanoseconds */
};

/*
 * What is to be remembered of a connection.  It goes with the connection from
 * process to process, and a process that was taken over can write anything: there
 * is no value that a member must not have.
 */
struct stall_mark {
	int64_t
	    handed; /* when send(2) took the last byte; 0: nothing to judge */
	uint32_t bytes; /* in that send, or more */
	uint32_t held;	/* not 0: at the last look, a small part had not left */
	uint32_t gap; /* the shortest until a request, microseconds; 0: none */
	/* At the last look, of the whole connection: */
	uint32_t lost;	  /* segments sent again, and not in vain */
	uint32_t limited; /* by the client's window, milliseconds */
	uint32_t resent;  /* all segments sent again */
	/* What may have been a loss: */
	uint32_t waited; /* milliseconds; 0: there is none */
	uint32_t again;	 /* when it was sent again: milliseconds, modulo 2^32 */
};

struct tcp_info;

/* "nagle", "delayed_ack" and so on; "none". */
const char *stall_name(enum stall_cause cause);
/* Returns a sentence without its end: what to do about it. */
const char *stall_advice(enum stall_cause cause);

/* True if there may have been a loss: the next look will tell. */
bool stall_is_pending(const struct stall_mark *m);
/*
 * Looks at the socket and judges what was handed to the kernel, and a loss that is
 * pending; returns the one that took longer if both are stalls.  A part of it
 * that is smaller than a segment and has not left yet is held, and can be judged
 * later; otherwise there is nothing to judge any more.
 */
struct stall stall_look(struct stall_mark *m, int fd);

/*
 * Its parts.  Returns how long the kernel held the last byte; now is
 * clock_recent(), read before info was taken.
 */
int64_t stall_held(
    const struct stall_mark *m, const struct tcp_info *info, int64_t now);
/*
 * Judges, if all has left after that time.  nodelay: TCP_NODELAY is on.  A loss is
 * pending then.
 */
struct stall stall_judge(struct stall_mark *m, const struct tcp_info *info,
    int64_t held, bool nodelay);
/* Judges a loss that is pending, if the client can have said that it was none. */
struct stall stall_judge_loss(
    struct stall_mark *m, const struct tcp_info *info, int64_t now);

/*
 * Judges what has waited for longer than STALL_MIN and still waits.  It guesses
 * that TCP_NODELAY is off where nothing else holds a small part back.
 */
enum stall_cause stall_now(const struct tcp_info *info);

#endif
