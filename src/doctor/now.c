#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/checks.h"
#include "doctor/group.h"

/* Of segments sent, that were sent again; 1 %. */
#define REPEATED_PART 100
/* Of fewer, a share says little. */
#define SEGMENTS_FEW 1000
#define CLIENTS_FEW 8
/*
 * What a connection with a round trip of 50 ms carries if 1 % of its segments
 * of 1448 bytes are lost: sqrt(3/2) * 1448 / 0.05 / sqrt(0.01) bytes a second
 * (Mathis, Semke, Mahdavi and Ott, 1997; for Reno).
 */
#define LOSSY_RATE "350 kB/s"

/* Says so if its sockets are not known. */
static bool
knows_sockets(const struct running *r, struct finding *f)
{
	if (r->elsewhere) {
		finding_say(f, VERDICT_UNKNOWN,
		    "tined is in another network namespace: look from there, "
		    "as root, with nsenter -t %d -n",
		    (int)r->pid);
		return false;
	}
	if (r->socket_error == 0 && r->descriptor_error == 0)
		return true;
	finding_say(f, VERDICT_UNKNOWN,
	    "its sockets cannot be told from others: %s; look as root, or as "
	    "its user",
	    strerror(r->descriptor_error != 0 ? r->descriptor_error
					      : r->socket_error));
	return false;
}

void
check_overflows(const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;

	(void)c;
	if (r->overflow_error != 0)
		finding_say(f, VERDICT_UNKNOWN, "/proc/%d/net/netstat: %s",
		    (int)r->pid, strerror(r->overflow_error));
	else if (r->overflows_now > 0)
		finding_say(f, VERDICT_HURTS,
		    "in the last second, clients found a full queue %llu "
		    "times, and %llu times since the host or container began "
		    "(of all its listeners): each waits 1 s or longer; more "
		    "--workers or a longer --backlog may help",
		    (unsigned long long)r->overflows_now,
		    (unsigned long long)r->overflows);
	else if (r->overflows > 0)
		finding_say(f, VERDICT_COSTS,
		    "clients have found a full queue %llu times since the host "
		    "or container began (of all its listeners), not in the "
		    "last second: each waited 1 s or longer",
		    (unsigned long long)r->overflows);
	else
		finding_say(f, VERDICT_FINE,
		    "no client has found a full queue since the host or "
		    "container began");
}

void
check_queues_now(
    const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;
	const struct running_socket *fullest = NULL;

	(void)c;
	if (!knows_sockets(r, f))
		return;
	for (size_t i = 0; i < r->socket_count; i++) {
		const struct running_socket *s = &r->sockets[i];

		if (s->listens &&
		    (fullest == NULL ||
			(uint64_t)s->waiting * fullest->most >
			    (uint64_t)fullest->waiting * s->most))
			fullest = s;
	}
	if (fullest == NULL)
		finding_say(f, VERDICT_FINE, "it listens on no TCP port");
	else if (check_is_nearly_full(fullest->waiting, fullest->most))
		finding_say(f, VERDICT_HURTS,
		    "%u of at most %u clients wait at %s: others will wait 1 s "
		    "or longer; more --workers may help",
		    fullest->waiting, fullest->most, fullest->local);
	else
		finding_say(f, VERDICT_FINE,
		    "%u of at most %u clients wait at %s", fullest->waiting,
		    fullest->most, fullest->local);
}

void
check_retransmissions(
    const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;
	unsigned long long sent = 0, repeated = 0, connections = 0;
	double share;

	(void)c;
	if (!knows_sockets(r, f))
		return;
	for (size_t i = 0; i < r->socket_count; i++)
		if (!r->sockets[i].listens) {
			sent += r->sockets[i].sent;
			repeated += r->sockets[i].repeated;
			connections++;
		}
	share = sent > 0 ? 100.0 * (double)repeated / (double)sent : 0;
	if (sent < SEGMENTS_FEW)
		finding_say(f, VERDICT_UNKNOWN,
		    "too few packets with data to judge: %llu, and %llu of "
		    "them sent again (connections: %llu)",
		    sent, repeated, connections);
	else if (repeated >= sent / REPEATED_PART)
		finding_say(f, VERDICT_COSTS,
		    "%.1f %% of %llu packets with data were sent again "
		    "(connections: %llu): at 1 %%, one with a round trip of 50 ms "
		    "carries about " LOSSY_RATE,
		    share, sent, connections);
	else
		finding_say(f, VERDICT_FINE,
		    "%.2f %% of %llu packets with data were sent again "
		    "(connections: %llu)",
		    share, sent, connections);
}

