#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "os/fd_passing.h"
#include "shared/channel.h"

/* Room for a few of the largest messages; the kernel doubles it. */
#define CHANNEL_BUFFER (1 << 20)
/* What the kernel charges for each message, in addition to its bytes. */
#define CHANNEL_OVERHEAD 32

_Static_assert(HANDOFF_DESCRIPTORS_MAX <= FD_PASSING_MAX,
    "a message cannot bring all descriptors");

#define PLACE(type, field) offsetof(type, field), sizeof(((type *)NULL)->field)
#define FNV_START UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)

uint32_t
handoff_layout(void)
{
	static const uint32_t places[] = {
	    sizeof(struct handoff),
	    HANDOFF_TIMED_OUT,
	    PLACE(struct handoff, kind),
	    PLACE(struct handoff, close_after),
	    PLACE(struct handoff, collected),
	    PLACE(struct handoff, continued),
	    PLACE(struct handoff, chunked),
	    PLACE(struct handoff, recalled),
	    PLACE(struct handoff, worker),
	    PLACE(struct handoff, requests),
	    PLACE(struct handoff, wanted),
	    PLACE(struct handoff, head_start),
	    PLACE(struct handoff, head_end),
	    PLACE(struct handoff, loan),
	    PLACE(struct loan_name, place),
	    PLACE(struct loan_name, lot),
	    PLACE(struct loan_name, token),
	    PLACE(struct handoff, since),
	    PLACE(struct handoff, gap),
	    PLACE(struct handoff, stall),
	    PLACE(struct stall_mark, handed),
	    PLACE(struct stall_mark, bytes),
	    PLACE(struct stall_mark, held),
	    PLACE(struct stall_mark, gap),
	    PLACE(struct stall_mark, lost),
	    PLACE(struct stall_mark, limited),
	    PLACE(struct stall_mark, resent),
	    PLACE(struct stall_mark, waited),
	    PLACE(struct stall_mark, again),
	    PLACE(struct handoff, peer),
	    PLACE(struct peer, address),
	    PLACE(struct peer, length),
	    PLACE(struct peer, name),
	    sizeof(struct deferred),
	    PLACE(struct deferred, file),
	    PLACE(struct deferred, spill),
	    PLACE(struct deferred, spilled),
	    PLACE(struct deferred, count),
	    PLACE(struct deferred, first),
	    PLACE(struct deferred, segments),
	    PLACE(struct deferred_segment, of_file),
	    PLACE(struct deferred_segment, offset),
	    PLACE(struct deferred_segment, length),
	};
	uint32_t hash = FNV_START;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		hash = (hash ^ places[i]) * FNV_PRIME;
	return hash;
}

static size_t
channel_size(const struct channel *channel)
{
	int size = 0;
	socklen_t len = sizeof(size);

	if (getsockopt(channel->to, SOL_SOCKET, SO_SNDBUF, &size, &len) == -1)
		return 0;
	return (size_t)size;
}

