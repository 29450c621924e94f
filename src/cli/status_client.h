/*
 * status_client: tined --status PATH: shows the status of a running server.
 */
#ifndef TINED_CLI_STATUS_CLIENT_H
#define TINED_CLI_STATUS_CLIENT_H

/*
 * Prints the status, or an error on standard error.  Returns the exit status.
 */
int status_client_show(const char *path);

#endif
