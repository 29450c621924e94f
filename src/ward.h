/*
 * ward: puts requests that kill workers into quarantine (quarantine.h), lets
 * them out again, and says so in the log.
 */
#ifndef TINED_WARD_H
#define TINED_WARD_H

#include "heritage.h"
#include "obituary.h"

/* A worker has died. */
void ward_admit(struct heritage *h, const struct obituary *o);
/* Lets out what has been there for its time.  When to come again (clock.h). */
int64_t ward_discharge(struct heritage *h);

#endif
