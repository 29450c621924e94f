/*
 * quarantine_policy: puts requests that kill workers into quarantine
 * (quarantine.h), lets them out again, and says so in the log.
 */
#ifndef TINED_MASTER_QUARANTINE_POLICY_H
#define TINED_MASTER_QUARANTINE_POLICY_H

#include "master/exit_report.h"
#include "process/inherited.h"

/* A worker has died. */
void quarantine_policy_admit(struct inherited *h, const struct exit_report *o);
/* Lets out what has been there for its time.  When to come again (clock.h). */
int64_t quarantine_policy_discharge(struct inherited *h);

#endif
