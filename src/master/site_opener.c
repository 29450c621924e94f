#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "handlers/directory.h"
#include "master/site_opener.h"
#include "os/fd_passing.h"

/* The largest part of an error page, or of other bytes, in one message. */
#define PIECE 4096
/* In the opener; the descriptor before it is the socket to the master. */
#define FIRST_DIRECTORY (STDERR_FILENO + 2)
/* What the opener may send; honest ones never send so much. */
#define BYTES_MAX ((size_t)64 << 20)
/* Messages that the master takes before it looks after other things. */
#define TURN 64
#define GRANTS_MAX 4096 /* for each mount */
/* Those that the opener may grant. */
#define NEEDS_OF_FILES                                                         \
	((unsigned)(PRIVILEGE_READ | PRIVILEGE_WRITE | PRIVILEGE_EXEC |        \
	    PRIVILEGE_USE))

enum kind {
	OPENING,   /* the path that is opened next */
	DIRECTORY, /* a descriptor, for the mount with that index */
	GRANT,	   /* another one, which that mount needs as needs says */
	FOUND,	   /* the next part of what that mount has looked up */
	PAGE,	   /* the next part of the error page with that index */
	TYPES,	   /* the next part of mime.types */
	IDENTITY,  /* the next part of the workers' identity */
	ROOT,	   /* with a descriptor */
	REFUSED,   /* an error message */
	ALL,	   /* all has been sent */
	NEEDLESS,
};

struct message {
	enum kind kind;
	size_t index;
	unsigned needs; /* of enum privilege_need */
	size_t len;
	char bytes[PIECE];
};

/* In the opener: the socket to the master. */
static int answers = -1;

static void
send_message(const struct message *m, int fd)
{
	struct message copy = *m;
	struct iovec part = {.iov_base = &copy, .iov_len = sizeof(copy)};

	if (fd_passing_send(answers, &part, 1, &fd, fd != -1, 0) == -1)
		_exit(EXIT_FAILURE);
}

static void
send_bytes(enum kind kind, size_t index, const char *bytes, size_t len)
{
	while (len > 0) {
		struct message m = {.kind = kind, .index = index};

		m.len = len < PIECE ? len : PIECE;
		memcpy(m.bytes, bytes, m.len);
		send_message(&m, -1);
		bytes += m.len;
		len -= m.len;
	}
}

static void
site_opener_tell(const char *path)
{
	struct message m = {.kind = OPENING};

	m.len = strnlen(path, PIECE);
	memcpy(m.bytes, path, m.len);
	send_message(&m, -1);
}

static void
send_mount(const struct tined_mount *m)
{
	if (m->directory != -1)
		send_message(
		    &(struct message){.kind = DIRECTORY, .index = m->index},
		    m->directory);
	for (size_t i = 0; i < m->directory_count; i++) {
		const struct mount_directory *d = &m->directories[i];

		if (d->passed)
			send_message(&(struct message){.kind = GRANT,
					 .index = m->index,
					 .needs = d->needs},
			    d->fd);
	}
	send_bytes(FOUND, m->index, m->found.data, m->found.len);
}

static void
site_opener_send_all(const struct inherited *h, struct text types)
{
	const struct site *s = &h->site;
	struct buffer identity = {0};

	send_bytes(TYPES, 0, types.at, types.len);
	for (size_t i = 0; i < s->mount_count; i++)
		send_mount(&s->mounts[i]);
	for (size_t i = 0; i < s->page_count; i++)
		send_bytes(
		    PAGE, i, s->pages[i].bytes.data, s->pages[i].bytes.len);
	identity_tell(&h->privilege.identity, &identity);
	send_bytes(IDENTITY, 0, identity.data, identity.len);
	if (h->privilege.identity.root != -1)
		send_message(&(struct message){.kind = ROOT},
		    h->privilege.identity.root);
	send_message(&(struct message){.kind = ALL}, -1);
}

/*
 * Duplicates the mounted directories, in their order, to descriptors from that
 * number on.  Returns the descriptors, and their number in *count.
 */
static int *
raise_directories(const struct site *s, int from, int *count)
{
	int *fds = memory_get_array(s->mount_count, sizeof(*fds));

	*count = 0;
	for (size_t i = 0; i < s->mount_count; i++) {
		int directory = s->mounts[i].directory;

		if (directory == -1)
			continue;
		fds[*count] = fcntl(directory, F_DUPFD_CLOEXEC, from);
		if (fds[(*count)++] == -1)
			_exit(EXIT_FAILURE);
	}
	return fds;
}

/*
 * The opener may hang for good in a file system.  So it closes everything that
 * another process could need: the port, the lock of the pid file, the log's
 * pipe.  It keeps the mounted directories, from FIRST_DIRECTORY on.
 */
