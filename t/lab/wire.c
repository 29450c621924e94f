/*
 * The wire of the laboratory: joins two hosts, which are network namespaces, by
 * a TUN device in each.  What one host sends, whole IP packets, the other
 * receives later.
 *
 * usage: wire PID
 *
 * One host is the namespace that wire is started in, the near one; the other, the
 * far one, is that of the process PID.  Both devices are named "wire"; whoever
 * starts wire gives them addresses.  Commands come on standard input, a line each,
 * and each is answered by a line, "ok" or "counts ...".  wire ends with its input.
 *
 *   rtt MICROSECONDS        the time to the other end and back (0)
 *   rate BITS               bits a second in each direction; 0: no limit (0)
 *   queue BYTES             what may wait for the rate in a direction (1 MB)
 *   loss PARTS SEED         of a million packets so many are lost, chosen by that
 *                           seed: the same again each time (0)
 *   drop N                  the Nth packet from now on that the far host sends and
 *                           that carries TCP data is lost; 0: none
 *   capture near|far PATH   a pcap file of all packets, at the times at which they
 *                           pass the device of that host
 *   capture off -
 *   counts                  packets and bytes that have left each host, and lost
 *
 * A packet waits for those before it to be sent at the rate, and travels for half
 * of the round-trip time.  A lost packet has left its host: the capture there has
 * it, and the one of the other host does not.
 */
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define FLYING_MAX 65536 /* packets on their way in one direction */
#define QUEUE_BYTES 1000000
#define MILLION 1000000
#define SECOND INT64_C(1000000000)
#define MICROSECOND INT64_C(1000)
#define HURRY (-20) /* a busy machine is no distance */
#define COMMAND_MAX 4096
#define PCAP_MAGIC 0xa1b23c4d /* times in nanoseconds */
#define PCAP_RAW 101	      /* LINKTYPE_RAW: IP packets */

enum { NEAR, FAR, HOSTS };

struct packet {
	int64_t due;
	size_t length;
	uint8_t *bytes; /* owned */
};

/* The packets that one host has sent, in the order in which they arrive. */
struct direction {
	struct packet flying[FLYING_MAX]; /* a ring */
	size_t first, count;
	int64_t free_at; /* when the last byte has left */
	uint64_t packets, bytes, lost;
};

struct wire {
	int tun[HOSTS];
	struct direction from[HOSTS];
	int64_t delay; /* nanoseconds, one way */
	uint64_t rate; /* bits a second, 0: no limit */
	uint64_t queue;
	uint32_t loss; /* of a million */
	uint64_t random;
	unsigned drop; /* data packets of the far host until the lost one */
	FILE *capture; /* NULL: none */
	int captured;  /* the host where it is made */
};

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* --- the devices --- */

/* Opens a device in the namespace of this process. */
static int
open_tun(void)
{
	struct ifreq request = {.ifr_name = "wire"};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		err(EXIT_FAILURE, "/dev/net/tun");
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &request) == -1)
		err(EXIT_FAILURE, "cannot make a TUN device");
	return fd;
}

static void
enter_namespace(const char *pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1)
		err(EXIT_FAILURE, "%s", path);
	close(fd);
}

/* --- the capture --- */

static void
capture_begin(struct wire *w, int host, const char *path)
{
	const uint32_t head[] = {
	    PCAP_MAGIC, 2 | 4 << 16, 0, 0, PACKET_MAX, PCAP_RAW};

	w->capture = fopen(path, "we");
	if (w->capture == NULL)
		err(EXIT_FAILURE, "%s", path);
	w->captured = host;
	fwrite(head, sizeof(head), 1, w->capture);
}

static void
capture_end(struct wire *w)
{
	if (w->capture != NULL && fclose(w->capture) != 0)
		err(EXIT_FAILURE, "cannot write the capture");
	w->capture = NULL;
}

