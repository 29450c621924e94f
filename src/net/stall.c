#include <netinet/in.h>

#include <linux/tcp.h>
#include <sys/socket.h>

#include "net/stall.h"

/* RFC 6928: segments that a new connection may send at once. */
#define INITIAL_WINDOW 10
#define MICROSECONDS_PER_MS 1000
/*
 * A client delays an acknowledgement for 40 ms on Linux, less two ticks of 10 ms
 * here (stall.h),
 */
#define DELAY_MIN (20 * CLOCK_MILLISECOND)
/* and for less than 500 ms: RFC 1122, 4.2.3.2. */
#define DELAY_MAX (500 * CLOCK_MILLISECOND)

static const struct {
	const char *name, *advice;
} causes[STALL_CAUSES + 1] = {
    [STALL_NAGLE] = {"nagle",
	"TCP_NODELAY is off for this connection, so that Nagle's algorithm "
	"holds the end of a response back until the client acknowledges the "
	"rest: look for what turns it off"},
    [STALL_DELAYED_ACK] = {"delayed_ack",
	"its congestion window was small, and the client delayed the "
	"acknowledgement that opens it: see initcwnd in ip-route(8), and "
	"sysctl net.ipv4.tcp_slow_start_after_idle=0"},
    [STALL_CLIENT_WINDOW] = {"client_window",
	"the client was slow to read it, or has a small receive buffer: only "
	"the client can change that"},
    [STALL_CONGESTION_WINDOW] = {"congestion_window",
	"it is larger than what may be on its way at once, so that it takes "
	"several round trips: keep connections open, and try sysctl "
	"net.ipv4.tcp_slow_start_after_idle=0; tined --doctor says more"},
    [STALL_LOSS] = {"loss",
	"a part of it was lost on its way and had to be sent again: look at "
	"the network, and at tined --doctor --pid"},
    [STALL_NONE] = {"none", ""},
};

const char *
stall_name(enum stall_cause cause)
{
	return causes[cause].name;
}

const char *
stall_advice(enum stall_cause cause)
{
	return causes[cause].advice;
}

/*
 * The time until the last of so many bytes leaves, from a window of one segment
 * on, which doubles with each round trip.
 */
static int64_t
network_time(const struct tcp_info *info, uint32_t bytes)
{
	uint32_t segments = bytes / (info->tcpi_snd_mss + 1) + 1;
	int64_t round_trips = 0;

	while ((segments /= 2) > 0)
		round_trips++;
	return round_trips * info->tcpi_min_rtt * CLOCK_MICROSECOND;
}

/* True if that is how long a client delays an acknowledgement. */
static bool
is_delay(int64_t time)
{
	return time >= DELAY_MIN && time < DELAY_MAX;
}

static enum stall_cause
cause_of(const struct stall_mark *m, const struct tcp_info *info, int64_t held,
    bool nodelay)
{
	bool small =
	    m->bytes / INITIAL_WINDOW < (uint64_t)info->tcpi_snd_mss + 1;
	int64_t network = network_time(info, m->bytes);

	/* What is large may take longer than that without any delay. */
	if (!nodelay && (small || is_delay(held - 2 * network)))
		return STALL_NAGLE;
	if (small && is_delay(held - network))
		return STALL_DELAYED_ACK;
	return STALL_CONGESTION_WINDOW;
}

static uint32_t
grown(uint32_t before, uint32_t now)
{
	return now > before ? now - before : 0;
}

/*
 * False if the client has asked before it can have received what was sent again:
 * it had that already, and will say so in a moment.
 */
static bool
was_needed(const struct tcp_info *info)
{
	return info->tcpi_last_data_sent * CLOCK_MILLISECOND + STALL_MIN >=
	    info->tcpi_min_rtt * CLOCK_MICROSECOND;
}

static uint32_t
count_lost(const struct tcp_info *info)
{
	return grown(info->tcpi_dsack_dups, info->tcpi_total_retrans);
}

static uint32_t
milliseconds(int64_t time)
{
	return (uint32_t)(time / CLOCK_MILLISECOND);
}

bool
stall_is_pending(const struct stall_mark *m)
{
	return m->waited > 0;
}

struct stall
stall_judge_loss(struct stall_mark *m, const struct tcp_info *info, int64_t now)
{
	struct stall s = {.cause = STALL_NONE};
	uint32_t round_trip = info->tcpi_rtt / MICROSECONDS_PER_MS;
	bool in_vain = count_lost(info) < m->lost;

	if (m->waited == 0)
		return s;
	if (!in_vain &&
	    milliseconds(now) - m->again < round_trip + milliseconds(STALL_MIN))
		return s;
	if (!in_vain) {
		s.cause = STALL_LOSS;
		s.time = m->waited * CLOCK_MILLISECOND;
	}
	/* What is lost more than that is for the look at what follows it. */
	if (in_vain)
		m->lost = count_lost(info);
	m->waited = 0;
	return s;
}

