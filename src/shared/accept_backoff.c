#include <string.h>

#include "base/log.h"
#include "shared/accept_backoff.h"

void
accept_backoff_begin(struct accept_backoff *f, int source, int error)
{
	if (f->is)
		return;
	*f = (struct accept_backoff){.is = true, .source = source};
	log_error("cannot accept connections: %s; trying again every %d ms",
	    strerror(error), ACCEPT_BACKOFF_PAUSE_MS);
}

/* A success at another source does not end this back-off. */
void
accept_backoff_end(struct accept_backoff *f, int source)
{
	if (!f->is || f->source != source)
		return;
	f->is = false;
	log_notice("connections are accepted again");
}
