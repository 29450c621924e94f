#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "master/sd_status.h"
#include "os/sd_notify.h"
#include "shared/scoreboard_read.h"
#include "status/snapshot.h"

static void
sd_status_start(struct sd_status *b)
{
	b->looked = clock_now();
	b->next = b->looked + SD_STATUS_TIME;
}

void
sd_status_begin(struct sd_status *b)
{
	sd_status_start(b);
	if (!sd_notify_is_wanted())
		b->next = CLOCK_NEVER;
}

static void
add_count(struct buffer *b, uint64_t n, const char *one, const char *many)
{
	if (n == 0)
		return;
	buffer_add_string(b, "; ");
	buffer_add_number(b, n);
	buffer_printf(b, " %s", n == 1 ? one : many);
}

/* "8 workers: 3 busy, 5 idle; 120 requests/s; 1 crash" */
static void
describe(struct buffer *b, const struct status_snapshot *s, const char *size,
    double rate)
{
	buffer_printf(b,
	    "Serving with %s: %" PRIu64 " busy, %" PRIu64
	    " idle; %.*f requests/s",
	    size, status_busy(s), s->by_state[SCORE_IDLE], rate < 10 ? 1 : 0,
	    rate);
	add_count(b, s->lot.waiting[WAIT_WORKER], "waits", "wait");
	add_count(b, s->events[EVENT_CRASHED], "crash", "crashes");
	add_count(b, s->events[EVENT_TIMED_OUT], "time-out", "time-outs");
}

/* True if the same line has been sent before. */
static bool
sd_status_tell(struct sd_status *b, const struct buffer *line)
{
	if (text_equal(buffer_text(&b->last), buffer_text(line)))
		return true;
	buffer_clear(&b->last);
	buffer_add_text(&b->last, buffer_text(line));
	sd_notify_send("STATUS=%s", buffer_string(&b->last));
	return false;
}

static bool
sd_status_look(struct sd_status *b, const struct inherited *h, const char *size)
{
	const struct status_sources from = {
	    .board = h->board,
	    .overflows = &h->overflows,
	};
	int64_t now = clock_now();
	double seconds = (double)(now - b->looked) / CLOCK_SECOND;
	struct status_snapshot s;
	struct buffer line = {0};
	uint64_t served;
	bool quiet;

	status_take(&s, &from, getpid());
	served = s.counts[COUNT_REQUESTS] - b->served;
	describe(&line, &s, size, (double)served / seconds);
	quiet = sd_status_tell(b, &line) && served == 0 && status_busy(&s) == 0;
	b->looked = now;
	b->served += served;
	buffer_free(&line);
	return quiet;
}

void
sd_status_act(struct sd_status *b, const struct inherited *h, const char *size)
{
	if (b->next == CLOCK_NEVER) {
		if (b->last.len > 0 && !scoreboard_is_asleep(h->board))
			sd_status_start(b);
		return;
	}
	if (clock_now() < b->next)
		return;
	b->next = clock_now() + SD_STATUS_TIME;
	if (!sd_status_look(b, h, size))
		return;
	b->next = CLOCK_NEVER;
	scoreboard_sleep(h->board);
}

void
sd_status_free(struct sd_status *b)
{
	buffer_free(&b->last);
}
