#include <string.h>

#include "doctor/checks.h"
#include "net/listen_address.h"

/* The kernel's own range, 32768 to 60999: ip-sysctl. */
#define PORTS_USUAL 28232
/* TCP_TIMEWAIT_LEN of the kernel, in seconds; no setting changes it. */
#define TIME_WAIT_SECONDS 60
/* tcp_tw_reuse: 1 for all addresses, 2 for this host only. */
#define REUSE_ALL 1
/* tcp_tw_reuse_delay, milliseconds, as it was before it became a setting. */
#define REUSE_DELAY 1000

struct port_range {
	uint64_t first, last;
};

/* "8080,9148-9150"; false at the end. */
static bool
next_range(struct text *list, struct port_range *range)
{
	struct text element, first;
	const char *dash;

	while (text_next_element(list, &element)) {
		dash = memchr(element.at, '-', element.len);
		first = element;
		if (dash != NULL)
			first.len = (size_t)(dash - element.at);
		if (!text_to_number(first, UINT16_MAX, &range->first))
			continue;
		range->last = range->first;
		if (dash == NULL ||
		    text_to_number(
			(struct text){dash + 1, element.len - first.len - 1},
			UINT16_MAX, &range->last))
			return true;
	}
	return false;
}

static bool
ports_is_reserved(struct text list, uint64_t port)
{
	struct port_range range;

	while (next_range(&list, &range))
		if (port >= range.first && port <= range.last)
			return true;
	return false;
}

/* The ports that the kernel gives to connections, and the reserved ones. */
static bool
read_ports(const struct host *h, struct finding *f, struct port_range *range,
    struct buffer *reserved)
{
	uint64_t ends[2];

	if (!host_numbers(h, f, "net.ipv4.ip_local_port_range", ends, 2) ||
	    !host_line(h, f, "net.ipv4.ip_local_reserved_ports", reserved))
		return false;
	*range = (struct port_range){ends[0], ends[1]};
	return true;
}

static uint64_t
count_ports(const struct port_range *range, struct text reserved)
{
	uint64_t count = 0;

	for (uint64_t p = range->first; p <= range->last; p++)
		count += !ports_is_reserved(reserved, p);
	return count;
}

/* Connections that one address can take from this host, a second. */
static uint64_t
ports_rate_of(const struct host *h, uint64_t ports)
{
	uint64_t delay;

	if (host_number_or(h, "net.ipv4.tcp_tw_reuse", 0) != REUSE_ALL)
		return ports / TIME_WAIT_SECONDS;
	delay = host_number_or(h, "net.ipv4.tcp_tw_reuse_delay", REUSE_DELAY);
	return ports * 1000 / (delay > 0 ? delay : 1);
}

/*
 * The side that closes a connection first keeps it in TIME_WAIT (RFC 9293,
 * 3.6.1), and its port cannot be used towards the same address and port.
 */
void
check_ports(const struct host *h, const struct config *c, struct finding *f)
{
	struct buffer reserved = {0};
	struct port_range range;
	unsigned long long ports, rate;

	if (!read_ports(h, f, &range, &reserved)) {
		buffer_free(&reserved);
		return;
	}
	ports = count_ports(&range, buffer_text(&reserved));
	rate = ports_rate_of(h, ports);
	buffer_free(&reserved);
	if (ports >= PORTS_USUAL) {
		finding_say(f, VERDICT_FINE,
		    "%llu: this host can open %llu connections a second to one "
		    "address and port, if it is the one to close them",
		    ports, rate);
		return;
	}
	finding_say(f, check_has_application(c) ? VERDICT_HURTS : VERDICT_COSTS,
	    "%llu, where %d are usual: this host can open %llu connections a "
	    "second to one address and port, if it is the one to close them; "
	    "more fail with EADDRNOTAVAIL",
	    ports, PORTS_USUAL, rate);
	finding_mend(f, "sysctl -w net.ipv4.ip_local_port_range='32768 60999'");
}

/* ip-sysctl: what exceeds tcp_max_tw_buckets is destroyed at once. */
void
check_time_wait(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t most, now;

	(void)c;
	if (!host_number(h, f, "net.ipv4.tcp_max_tw_buckets", &most))
		return;
	if (!host_find(h, "/proc/net/sockstat", "TCP:", "tw", &now)) {
		finding_cannot_read(f, "/proc/net/sockstat");
		return;
	}
	if (!check_is_nearly_full(now, most) && most >= PORTS_USUAL) {
		finding_say(f, VERDICT_FINE,
		    "%llu connections wait, of %llu that may: enough for %llu "
		    "that this host closes a second",
		    (unsigned long long)now, (unsigned long long)most,
		    (unsigned long long)most / TIME_WAIT_SECONDS);
		return;
	}
	finding_say(f, VERDICT_COSTS,
	    "%llu connections wait, of %llu that may: if this host closes more "
	    "than %llu a second, it forgets them early, and late packets may "
	    "disturb new ones (RFC 1337)",
	    (unsigned long long)now, (unsigned long long)most,
	    (unsigned long long)most / TIME_WAIT_SECONDS);
	finding_mend(f, "sysctl -w net.ipv4.tcp_max_tw_buckets=%llu",
	    (unsigned long long)(most < PORTS_USUAL ? 1 << 16 : 2 * most));
}

/* Returns the first port to listen on that a connection may have; 0: none. */
static uint64_t
find_exposed(const struct config *c, const struct port_range *range,
    struct text reserved)
{
	for (size_t i = 0; i < c->listen.count; i++) {
		struct listen_address a;
		uint64_t port;

		if (listen_address_parse(c->listen.at[i], &a) != NULL ||
		    a.path != NULL ||
		    !text_to_number(text_of(a.port), UINT16_MAX, &port))
			continue;
		if (port >= range->first && port <= range->last &&
		    !ports_is_reserved(reserved, port))
			return port;
	}
	return 0;
}

void
check_listen_ports(
    const struct host *h, const struct config *c, struct finding *f)
{
	struct buffer reserved = {0};
	struct port_range range;
	unsigned long long port;

	if (read_ports(h, f, &range, &reserved)) {
		port = find_exposed(c, &range, buffer_text(&reserved));
		if (port == 0)
			finding_say(f, VERDICT_FINE,
			    "the kernel gives none of them to a connection");
		else {
			finding_say(f, VERDICT_HURTS,
			    "the kernel may give port %llu to a connection of "
			    "any program, and tined cannot start then",
			    port);
			finding_mend(f,
			    "sysctl -w "
			    "net.ipv4.ip_local_reserved_ports=%s%s%llu",
			    buffer_string(&reserved),
			    reserved.len > 0 ? "," : "", port);
		}
	}
	buffer_free(&reserved);
}
