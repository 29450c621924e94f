/*
 * vandal: is a worker that was taken over and breaks what it can reach of other
 * processes.  The path behind the mount tells what:
 *
 *	/memory/N     writes a pattern, or noise, over all shared memory
 *	/grow/N       maps its part of shared memory with more, by mremap
 *	/messages/N   sends N messages that make no sense on every descriptor
 *	/flood/N      sends the lot its client's connection N times
 *	/take/N       takes messages for other workers, until it has N
 *	/loans/N      gives back, and claims, N times what it was not lent
 *	/notice       takes the notice of new logs
 *	/reload       requests a reload without a reason
 *	/signal/PID   sends all signals to a process: how many were permitted
 *	/end          ends by a crash
 *
 * It answers with what it could do.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "shared/channel.h"
#include "shared/loan.h"
#include "shared/shared_memory.h"

#define RANGES_MAX 8
#define PLACES_MAX 100
#define MAPS_MAX (256 << 10)
#define DESCRIPTORS 256
#define PATTERNS 8
#define MESSAGE_MAX (sizeof(struct handoff) + sizeof(struct deferred) + 16)
#define PASSED_MAX 6
#define NOTICE_MAX 16
/* How long it waits for what it is to take, and how often it looks. */
#define TAKE_TIME (20 * CLOCK_SECOND)
#define TAKE_TICK CLOCK_MILLISECOND

struct range {
	char *from, *to;
	bool is_anonymous;
};

/* As the master has it; a worker could not open its own. */
static int maps = -1;
static struct range ranges[RANGES_MAX];
static size_t range_count;
static sigjmp_buf refused;
static uint64_t noise;

static uint64_t
next_noise(void)
{
	noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return noise >> 16;
}

/* Other workers may read it at the same time. */
static char *
read_maps(void)
{
	static char text[MAPS_MAX];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	    (n = pread(maps, text + len, sizeof(text) - 1 - len, (off_t)len)) >
		0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void
find_ranges(void)
{
	char *rest = read_maps(), *line;

	range_count = 0;
	while (
	    range_count < RANGES_MAX && (line = strsep(&rest, "\n")) != NULL) {
		bool is_anonymous = strstr(line, "/dev/zero") != NULL;
		void *from, *to;

		if ((is_anonymous || strstr(line, "tined-shared") != NULL) &&
		    sscanf(line, "%p-%p", &from, &to) == 2)
			ranges[range_count++] =
			    (struct range){from, to, is_anonymous};
	}
}

static void
on_refused(int signo)
{
	(void)signo;
	siglongjmp(refused, 1);
}

static void
spoil(char *page, size_t size, unsigned pattern)
{
	static const uint64_t values[PATTERNS] = {0, UINT64_MAX, 1, INT64_MAX,
	    UINT64_C(0x8000000000000000), 0x7fffffff7fffffff,
	    0x0000000700000007, 0x8080808080808080};

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t value =
		    pattern < PATTERNS ? values[pattern] : next_noise();

		memcpy(page + i, &value, sizeof(value));
	}
}

static bool
can_spoil(char *page, size_t size, unsigned pattern)
{
	if (sigsetjmp(refused, 1) != 0)
		return false;
	spoil(page, size, pattern);
	return true;
}

/* How many pages could be written. */
static size_t
spoil_memory(unsigned pattern)
{
	const struct sigaction mine = {.sa_handler = on_refused};
	size_t page = shared_memory_round(1);
	struct sigaction before[2];
	size_t count = 0;

	sigaction(SIGSEGV, &mine, &before[0]);
	sigaction(SIGBUS, &mine, &before[1]);
	for (size_t i = 0; i < range_count; i++)
		for (char *p = ranges[i].from; p < ranges[i].to; p += page)
			count += can_spoil(p, page, pattern);
	sigaction(SIGSEGV, &before[0], NULL);
	sigaction(SIGBUS, &before[1], NULL);
	return count;
}

static bool
can_write(char *page)
{
	if (sigsetjmp(refused, 1) != 0)
		return false;
	*(volatile char *)page = *(volatile char *)page;
	return true;
}

/*
 * Maps the pages that it may write again, each with the next one, which may be
 * another worker's.  How many that were.
 */
static size_t
grow_memory(void)
{
	const struct sigaction mine = {.sa_handler = on_refused};
	size_t page = shared_memory_round(1);
	struct sigaction before;
	size_t count = 0;

	sigaction(SIGSEGV, &mine, &before);
	for (size_t i = 0; i < range_count; i++)
		for (char *p = ranges[i].from; p < ranges[i].to; p += page)
			count += can_write(p) &&
			    mremap(p, 0, 2 * page, MREMAP_MAYMOVE) !=
				MAP_FAILED;
	sigaction(SIGSEGV, &before, NULL);
	return count;
}

