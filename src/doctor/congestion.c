#include <string.h>

#include "doctor/checks.h"
#include "doctor/slow_start.h"

/* The example of a fast path to a client that is far away. */
#define FAR_BYTES_A_SECOND (100000000 / 8)
#define FAR_ROUND_TRIPS 20    /* a second */
#define UNSCALED_WINDOW 65535 /* RFC 7323, 2.1 */

/* These pace by a rate of their own, and the kernel leaves their window. */
static bool
keeps_window(struct text algorithm)
{
	return text_begins(algorithm, TEXT("bbr"));
}

/* RFC 5681, 4.1: an idle connection begins again with the initial window. */
void
check_idle_window(
    const struct host *h, const struct config *c, struct finding *f)
{
	struct buffer algorithm = {0};
	uint64_t restart;

	(void)c;
	if (host_number(h, f, "net.ipv4.tcp_slow_start_after_idle", &restart) &&
	    host_line(h, f, "net.ipv4.tcp_congestion_control", &algorithm)) {
		if (restart == 0)
			finding_say(f, VERDICT_FINE,
			    "a connection keeps its window while it is idle");
		else if (keeps_window(buffer_text(&algorithm)))
			finding_say(f, VERDICT_FINE,
			    "%s keeps its window while a connection is idle",
			    buffer_string(&algorithm));
		else {
			finding_say(f, VERDICT_COSTS,
			    "a connection that was idle begins again with a "
			    "small window: 1 MB takes up to %u round trips "
			    "instead of 1",
			    slow_start_trips(
				SLOW_START_LARGE, SLOW_START_WINDOW));
			finding_mend(f,
			    "sysctl -w net.ipv4.tcp_slow_start_after_idle=0");
		}
	}
	buffer_free(&algorithm);
}

/* RFC 5681, 3.1: after a loss, half the window, and one segment a round trip. */
static void
judge_reno(struct finding *f)
{
	unsigned trips =
	    FAR_BYTES_A_SECOND / FAR_ROUND_TRIPS / SLOW_START_SEGMENT / 2;

	finding_say(f, VERDICT_COSTS,
	    "reno: after one lost packet, a connection of 100 Mbit/s with a "
	    "round trip of 50 ms needs %u s to be as fast again; cubic is "
	    "quicker (RFC 9438)",
	    trips / FAR_ROUND_TRIPS);
}

static bool
congestion_is_one_of(struct text t, const char *const *names)
{
	for (; *names != NULL; names++)
		if (text_equal(t, text_of(*names)))
			return true;
	return false;
}

/* A network namespace of a container can use those that are allowed to all. */
static const char *
find_better(const struct host *h)
{
	struct buffer allowed = {0};
	struct finding unused = {0};
	bool known = host_line(
	    h, &unused, "net.ipv4.tcp_allowed_congestion_control", &allowed);
	const char *names = known ? buffer_string(&allowed) : "cubic";
	const char *better =
	    strstr(names, "cubic") != NULL || strstr(names, "bbr") == NULL
	    ? "cubic"
	    : "bbr";

	buffer_free(&allowed);
	finding_free(&unused);
	return better;
}

void
check_congestion_control(
    const struct host *h, const struct config *c, struct finding *f)
{
	static const char *const good[] = {
	    "cubic", "bbr", "bbr2", "bbr3", NULL};
	struct buffer name = {0};
	struct text t;

	(void)c;
	if (!host_line(h, f, "net.ipv4.tcp_congestion_control", &name)) {
		buffer_free(&name);
		return;
	}
	t = buffer_text(&name);
	if (congestion_is_one_of(t, good))
		finding_say(f, VERDICT_FINE, "%s", buffer_string(&name));
	else if (text_equal(t, TEXT("reno")))
		judge_reno(f);
	else if (text_equal(t, TEXT("dctcp")))
		finding_say(f, VERDICT_HURTS,
		    "dctcp is for networks within a data centre, and must not "
		    "be used across the Internet (RFC 8257, 1)");
	else
		finding_say(f, VERDICT_UNKNOWN,
		    "%s: the doctor knows cubic, bbr, reno and dctcp",
		    buffer_string(&name));
	if (f->verdict == VERDICT_COSTS || f->verdict == VERDICT_HURTS)
		finding_mend(f, "sysctl -w net.ipv4.tcp_congestion_control=%s",
		    find_better(h));
	buffer_free(&name);
}

void
check_tcp_options(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t scaling, sack, timestamps;

	(void)c;
	if (!host_number(h, f, "net.ipv4.tcp_window_scaling", &scaling) ||
	    !host_number(h, f, "net.ipv4.tcp_sack", &sack) ||
	    !host_number(h, f, "net.ipv4.tcp_timestamps", &timestamps))
		return;
	if (scaling == 0) {
		finding_say(f, VERDICT_HURTS,
		    "without window scaling, one connection carries at most "
		    "%.1f MB/s at a round trip of 50 ms (64 KiB each; RFC "
		    "7323)",
		    (double)UNSCALED_WINDOW * FAR_ROUND_TRIPS / 1e6);
		finding_mend(f, "sysctl -w net.ipv4.tcp_window_scaling=1");
	} else if (sack == 0) {
		finding_say(f, VERDICT_COSTS,
		    "without selective acknowledgements, several packets that "
		    "are lost together take a round trip each (RFC 2018)");
		finding_mend(f, "sysctl -w net.ipv4.tcp_sack=1");
	} else if (timestamps == 0) {
		finding_say(f, VERDICT_COSTS,
		    "without timestamps, ports in TIME_WAIT are not used again "
		    "(tcp_tw_reuse), and round trips are measured less often "
		    "(RFC 7323)");
		finding_mend(f, "sysctl -w net.ipv4.tcp_timestamps=1");
	} else
		finding_say(f, VERDICT_FINE,
		    "window scaling, selective acknowledgements, timestamps");
}
