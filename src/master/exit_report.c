#include <sys/wait.h>

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/access_log.h"
#include "master/exit_report.h"

static bool
is_busy(const struct score_reading *score)
{
	return score->state >= SCORE_READING && score->state <= SCORE_LINGERING;
}

static bool
has_request(const struct score_reading *score)
{
	return is_busy(score) && score->request[0] != '\0';
}

void
exit_report_describe(struct buffer *b, const struct score_reading *score)
{
	int64_t since = has_request(score) ? score->began : score->since;

	buffer_printf(b, "while %s", score_state_name(score->state));
	if (score->state == SCORE_STARTING)
		buffer_printf(b, ", %lld ms into it",
		    (long long)(clock_now() - since) / CLOCK_MILLISECOND);
	if (has_request(score))
		buffer_printf(b, " \"%s\"", score->request);
	if (is_busy(score))
		buffer_printf(b, " for %s, %lld ms into it", score->client,
		    (long long)(clock_now() - since) / CLOCK_MILLISECOND);
}

void
exit_report_add_cause(struct buffer *b, int status)
{
	int signo = WTERMSIG(status);

	if (WIFSIGNALED(status))
		buffer_printf(
		    b, "was killed by signal %d (%s)", signo, strsignal(signo));
	else
		buffer_printf(b, "ended with status %d", WEXITSTATUS(status));
}

static void
exit_report_add_end(struct buffer *b, const struct exit_report *o)
{
	if (o->timed_out == NULL)
		exit_report_add_cause(b, o->status);
	else
		buffer_printf(b, "has hung (%s)%s", o->timed_out,
		    WTERMSIG(o->status) == SIGKILL ? " and was killed" : "");
}

static void
add_fate(struct buffer *b, const struct exit_report *o)
{
	const struct score_reading *score = &o->score;

	if (score->fate == SCORE_ANSWERED)
		buffer_printf(b, "; its client got %d", score->status);
	else if (score->fate == SCORE_CUT_OFF)
		buffer_printf(b, "; its client got a part of the response");
	else if (score->state == SCORE_RUNNING)
		buffer_printf(b, "; its client got no response");
}

bool
exit_report_is_of_failure(const struct exit_report *o)
{
	return !WIFEXITED(o->status) || WEXITSTATUS(o->status) != 0;
}

static void
log_failure(const struct exit_report *o)
{
	struct buffer words = {0};

	exit_report_add_end(&words, o);
	buffer_add_char(&words, ' ');
	exit_report_describe(&words, &o->score);
	add_fate(&words, o);
	log_error("worker %zu[%d] %s%s", o->slot + 1, (int)o->pid,
	    buffer_string(&words),
	    o->retiring ? "" : "; a new worker takes its place");
	buffer_free(&words);
}

static void
exit_report_log_end(const struct exit_report *o)
{
	if (exit_report_is_of_failure(o))
		log_failure(o);
	else if (o->retiring)
		log_info(
		    "worker %zu[%d] has retired", o->slot + 1, (int)o->pid);
	else
		log_info("worker %zu[%d] ended; a new worker takes its place",
		    o->slot + 1, (int)o->pid);
}

/* The header fields of the request died with the worker. */
static void
log_request(const struct exit_report *o, struct inherited *inherited)
{
	static const struct request unknown;
	struct access_log_entry entry = {
	    .client = o->score.client,
	    .client_port = -1,
	    .server_port = -1,
	    .line = text_of(o->score.request),
	    .request = &unknown,
	    .status = o->score.status,
	    .content = o->score.content,
	    .sent = o->score.content,
	    .duration = clock_now() - o->score.began,
	    .first_byte = ACCESS_LOG_UNKNOWN,
	    .queued = ACCESS_LOG_UNKNOWN,
	    .worker = o->slot + 1,
	    .process = o->pid,
	    .aborted = o->score.fate != SCORE_ANSWERED,
	    .closes = true,
	};
	struct score *slot = scoreboard_slot(inherited->board, o->slot);

	if (o->score.fate == SCORE_UNKNOWN)
		return;
	clock_gettime(CLOCK_REALTIME, &entry.ended);
	access_log_write(
	    &inherited->access_log, &inherited->log_format, &entry);
	score_add(slot, COUNT_REQUESTS, 1);
	score_add_status(slot, o->score.status);
	if (o->score.fate == SCORE_CUT_OFF)
		score_add(slot, COUNT_ABORTED, 1);
}

/* True for signals that a program causes by a fault of its own. */
static bool
is_crash(int signo)
{
	switch (signo) {
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

enum score_event
exit_report_event(const struct exit_report *o)
{
	if (o->timed_out != NULL)
		return EVENT_TIMED_OUT;
	if (!exit_report_is_of_failure(o))
		return SCORE_EVENTS;
	if (WIFSIGNALED(o->status) && !is_crash(WTERMSIG(o->status)))
		return EVENT_KILLED;
	return EVENT_CRASHED;
}

void
exit_report_publish(
    const struct exit_report *o, struct inherited *inherited, bool quietly)
{
	enum score_event event = exit_report_event(o);

	if (!quietly)
		exit_report_log_end(o);
	log_request(o, inherited);
	if (event != SCORE_EVENTS)
		scoreboard_add(inherited->board, event);
}
