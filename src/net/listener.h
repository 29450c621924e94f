/*
 * listener: the listening sockets.  Accepted sockets inherit their options on
 * Linux, so that a connection costs no system call for TCP_NODELAY (no small
 * write waits for an acknowledgement) and SO_KEEPALIVE.  They inherit
 * SO_RCVTIMEO and SO_SNDTIMEO too, but a worker sets these again before it
 * waits for a client (input.h, output.h), because a client whose timeouts were
 * changed could hold it for good.
 */
#ifndef TINED_NET_LISTENER_H
#define TINED_NET_LISTENER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct listener {
	int fd;	      /* non-blocking; accepted sockets are blocking */
	char *url;    /* "http://localhost:8080/", "unix:/run/x"; owned */
	char *path;   /* to remove at the end, or NULL; owned */
	dev_t device; /* of the path, when it was created */
	ino_t inode;
	bool borrowed; /* the predecessor may go on to use it */
	bool passed;   /* the service manager goes on to use it */
};

struct listener_options {
	int backlog;		 /* 0: net.core.somaxconn */
	int64_t receive_timeout; /* nanoseconds */
	int64_t send_timeout;	 /* nanoseconds */
	int64_t defer;		 /* TCP_DEFER_ACCEPT, nanoseconds */
	bool nagle;		 /* no TCP_NODELAY */
	mode_t unix_mode;	 /* of a Unix socket's path; 0: 0666 */
};

struct listeners {
	struct listener *at;
	size_t count;
	struct listener_options options;
};

/* Call this first.  Copies the options. */
void listener_init(
    struct listeners *all, const struct listener_options *options);
/*
 * Listens on an address (listen_address.h); on each one if the host has several.
 * -1 with an error message in *why.
 */
int listener_open(
    struct listeners *all, const char *address, struct buffer *why);
/*
 * Checks an address as far as possible without binding a socket: looks up the
 * host, or checks the path.  -1 with an error message in *why.
 */
int listener_check(const char *address, struct buffer *why);
/*
 * Adds the sockets that systemd passes in (passed_sockets.h).  Returns their
 * number, or -1 with an error message in *why.
 */
int listener_adopt(struct listeners *all, struct buffer *why);
/* Adds a listener of the predecessor (upgrade.h), as borrowed. */
void listener_inherit(struct listeners *all, const struct listener *from);
/* Called when the predecessor has ended: no listener is borrowed any more. */
void listener_keep_all(struct listeners *all);
/*
 * Sets the options again that a worker may change, for all who share the
 * listeners: an attacker may have taken that worker over.
 */
void listener_restore_options(const struct listeners *all);
/*
 * Called by the same: lets less of a response wait in the kernel if all large
 * responses are files, or as much as tcp_notsent_lowat of ip-sysctl does.
 */
void listener_suit_files(const struct listeners *all, bool files_only);
/* Sets the timeouts of an accepted socket; from a Unix socket it inherits none. */
void listener_set_timeouts(const struct listeners *all, int fd);
/*
 * Makes the kernel refuse new clients.  Clients in its queues can still be
 * accepted, by every process.  Does not affect passed sockets.  Logs failures;
 * false if clients can still connect.
 */
bool listener_stop_greeting(struct listeners *all);
/* True if a client waits to be accepted, except on passed sockets. */
bool listener_has_waiting(const struct listeners *all);
/* True if a client is about to complete its handshake (backlog.h). */
bool listener_is_greeting(const struct listeners *all);
/* Closes the listeners and keeps their paths, for the successor. */
void listener_leave_all(struct listeners *all);
/* Closes the listeners and removes the paths of their Unix sockets. */
void listener_close_all(struct listeners *all);

#endif
