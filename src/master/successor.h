/*
 * successor: a master that this one has started, to take its place.  It is a
 * child of a process between the two, which tells how it ended, until it is
 * ready; then that process ends, and the successor is a child of process 1, or
 * of the nearest subreaper (PR_SET_CHILD_SUBREAPER in prctl(2)): a service
 * manager follows only its own children.  As its number may be another's one
 * day, it is signalled and watched by a descriptor (pidfd_open(2)).
 */
#ifndef TINED_MASTER_SUCCESSOR_H
#define TINED_MASTER_SUCCESSOR_H

#include <sys/types.h>

#include <stdbool.h>

#define SUCCESSOR_STATUS_UNKNOWN (-1)

struct successor {
	pid_t pid;     /* 0: there is none, and no other field counts */
	int process;   /* the descriptor of it */
	pid_t between; /* its parent for now; 0: that one has ended */
	int line;      /* to that one; -1: closed */
	int talk;      /* to the successor; -1: closed */
	int errors;    /* what it writes to standard error; -1: closed */
	bool ended;
	int status; /* of waitpid(2), or SUCCESSOR_STATUS_UNKNOWN */
};

/* The ends of the successor, which are closed by execve(2). */
struct successor_ends {
	int talk;
	int errors;
};

/*
 * Starts one that calls run, which must not return.  It does so only when the
 * caller is able to signal it.  -1 with errno.
 */
int successor_start(struct successor *s,
    void (*run)(const struct successor_ends *ends, void *arg), void *arg);
/* Sets ended and status, when it has ended. */
void successor_look(struct successor *s);
/* A descriptor that is readable when it has ended; -1 when that is known. */
int successor_poll(const struct successor *s);
/* Nothing happens if it has ended. */
void successor_signal(const struct successor *s, int signo);
/* It is no child of ours in any way when this returns. */
void successor_release(struct successor *s);
/* waitpid(2) has returned this number: it may be the process between. */
void successor_note_reaped(struct successor *s, pid_t pid);
/* Of one that was started: closes everything, and there is none. */
void successor_forget(struct successor *s);
/* Closes the lines to it, when all is said. */
void successor_hang_up(struct successor *s);
/* In a child of this process: closes what is not the child's. */
void successor_leave(const struct successor *s);

#endif
