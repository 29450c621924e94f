#include <sys/types.h>

#include <assert.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "cli/daemon.h"
#include "cli/startup.h"
#include "master/autoscale.h"
#include "master/takeover.h"
#include "os/cgroup.h"
#include "os/crash.h"
#include "os/file_limit.h"
#include "os/pid_file.h"
#include "os/signals.h"
#include "process/log_follow.h"
#include "process/status_server/server.h"

#define OWN_DESCRIPTORS "/proc/self/fd"

/* For startup_ready: the line that says what is served and where. */
static struct buffer greeting;
static const struct inherited *serving;

static void
log_fit(struct config *c)
{
	struct buffer words = {0};

	if (autoscale_fit(c, cgroup_memory(), &words))
		log_warning("%s", buffer_string(&words));
	else if (words.len > 0)
		log_notice("%s", buffer_string(&words));
	buffer_free(&words);
}

static void
open_scoreboard(struct inherited *h)
{
	const struct config *c = &h->config;

	h->board = scoreboard_create(autoscale_slots(c));
	if (h->board == NULL)
		err(EXIT_FAILURE, "cannot create the scoreboard");
	if (!h->board->memory.is_sealed)
		log_warning("the limit on the size of files (ulimit -f) is "
			    "too low to seal shared memory: raise it, or an "
			    "attacker who takes over a worker can falsify the "
			    "counters of other processes");
	if (c->quarantine_limit > 0) {
		h->quarantine = quarantine_create(c->quarantine_limit,
		    c->quarantine_time, &h->board->server->held);
		if (h->quarantine == NULL)
			err(EXIT_FAILURE, "--quarantine");
	}
	backlog_watch_overflows(&h->overflows);
}

static void
open_inherited(struct inherited *h)
{
	const struct site_source from = {0};
	struct buffer why = {0};

	if (inherited_open(h, &from, &why) == -1)
		errx(errno == EINVAL ? EX_USAGE : EXIT_FAILURE, "%s",
		    buffer_string(&why));
	buffer_free(&why);
}

/* For a reload, because a daemon changes its directory. */
static void
make_names_absolute(struct config *c)
{
	path_keep_directory();
	for (size_t i = 0; i < c->error_pages.count; i++)
		path_make_absolute(&c->error_pages.at[i].file);
	if (c->chroot != NULL)
		path_make_absolute(&c->chroot);
}

static void
parse_log_format(struct inherited *h)
{
	struct buffer why = {0};
	int result =
	    log_format_parse(&h->log_format, h->config.log_format, &why);

	assert(result == 0 && "options.c takes no bad --log-format");
	buffer_free(&why);
}

static _Noreturn void
refuse_log(const char *option, const char *target)
{
	errx(EXIT_FAILURE, "--%s %s: %s", option, target,
	    logfile_explain(target));
}

static void
open_logs(struct inherited *h)
{
	const struct config *c = &h->config;

	log_set_level(c->log_level);
	parse_log_format(h);
	tzset(); /* children cannot read /etc/localtime any more */
	if (logfile_open(&h->access_log, c->access_log, STDOUT_FILENO) == -1)
		refuse_log("access-log", c->access_log);
	if (log_open(c->error_log,
		takeover_is_waiting() ? takeover_errors() : STDERR_FILENO) ==
	    -1)
		refuse_log("error-log", c->error_log);
}

static void
open_listeners(struct inherited *h)
{
	const struct config *c = &h->config;
	const struct listener_options options = {
	    .backlog = c->backlog,
	    .receive_timeout = c->no_lot ? c->keepalive_timeout : c->linger,
	    .send_timeout = config_send_tick(c),
	    .defer = c->head_timeout,
	    .nagle = c->nagle,
	};
	struct buffer why = {0};
	int passed;

	listener_init(&h->listeners, &options);
	if (takeover_is_waiting()) {
		takeover_take(h);
		return;
	}
	passed = listener_adopt(&h->listeners, &why);
	if (passed == -1)
		errx(EXIT_FAILURE, "%s", buffer_string(&why));
	for (size_t i = 0; i < c->listen.count && passed == 0; i++)
		if (listener_open(&h->listeners, c->listen.at[i], &why) == -1)
			errx(EXIT_FAILURE, "%s", buffer_string(&why));
	buffer_free(&why);
}

static void
open_channel(struct channel *channel)
{
	if (channel_open(channel) == -1)
		err(EXIT_FAILURE, "cannot open a channel between processes");
}