static struct loans
as_mailbox(char *p)
{
	size_t page = shared_memory_round(1);

	return (struct loans){.at = p - page, .page = page, .count = 1};
}

/* Its own client is lent. */
static bool
is_mailbox(char *p)
{
	const struct loans l = as_mailbox(p);
	const struct loan_name name = loan_claimed(&l, 0);

	return name.lot != 0 && name.place > 0 && name.place < PLACES_MAX;
}

/* The mailbox begins a page of anonymous memory that this process may write. */
static char *
find_mailbox(void)
{
	const struct sigaction mine = {.sa_handler = on_refused};
	size_t page = shared_memory_round(1);
	struct sigaction before;
	char *mailbox = NULL;

	sigaction(SIGSEGV, &mine, &before);
	for (size_t i = 0; i < range_count; i++)
		for (char *p = ranges[i].from; p < ranges[i].to; p += page)
			if (ranges[i].is_anonymous && can_write(p) &&
			    is_mailbox(p))
				mailbox = p;
	sigaction(SIGSEGV, &before, NULL);
	return mailbox;
}

/*
 * All is in order but for the token, which may be its own.  Each kind of end comes
 * as often as the others: the lot counts some kinds only.
 */
static size_t
forge_loans(size_t count)
{
	char *mailbox = find_mailbox();
	struct loan_name own;
	struct loans l;
	size_t done = 0;

	if (mailbox == NULL)
		return 0;
	l = as_mailbox(mailbox);
	own = loan_claimed(&l, 0);
	for (size_t i = 0; i < count; i++) {
		struct loan_record record = {
		    .name = own,
		    .end = (enum loan_end)(i / 2 % (LOAN_ENDS + 1)),
		    .requests = (uint32_t)next_noise(),
		    .since = (int64_t)next_noise(),
		};

		record.name.place = (uint32_t)(next_noise() % PLACES_MAX);
		if (record.name.place == own.place || i % 2 == 0)
			record.name.token = next_noise();
		loan_claim(&l, 0, &record.name);
		done += loan_give_back(&l, 0, &record);
	}
	loan_claim(&l, 0, &own);
	return done;
}

