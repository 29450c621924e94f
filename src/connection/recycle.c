#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "connection/recycle.h"

#define STATM_MAX 128

void
recycle_init(
    struct recycle *r, const struct config *config, struct scoreboard *board)
{
	*r = (struct recycle){
	    .board = board, .statm = -1, .look_at_fds = RECYCLE_REQUESTS};
	if (config->max_requests > 0)
		r->limit = config->max_requests +
		    random_number() %
			(UINT64_C(1) + config->max_requests_jitter);
	r->memory = config->max_worker_memory;
	if (r->memory > 0)
		r->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (r->memory > 0 && r->statm == -1)
		log_warning("--max-worker-memory: /proc/self/statm: %m");
}

/* Returns the bytes of resident memory that is neither shared nor of a file. */
static uint64_t
private_memory(const struct recycle *r)
{
	char text[STATM_MAX];
	ssize_t len = pread(r->statm, text, sizeof(text) - 1, 0);
	unsigned long resident, shared;
	char *end;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	(void)strtoul(text, &end, 10);
	resident = strtoul(end, &end, 10);
	shared = strtoul(end, &end, 10);
	if (shared > resident)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A system call, and so not for each request. */
static bool
is_large(struct recycle *r)
{
	int64_t now;

	if (r->statm == -1 || r->large)
		return r->large;
	now = clock_now();
	if (r->served < r->look_at && now < r->next_look)
		return false;
	r->look_at = r->served + RECYCLE_REQUESTS;
	r->next_look = now + RECYCLE_TIME;
	r->large = private_memory(r) > r->memory;
	return r->large;
}

/* Nothing that a request opened may stay open. */
static bool
is_leaking(struct recycle *r)
{
	uint64_t pause;

	if (r->fd_budget == NULL || r->served < r->look_at_fds)
		return r->leaking;
	r->leaking = fd_budget_is_leaking(r->fd_budget);
	pause = r->fd_budget->left / RECYCLE_FDS_SHARE;
	if (pause < RECYCLE_REQUESTS)
		pause = RECYCLE_REQUESTS;
	r->look_at_fds = r->served +
	    (pause < RECYCLE_REQUESTS_MAX ? pause : RECYCLE_REQUESTS_MAX);
	return r->leaking;
}

static void
recycle_log_end(const struct recycle *r)
{
	unsigned long long served = r->served;

	if (r->leaking)
		log_warning("has used up its file descriptors (RLIMIT_NOFILE "
			    "is %zu) after %llu requests, because something "
			    "does not close them: a new worker takes its place",
		    r->fd_budget->limit, served);
	else
		log_info(
		    "has served %llu requests%s: a new worker takes its place",
		    served,
		    r->large ? " and grown beyond --max-worker-memory" : "");
}

bool
recycle_is_due(struct recycle *r)
{
	bool old;

	r->served++;
	if (r->due)
		return true;
	old = r->limit > 0 && r->served >= r->limit;
	if (!old && !is_large(r) && !is_leaking(r))
		return false;
	r->due = scoreboard_may_leave(r->board);
	if (r->due)
		recycle_log_end(r);
	return r->due;
}