/* Without a lot there is only the channel for a successor's test request. */
static void
open_channels(struct inherited *h)
{
	static const struct channel none = {.from = -1, .to = -1};
	const struct autoscale_memory memory =
	    autoscale_divide(&h->config, cgroup_memory());

	h->lot_memory = memory.lot;
	h->client_memory = memory.client;
	h->parked = h->ready = h->successor = none;
	if (!h->config.no_lot || takeover_is_waiting())
		open_channel(&h->ready);
	if (h->config.no_lot)
		return;
	h->board->has_lot = true;
	if (h->config.per_client > 0) {
		h->client_limit = client_limit_create(
		    h->board, (unsigned)h->config.per_client);
		if (h->client_limit == NULL)
			err(EXIT_FAILURE, "--per-client");
	}
	h->deferred_budget = deferred_budget_create(h->board, memory.deferred);
	h->loans = loans_create(h->board->count);
	if (h->deferred_budget == NULL || h->loans == NULL)
		err(EXIT_FAILURE, "cannot create shared memory");
	open_channel(&h->parked);
	open_channel(&h->successor);
}

static void
open_status(struct inherited *h)
{
	struct buffer why = {0};

	if (status_server_open(h, &why) == -1)
		errx(EXIT_FAILURE, "%s", buffer_string(&why));
	buffer_free(&why);
}

static _Noreturn void
refuse_pidfile(const char *path)
{
	if (errno == ENOTUNIQ)
		errx(EXIT_FAILURE,
		    "--pidfile %s: this file has other content than a process "
		    "ID: choose another name, or remove it",
		    path);
	err(EXIT_FAILURE, "--pidfile %s", path);
}

static void
open_pidfile(const struct config *c)
{
	pid_t other = 0;

	if (c->pidfile == NULL)
		return;
	if (takeover_is_waiting() && takeover_pidfile() != -1) {
		pid_file_inherit(c->pidfile, takeover_pidfile());
		return;
	}
	if (pid_file_open(c->pidfile, &other) == 0)
		return;
	if (errno == EEXIST)
		errx(EXIT_FAILURE,
		    "--pidfile %s: process %d, another tined, holds it: stop "
		    "that, or choose another file",
		    c->pidfile, (int)other);
	refuse_pidfile(c->pidfile);
}

/* The successor of a daemon is a daemon already. */
static void
leave_terminal(const struct inherited *h)
{
	if (!h->config.daemon)
		return;
	if (takeover_is_waiting())
		daemon_go_on();
	else if (daemon_start() == -1)
		err(EXIT_FAILURE, "--daemon");
}

/* Adds how the responses of that mount are written, if it is not as usual. */
static void
describe_write_mode(struct buffer *b, const struct site *s, size_t index)
{
	for (size_t i = 0; i < s->mount_count; i++) {
		const struct tined_mount *m = &s->mounts[i];

		if (m->index == index && m->write_mode != CONFIG_WRITE_TOGETHER)
			buffer_printf(b, " (--write-mode %s)",
			    config_write_mode_name(m->write_mode));
	}
}

static void
describe_mounts(struct buffer *b, const struct config *c, const struct site *s)
{
	for (size_t i = 0; i < c->mounts.count; i++) {
		const struct config_mount *m = &c->mounts.at[i];
		bool file = strcmp(m->kind, "file") == 0;
		char *whole = file ? path_absolute(m->arg) : NULL;
		char *path = file ? realpath(whole, NULL) : NULL;

		buffer_add_string(b, i > 0 ? ", " : "");
		if (path != NULL)
			buffer_add_string(b, path);
		else
			buffer_printf(b, "%s:%s", m->kind, m->arg);
		if (strcmp(m->prefix, "/") != 0)
			buffer_printf(b, " as %s", m->prefix);
		describe_write_mode(b, s, i);
		free(path);
		free(whole);
	}
}

/* Adds each URL once: a name may have several addresses. */
static void
describe_listeners(struct buffer *b, const struct listeners *all)
{
	const char *last = "";

	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(last, all->at[i].url) == 0)
			continue;
		last = all->at[i].url;
		buffer_printf(b, "%s%s", i > 0 ? ", " : "", last);
	}
}

/* With --test: the addresses of the command line. */
static void
describe_addresses(struct buffer *b, const struct config_strings *all)
{
	for (size_t i = 0; i < all->count; i++)
		buffer_printf(b, "%s%s", i > 0 ? ", " : "", all->at[i]);
}

/* "/srv/www at http://localhost:8080/ with 8 workers" */
static void
startup_describe(struct buffer *b, const struct inherited *h)
{
	const struct pool_limits limits = autoscale_limits(&h->config);

	describe_mounts(b, &h->config, &h->site);
	buffer_add_string(b, " at ");
	if (h->listeners.count > 0)
		describe_listeners(b, &h->listeners);
	else
		describe_addresses(b, &h->config.listen);
	buffer_add_string(b, " with ");
	autoscale_describe(b, &limits);
}

/*
 * If a standard stream is closed, the next file that is opened gets its number,
 * and output for a log could go to a client.
 */
static void
keep_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static void
log_privileges(const struct inherited *h)
{
	struct privilege_needs needs = {0};

	site_add_needs(&h->site, &needs);
	privilege_log(&h->privilege, &needs);
	privilege_free_needs(&needs);
}

/* err(3) and warn(3) begin each line with the name of the program. */
static char name_with_priority[] = "<3>tined";
static char *plain_name;

