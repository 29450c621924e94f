/*
 * sd_notify: tells the service manager how it goes, by the plain protocol of
 * sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names.
 */
#ifndef TINED_OS_SD_NOTIFY_H
#define TINED_OS_SD_NOTIFY_H

#include <stdbool.h>

#include <stdint.h>

/*
 * Sends lines such as "READY=1\nSTATUS=8 workers".  Nothing happens when
 * nobody asked to be told, or does not listen any more.
 */
void sd_notify_send(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Whether anybody asked to be told. */
bool sd_notify_is_wanted(void);
/*
 * Has systemd (248 or later) started this very process, and does it wait until
 * that says READY=1, as with Type=notify?
 */
bool sd_notify_is_awaited(void);

/*
 * How often the service manager wants to hear WATCHDOG=1 of this process, in
 * nanoseconds: twice in the time after which it would kill it, as
 * sd_watchdog_enabled(3) advises.  CLOCK_NEVER: it does not ask.
 */
int64_t sd_notify_watchdog_interval(void);

#endif
