#include <errno.h>

#include "heritage.h"

/* Folders are descriptors, which would lead out of it. */
static bool
is_inside_chroot(const struct heritage *h, struct buffer *why)
{
	const struct site *s = &h->site;

	for (size_t i = 0; i < s->mount_count; i++) {
		const struct site_mount *m = &s->mounts[i];

		if (m->mounted.folder == -1 ||
		    identity_encloses(
			&h->privilege.identity, m->mounted.folder))
			continue;
		buffer_printf(why,
		    "--chroot %s: the folder served at %s/ lies outside of it",
		    h->config.chroot, m->prefix);
		return false;
	}
	return true;
}

int
heritage_open(struct heritage *h, struct buffer *why)
{
	const struct status_sources server = {
	    .board = h->board,
	    .listeners = &h->listeners,
	    .overflows = &h->overflows,
	};
	int error = EACCES;

	if (site_init(&h->site, &h->config, &server, why) == -1) {
		error = errno;
	} else if (privilege_init(&h->privilege, &h->config, why) == 0) {
		if (is_inside_chroot(h, why))
			return 0;
		privilege_free(&h->privilege);
	}
	site_free(&h->site);
	errno = error;
	return -1;
}

void
heritage_close(struct heritage *h)
{
	site_free(&h->site);
	privilege_free(&h->privilege);
}
