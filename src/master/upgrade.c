#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "master/exit_report.h"
#include "master/upgrade.h"
#include "master/upgrade_env.h"
#include "os/file_limit.h"
#include "os/pid_file.h"
#include "os/signals.h"

#define UPGRADE_TICK (5 * CLOCK_MILLISECOND)
/*
 * How long the new server may take to respond to its test request, in addition
 * to --start-timeout for its workers.
 */
#define UPGRADE_PATIENCE (10 * CLOCK_SECOND)

static struct {
	char *program; /* absolute */
	char *directory;
	char **argv;
} origin;

/* setproctitle(3) overwrites the original arguments. */
static char **
upgrade_copy(char **argv)
{
	size_t count = 0;
	char **words;

	while (argv[count] != NULL)
		count++;
	words = memory_get_array(count + 1, sizeof(words[0]));
	while (count-- > 0)
		words[count] = memory_copy_string(argv[count]);
	return words;
}

void
upgrade_remember(char **argv)
{
	origin.program = path_absolute((const char *)getauxval(AT_EXECFN));
	origin.directory = get_current_dir_name();
	origin.argv = upgrade_copy(argv);
}

/* Keeps the descriptor open for the successor, across exec. */
static void
keep_open(int fd)
{
	if (fd != -1)
		fcntl(fd, F_SETFD, 0);
}

/* These variables name the process that the service manager has started. */
static void
set_environment(const struct upgrade_env *q)
{
	static const char *const names[] = {"WATCHDOG_PID", "SYSTEMD_EXEC_PID"};
	struct buffer b = {0};

	upgrade_env_write(&b, q);
	setenv(UPGRADE_ENV_VARIABLE, buffer_string(&b), 1);
	buffer_clear(&b);
	buffer_printf(&b, "%d", (int)getpid());
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (getenv(names[i]) != NULL)
			setenv(names[i], buffer_string(&b), 1);
	buffer_free(&b);
}

static void
print_failure(const char *what, const char *path)
{
	dprintf(
	    STDERR_FILENO, "cannot %s %s: %s\n", what, path, strerror(errno));
}

/* Adds the listeners of the status socket after the others. */
static void
add_listeners(struct upgrade_env *q, const struct listeners *all)
{
	q->at = memory_resize(q->at, q->count + all->count, sizeof(q->at[0]));
	for (size_t i = 0; i < all->count; i++)
		q->at[q->count++] = all->at[i];
}

/* The child needs these to become the successor. */
struct successor_origin {
	const struct inherited *inherited;
	int predecessor; /* pidfd_open(2) */
};

static void
become_successor(const struct successor_ends *ends, void *arg)
{
	const struct successor_origin *from = arg;
	const struct inherited *h = from->inherited;
	struct upgrade_env q = {
	    .talk = ends->talk,
	    .errors = dup(STDERR_FILENO),
	    .channel = h->config.no_lot ? -1 : h->successor.from,
	    .pidfile = pid_file_fd(),
	    .predecessor = from->predecessor,
	    .status = (int)h->status.listeners.count,
	};

	add_listeners(&q, &h->listeners);
	add_listeners(&q, &h->status.listeners);
	signals_restore();
	file_limit_restore();
	dup2(ends->errors, STDERR_FILENO);
	keep_open(q.talk);
	keep_open(q.channel);
	keep_open(q.pidfile);
	keep_open(q.predecessor);
	for (size_t i = 0; i < q.count; i++)
		keep_open(q.at[i].fd);
	set_environment(&q);
	if (origin.directory != NULL && chdir(origin.directory) == -1) {
		print_failure("go back to", origin.directory);
	} else {
		execv(origin.program, origin.argv);
		print_failure("run", origin.program);
	}
	_exit(EXIT_FAILURE);
}

/* Returns NULL, or why an upgrade is not possible now. */
static const char *
objection(const struct children *all)
{
	if (all->successor.pid != 0)
		return "another is under way";
	if (getpid() == 1)
		return "this is process 1, and all other processes would end "
		       "with it: restart it";
	return NULL;
}

