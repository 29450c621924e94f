/*
 * cgi_program: runs a program as a CGI server does: in a process group of its
 * own, with nothing open but its standard streams, and with the signals and the
 * limits that a shell would give it.  It does not copy the memory of this process
 * (vfork(2)), and dies with it.
 */
#ifndef TINED_HANDLERS_CGI_PROGRAM_H
#define TINED_HANDLERS_CGI_PROGRAM_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct cgi_command {
	const char *path;      /* absolute; also its only argument */
	const char *directory; /* where it runs */
	char *const *environment;
	bool has_input; /* else its standard input is none */
	int none;	/* a descriptor of /dev/null */
};

/* One at a time. */
struct cgi_program {
	pid_t pid;     /* and its process group; 0: none runs */
	int end;       /* pidfd_open(2): ready when it has ended */
	int in;	       /* our ends of its standard streams; -1: none */
	int out, errs; /* in does not block */
	void *stack;   /* between fork and exec; owned */
};

/* Allocates what it needs. */
void cgi_program_init(struct cgi_program *p);
void cgi_program_free(struct cgi_program *p);
/* -1 with errno: that of execve(2), or of a call before. */
int cgi_program_start(struct cgi_program *p, const struct cgi_command *c);
/* Closes the end of a stream; it may be closed already. */
void cgi_program_close(int *end);
/*
 * Waits for its end until the deadline (clock.h).  True if it has ended: then all
 * is closed, and *status is as that of waitpid(2).
 */
bool cgi_program_wait(struct cgi_program *p, int64_t deadline, int *status);
/*
 * Ends it and its process group: by SIGTERM, and when it has not ended after a
 * second by SIGKILL.  Closes all.
 */
void cgi_program_kill(struct cgi_program *p);
/* Kills at once, and does nothing else: async-signal-safe. */
void cgi_program_kill_now(const struct cgi_program *p);

#endif
