/*
 * daemon: runs the server in the background (daemon(7)).  The command returns
 * when the server is ready, or with its error.
 */
#ifndef TINED_CLI_DAEMON_H
#define TINED_CLI_DAEMON_H

/*
 * Forks, and returns in the child, which has a session of its own.  The parent
 * waits for daemon_ready or the end of the child, and exits.  -1 with errno.
 */
int daemon_start(void);
/* The same in the successor of a daemon, without a fork (takeover.h). */
void daemon_go_on(void);
/* Called when the server is ready: ends the parent, leaves standard streams. */
void daemon_ready(void);

/* In a worker that was forked before that: leaves standard streams, too. */
void daemon_leave(void);

#endif
