/*
 * sd_notify: notifies the service manager by the protocol of sd_notify(3):
 * datagrams to the socket in NOTIFY_SOCKET.
 */
#ifndef TINED_OS_SD_NOTIFY_H
#define TINED_OS_SD_NOTIFY_H

#include <stdbool.h>

#include <stdint.h>

/*
 * Sends lines such as "READY=1\nSTATUS=8 workers".  Does nothing if there is no
 * NOTIFY_SOCKET, or if nobody listens on it.
 */
void sd_notify_send(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* True if there is a NOTIFY_SOCKET. */
bool sd_notify_is_wanted(void);
/*
 * True if systemd (248 or later) has started this very process and waits for
 * its READY=1, as with Type=notify.
 */
bool sd_notify_is_awaited(void);

/*
 * Returns the interval in nanoseconds at which this process sends WATCHDOG=1:
 * half the time after which the service manager would kill it, as
 * sd_watchdog_enabled(3) advises.  CLOCK_NEVER if there is no watchdog.
 */
int64_t sd_notify_watchdog_interval(void);

#endif
