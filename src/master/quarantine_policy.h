/*
 * quarantine_policy: puts requests that kill workers into quarantine
 * (quarantine.h), releases them, and logs both.
 */
#ifndef TINED_MASTER_QUARANTINE_POLICY_H
#define TINED_MASTER_QUARANTINE_POLICY_H

#include "master/exit_report.h"
#include "process/inherited.h"

/* Called when a worker has died. */
void quarantine_policy_admit(struct inherited *h, const struct exit_report *o);
/* Releases requests whose time is over.  Returns when to call it again. */
int64_t quarantine_policy_discharge(struct inherited *h);

#endif
