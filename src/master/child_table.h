/*
 * child_table: the kinds of child processes, one row each: the function that it
 * runs, what it keeps and may write, how it is told to end, and what the master
 * clears after its end.  The successor has no row: it is another program, and
 * not a child of the master (successor.h).
 */
#ifndef TINED_MASTER_CHILD_TABLE_H
#define TINED_MASTER_CHILD_TABLE_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "process/inherited.h"

enum child_kind {
	CHILD_WORKER,
	CHILD_LOT,
	CHILD_STATUS, /* behind --status-socket */
	CHILD_KINDS
};

struct child_row {
	const char *name; /* in the log */
	/* Runs in the new process; returns its exit status. */
	int (*run)(struct inherited *h, size_t slot, pid_t master);
	/* Whether there must be one; NULL: the pool decides how many. */
	bool (*is_wanted)(const struct inherited *h);
	/* True until it is ready to serve; NULL: always ready. */
	bool (*is_starting)(const struct inherited *h, size_t slot);
	enum scoreboard_writer writer; /* what it may write */
	bool keeps_status_socket;
	bool opens_files;	  /* below the mounted directories */
	bool shows_status;	  /* with what the kernel says of clients */
	int stop;		  /* the signal to end it; 0: SIGNAL_STOP */
	enum score_event started; /* counts its starts; SCORE_EVENTS: none */
	/*
	 * Where the number of its logs is (log_follow.h), and whether it writes
	 * to those of h; NULL: it has no logs.
	 */
	atomic_uint *(*logs)(const struct inherited *h, size_t slot);
	bool (*has_followed)(const struct inherited *h, size_t slot);
	/*
	 * Run in the master before its start and after its end; or NULL.  If
	 * the start fails, clear undoes prepare, and is not run without it.
	 */
	void (*prepare)(struct inherited *h, size_t slot);
	void (*clear)(struct inherited *h, size_t slot);
	const char *loss; /* what the log says after its cause of death */
};

extern const struct child_row child_table[CHILD_KINDS];

/*
 * In a new process: closes the ends of channels that its kind does not keep,
 * and gives up what it may not write.  -1 with errno.
 */
int child_table_confine(enum child_kind kind, struct inherited *h, size_t slot);

#endif
