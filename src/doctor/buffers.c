#include <unistd.h>

#include "doctor/checks.h"

#define SOCKSTAT "/proc/net/sockstat"
#define FAR_BYTES_A_SECOND (100000000 / 8)
#define FAR_ROUND_TRIPS 20 /* a second */
/* About half of a buffer is for data: tcp_adv_win_scale in ip-sysctl. */
#define DATA_PART 2

/* The three numbers of such a setting. */
enum { LEAST, INITIAL, MOST, TRIPLE };
enum { NO_PRESSURE, PRESSURE };

static unsigned long long
mib_of(uint64_t pages)
{
	return pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
}

/*
 * tcp_mem is in pages, for all connections of the host together: beyond the
 * second number, the kernel makes buffers smaller; beyond the third, it drops.
 */
void
check_tcp_memory(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t limits[TRIPLE], sizes[TRIPLE], now;
	unsigned long long clients;

	if (!host_numbers(h, f, "net.ipv4.tcp_mem", limits, TRIPLE) ||
	    !host_numbers(h, f, "net.ipv4.tcp_wmem", sizes, TRIPLE))
		return;
	if (!host_find(h, SOCKSTAT, "TCP:", "mem", &now)) {
		finding_cannot_read(f, SOCKSTAT);
		return;
	}
	clients = limits[MOST] * (uint64_t)sysconf(_SC_PAGESIZE) /
	    (sizes[INITIAL] > 0 ? sizes[INITIAL] : 1);
	if (now >= limits[PRESSURE])
		finding_say(f, VERDICT_HURTS,
		    "all connections use %llu MiB; from %llu MiB on the kernel "
		    "makes their buffers smaller, and it allows %llu MiB",
		    mib_of(now), mib_of(limits[PRESSURE]),
		    mib_of(limits[MOST]));
	else if (clients < (unsigned long long)c->workers.max)
		finding_say(f, VERDICT_HURTS,
		    "%llu MiB for all connections: enough for the first %llu "
		    "KiB of %llu responses at the same time, not of %d",
		    mib_of(limits[MOST]),
		    (unsigned long long)sizes[INITIAL] / 1024, clients,
		    c->workers.max);
	else
		finding_say(f, VERDICT_FINE,
		    "%llu MiB of %llu MiB in use: enough for %llu responses "
		    "that leave at the same time, %llu KiB each",
		    mib_of(now), mib_of(limits[MOST]), clients,
		    (unsigned long long)sizes[INITIAL] / 1024);
	if (f->verdict == VERDICT_HURTS)
		finding_mend(f, "sysctl -w net.ipv4.tcp_mem='%llu %llu %llu'",
		    2 * (unsigned long long)limits[NO_PRESSURE],
		    2 * (unsigned long long)limits[PRESSURE],
		    2 * (unsigned long long)limits[MOST]);
}

static bool
is_too_small(uint64_t size)
{
	return size / DATA_PART < FAR_BYTES_A_SECOND / FAR_ROUND_TRIPS;
}

static void
judge_buffer(struct finding *f, const char *name, const char *whose,
    const uint64_t sizes[TRIPLE], uint64_t usual)
{
	finding_say(f, VERDICT_COSTS,
	    "%s grow to %llu KiB at most: at a round trip of 50 ms, one "
	    "connection carries up to %.1f MB/s",
	    whose, (unsigned long long)sizes[MOST] / 1024,
	    (double)sizes[MOST] / DATA_PART * FAR_ROUND_TRIPS / 1e6);
	finding_mend(f, "sysctl -w net.ipv4.%s='%llu %llu %llu'", name,
	    (unsigned long long)sizes[LEAST],
	    (unsigned long long)sizes[INITIAL], (unsigned long long)usual);
}

/* The kernel's usual maxima, with enough memory: tcp(7). */
#define SEND_USUAL (4U << 20)
#define RECEIVE_USUAL (6U << 20)

void
check_socket_buffers(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t send[TRIPLE], receive[TRIPLE], grows;

	(void)c;
	if (!host_numbers(h, f, "net.ipv4.tcp_wmem", send, TRIPLE) ||
	    !host_numbers(h, f, "net.ipv4.tcp_rmem", receive, TRIPLE) ||
	    !host_number(h, f, "net.ipv4.tcp_moderate_rcvbuf", &grows))
		return;
	if (is_too_small(send[MOST]))
		judge_buffer(f, "tcp_wmem", "send buffers", send, SEND_USUAL);
	else if (is_too_small(receive[MOST]))
		judge_buffer(
		    f, "tcp_rmem", "receive buffers", receive, RECEIVE_USUAL);
	else if (grows == 0) {
		finding_say(f, VERDICT_COSTS,
		    "receive buffers do not grow beyond %llu KiB: at a round "
		    "trip of 50 ms, one upload has up to %.1f MB/s",
		    (unsigned long long)receive[INITIAL] / 1024,
		    (double)receive[INITIAL] / DATA_PART * FAR_ROUND_TRIPS /
			1e6);
		finding_mend(f, "sysctl -w net.ipv4.tcp_moderate_rcvbuf=1");
	} else
		finding_say(f, VERDICT_FINE,
		    "they grow to %llu KiB and %llu KiB: at a round trip of 50 "
		    "ms, up to %.0f MB/s out and %.0f MB/s in",
		    (unsigned long long)send[MOST] / 1024,
		    (unsigned long long)receive[MOST] / 1024,
		    (double)send[MOST] / DATA_PART * FAR_ROUND_TRIPS / 1e6,
		    (double)receive[MOST] / DATA_PART * FAR_ROUND_TRIPS / 1e6);
}
