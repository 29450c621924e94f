/*
 * startup: from a configuration to a server that listens.  Every mistake is
 * one line on standard error, and exit status 1.
 */
#ifndef TINED_CLI_STARTUP_H
#define TINED_CLI_STARTUP_H

#include "process/inherited.h"

/* First of all: if the journal gets the mistakes, it knows them for errors. */
void startup_prepare(void);
/* Opens folders, logs, listeners and the pid file; leaves the terminal. */
void startup_open(struct inherited *h);
/* Prints what startup_open would serve, having tried what can be tried. */
void startup_print(struct inherited *h);
/* Hooks of the master (master.h). */
void startup_ready(void);
void startup_leave(void);
void startup_give_way(struct inherited *h);
/* Closes all, and removes what startup_open made. */
void startup_close(struct inherited *h);

#endif
