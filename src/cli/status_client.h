/*
 * status_client: tined --status PATH: shows the status of a running server.
 */
#ifndef TINED_CLI_STATUS_CLIENT_H
#define TINED_CLI_STATUS_CLIENT_H

#include "base/buffer.h"

/*
 * Replaces *text by the status of the server with that socket, as text.  -1 with
 * an error message in *why.
 */
int status_client_get(
    const char *path, struct buffer *text, struct buffer *why);
/*
 * Prints the status, or an error message that names the option on standard
 * error.  Returns the exit status.
 */
int status_client_show(const char *option, const char *path);

#endif
