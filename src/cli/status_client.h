/*
 * status_client: tined --status PATH: what a server tells on its status socket.
 */
#ifndef TINED_CLI_STATUS_CLIENT_H
#define TINED_CLI_STATUS_CLIENT_H

/* Prints it, or on standard error why not: the exit status. */
int status_client_show(const char *path);

#endif
