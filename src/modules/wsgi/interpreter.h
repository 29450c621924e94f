/*
 * interpreter: the one interpreter of a process, which all mounts of this module
 * share.  Only the thread that the server calls uses these functions.
 */
#ifndef TINED_MODULES_WSGI_INTERPRETER_H
#define TINED_MODULES_WSGI_INTERPRETER_H

#include "modules/wsgi/python.h"

#include <stdbool.h>

/*
 * Initializes Python, in the virtual environment home unless that is NULL.  If it
 * was initialized before this process was forked, makes it fit for this process.
 * The caller then holds the GIL.  -1 with a message in *why, which is static; also
 * if it was initialized with another home.
 */
int interpreter_begin(const char *home, const char **why);
/* Ends it: joins threads, runs atexit functions.  The caller holds the GIL. */
void interpreter_end(void);

/*
 * Lets other threads run: releases the GIL if there are any.  Returns what
 * interpreter_resume needs to go on.
 */
PyThreadState *interpreter_pause(void);
void interpreter_resume(PyThreadState *paused);
/*
 * Between requests, where the server's code runs: other threads run always, as
 * one that Python does not know yet would have to wait for the next request.
 */
void interpreter_leave(void);
void interpreter_enter(void);
/*
 * In the master, until interpreter_begin: keeps the GIL, so that no other thread
 * runs when the server forks, and keeps Python's rules of forking then.
 */
void interpreter_rest(void);

/* True in the thread that the server calls, while it calls the application. */
bool interpreter_is_entered(void);
/*
 * Ends this process if the application has forked it: it has come back from the
 * application, perhaps with an exception, and is no worker.  To be called behind
 * each call of the application's code.
 */
void interpreter_end_fork(void);

/* Writes the tracebacks of all threads: async-signal-safe. */
void interpreter_dump(int fd);

#endif
