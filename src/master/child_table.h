/*
 * child_table: the kinds of processes that the master starts, one row each: how
 * such a process is run, what it keeps of what it inherits, what it may write,
 * how it is asked to end, and what is cleared when it has ended.  The successor
 * has no row: it is another program, and no child of the master (successor.h).
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
	/* In the new process: returns its exit status. */
	int (*run)(struct inherited *h, size_t slot, pid_t master);
	/* Whether there is to be one; NULL: the pool says how many. */
	bool (*is_wanted)(const struct inherited *h);
	/* Whether it has not come as far as to serve; NULL: never. */
	bool (*is_starting)(const struct inherited *h, size_t slot);
	enum scoreboard_writer writer; /* what it may write */
	bool keeps_status_socket;
	bool opens_files;	  /* below the folders that are mounted */
	bool shows_status;	  /* with what the kernel says of clients */
	int stop;		  /* asks it to end; 0: SIGNAL_STOP */
	enum score_event started; /* what is counted then, or SCORE_EVENTS */
	/* The notice of the logs that it has followed; NULL: it has no logs. */
	atomic_uint *(*logs)(const struct inherited *h, size_t slot);
	/* Before it is started, and when it has ended; NULL: nothing. */
	void (*prepare)(struct inherited *h, size_t slot);
	void (*clear)(struct inherited *h, size_t slot);
	const char *loss; /* for the log, behind how it failed */
};

extern const struct child_row child_table[CHILD_KINDS];

/*
 * In a new process: closes the ends of channels that its kind does not keep,
 * and gives up what it may not write.  -1 with errno.
 */
int child_table_confine(enum child_kind kind, struct inherited *h, size_t slot);

#endif