static void
leave_all_else(const struct site *s, int line)
{
	int count, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int *directories =
	    raise_directories(s, FIRST_DIRECTORY + (int)s->mount_count, &count);

	answers = STDERR_FILENO + 1;
	if (dup2(line, answers) == -1 || null == -1)
		_exit(EXIT_FAILURE);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	for (int i = 0; i < count; i++)
		dup3(directories[i], FIRST_DIRECTORY + i, O_CLOEXEC);
	free(directories);
	closefrom(FIRST_DIRECTORY + count);
	fcntl(answers, F_SETFD, FD_CLOEXEC);
}

/* True if somebody has removed a directory that is mounted now. */
static bool
is_any_removed(const struct inherited *h)
{
	const struct site *s = &h->site;
	struct directory directory = {.fd = FIRST_DIRECTORY};

	for (size_t i = 0; i < s->mount_count; i++) {
		const struct tined_mount *m = &s->mounts[i];

		if (m->directory == -1)
			continue;
		site_opener_tell(h->config.mounts.at[m->index].arg);
		if (directory_is_gone(&directory))
			return true;
		directory.fd++;
	}
	return false;
}

static _Noreturn void
open_all(const struct inherited *h, int line, pid_t master, bool if_removed)
{
	struct buffer types = {0};
	const struct site_source from = {
	    .tell = site_opener_tell, .types = &types};
	struct inherited copy = *h;
	struct buffer why = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master)
		_exit(EXIT_FAILURE);
	log_mute(true);
	setproctitle("reload (opens files)");
	leave_all_else(&h->site, line);
	if (if_removed && !is_any_removed(h))
		send_message(&(struct message){.kind = NEEDLESS}, -1);
	else if (inherited_open(&copy, &from, &why) == 0)
		site_opener_send_all(&copy, buffer_text(&types));
	else
		send_bytes(REFUSED, 0, why.data, why.len);
	_exit(EXIT_SUCCESS);
}

static int
site_opener_start(struct site_opener *o, const struct inherited *h,
    const int ends[2], bool if_removed)
{
	pid_t master = getpid();
	pid_t pid = fork();
	int process;

	if (pid == 0)
		open_all(h, ends[1], master, if_removed);
	if (pid == -1)
		return -1;
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process == -1) {
		kill(pid, SIGKILL); /* nobody has waited for it yet */
		return -1;
	}
	o->process = process;
	return 0;
}

int
site_opener_begin(
    struct site_opener *o, const struct inherited *h, bool if_removed)
{
	int ends[2], result, saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	*o = (struct site_opener){
	    .line = ends[0],
	    .deadline = clock_now() + SITE_OPENER_PATIENCE,
	};
	result = site_opener_start(o, h, ends, if_removed);
	saved = errno;
	close(ends[1]);
	if (result == 0)
		site_opened_init(&o->opened, &h->config);
	else
		close(ends[0]);
	errno = saved;
	return result;
}

/* Replaces the descriptor in *place. */
static void
site_opener_keep(int *place, int fd)
{
	if (*place != -1)
		close(*place);
	*place = fd;
}

static enum site_opener_result
site_opener_take(struct site_opener *o, const struct message *m, int fd)
{
	struct site_opened *opened = &o->opened;

	switch (m->kind) {
	case OPENING:
		buffer_clear(&o->path);
		buffer_add(&o->path, m->bytes, m->len);
		break;
	case DIRECTORY:
		site_opener_keep(&opened->directories[m->index], fd);
		break;
	case GRANT:
		privilege_need_directory(
		    &opened->granted[m->index], fd, m->needs);
		break;
	case FOUND:
		buffer_add(&opened->found[m->index], m->bytes, m->len);
		break;
	case PAGE:
		buffer_add(&opened->pages[m->index], m->bytes, m->len);
		break;
	case TYPES:
		buffer_add(&opened->types, m->bytes, m->len);
		break;
	case IDENTITY:
		buffer_add(&opened->identity.found, m->bytes, m->len);
		break;
	case ROOT:
		site_opener_keep(&opened->identity.root, fd);
		break;
	case REFUSED:
		buffer_add(&o->words, m->bytes, m->len);
		break;
	case NEEDLESS:
		return SITE_OPENER_NEEDLESS;
	case ALL:
		return SITE_OPENER_DONE;
	}
	return SITE_OPENER_PENDING;
}

/* How many indexes there are for that kind; 0: there is no such kind. */
static size_t
index_count(const struct site_opened *opened, enum kind kind)
{
	switch (kind) {
	case DIRECTORY:
	case GRANT:
	case FOUND:
		return opened->mount_count;
	case PAGE:
		return opened->page_count;
	case OPENING:
	case TYPES:
	case IDENTITY:
	case ROOT:
	case REFUSED:
	case NEEDLESS:
	case ALL:
		return 1;
	}
	return 0;
}

