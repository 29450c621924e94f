/*
 * listener: the sockets that clients connect to.  Everything that an accepted
 * socket inherits on Linux is set here, once, so that a connection costs no
 * system call for it: TCP_NODELAY (no small write ever waits for an
 * acknowledgement), SO_KEEPALIVE, SO_RCVTIMEO and SO_SNDTIMEO.
 */
#ifndef TINED_NET_LISTENER_H
#define TINED_NET_LISTENER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct listener {
	int fd;	      /* non-blocking; what it accepts is blocking */
	char *url;    /* "http://localhost:8080/", "unix:/run/x"; owned */
	char *path;   /* to remove at the end, or NULL; owned */
	dev_t device; /* of the path, as it was made */
	ino_t inode;
	bool borrowed; /* of a predecessor, who may go on with it */
	bool passed;   /* by whoever started us, who goes on with it */
};

struct listener_options {
	int backlog;		 /* 0: net.core.somaxconn */
	int64_t receive_timeout; /* nanoseconds */
	int64_t send_timeout;	 /* nanoseconds */
	int64_t defer;		 /* how long the kernel keeps silent clients */
	mode_t unix_mode;	 /* of the path of a Unix socket; 0: 0666 */
};

struct listeners {
	struct listener *at;
	size_t count;
	struct listener_options options;
};

/* Before any of the others: the options are copied. */
void listener_init(
    struct listeners *all, const struct listener_options *options);
/*
 * Listens on host:port, [v6]:port, :port or unix:PATH; a name with several
 * addresses listens on each.  -1, with words for a person in why.
 */
int listener_open(
    struct listeners *all, const char *address, struct buffer *why);
/*
 * Takes the sockets that systemd passes (sd_listen_fds(3): LISTEN_FDS,
 * LISTEN_PID, from descriptor 3).  How many there were, or -1 with why.
 */
int listener_adopt(struct listeners *all, struct buffer *why);
/* One that a predecessor has made (upgrade.h): it is borrowed. */
void listener_inherit(struct listeners *all, const struct listener *from);
/* The predecessor is gone: what was borrowed is ours. */
void listener_keep_all(struct listeners *all);
/* For what a Unix socket accepts, which inherits nothing. */
void listener_set_timeouts(const struct listeners *all, int fd);
/* False when the address cannot be one; nothing is looked up. */
bool listener_address_is_valid(const char *address);
/*
 * From now on new clients are refused, in every process, while those that the
 * kernel has greeted can still be accepted.  Passed sockets stay as they are.
 * What the kernel does not let us do is logged; false if clients still come.
 */
bool listener_stop_greeting(struct listeners *all);
/* Whether a client waits to be accepted, other than on a passed socket. */
bool listener_has_waiting(const struct listeners *all);
/* Whether one is about to join them (backlog.h). */
bool listener_is_greeting(const struct listeners *all);
/* Closes, and leaves all to a successor. */
void listener_leave_all(struct listeners *all);
/* Closes, and removes the paths of Unix sockets that were made here. */
void listener_close_all(struct listeners *all);

#endif
