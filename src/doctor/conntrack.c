#include "doctor/checks.h"

#define NAME(last) "net.netfilter.nf_conntrack_" last
#define TIME_WAIT_USUAL 120   /* seconds: nf_conntrack-sysctl.rst */
#define CLIENTS_OF_UNIT 65536 /* descriptors that tined.service allows */
#define TABLE_AMPLE 262144    /* for 2184 new connections a second */
#define UNKNOWN UINT64_MAX

/* It has an entry for each connection, and for a while after its end. */
static unsigned long long
conntrack_rate_of(const struct host *h, uint64_t most)
{
	uint64_t seconds =
	    host_number_or(h, NAME("tcp_timeout_time_wait"), TIME_WAIT_USUAL);

	return most / (seconds > 0 ? seconds : 1);
}

/* The kernel says "nf_conntrack: table full, dropping packet". */
void
check_conntrack(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t most = host_number_or(h, NAME("max"), UNKNOWN);
	uint64_t now = host_number_or(h, NAME("count"), UNKNOWN);

	(void)c;
	if (most == UNKNOWN || now == UNKNOWN) {
		finding_say(f, VERDICT_FINE,
		    "the kernel has no table of connections here that could "
		    "be full");
		return;
	}
	if (!check_is_nearly_full(now, most) && most >= CLIENTS_OF_UNIT) {
		finding_say(f, VERDICT_FINE,
		    "%llu entries of %llu: enough for %llu new connections a "
		    "second",
		    (unsigned long long)now, (unsigned long long)most,
		    conntrack_rate_of(h, most));
		return;
	}
	finding_say(f, VERDICT_HURTS,
	    "%llu entries of %llu: beyond these, or %llu new connections a "
	    "second, the kernel drops the packets of new clients, if a "
	    "firewall's rules track them",
	    (unsigned long long)now, (unsigned long long)most,
	    conntrack_rate_of(h, most));
	finding_mend(f, "sysctl -w " NAME("max") "=%llu",
	    (unsigned long long)(most < CLIENTS_OF_UNIT ? TABLE_AMPLE
							: 2 * most));
}
