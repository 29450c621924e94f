#include <string.h>

#include "famine.h"
#include "log.h"

void
famine_begin(struct famine *f, int source, int error)
{
	if (f->is)
		return;
	*f = (struct famine){.is = true, .source = source};
	log_error("cannot accept connections: %s; trying again every %d ms",
	    strerror(error), FAMINE_PAUSE_MS);
}

/* What comes from elsewhere says nothing about it. */
void
famine_end(struct famine *f, int source)
{
	if (!f->is || f->source != source)
		return;
	f->is = false;
	log_notice("connections are accepted again");
}
