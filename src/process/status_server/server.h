/*
 * server: the status process, for --status-socket.  It serves only the status
 * of the server, on a Unix socket of its own, to one client after another
 * (clients.h), and so responds even when all workers are busy or the server
 * stops.
 */
#ifndef TINED_PROCESS_STATUS_SERVER_SERVER_H
#define TINED_PROCESS_STATUS_SERVER_SERVER_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * In the master, at the start: opens h->status if there is a --status-socket.
 * -1 with an error message in *why.
 */
int status_server_open(struct inherited *h, struct buffer *why);
/* In the master, at the end. */
void status_server_close(struct inherited *h);
/*
 * Serves until SIGNAL_STOP arrives or the master dies.  At SIGNAL_LET_GO it
 * closes the listening sockets, whose queues it shows.  Returns the exit
 * status.
 */
int status_server_run(struct inherited *h, pid_t master);

#endif
