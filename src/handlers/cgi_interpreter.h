/*
 * cgi_interpreter: what the kernel runs in order to run a program: the
 * interpreter of a script, or the dynamic loader.
 */
#ifndef TINED_HANDLERS_CGI_INTERPRETER_H
#define TINED_HANDLERS_CGI_INTERPRETER_H

#include <sys/types.h>

/* The first bytes of a program are enough. */
#define CGI_INTERPRETER_HEAD 4096
#define CGI_INTERPRETER_MAX 256

/* Paths; each may be empty. */
struct cgi_interpreter {
	char path[CGI_INTERPRETER_MAX];
	/* What env(1) looks for in PATH, in "#!/usr/bin/env NAME". */
	char name[CGI_INTERPRETER_MAX];
};

/* Reads the program that is open as fd; finds nothing in other files. */
void cgi_interpreter_find(int fd, struct cgi_interpreter *found);

#endif