/* If some were sent again in vain, the time may be that of one of those. */
static bool
is_loss(const struct stall_mark *before, const struct stall_mark *now)
{
	uint32_t lost = grown(before->lost, now->lost);

	return lost > 0 && lost == grown(before->resent, now->resent);
}

int64_t
stall_held(const struct stall_mark *m, const struct tcp_info *info, int64_t now)
{
	return now - m->handed - info->tcpi_last_data_sent * CLOCK_MILLISECOND;
}

struct stall
stall_judge(struct stall_mark *m, const struct tcp_info *info, int64_t held,
    bool nodelay)
{
	struct stall s = {.cause = STALL_NONE};
	struct stall_mark now = {
	    .lost = count_lost(info),
	    .resent = info->tcpi_total_retrans,
	    .gap = m->gap,
	    .limited =
		(uint32_t)(info->tcpi_rwnd_limited / MICROSECONDS_PER_MS),
	    .waited = m->waited,
	    .again = m->again,
	};
	int64_t limited = grown(m->limited, now.limited) * CLOCK_MILLISECOND;

	if (held >= STALL_MIN && 2 * limited >= held)
		s.cause = STALL_CLIENT_WINDOW;
	else if (held >= STALL_MIN && is_loss(m, &now) && was_needed(info)) {
		now.waited = milliseconds(held);
		now.again = milliseconds(m->handed + held);
	} else if (held >= STALL_MIN && (now.resent == m->resent || !nodelay))
		s.cause = cause_of(m, info, held, nodelay);
	if (s.cause != STALL_NONE)
		s.time = held;
	*m = now;
	return s;
}

static bool
has_nodelay(int fd)
{
	int on = 1;
	socklen_t len = sizeof(on);

	return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) == -1 || on;
}

/* There is nothing to judge any more, or not yet. */
static struct stall
not_judged(struct stall_mark *m, bool held)
{
	m->held = held;
	if (!held)
		m->handed = 0;
	return (struct stall){.cause = STALL_NONE};
}

/* Judges what was handed to the kernel. */
static struct stall
look_at_end(
    struct stall_mark *m, const struct tcp_info *info, int fd, int64_t now)
{
	uint32_t unsent = info->tcpi_notsent_bytes;
	int64_t held = stall_held(m, info, now);
	struct stall s;

	if (unsent > 0 && unsent >= info->tcpi_snd_mss)
		return not_judged(m, false);
	/* If it was held before and some has left since, then that has. */
	if (unsent > 0 && (!m->held || held < STALL_MIN))
		return not_judged(m, true);
	/* Worth the second system call only if something was held. */
	s = stall_judge(m, info, held, held < STALL_MIN || has_nodelay(fd));
	m->held = unsent > 0;
	m->handed = unsent > 0 ? now : 0;
	return s;
}

struct stall
stall_look(struct stall_mark *m, int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int64_t now = clock_recent();
	struct stall before, s = {.cause = STALL_NONE};

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return not_judged(m, false);
	before = stall_judge_loss(m, &info, now);
	if (m->handed > 0)
		s = look_at_end(m, &info, fd, now);
	return s.time > before.time ? s : before;
}

static bool
is_window_full(const struct tcp_info *info)
{
	uint64_t unacknowledged = info->tcpi_bytes_sent -
	    info->tcpi_bytes_retrans - info->tcpi_bytes_acked;
	uint64_t next = info->tcpi_notsent_bytes < info->tcpi_snd_mss
	    ? info->tcpi_notsent_bytes
	    : info->tcpi_snd_mss;

	return next > 0 && unacknowledged + next > info->tcpi_snd_wnd;
}

enum stall_cause
stall_now(const struct tcp_info *info)
{
	if (info->tcpi_last_data_sent * CLOCK_MILLISECOND < STALL_MIN)
		return STALL_NONE;
	if (is_window_full(info))
		return STALL_CLIENT_WINDOW;
	if (info->tcpi_unacked > 0 &&
	    (info->tcpi_lost > 0 || info->tcpi_backoff > 0))
		return STALL_LOSS;
	if (info->tcpi_notsent_bytes == 0)
		return STALL_NONE;
	if (info->tcpi_notsent_bytes < info->tcpi_snd_mss &&
	    info->tcpi_unacked < info->tcpi_snd_cwnd)
		return STALL_NAGLE;
	return STALL_CONGESTION_WINDOW;
}