/* "3 client_window, 1 loss" */
static void
list_causes(struct buffer *b, const unsigned counts[STALL_CAUSES])
{
	for (int i = 0; i < STALL_CAUSES; i++)
		if (counts[i] > 0)
			buffer_printf(b, "%s%u %s", b->len > 0 ? ", " : "",
			    counts[i], stall_name((enum stall_cause)i));
}

void
check_stalls_now(
    const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;
	unsigned counts[STALL_CAUSES] = {0};
	unsigned connections = 0;
	struct buffer causes = {0};

	(void)c;
	if (!knows_sockets(r, f))
		return;
	for (size_t i = 0; i < r->socket_count; i++) {
		connections += !r->sockets[i].listens;
		if (r->sockets[i].waits != STALL_NONE)
			counts[r->sockets[i].waits]++;
	}
	list_causes(&causes, counts);
	if (counts[STALL_NAGLE] > 0)
		finding_say(f, VERDICT_HURTS,
		    "data waits in the kernel now (%s; connections: %u): %s",
		    buffer_string(&causes), connections,
		    stall_advice(STALL_NAGLE));
	else if (causes.len > 0)
		finding_say(f, VERDICT_COSTS,
		    "data waits in the kernel now (%s; connections: %u); the "
		    "status counts such stalls",
		    buffer_string(&causes), connections);
	else
		finding_say(f, VERDICT_FINE,
		    "no data waits in the kernel now (connections: %u)",
		    connections);
	buffer_free(&causes);
}

void
check_descriptors_now(
    const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;
	char path[64];
	struct host_limit limit;

	(void)c;
	if (r->descriptor_error != 0) {
		finding_say(f, VERDICT_UNKNOWN,
		    "%s; look as root, or as its user",
		    strerror(r->descriptor_error));
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)r->fullest);
	if (!host_limit_of(h, f, path, "Max open files", &limit))
		return;
	if (check_is_nearly_full(r->descriptors, limit.soft)) {
		finding_say(f, VERDICT_HURTS,
		    "process %d has %llu of at most %llu: new clients wait, "
		    "and the lot closes those that have waited longest",
		    (int)r->fullest, (unsigned long long)r->descriptors,
		    (unsigned long long)limit.soft);
		finding_mend(f, "prlimit --pid %d --nofile=%llu",
		    (int)r->fullest, 2 * (unsigned long long)limit.soft);
	} else
		finding_say(f, VERDICT_FINE,
		    "%zu processes in all; %d has most, %llu of %llu",
		    r->processes, (int)r->fullest,
		    (unsigned long long)r->descriptors,
		    (unsigned long long)limit.soft);
}

void
check_kills(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t kills;

	(void)c;
	if (!group_count_kills(h, h->running->pid, &kills))
		finding_say(f, VERDICT_UNKNOWN,
		    "its control group does not tell how many processes were "
		    "killed: %s",
		    strerror(errno));
	else if (kills > 0)
		finding_say(f, VERDICT_HURTS,
		    "the kernel has killed processes of its control group for "
		    "want of memory, %llu so far: allow fewer --workers or "
		    "more memory",
		    (unsigned long long)kills);
	else
		finding_say(f, VERDICT_FINE,
		    "the kernel has killed no process of its control group for "
		    "want of memory");
}

/* True for a connection that a client has opened, and not tined. */
static bool
is_from_client(const struct running *r, const struct running_socket *s)
{
	for (size_t i = 0; i < r->socket_count && !s->listens; i++)
		if (r->sockets[i].listens && r->sockets[i].port == s->port)
			return true;
	return false;
}

/* How many of them come from the address of the first. */
void
check_peers(const struct host *h, const struct config *c, struct finding *f)
{
	const struct running *r = h->running;
	const struct running_socket *first = NULL;
	size_t same = 0, all = 0;

	(void)c;
	if (!knows_sockets(r, f))
		return;
	for (size_t i = 0; i < r->socket_count; i++) {
		if (!is_from_client(r, &r->sockets[i]))
			continue;
		if (first == NULL)
			first = &r->sockets[i];
		all++;
		same += strcmp(first->peer, r->sockets[i].peer) == 0;
	}
	if (all < CLIENTS_FEW)
		finding_say(f, VERDICT_UNKNOWN,
		    "%zu connections are too few to tell whether they come "
		    "from a proxy",
		    all);
	else if (same == all)
		finding_say(f, VERDICT_UNKNOWN,
		    "all %zu connections come from %s, perhaps a proxy: for "
		    "how long that keeps idle ones, its own configuration "
		    "tells; --keepalive must be longer",
		    all, first->peer);
	else
		finding_say(f, VERDICT_FINE,
		    "%zu connections come from several addresses", all);
}
