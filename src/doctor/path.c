#include <string.h>

#include "doctor/checks.h"
#include "doctor/slow_start.h"

/* What a route that says nothing has: RFC 6928. */
static bool
is_small(uint32_t window)
{
	return window > 0 && window < SLOW_START_WINDOW;
}

static const struct links_route *
find_smallest(const struct links *l)
{
	const struct links_route *worst = NULL;

	for (size_t i = 0; i < l->route_count; i++)
		if (is_small(l->routes[i].window) &&
		    (worst == NULL || l->routes[i].window < worst->window))
			worst = &l->routes[i];
	for (size_t i = 0; worst == NULL && i < l->route_count; i++)
		if (is_small(l->routes[i].receive_window))
			worst = &l->routes[i];
	return worst;
}

void
check_initial_windows(
    const struct host *h, const struct config *c, struct finding *f)
{
	const struct links *l = &h->links;
	const struct links_route *r = find_smallest(l);
	const char *what = "initcwnd";
	uint32_t window;

	(void)c;
	if (l->route_error != 0) {
		finding_say(f, VERDICT_UNKNOWN,
		    "the kernel does not tell its routes: %s",
		    strerror(l->route_error));
		return;
	}
	if (r == NULL) {
		finding_say(f, VERDICT_FINE,
		    "no route begins connections with fewer than %d segments",
		    SLOW_START_WINDOW);
		return;
	}
	window = r->window;
	if (!is_small(window)) {
		what = "initrwnd";
		window = r->receive_window;
	}
	finding_say(f, VERDICT_COSTS,
	    "the route %s has %s %u instead of %d: 100 kB %s take %u round "
	    "trips instead of %u",
	    r->words, what, window, SLOW_START_WINDOW,
	    r->window == window ? "to a new client" : "from a new client",
	    slow_start_trips(SLOW_START_SMALL, window),
	    slow_start_trips(SLOW_START_SMALL, SLOW_START_WINDOW));
	finding_mend(
	    f, "ip route change %s %s %d", r->words, what, SLOW_START_WINDOW);
}

/* tc(8): disciplines that delay, drop or limit on purpose. */
static bool
holds_back(const char *kind)
{
	return strcmp(kind, "netem") == 0 || strcmp(kind, "tbf") == 0;
}

/* Without fq, bbr uses a timer for each connection (tcp_bbr.c of the kernel). */
static void
judge_pacing(const struct links *l, struct finding *f, struct text algorithm)
{
	for (size_t i = 0; i < l->queue_count; i++) {
		const char *kind = l->queues[i].kind;

		if (!text_begins(algorithm, TEXT("bbr")) ||
		    strcmp(kind, "fq") == 0 || strcmp(kind, "mq") == 0 ||
		    strcmp(kind, "noqueue") == 0)
			continue;
		finding_say(f, VERDICT_COSTS,
		    "%.*s paces by a timer for each connection, as %s has %s: "
		    "with fq, the device does that for all",
		    TEXT_ARG(algorithm), l->queues[i].device, kind);
		finding_mend(
		    f, "tc qdisc replace dev %s root fq", l->queues[i].device);
		return;
	}
}

static void
name_queues(const struct links *l, struct finding *f)
{
	struct buffer names = {0};

	for (size_t i = 0; i < l->queue_count; i++)
		buffer_printf(&names, "%s%s has %s", i > 0 ? ", " : "",
		    l->queues[i].device, l->queues[i].kind);
	finding_say(f, VERDICT_FINE, "%s",
	    names.len > 0 ? buffer_string(&names)
			  : "no device has a discipline of its own");
	buffer_free(&names);
}

void
check_queueing(const struct host *h, const struct config *c, struct finding *f)
{
	const struct links *l = &h->links;
	struct buffer algorithm = {0};

	(void)c;
	if (l->queue_error != 0) {
		finding_say(f, VERDICT_UNKNOWN,
		    "the kernel does not tell the queues of its devices: %s",
		    strerror(l->queue_error));
		return;
	}
	name_queues(l, f);
	for (size_t i = 0; i < l->queue_count; i++)
		if (holds_back(l->queues[i].kind)) {
			finding_say(f, VERDICT_COSTS,
			    "%s has %s, which delays, drops or limits packets "
			    "on purpose",
			    l->queues[i].device, l->queues[i].kind);
			finding_mend(
			    f, "tc qdisc del dev %s root", l->queues[i].device);
			return;
		}
	if (host_line(h, f, "net.ipv4.tcp_congestion_control", &algorithm))
		judge_pacing(l, f, buffer_text(&algorithm));
	buffer_free(&algorithm);
}