static void
capture_packet(struct wire *w, const uint8_t *bytes, size_t length)
{
	struct timespec t;
	uint32_t head[4] = {0, 0, (uint32_t)length, (uint32_t)length};

	if (w->capture == NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	head[0] = (uint32_t)t.tv_sec;
	head[1] = (uint32_t)t.tv_nsec;
	fwrite(head, sizeof(head), 1, w->capture);
	fwrite(bytes, length, 1, w->capture);
}

/* --- the way of a packet --- */

/* Only IPv4 without options, which is all that the laboratory has. */
static bool
has_tcp_data(const uint8_t *bytes, size_t length)
{
	if (length < 40 || bytes[0] != 0x45 || bytes[9] != IPPROTO_TCP)
		return false;
	return length > 20U + (bytes[32] >> 4) * 4U;
}

/* splitmix64 */
static uint64_t
next_random(struct wire *w)
{
	uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool
is_lost(struct wire *w, int host, const uint8_t *bytes, size_t length)
{
	bool chosen = host == FAR && w->drop > 0 &&
	    has_tcp_data(bytes, length) && --w->drop == 0;

	if (w->loss > 0 && next_random(w) % MILLION < w->loss)
		return true;
	return chosen;
}

/* Returns when the last byte of a packet leaves, or -1: there is no room. */
static int64_t
leave_at(struct wire *w, struct direction *d, size_t length)
{
	int64_t at = now();
	int64_t waiting;

	if (w->rate == 0)
		return at;
	if (d->free_at < at)
		d->free_at = at;
	waiting = (int64_t)(w->queue * 8 * (uint64_t)SECOND / w->rate);
	if (d->free_at - at > waiting)
		return -1;
	d->free_at += (int64_t)(length * 8 * (uint64_t)SECOND / w->rate);
	return d->free_at;
}

static void
take_packet(struct wire *w, int host, const uint8_t *bytes, size_t length)
{
	struct direction *d = &w->from[host];
	struct packet *p = &d->flying[(d->first + d->count) % FLYING_MAX];
	int64_t leaves;

	d->packets++;
	d->bytes += length;
	if (w->captured == host)
		capture_packet(w, bytes, length);
	leaves = leave_at(w, d, length);
	if (leaves == -1 || d->count == FLYING_MAX ||
	    is_lost(w, host, bytes, length)) {
		d->lost++;
		return;
	}
	*p = (struct packet){leaves + w->delay, length, malloc(length)};
	if (p->bytes == NULL)
		err(EXIT_FAILURE, NULL);
	memcpy(p->bytes, bytes, length);
	d->count++;
}

static void
take_packets(struct wire *w, int host)
{
	static uint8_t bytes[PACKET_MAX];
	ssize_t n;

	while ((n = read(w->tun[host], bytes, sizeof(bytes))) > 0)
		take_packet(w, host, bytes, (size_t)n);
	if (n == -1 && errno != EAGAIN && errno != EIO) /* EIO: not up yet */
		err(EXIT_FAILURE, "cannot read from a device");
}

/* Hands over what is due, and returns when the next packet is, or -1. */
static int64_t
deliver(struct wire *w, int host)
{
	struct direction *d = &w->from[host];

	while (d->count > 0 && d->flying[d->first].due <= now()) {
		struct packet *p = &d->flying[d->first];

		if (w->captured != host)
			capture_packet(w, p->bytes, p->length);
		if (write(w->tun[!host], p->bytes, p->length) == -1)
			d->lost++; /* that host has no room, or is gone */
		free(p->bytes);
		d->first = (d->first + 1) % FLYING_MAX;
		d->count--;
	}
	return d->count > 0 ? d->flying[d->first].due : -1;
}

/* --- commands --- */

static void
print_counts(const struct wire *w)
{
	printf("counts");
	for (int i = 0; i < HOSTS; i++)
		printf(" %" PRIu64 " %" PRIu64 " %" PRIu64, w->from[i].packets,
		    w->from[i].bytes, w->from[i].lost);
	putchar('\n');
}

static bool
capture(struct wire *w, const char *where, const char *path)
{
	capture_end(w);
	if (strcmp(where, "off") == 0)
		return true;
	if (strcmp(where, "near") != 0 && strcmp(where, "far") != 0)
		return false;
	capture_begin(w, strcmp(where, "far") == 0 ? FAR : NEAR, path);
	return true;
}

static bool
obey(struct wire *w, const char *line)
{
	char where[8], path[COMMAND_MAX];
	uint64_t n, seed;

	if (sscanf(line, "rtt %" SCNu64, &n) == 1)
		w->delay = (int64_t)n * MICROSECOND / 2;
	else if (sscanf(line, "rate %" SCNu64, &n) == 1)
		w->rate = n;
	else if (sscanf(line, "queue %" SCNu64, &n) == 1)
		w->queue = n;
	else if (sscanf(line, "loss %" SCNu64 " %" SCNu64, &n, &seed) == 2) {
		w->loss = (uint32_t)n;
		w->random = seed;
	} else if (sscanf(line, "drop %" SCNu64, &n) == 1)
		w->drop = (unsigned)n;
	else if (sscanf(line, "capture %7s %4095[^\n]", where, path) == 2)
		return capture(w, where, path);
	else
		return false;
	return true;
}

static void
obey_line(struct wire *w, const char *line)
{
	if (strncmp(line, "counts", 6) == 0)
		print_counts(w);
	else
		puts(obey(w, line) ? "ok" : "what?");
	fflush(stdout);
}

/* Returns false at the end of the input. */
static bool
read_commands(struct wire *w)
{
	static char line[COMMAND_MAX];
	static size_t length;
	char *end;
	ssize_t n =
	    read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);

	if (n <= 0)
		return false;
	length += (size_t)n;
	line[length] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		obey_line(w, line);
		length -= (size_t)(end + 1 - line);
		memmove(line, end + 1, length + 1);
	}
	return true;
}

/* --- the loop --- */

/* Waits for packets and commands, but not beyond that time; -1: for ever. */
static void
wait_until(int64_t due, struct pollfd *fds, nfds_t count)
{
	int64_t left = due == -1 ? 0 : due - now();
	const struct timespec t = {
	    left > 0 ? left / SECOND : 0, left > 0 ? left % SECOND : 0};

	if (ppoll(fds, count, due == -1 ? NULL : &t, NULL) == -1 &&
	    errno != EINTR)
		err(EXIT_FAILURE, "ppoll");
}

static void
run(struct wire *w)
{
	struct pollfd fds[] = {{w->tun[NEAR], POLLIN, 0},
	    {w->tun[FAR], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};

	for (;;) {
		int64_t near = deliver(w, NEAR), far = deliver(w, FAR);
		int64_t due =
		    near == -1 || (far != -1 && far < near) ? far : near;

		wait_until(due, fds, sizeof(fds) / sizeof(fds[0]));
		for (int i = 0; i < HOSTS; i++)
			if (fds[i].revents != 0)
				take_packets(w, i);
		if (fds[HOSTS].revents != 0 && !read_commands(w))
			return;
	}
}

int
main(int argc, char **argv)
{
	static struct wire w;

	if (argc != 2)
		errx(64, "usage: wire PID");
	w.queue = QUEUE_BYTES;
	(void)setpriority(PRIO_PROCESS, 0, HURRY);
	(void)prctl(PR_SET_TIMERSLACK, 1);
	w.tun[NEAR] = open_tun();
	enter_namespace(argv[1]);
	w.tun[FAR] = open_tun();
	puts("ready");
	fflush(stdout);
	run(&w);
	capture_end(&w);
	return EXIT_SUCCESS;
}
