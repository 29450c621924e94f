#include "base/clock.h"
#include "base/log.h"
#include "http/method.h"
#include "master/quarantine_policy.h"
#include "shared/scoreboard_read.h"

/* "GET /report" */
static void
add_name(struct buffer *b, const struct quarantine_key *key)
{
	method_list(b, key->method);
	buffer_add_char(b, ' ');
	buffer_add_text(b, key->path);
}

void
quarantine_policy_admit(struct inherited *h, const struct exit_report *o)
{
	const struct config *c = &h->config;
	enum score_event event = exit_report_event(o);
	struct score *slot = scoreboard_slot(h->board, o->slot);
	struct quarantine_entry entry;
	struct quarantine_key key;
	struct buffer name = {0};

	if (h->quarantine == NULL || !score_take_request(slot, &entry, &key) ||
	    (event != EVENT_CRASHED && event != EVENT_TIMED_OUT) ||
	    !quarantine_strike(h->quarantine, &key, clock_now()))
		return;
	add_name(&name, &key);
	log_warning("quarantine: %s has killed %d workers in less than %g s, "
		    "and gets 503 for the same time",
	    buffer_string(&name), c->quarantine_limit,
	    (double)c->quarantine_time / CLOCK_SECOND);
	buffer_free(&name);
}

int64_t
quarantine_policy_discharge(struct inherited *h)
{
	struct quarantine_key key;
	struct buffer name = {0};

	if (h->quarantine == NULL)
		return CLOCK_NEVER;
	while (quarantine_release(h->quarantine, &key, clock_now())) {
		buffer_clear(&name);
		add_name(&name, &key);
		log_notice(
		    "quarantine: %s is served again", buffer_string(&name));
	}
	buffer_free(&name);
	return quarantine_next(h->quarantine);
}
