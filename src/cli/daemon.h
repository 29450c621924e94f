/*
 * daemon: leaving the terminal (daemon(7)).  The command returns only when the
 * server serves, or with its error.
 */
#ifndef TINED_CLI_DAEMON_H
#define TINED_CLI_DAEMON_H

/*
 * Forks; returns in the child, which has a session of its own.  The parent
 * waits until daemon_ready or the end of the child, and exits.  -1 with errno.
 */
int daemon_start(void);
/* The same, in the successor of one that has left it already (takeover.h). */
void daemon_go_on(void);
/* The server serves: the parent may go, standard streams are let go of. */
void daemon_ready(void);

/* In a worker that was forked before that: lets go of the same things. */
void daemon_leave(void);

#endif