static bool
is_sound(const struct site_opener *o, const struct message *m, bool has_fd)
{
	const struct site_opened *opened = &o->opened;
	bool wants_fd =
	    m->kind == DIRECTORY || m->kind == GRANT || m->kind == ROOT;
	bool is_string = m->kind == OPENING || m->kind == REFUSED;

	if (m->len > PIECE || m->len > BYTES_MAX - o->received ||
	    m->index >= index_count(opened, m->kind) || has_fd != wants_fd)
		return false;
	if (is_string && memchr(m->bytes, '\0', m->len) != NULL)
		return false;
	return m->kind != GRANT ||
	    ((m->needs & ~NEEDS_OF_FILES) == 0 &&
		opened->granted[m->index].directory_count < GRANTS_MAX);
}

/*
 * Returns 1, 0 when the opener has ended, or -1 with errno.  It has read files of
 * others, so what it sends is taken for hostile.
 */
static int
site_opener_receive(struct site_opener *o, struct message *m, int *fd)
{
	struct iovec part = {.iov_base = m, .iov_len = sizeof(*m)};
	struct passed_fds fds;
	ssize_t n =
	    fd_passing_receive(o->line, &part, 1, &fds, 1, MSG_DONTWAIT);

	*fd = -1;
	if (n == 0)
		fd_passing_close(&fds);
	if (n <= 0)
		return (int)n;
	if (n == (ssize_t)sizeof(*m) && fds.error == 0 &&
	    is_sound(o, m, fds.count == 1)) {
		*fd = fds.count == 1 ? fds.at[0] : -1;
		o->received += m->len;
		return 1;
	}
	fd_passing_close(&fds);
	errno = fds.error != 0 ? fds.error : EPROTO;
	return -1;
}

/* Called when the opener has ended and not sent everything. */
static void
explain_end(struct site_opener *o, struct buffer *why)
{
	if (o->words.len > 0)
		buffer_add(why, o->words.data, o->words.len);
	else if (o->path.len > 0)
		buffer_printf(why, "%s: the process that opens it has ended",
		    buffer_string(&o->path));
	else
		buffer_add_string(
		    why, "the process that opens files has ended");
}

static void
explain_error(struct site_opener *o, int error, struct buffer *why)
{
	buffer_printf(why, "%s: %s",
	    o->path.len > 0 ? buffer_string(&o->path)
			    : "the process that opens files",
	    directory_error(error));
}

static void
explain_delay(struct site_opener *o, struct buffer *why)
{
	const long long seconds = SITE_OPENER_PATIENCE / CLOCK_SECOND;

	if (o->path.len > 0)
		buffer_printf(why,
		    "%s: its file system or name server has not responded for "
		    "%lld s: check its disk, or that server",
		    buffer_string(&o->path), seconds);
	else
		buffer_printf(why,
		    "the process that opens files has not begun within %lld s: "
		    "this machine is too busy, or that process was stopped",
		    seconds);
}

/* Does not stay for an opener that sends without an end. */
enum site_opener_result
site_opener_act(struct site_opener *o, struct buffer *why)
{
	enum site_opener_result result = SITE_OPENER_PENDING;
	struct message m;
	int fd, got = 1;

	for (int i = 0; i < TURN && result == SITE_OPENER_PENDING && got == 1;
	     i++) {
		got = site_opener_receive(o, &m, &fd);
		if (got == 1)
			result = site_opener_take(o, &m, fd);
	}
	if (result != SITE_OPENER_PENDING)
		return result;
	if (got == 0) {
		explain_end(o, why);
		return SITE_OPENER_FAILED;
	}
	if (got == -1 && errno != EAGAIN && errno != EINTR) {
		explain_error(o, errno, why);
		return SITE_OPENER_FAILED;
	}
	if (clock_now() < o->deadline)
		return SITE_OPENER_PENDING;
	explain_delay(o, why);
	return SITE_OPENER_FAILED;
}

/*
 * The kernel ends the opener only when its file system responds, so the master
 * does not wait for its end.
 */
void
site_opener_end(struct site_opener *o)
{
	(void)syscall(SYS_pidfd_send_signal, o->process, SIGKILL, NULL, 0);
	close(o->line);
	o->line = -1;
	site_opened_free(&o->opened);
	buffer_free(&o->words);
	site_opener_is_gone(o);
}

bool
site_opener_is_gone(struct site_opener *o)
{
	struct pollfd asked = {.fd = o->process, .events = POLLIN};

	if (o->process == 0)
		return true;
	if (poll(&asked, 1, 0) != 1)
		return false;
	site_opener_forget(o);
	return true;
}

void
site_opener_forget(struct site_opener *o)
{
	if (o->process == 0)
		return;
	close(o->process);
	o->process = 0;
	buffer_free(&o->path);
}

void
site_opener_leave(const struct site_opener *o)
{
	struct site_opener copy = *o;

	if (copy.process == 0)
		return;
	close(copy.process);
	if (copy.line != -1)
		close(copy.line);
	site_opened_free(&copy.opened);
}

void
site_opener_explain_rest(struct site_opener *o, struct buffer *why)
{
	buffer_add_string(why,
	    "the process that opened files for the last reload still waits for "
	    "its file system");
	if (o->path.len > 0)
		buffer_printf(why, ": %s", buffer_string(&o->path));
}
