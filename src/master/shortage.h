/*
 * shortage: an episode in which all workers that may be are occupied, and
 * clients wait.  It begins when that has lasted for a moment, and ends when it
 * has been over for a while, so that it is told once, however it flaps.
 */
#ifndef TINED_MASTER_SHORTAGE_H
#define TINED_MASTER_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define SHORTAGE_BEGINS (100 * CLOCK_MILLISECOND)
#define SHORTAGE_ENDS (3 * CLOCK_SECOND)

struct shortage {
	int64_t since; /* it is so; 0: it is not */
	int64_t until; /* it was so the last time */
	int most;      /* clients who waited at a time */
	bool logged;   /* it has begun */
};

enum shortage_news {
	SHORTAGE_NONE,
	SHORTAGE_HAS_BEGUN,
	SHORTAGE_HAS_ENDED, /* since, until and most tell of it now */
};

/* What was seen now: how many clients wait, while all are occupied. */
enum shortage_news shortage_note(
    struct shortage *s, bool all_occupied, int waiting, int64_t now);
/* When it wants to be told again, or CLOCK_NEVER. */
int64_t shortage_next(const struct shortage *s);

#endif
