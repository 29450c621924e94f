/*
 * notify: tells the service manager how it goes, by the plain protocol of
 * sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names.
 */
#ifndef TINED_NOTIFY_H
#define TINED_NOTIFY_H

/*
 * Sends lines such as "READY=1\nSTATUS=8 workers".  Nothing happens when
 * nobody asked to be told, or does not listen any more.
 */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
