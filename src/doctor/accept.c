#include "doctor/checks.h"

/* The default since Linux 5.4; before it was 128: listen(2). */
#define SOMAXCONN_NOW 4096

#define FAST_OPEN_SERVER 0x2
#define FAST_OPEN_NO_COOKIE 0x200
#define FAST_OPEN_ALL 0x400 /* also of listeners that do not ask for it */

/* listen(2): a larger backlog is cut to net.core.somaxconn. */
static uint64_t
queue_length(const struct config *c, uint64_t most)
{
	return c->backlog > 0 && (uint64_t)c->backlog < most
	    ? (uint64_t)c->backlog
	    : most;
}

/*
 * The kernel drops what does not fit, and the client sends its SYN again after
 * a second (RFC 6298, 2.1), then after two more.
 */
void
check_accept_queue(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t most, length, workers = (uint64_t)c->workers.max;

	if (!host_number(h, f, "net.core.somaxconn", &most))
		return;
	length = queue_length(c, most);
	if (length < workers)
		finding_say(f, VERDICT_HURTS,
		    "the kernel lets %llu clients wait for a listener, fewer "
		    "than the %llu workers could serve: of more that come at "
		    "once, the others wait 1 s or longer",
		    (unsigned long long)length, (unsigned long long)workers);
	else if ((uint64_t)c->backlog > most)
		finding_say(f, VERDICT_COSTS,
		    "--backlog %d is cut to %llu: of more clients that come at "
		    "once, the others wait 1 s or longer",
		    c->backlog, (unsigned long long)most);
	else if (length == most && most < SOMAXCONN_NOW)
		finding_say(f, VERDICT_COSTS,
		    "the kernel lets %llu clients wait for a listener, where "
		    "%d is the default since Linux 5.4: of more that come at "
		    "once, the others wait 1 s or longer",
		    (unsigned long long)most, SOMAXCONN_NOW);
	else
		finding_say(f, VERDICT_FINE,
		    "the kernel lets %llu clients wait for each listener",
		    (unsigned long long)length);
	if (f->verdict == VERDICT_FINE)
		return;
	if (length < most && most >= workers)
		finding_mend(
		    f, "tined --backlog %llu ...", (unsigned long long)most);
	else
		finding_mend(f, "sysctl -w net.core.somaxconn=%d",
		    c->backlog > SOMAXCONN_NOW ? c->backlog : SOMAXCONN_NOW);
}

/*
 * With SYN cookies, the queue of handshakes is as long as that of the listener,
 * and tcp_max_syn_backlog is not looked at.  Without, the last quarter of it is
 * for clients that the kernel knows (tcp_conn_request() of the kernel).
 */
void
check_syn_queue(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t cookies, most;

	(void)c;
	if (!host_number(h, f, "net.ipv4.tcp_syncookies", &cookies) ||
	    !host_number(h, f, "net.ipv4.tcp_max_syn_backlog", &most))
		return;
	if (cookies == 1) {
		finding_say(f, VERDICT_FINE,
		    "SYN cookies let clients in when the queue of handshakes "
		    "is full (tcp_max_syn_backlog %llu does not count then)",
		    (unsigned long long)most);
		return;
	}
	if (cookies == 0)
		finding_say(f, VERDICT_HURTS,
		    "without SYN cookies, %llu handshakes that nobody "
		    "completes keep all new clients out (3/4 of "
		    "tcp_max_syn_backlog, %llu)",
		    (unsigned long long)(most - most / 4),
		    (unsigned long long)most);
	else
		finding_say(f, VERDICT_COSTS,
		    "SYN cookies are sent to all clients, which is for tests: "
		    "they lose TCP options such as window scaling if they send "
		    "no timestamps");
	finding_mend(f, "sysctl -w net.ipv4.tcp_syncookies=1");
}

/* ip-sysctl: "Enabling this option can harm clients of your server." */
void
check_queue_overflow(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t reset;

	(void)c;
	if (!host_number(h, f, "net.ipv4.tcp_abort_on_overflow", &reset))
		return;
	if (reset == 0) {
		finding_say(f, VERDICT_FINE,
		    "clients that find the queue full try again by themselves");
		return;
	}
	finding_say(f, VERDICT_HURTS,
	    "clients that find the queue full are reset and see an error, "
	    "where they would else try again after 1 s");
	finding_mend(f, "sysctl -w net.ipv4.tcp_abort_on_overflow=0");
}

/*
 * tined does not ask for it, as the network may deliver the data of a SYN twice
 * (RFC 7413, 2.1 and 6.1).
 */
void
check_fast_open(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t bits;

	if (!host_number(h, f, "net.ipv4.tcp_fastopen", &bits))
		return;
	if ((bits & FAST_OPEN_SERVER) == 0 || (bits & FAST_OPEN_ALL) == 0) {
		finding_say(f, VERDICT_FINE,
		    "off for tined: each new connection takes one round trip "
		    "before its request, and no request arrives twice");
		return;
	}
	if (!check_has_application(c) && (bits & FAST_OPEN_NO_COOKIE) == 0) {
		finding_say(f, VERDICT_FINE,
		    "on for all listeners (tcp_fastopen %#llx): clients that "
		    "ask for it save one round trip a connection",
		    (unsigned long long)bits);
		return;
	}
	finding_say(f, VERDICT_HURTS,
	    "tcp_fastopen %#llx is on for all listeners%s: a request that the "
	    "network delivers twice, such as a payment, is processed twice "
	    "(RFC 7413, 6.1)",
	    (unsigned long long)bits,
	    (bits & FAST_OPEN_NO_COOKIE) != 0
		? ", without cookies that prove the client's address"
		: "");
	finding_mend(f, "sysctl -w net.ipv4.tcp_fastopen=1");
}