void
startup_prepare(void)
{
	plain_name = program_invocation_short_name;
	if (logfile_is_journal(STDERR_FILENO))
		program_invocation_short_name = name_with_priority;
}

/*
 * All descriptors that tined opens are close-on-exec.  The others were left
 * open by the parent process, and no process of tined needs them.
 */
static void
close_strangers(void)
{
	DIR *descriptors = opendir(OWN_DESCRIPTORS);
	const struct dirent *entry;
	uint64_t fd;

	if (descriptors == NULL) {
		log_warning("cannot look for inherited descriptors: %s: %s",
		    OWN_DESCRIPTORS, strerror(errno));
		return;
	}
	while ((entry = readdir(descriptors)) != NULL) {
		if (!text_to_number(text_of(entry->d_name), INT_MAX, &fd) ||
		    fd <= STDERR_FILENO || fcntl((int)fd, F_GETFD) != 0)
			continue;
		log_debug(
		    "closing descriptor %d, which the parent process left open",
		    (int)fd);
		close((int)fd);
	}
	closedir(descriptors);
}

void
startup_open(struct inherited *h)
{
	signals_ignore_others();
	/*
	 * The lot has a descriptor per connection, and the kernel limits those
	 * on their way between processes by it (unix(7)).
	 */
	file_limit_raise();
	keep_standard_streams();
	h->accept_gate = h->predecessor.from = h->predecessor.to = -1;
	(void)takeover_init();
	open_logs(h);
	if (crash_prepare() == -1)
		err(EXIT_FAILURE,
		    "cannot allocate a stack for signal handlers");
	log_fit(&h->config);
	open_scoreboard(h);
	make_names_absolute(&h->config);
	open_inherited(h);
	open_listeners(h);
	open_status(h);
	open_channels(h);
	open_pidfile(&h->config);
	startup_describe(&greeting, h);
	serving = h;
	leave_terminal(h);
	if (wakeup_open(&h->started) == -1 || wakeup_open(&h->wanted) == -1 ||
	    wakeup_open(&h->lot_ended) == -1 ||
	    log_follow_init(&h->log_notices) == -1)
		err(EXIT_FAILURE,
		    "cannot create eventfds and sockets for other processes");
	close_strangers();
	if (takeover_is_waiting())
		takeover_speak_up();
	/* setproctitle needs the name again, and errors go to the log now. */
	program_invocation_short_name = plain_name;
}

static void
check_address(const char *address)
{
	struct buffer why = {0};

	if (listener_check(address, &why) == -1)
		errx(EXIT_FAILURE, "%s", buffer_string(&why));
}

/* Checks for --test what startup_open would open for writing. */
static void
check_files(const struct config *c)
{
	if (logfile_check(c->access_log) == -1)
		refuse_log("access-log", c->access_log);
	if (logfile_check(c->error_log) == -1)
		refuse_log("error-log", c->error_log);
	if (c->pidfile != NULL && pid_file_check(c->pidfile) == -1)
		refuse_pidfile(c->pidfile);
	for (size_t i = 0; i < c->listen.count; i++)
		check_address(c->listen.at[i]);
	if (c->status_socket != NULL) {
		char *address = memory_printf("unix:%s", c->status_socket);

		check_address(address);
		free(address);
	}
}

void
startup_print(struct inherited *h)
{
	struct privilege_needs needs = {0};
	struct buffer fit = {0};

	(void)autoscale_fit(&h->config, cgroup_memory(), &fit);
	check_files(&h->config);
	open_inherited(h);
	site_add_needs(&h->site, &needs);
	startup_describe(&greeting, h);
	buffer_add_char(&greeting, '\n');
	privilege_describe(&h->privilege, &needs, &greeting);
	privilege_free_needs(&needs);
	printf("tined: the command line is good; it would serve %s",
	    buffer_string(&greeting));
	if (fit.len > 0)
		puts(buffer_string(&fit));
	buffer_free(&fit);
	buffer_free(&greeting);
}

void
startup_ready(void)
{
	if (pid_file_write() == -1)
		log_error("cannot write the pid file: %s; is its directory "
			  "there, and has it room? (--pidfile)",
		    strerror(errno));
	log_notice("serving %s", buffer_string(&greeting));
	buffer_free(&greeting);
	log_privileges(serving);
	daemon_ready();
}

void
startup_leave(void)
{
	daemon_leave();
	pid_file_leave();
}

void
startup_give_way(struct inherited *h)
{
	listener_leave_all(&h->listeners);
	listener_leave_all(&h->status.listeners);
	pid_file_close();
}

void
startup_close(struct inherited *h)
{
	listener_close_all(&h->listeners);
	pid_file_remove();
	inherited_close(h);
	status_server_close(h);
	quarantine_free(h->quarantine);
	client_limit_free(h->client_limit);
	deferred_budget_free(h->deferred_budget);
	loans_free(h->loans);
	scoreboard_free(h->board);
	log_format_free(&h->log_format);
	config_free(&h->config);
}
