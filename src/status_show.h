/*
 * status_show: tined --status PATH: what a server tells on its status socket.
 */
#ifndef TINED_STATUS_SHOW_H
#define TINED_STATUS_SHOW_H

/* Prints it, or on standard error why not: the exit status. */
int status_show(const char *path);

#endif
