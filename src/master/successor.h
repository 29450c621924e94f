/*
 * successor: the new master that this master starts in an upgrade.  An
 * intermediate process is its parent and reports how it ended, until it is
 * ready.  Then the intermediate process ends, and the successor becomes a child
 * of process 1 or of the nearest subreaper (PR_SET_CHILD_SUBREAPER in
 * prctl(2)), because a service manager follows only its own children.  This
 * master signals and watches it by a descriptor (pidfd_open(2)), as its process
 * ID may be reused.
 */
#ifndef TINED_MASTER_SUCCESSOR_H
#define TINED_MASTER_SUCCESSOR_H

#include <sys/types.h>

#include <stdbool.h>

#define SUCCESSOR_STATUS_UNKNOWN (-1)

struct successor {
	pid_t pid;	    /* 0: there is none, and no other member is valid */
	int process;	    /* its pidfd */
	pid_t intermediate; /* the intermediate process; 0: it has ended */
	int line;	    /* a socket to that; -1: closed */
	int talk;	    /* a socket to the successor; -1: closed */
	int errors;	    /* reads its standard error; -1: closed */
	bool ended;
	int status; /* of waitpid(2), or SUCCESSOR_STATUS_UNKNOWN */
};

/* The successor's ends, which are close-on-exec. */
struct successor_ends {
	int talk;
	int errors;
};

/*
 * Starts a successor, which calls run as soon as the caller can signal it.  run
 * must not return.  -1 with errno.
 */
int successor_start(struct successor *s,
    void (*run)(const struct successor_ends *ends, void *arg), void *arg);
/* Sets ended and status if it has ended. */
void successor_look(struct successor *s);
/*
 * Returns a descriptor that is readable when it has ended; -1 if ended is set.
 */
int successor_poll(const struct successor *s);
/* Sends it a signal, unless it has ended. */
void successor_signal(const struct successor *s, int signo);
/* Ends the intermediate process, so that the successor gets a new parent. */
void successor_release(struct successor *s);
/* Called for each process reaped: it may be the intermediate process. */
void successor_note_reaped(struct successor *s, pid_t pid);
/* Closes all descriptors; afterwards there is no successor. */
void successor_forget(struct successor *s);
/* Closes the sockets to it. */
void successor_hang_up(struct successor *s);
/* In a child of this process: closes the descriptors. */
void successor_leave(const struct successor *s);

#endif
