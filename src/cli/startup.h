/*
 * startup: opens everything that a configuration needs.  On each error it
 * prints one line on standard error and exits with status 1.
 */
#ifndef TINED_CLI_STARTUP_H
#define TINED_CLI_STARTUP_H

#include "process/inherited.h"

/* Call this first: gives error messages their priority in the journal. */
void startup_prepare(void);
/* Opens directories, logs, listeners and the pid file; leaves the terminal. */
void startup_open(struct inherited *h);
/* --test: checks what it can, and prints what startup_open would serve. */
void startup_print(struct inherited *h);
/* Hooks of the master (master.h). */
void startup_ready(void);
void startup_leave(void);
void startup_give_way(struct inherited *h);
/* Closes everything, and removes the files that startup_open has created. */
void startup_close(struct inherited *h);

#endif
