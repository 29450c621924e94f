#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "connection/client.h"
#include "os/signals.h"
#include "process/status_server/clients.h"
#include "process/status_server/server.h"

/* In a stop: how long a client that has just come may take to ask. */
#define LAST_TIME (100 * CLOCK_MILLISECOND)
/* How long one read waits for content that did not come with the head. */
#define SILENT_TIME (200 * CLOCK_MILLISECOND)
#define BACKLOG 64
/* To connect, a user needs the right to write to the socket. */
#define SOCKET_MODE 0660

struct status_server {
	const struct inherited *inherited;
	struct service service;
	struct client client;
	struct status_clients clients;
	/*
	 * This process has a scoreboard and a log of its own, because client.c
	 * needs them: its requests do not count in the status that it shows.
	 */
	struct scoreboard *board;
	struct logfile no_log;
	sigset_t waiting; /* the signal mask while it waits */
	pid_t master;
};

/* Static because signal handlers use it. */
static struct status_server server;
static volatile sig_atomic_t want_end;
static bool let_go; /* the server's listeners are closed */

/* Closes them only once: later their numbers may be other descriptors'. */
static void
status_server_let_go_of_listeners(void)
{
	const struct listeners *l = &server.inherited->listeners;

	for (size_t i = 0; i < l->count && !let_go; i++)
		close(l->at[i].fd);
	let_go = true;
}

/* A socket goes on listening until the last process has closed it. */
static void
status_server_on_let_go(int signo)
{
	int saved = errno;

	(void)signo;
	status_server_let_go_of_listeners();
	errno = saved;
}

static void
status_server_end(void)
{
	want_end = 1;
	input_hurry(&server.client.connection.in);
}

static void
on_stop(int signo)
{
	(void)signo;
	status_server_end();
}

static void
status_server_on_orphaned(int signo)
{
	int saved = errno;

	(void)signo;
	if (getppid() != server.master) {
		status_server_end();
		status_server_let_go_of_listeners();
	}
	errno = saved;
}

static void
set_config(struct config *c)
{
	config_init(c);
	c->no_lot = true;
	c->keepalive_timeout = SILENT_TIME;
	c->head_timeout = STATUS_CLIENTS_TIME;
	c->body_timeout = STATUS_CLIENTS_TIME;
	c->send_timeout = STATUS_CLIENTS_TIME;
	c->max_body = 0;
	config_add_mount(c, "/", "status", "all");
}

/* The path may be another file by now, so the descriptor is asked. */
static int
set_owner_of(int path, const struct identity *id)
{
	struct stat st;

	if (fstat(path, &st) == -1)
		return -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = ENOTSOCK;
		return -1;
	}
	return fchownat(path, "", id->uid, id->gid, AT_EMPTY_PATH);
}