void
upgrade_begin(struct upgrade *u, struct children *all)
{
	const char *why = objection(all);
	struct successor_origin from = {.inherited = all->inherited};
	int result;

	if (why != NULL) {
		log_warning("no upgrade: %s", why);
		return;
	}
	from.predecessor = (int)syscall(SYS_pidfd_open, getpid(), 0);
	result = from.predecessor;
	if (result != -1)
		result =
		    successor_start(&all->successor, become_successor, &from);
	if (result == -1)
		log_error("cannot upgrade: %s", strerror(errno));
	else
		log_notice("upgrading to %s, process %d", origin.program,
		    (int)all->successor.pid);
	if (from.predecessor != -1)
		close(from.predecessor);
	*u = (struct upgrade){.deadline = clock_now() + UPGRADE_PATIENCE +
		all->inherited->config.start_timeout};
}

/*
 * Adds the first line that the successor has written to standard error, if any.
 */
static void
upgrade_add_words(struct buffer *b, int errors)
{
	char words[512];
	ssize_t n = read(errors, words, sizeof(words) - 1);
	char *line = words;

	if (n <= 0)
		return;
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (strchr(line, ':') != NULL &&
	    strncmp(line, program_invocation_short_name,
		strlen(program_invocation_short_name)) == 0)
		line = strchr(line, ':') + 2;
	buffer_printf(b, ": %s", line);
}

/* Does not wait for the intermediate process: it ends when the successor has. */
static enum upgrade_result
upgrade_fail(struct children *all, const char *how)
{
	struct buffer words = {0};

	successor_signal(&all->successor, SIGKILL);
	upgrade_add_words(&words, all->successor.errors);
	log_error("the upgrade has failed, and process %d goes on: the new "
		  "process %s%s",
	    (int)getpid(), how, buffer_string(&words));
	buffer_free(&words);
	successor_forget(&all->successor);
	return UPGRADE_FAILED;
}

static void
upgrade_add_cause(struct buffer *b, int status)
{
	if (status == SUCCESSOR_STATUS_UNKNOWN)
		buffer_add_string(b, "has ended");
	else
		exit_report_add_cause(b, status);
}

static enum upgrade_result
fail_by_end(struct children *all)
{
	struct buffer cause = {0};
	enum upgrade_result result;

	upgrade_add_cause(&cause, all->successor.status);
	result = upgrade_fail(all, buffer_string(&cause));
	buffer_free(&cause);
	return result;
}

enum upgrade_result
upgrade_act(struct upgrade *u, struct children *all)
{
	char word = 0;

	if (all->successor.pid == 0)
		return UPGRADE_IDLE;
	(void)!recv(all->successor.talk, &word, 1, MSG_DONTWAIT);
	u->ready |= word == UPGRADE_ENV_READY;
	successor_look(&all->successor);
	if (all->successor.ended)
		return fail_by_end(all);
	if (u->ready)
		return UPGRADE_DONE;
	if (clock_now() >= u->deadline)
		return upgrade_fail(all, "did not respond in time");
	return UPGRADE_PENDING;
}

void
upgrade_release(struct children *all)
{
	successor_release(&all->successor);
}

void
upgrade_give_way(struct children *all)
{
	static const char go = UPGRADE_ENV_GO;

	(void)!send(all->successor.talk, &go, 1, MSG_NOSIGNAL);
	successor_hang_up(&all->successor);
	all->new_master = all->successor;
	all->successor = (struct successor){0};
}

bool
upgrade_is_in_vain(struct children *all)
{
	successor_look(&all->new_master);
	return all->new_master.ended;
}

void
upgrade_log_loss(const struct children *all)
{
	log_error(
	    "the new master, process %d, has ended", (int)all->new_master.pid);
}

void
upgrade_abandon(struct children *all)
{
	if (all->successor.pid == 0)
		return;
	log_notice("upgrade abandoned");
	successor_signal(&all->successor, SIGKILL);
	successor_forget(&all->successor);
}

int64_t
upgrade_next(const struct children *all)
{
	return all->successor.pid != 0 ? clock_now() + UPGRADE_TICK
				       : CLOCK_NEVER;
}
