/*
 * shortage: a period in which the maximum number of workers is occupied and
 * clients wait.  It begins when that has lasted for SHORTAGE_BEGINS, and ends
 * when it has been over for SHORTAGE_ENDS, so that the log has it only once.
 */
#ifndef TINED_MASTER_SHORTAGE_H
#define TINED_MASTER_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define SHORTAGE_BEGINS (100 * CLOCK_MILLISECOND)
#define SHORTAGE_ENDS (3 * CLOCK_SECOND)

struct shortage {
	int64_t since; /* its beginning; 0: there is none */
	int64_t until; /* the last time that it was seen */
	int most;      /* the largest number of clients that waited */
	bool logged;   /* SHORTAGE_HAS_BEGUN was returned */
};

enum shortage_news {
	SHORTAGE_NONE,
	SHORTAGE_HAS_BEGUN,
	SHORTAGE_HAS_ENDED, /* since, until and most describe it */
};

/* Notes whether all workers are occupied now, and how many clients wait. */
enum shortage_news shortage_note(
    struct shortage *s, bool all_occupied, int waiting, int64_t now);
/* Returns when to call shortage_note again, or CLOCK_NEVER. */
int64_t shortage_next(const struct shortage *s);

#endif