/* At most net.core.wmem_max, which may be less than the present size. */
static void
channel_grow(struct channel *channel, int size)
{
	size_t before = channel_size(channel);
	int half = (int)(before / 2); /* which the kernel doubles */

	(void)setsockopt(
	    channel->to, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (channel_size(channel) < before)
		(void)setsockopt(
		    channel->to, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

/*
 * A process that was taken over must not send through the receiving end: nobody
 * would receive those messages and close their descriptors.
 */
static void
close_other_direction(const struct channel *channel)
{
	(void)shutdown(channel->from, SHUT_WR);
	(void)shutdown(channel->to, SHUT_RD);
}

int
channel_open(struct channel *channel)
{
	const int size = CHANNEL_BUFFER;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	*channel = (struct channel){.from = ends[0], .to = ends[1]};
	close_other_direction(channel);
	/* Without the privilege, the kernel limits the size. */
	if (setsockopt(channel->to, SOL_SOCKET, SO_SNDBUFFORCE, &size,
		sizeof(size)) == -1)
		channel_grow(channel, size);
	channel->room = channel_capacity(channel);
	return 0;
}

size_t
channel_capacity(const struct channel *channel)
{
	const size_t others =
	    CHANNEL_OVERHEAD + sizeof(struct handoff) + sizeof(struct deferred);
	size_t size = channel_size(channel);

	if (size < others)
		return 0;
	return size - others < HANDOFF_BYTES_MAX ? size - others
						 : HANDOFF_BYTES_MAX;
}

static void *
as_base(const void *bytes)
{
	return (void *)(uintptr_t)bytes;
}

int
channel_send(const struct channel *channel, const struct handoff *h, int fd,
    const char *bytes, size_t len, const struct deferred *deferred)
{
	bool with_deferred = h->kind == HANDOFF_SEND;
	struct iovec parts[] = {
	    {.iov_base = as_base(h), .iov_len = sizeof(*h)},
	    {.iov_base = as_base(deferred),
		.iov_len = with_deferred ? deferred_size(deferred) : 0},
	    {.iov_base = as_base(bytes), .iov_len = len},
	};
	int fds[HANDOFF_DESCRIPTORS_MAX] = {fd};
	size_t count = 1;

	if (with_deferred && deferred->file != -1)
		fds[count++] = deferred->file;
	if (with_deferred && deferred->spill != -1)
		fds[count++] = deferred->spill;
	return fd_passing_send(channel->to, parts,
		   sizeof(parts) / sizeof(parts[0]), fds, count,
		   MSG_DONTWAIT) == -1
	    ? -1
	    : 0;
}

bool
channel_is_choked(int error)
{
	return error == ETOOMANYREFS || error == ENOBUFS || error == ENOMEM;
}

bool
channel_has_message(const struct channel *channel)
{
	int bytes = 0;

	return ioctl(channel->from, SIOCINQ, &bytes) == 0 && bytes > 0;
}

/* Closes the descriptors and returns -1 with that errno. */
static int
channel_refuse(struct passed_fds *passed, int error)
{
	fd_passing_close(passed);
	errno = error;
	return -1;
}

/* A byte other than 0 and 1 is no bool. */
static void
mend_bool(bool *b)
{
	unsigned char byte;

	memcpy(&byte, b, sizeof(byte));
	*b = byte != 0;
}

/*
 * The head must lie within the received bytes; otherwise this process looks for
 * it itself.
 */
static void
mend_head(struct handoff *h, size_t len)
{
	if (h->kind == HANDOFF_SERVE && h->head_start < h->head_end &&
	    h->head_end <= len)
		return;
	h->head_start = 0;
	h->head_end = 0;
}

static bool
mend_handoff(struct handoff *h)
{
	mend_bool(&h->close_after);
	mend_bool(&h->collected);
	mend_bool(&h->continued);
	mend_bool(&h->chunked);
	mend_bool(&h->recalled);
	h->peer.name[sizeof(h->peer.name) - 1] = '\0';
	return (unsigned)h->kind <= HANDOFF_TIMED_OUT;
}

/* Offsets are signed in system calls, and sums must not overflow. */
static bool
mend_deferred(struct deferred *deferred)
{
	uint64_t spilled = 0;

	if (deferred->first > deferred->count)
		return false;
	for (size_t i = 0; i < deferred->count; i++) {
		struct deferred_segment *s = &deferred->segments[i];

		mend_bool(&s->of_file);
		if (s->offset > DEFERRED_LENGTH_MAX ||
		    s->length > DEFERRED_LENGTH_MAX ||
		    (s->length == 0 && i >= deferred->first))
			return false;
		spilled += s->of_file ? 0 : s->length;
	}
	return deferred->spilled <= DEFERRED_SPILLED_MAX &&
	    spilled <= deferred->spilled;
}

/* Takes all descriptors or none.  Returns the connection, or -1 with errno. */
static int
take_descriptors(struct passed_fds *passed, struct deferred *deferred)
{
	bool with_file = deferred != NULL && deferred->file != -1;
	bool with_spill = deferred != NULL && deferred->spill != -1;
	size_t wanted = 1u + with_file + with_spill;

	if (passed->error != 0 || passed->count != wanted)
		return channel_refuse(
		    passed, passed->error != 0 ? passed->error : EPROTO);
	if (with_file)
		deferred->file = passed->at[1];
	if (with_spill)
		deferred->spill = passed->at[passed->count - 1];
	return passed->at[0];
}

/*
 * True if the last sender has closed its end or shut it down.  Otherwise the
 * empty message was just an empty message.
 */
static bool
is_hung_up(const struct channel *channel)
{
	struct pollfd p = {.fd = channel->from, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLRDHUP)) != 0;
}

/*
 * Takes the deferred response from before the bytes, which move to the start.
 * False if it is malformed.
 */
static bool
take_deferred(char *bytes, size_t *len, struct deferred *deferred)
{
	size_t size;

	if (deferred == NULL || *len < DEFERRED_HEAD_SIZE)
		return false;
	memcpy(deferred, bytes, DEFERRED_HEAD_SIZE);
	if (deferred->count > DEFERRED_SEGMENTS_MAX ||
	    *len < deferred_size(deferred))
		return false;
	size = deferred_size(deferred);
	memcpy(deferred->segments, bytes + DEFERRED_HEAD_SIZE,
	    size - DEFERRED_HEAD_SIZE);
	*len -= size;
	memmove(bytes, bytes + size, *len);
	return mend_deferred(deferred);
}

int
channel_receive(const struct channel *channel, struct handoff *h, char *bytes,
    size_t size, size_t *len, struct deferred *deferred)
{
	struct iovec parts[2] = {
	    {.iov_base = h, .iov_len = sizeof(*h)},
	    {.iov_base = bytes, .iov_len = size},
	};
	struct passed_fds passed;
	ssize_t n = fd_passing_receive(channel->from, parts, 2, &passed,
	    HANDOFF_DESCRIPTORS_MAX, MSG_DONTWAIT);

	if (n == -1)
		return -1;
	if (n == 0 && is_hung_up(channel))
		return channel_refuse(&passed, EPIPE);
	if ((size_t)n < sizeof(*h) || passed.error == EPROTO ||
	    !mend_handoff(h))
		return channel_refuse(&passed, EPROTO);
	*len = (size_t)n - sizeof(*h);
	mend_head(h, *len);
	if (h->kind != HANDOFF_SEND)
		return take_descriptors(&passed, NULL);
	if (!take_deferred(bytes, len, deferred))
		return channel_refuse(&passed, EPROTO);
	return take_descriptors(&passed, deferred);
}