/* Gives the socket to --user, so that people with its rights may ask. */
static int
set_owner(const struct inherited *h, const char *path, struct buffer *why)
{
	const struct identity *id = &h->privilege.identity;
	int fd, result;

	if (!id->changes)
		return 0;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	result = fd == -1 ? -1 : set_owner_of(fd, id);
	if (result == -1)
		buffer_printf(
		    why, "--status-socket %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return result;
}

static int
open_listener(struct inherited *h, const char *path, struct buffer *why)
{
	const struct listener_options options = {
	    .backlog = BACKLOG,
	    .unix_mode = SOCKET_MODE,
	    .receive_timeout = SILENT_TIME,
	    .send_timeout = config_send_tick(&h->status.config),
	};
	char *address;
	int result;

	listener_init(&h->status.listeners, &options);
	if (h->status.inherited != NULL) {
		listener_inherit(&h->status.listeners, h->status.inherited);
		return 0;
	}
	address = memory_printf("unix:%s", path);
	result = listener_open(&h->status.listeners, address, why);
	free(address);
	return result == -1 ? -1 : set_owner(h, path, why);
}

int
status_server_open(struct inherited *h, struct buffer *why)
{
	const struct status_sources sources = {
	    .board = h->board,
	    .listeners = &h->listeners,
	    .overflows = &h->overflows,
	};
	const struct site_source from = {0};

	if (h->config.status_socket == NULL)
		return 0;
	set_config(&h->status.config);
	if (site_init(
		&h->status.site, &h->status.config, &sources, &from, why) == -1)
		return -1;
	return open_listener(h, h->config.status_socket, why);
}

void
status_server_close(struct inherited *h)
{
	listener_close_all(&h->status.listeners);
	site_free(&h->status.site);
	config_free(&h->status.config);
}

static void
status_server_set_up_signals(void)
{
	const int stop[] = {SIGNAL_STOP, 0};
	const int let_go_of_them[] = {SIGNAL_LET_GO, 0};
	const int orphaned[] = {SIGNAL_ORPHANED, 0};
	const int end_of_wait[] = {SIGNAL_STOP, SIGNAL_ORPHANED, 0};
	static const int ignored[] = {SIGTERM, 0};
	sigset_t none;

	signals_handle_from(stop, on_stop, server.master);
	signals_handle_from(
	    let_go_of_them, status_server_on_let_go, server.master);
	signals_handle(orphaned, status_server_on_orphaned);
	signals_leave_to_master();
	signals_ignore(ignored);
	sigemptyset(&none);
	signals_set_mask(&none);
	signals_block(end_of_wait, &server.waiting);
}

static void
status_server_follow_master(void)
{
	prctl(PR_SET_PDEATHSIG, SIGNAL_ORPHANED);
	if (getppid() != server.master)
		raise(SIGNAL_ORPHANED);
}

static int
status_server_start(struct inherited *h)
{
	const struct privilege_needs needs = {.more = PRIVILEGE_SHUTDOWN};

	server.service = (struct service){
	    .config = &h->status.config,
	    .site = &h->status.site,
	    .access_log = &server.no_log,
	    .log_format = &h->log_format,
	    .may_shutdown = privilege_may_shutdown(&h->privilege, &needs),
	};
	server.inherited = h;
	server.no_log.kind = LOGFILE_OFF;
	server.no_log.fd = -1;
	server.board = scoreboard_create(1);
	if (server.board == NULL ||
	    status_clients_init(&server.clients, h->status.listeners.at[0].fd,
		h->status.config.max_head) == -1) {
		log_error("cannot start: %s", strerror(errno));
		return -1;
	}
	/* Makes every response the last on its connection. */
	atomic_store(&server.board->server->stopping, true);
	server.service.board = server.board;
	server.service.score = scoreboard_slot(server.board, 0);
	score_start(server.service.score, getpid());
	client_init(&server.client, &server.service);
	return privilege_drop(&h->privilege, PRIVILEGE_WORKER, &needs);
}

static void
status_server_serve(struct status_client *s)
{
	struct peer peer = {.address.ss_family = AF_UNIX};
	struct client *c = &server.client;
	enum client_end end;

	peer_set_name(&peer);
	listener_set_timeouts(&server.inherited->status.listeners, s->fd);
	client_attach(c, s->fd, &peer);
	c->exchange.arrival.request_timed_out = s->request_timed_out;
	end = client_serve(c);
	connection_detach(&c->connection);
	if (end == CLIENT_LINGERS)
		status_clients_linger(&server.clients, s);
	else
		status_clients_release(&server.clients, s);
}

static void
serve_next(int64_t deadline)
{
	struct status_client *s =
	    status_clients_wait(&server.clients, &server.waiting, deadline);

	if (s != NULL)
		status_server_serve(s);
}

static void
status_server_loop(void)
{
	int64_t end;

	while (!want_end)
		serve_next(CLOCK_NEVER);
	status_clients_stop_accepting(&server.clients);
	end = clock_now() + LAST_TIME;
	while (status_clients_is_any(&server.clients) && clock_now() < end)
		serve_next(end);
}

int
status_server_run(struct inherited *h, pid_t master)
{
	log_set_role("status");
	setproctitle("status");
	server.master = master;
	if (status_server_start(h) == -1)
		return EXIT_FAILURE;
	status_server_set_up_signals();
	status_server_follow_master();
	status_server_loop();
	status_clients_free(&server.clients);
	client_free(&server.client);
	return EXIT_SUCCESS;
}
