/*
 * state: what the parts of the lot share.  lot.c is the process and its
 * loop; gate.c lets connections in and out; io.c is what happens to
 * them in between; migrate.c sends them to another lot.
 */
#ifndef TINED_PROCESS_LOT_STATE_H
#define TINED_PROCESS_LOT_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "process/inherited.h"
#include "process/lot/client_share.h"
#include "process/lot/parked.h"
#include "shared/accept_backoff.h"

/* Descriptors beyond what there is room for: what workers park then. */
#define LOT_RESERVE 32

struct lot {
	struct inherited *inherited;
	struct parked_all parked;
	struct client_share client_share;
	int wake;	    /* an eventfd: a signal came */
	size_t max;	    /* descriptors of clients */
	size_t channel_max; /* of them, on their way to workers */
	size_t room;	    /* bytes that are kept of a connection */
	bool told_full;
	bool held_off; /* there is no room for more */
	struct accept_backoff backoff;
	int64_t backoff_until; /* clock_now(): then it is tried again */
	bool channel_is_full;
	bool channel_is_choked; /* it is not, and takes no more: channel.h */
	bool stopping;
	bool moving;	/* to the lot of a successor */
	bool drained;	/* when it stops: no more comes for workers */
	int64_t relief; /* clock_now(): not before: lot_relieve_workers */
	int64_t handed; /* clock_now() when the last went to a worker */
	int64_t least;	/* clock_now(): it does not end before */
	int64_t end;	/* deadline (clock.h): no more is sent after it */
	char *scratch;	/* for bytes of a message, or from a socket */
};

/* All sources of connections are watched; -1 with errno. */
int lot_watch_sources(struct lot *lot);
/* The same, now or as soon as it can be done. */
void lot_open_sources(struct lot *lot);
/* When one of them is ready. */
void lot_take_from(struct lot *lot, const struct channel *channel);
void lot_accept_all(struct lot *lot);
/* Others may want the port while responses are still sent here. */
void lot_close_listeners(struct lot *lot);
/* Sends away those that take it, until the rest is within its bound. */
void lot_make_memory(struct lot *lot);
/* When there is room again, what waits in the kernel is taken in. */
void lot_go_on_if_possible(struct lot *lot);
/* To workers: in the order of their arrival, as many as the channel takes. */
void lot_hand_over_ready(struct lot *lot);
/*
 * When that is to be done again even if nothing happens (clock.h): what a
 * worker took with it when it was killed must not count as somebody's share for
 * ever.
 */
int64_t lot_settle_deadline(const struct lot *lot);

/*
 * After a channel was sent to: it has taken all (0), or the errno by which it
 * did not.  It is watched, or tried again after a pause.
 */
void lot_wait_for_channel(
    struct lot *lot, const struct channel *channel, int error);

/*
 * While no worker is free, and the lot has no room for what they could leave
 * to it, the slowest reader has to go.  When to look again (clock.h).
 */
int64_t lot_relieve_workers(struct lot *lot);

/* From now on no connection is for the workers here. */
void lot_begin_move(struct lot *lot);
/* Nobody is there to take them: what is on its way comes back. */
void lot_end_move(struct lot *lot);
/* As many as the channel takes. */
void lot_move(struct lot *lot);

/* What came with a connection may be all that it waits for. */
void lot_look_at_bytes(struct lot *lot, struct parked *b);
/* A client does not take its response, or may not go on. */
void lot_give_up_sending(struct lot *lot, struct parked *b, const char *why);
/* When its descriptor is ready. */
void lot_act_on_parked(struct lot *lot, struct parked *b);
/* When its time is over. */
void lot_expire(struct lot *lot, struct parked *b);

#endif