static bool
send_message(int fd, const void *bytes, size_t len, size_t passed)
{
	struct iovec part = {(void *)(uintptr_t)bytes, len};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int fds[PASSED_MAX];

	for (size_t i = 0; i < passed; i++)
		fds[i] = next_noise() % 2 ? fd : (int)(next_noise() % 3);
	if (passed > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(passed * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(passed * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, passed * sizeof(int));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
}

/* Often of a kind that there is, and of a length that could be right. */
static bool
send_nonsense(int fd)
{
	static unsigned char bytes[MESSAGE_MAX];
	size_t lengths[] = {0, 1, sizeof(struct handoff) - 1,
	    sizeof(struct handoff),
	    sizeof(struct handoff) + sizeof(struct deferred),
	    next_noise() % sizeof(bytes)};
	size_t len = lengths[next_noise() % 6];
	int kind = (int)(next_noise() % 8);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)next_noise();
	memcpy(bytes, &kind, sizeof(kind));
	return send_message(fd, bytes, len, next_noise() % (PASSED_MAX + 1));
}

/* True for channels and wake-ups, which are no client's and no listener's. */
static bool
takes_messages(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    (type == SOCK_SEQPACKET || type == SOCK_DGRAM);
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static size_t
send_messages(size_t each)
{
	size_t count = 0;

	for (int fd = 3; fd < DESCRIPTORS; fd++)
		for (size_t i = 0; i < each; i++)
			if (takes_messages(fd))
				count += send_nonsense(fd);
			else if (is_pipe(fd))
				count += write(fd, "tined", 5) > 0;
	return count;
}

static bool
is_client(int fd)
{
	struct peer peer;

	return peer_look_up(&peer, fd) == 0;
}

static int
find_client(void)
{
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (is_client(fd))
			return fd;
	return -1;
}

/* All is in order but for the numbers, which are of no connection. */
static bool
send_connection(int channel, int fd)
{
	static const char bytes[] = "POST / HTTP/1.1\r\nHost: a\r\n"
				    "Content-Length: 100\r\n\r\n";
	const struct channel to = {.to = channel};
	struct deferred deferred;
	struct handoff h = {
	    .kind = (enum handoff_kind)(next_noise() % HANDOFF_TIMED_OUT),
	    .worker = (uint32_t)(next_noise() % 4),
	    .requests = (uint32_t)next_noise(),
	    .wanted = (uint32_t)next_noise(),
	    .chunked = next_noise() % 2,
	    .since = (int64_t)next_noise(),
	    .gap = (int64_t)next_noise(),
	};

	deferred_init(&deferred);
	return channel_send(&to, &h, fd, bytes, next_noise() % sizeof(bytes),
		   &deferred) == 0;
}

/* Waits if the channel is full. */
static size_t
flood(size_t each)
{
	const struct timespec tick = {0, TAKE_TICK};
	int64_t deadline = clock_now() + TAKE_TIME;
	size_t count = 0;
	int fd = find_client();

	while (count < each && clock_now() < deadline) {
		size_t before = count;

		for (int to = 3; to < DESCRIPTORS; to++)
			count += takes_messages(to) && send_connection(to, fd);
		if (count == before)
			nanosleep(&tick, NULL);
	}
	return count;
}

/* The messages of a channel have the size of one at least. */
static size_t
take_there_is(void)
{
	static char bytes[MESSAGE_MAX];
	size_t count = 0;

	for (int fd = 3; fd < DESCRIPTORS; fd++)
		while (takes_messages(fd) &&
		    recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >=
			(ssize_t)sizeof(struct handoff))
			count++;
	return count;
}

static size_t
take_messages(size_t wanted)
{
	const struct timespec tick = {0, TAKE_TICK};
	int64_t deadline = clock_now() + TAKE_TIME;
	size_t count = take_there_is();

	while (count < wanted && clock_now() < deadline) {
		nanosleep(&tick, NULL);
		count += take_there_is();
	}
	return count;
}

/* It is the one short message; log_follow.c. */
static size_t
take_notice(void)
{
	char bytes[NOTICE_MAX + 1];
	size_t count = 0;

	for (int fd = 3; fd < DESCRIPTORS; fd++) {
		ssize_t len = takes_messages(fd)
		    ? recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT)
		    : -1;

		if (len > 0 && len <= NOTICE_MAX)
			count +=
			    recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0;
	}
	return count;
}

/* Without a sandbox it may: the test does not ask for it then. */
static size_t
send_signals(pid_t pid)
{
	size_t count = 0;

	if (pid == getpid()) /* it may */
		return 0;
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		count += kill(pid, signo) == 0;
	return count;
}

static int
vandal_mount(struct tined_mount *m, void **state)
{
	(void)m;
	(void)state;
	if (maps == -1)
		maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return 0;
}

static bool
take_name(struct text *t, const char *name)
{
	size_t len = strlen(name);

	if (t->len < len || memcmp(t->at, name, len) != 0)
		return false;
	t->at += len;
	t->len -= len;
	return true;
}

static void
vandal_serve(void *state, struct tined_exchange *x)
{
	struct text deferred = text_from(tined_path_below(x));
	struct buffer *text = builtin_buffer(x);
	size_t offset = text->len, done = 0;
	uint64_t n = 0;

	(void)state;
	noise += (uint64_t)getpid();
	find_ranges();
	if (take_name(&deferred, "/memory/") &&
	    text_to_number(deferred, 1000, &n))
		done = spoil_memory((unsigned)n);
	else if (take_name(&deferred, "/messages/") &&
	    text_to_number(deferred, 100000, &n))
		done = send_messages(n);
	else if (take_name(&deferred, "/flood/") &&
	    text_to_number(deferred, 100000, &n))
		done = flood(n);
	else if (take_name(&deferred, "/grow/"))
		done = grow_memory();
	else if (take_name(&deferred, "/loans/") &&
	    text_to_number(deferred, 100000, &n))
		done = forge_loans(n);
	else if (take_name(&deferred, "/take/") &&
	    text_to_number(deferred, 1000, &n))
		done = take_messages(n);
	else if (take_name(&deferred, "/notice"))
		done = take_notice();
	else if (take_name(&deferred, "/reload"))
		builtin_want_reload(x);
	else if (take_name(&deferred, "/signal/") &&
	    text_to_number(deferred, INT32_MAX, &n) && n > 1)
		done = send_signals((pid_t)n);
	else if (take_name(&deferred, "/end"))
		abort();
	buffer_printf(text, "%zu\n", done);
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	builtin_add_buffer(x, offset);
}

const struct tined_module handler_vandal = {
    TINED_MODULE_VERSION,
    .name = "vandal",
    .mount = vandal_mount,
    .serve = vandal_serve,
};
