/*
 * server: the process behind --status-socket.  It answers when every worker is
 * busy and while the server stops: it serves nothing but the server's status,
 * on a Unix socket of its own, to one client after another (clients.h).
 */
#ifndef TINED_PROCESS_STATUS_SERVER_SERVER_H
#define TINED_PROCESS_STATUS_SERVER_SERVER_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * In the master, at the start: makes h->status if there is a --status-socket.
 * -1 with words in why.
 */
int status_server_open(struct inherited *h, struct buffer *why);
/* In the master, at the end. */
void status_server_close(struct inherited *h);
/*
 * Serves until SIGNAL_STOP comes or the master dies; at SIGNAL_LET_GO it closes
 * the listening sockets whose queues it shows.  Returns the exit status.
 */
int status_server_run(struct inherited *h, pid_t master);

#endif
