#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "connection/emergency.h"
#include "process/inherited.h"

/* A descriptor of a directory outside would lead out of the chroot. */
static bool
is_inside_chroot(const struct inherited *h, struct buffer *why)
{
	const struct site *s = &h->site;

	for (size_t i = 0; i < s->mount_count; i++) {
		const struct tined_mount *m = &s->mounts[i];

		if (m->directory == -1 ||
		    identity_encloses(&h->privilege.identity, m->directory))
			continue;
		buffer_printf(why,
		    "--chroot %s: the directory served at %s/ lies outside of it",
		    h->config.chroot, m->prefix);
		return false;
	}
	return true;
}

/* Takes on the workers' identity and adds to *b what they could not do. */
static void
try_identity(const struct inherited *h, struct buffer *why)
{
	const struct site *s = &h->site;
	const char *user = h->config.user;
	const char *failed = identity_take_on(&h->privilege.identity, 0);

	if (failed != NULL)
		buffer_printf(
		    why, "--user %s: %s: %s", user, failed, strerror(errno));
	for (size_t i = 0; i < s->mount_count && failed == NULL; i++) {
		int directory = s->mounts[i].directory;

		if (directory == -1 || faccessat(directory, ".", X_OK, 0) == 0)
			continue;
		buffer_printf(why,
		    "--user %s: may not enter the directory served at %s/: %s",
		    user, s->mounts[i].prefix, strerror(errno));
		return;
	}
}

static void
inherited_read_all(int fd, struct buffer *b)
{
	ssize_t n;

	do {
		n = read(fd, buffer_reserve(b, PIPE_BUF), PIPE_BUF);
		if (n > 0)
			b->len += (size_t)n;
	} while (n > 0 || (n == -1 && errno == EINTR));
}

/*
 * Checks in a child process that workers can use the directories.  Otherwise
 * every worker would fail, or respond to every request with 403.
 */
static bool
can_serve(const struct inherited *h, struct buffer *why)
{
	int ends[2];
	pid_t pid;

	if (!h->privilege.identity.changes || pipe2(ends, O_CLOEXEC) == -1)
		return true;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		try_identity(h, why);
		(void)!write(ends[1], why->data, why->len);
		_exit(EXIT_SUCCESS);
	}
	close(ends[1]);
	inherited_read_all(ends[0], why);
	close(ends[0]);
	if (pid != -1)
		waitpid(pid, NULL, 0);
	return why->len == 0;
}

void
inherited_settle(const struct inherited *h)
{
	emergency_prepare(&h->site);
	memory_settle();
}

/* Without the check if another process has opened the files and has checked. */
static bool
is_usable(const struct inherited *h, const struct site_source *from,
    struct buffer *why)
{
	return from->opened != NULL ||
	    (is_inside_chroot(h, why) && can_serve(h, why));
}

int
inherited_open(
    struct inherited *h, const struct site_source *from, struct buffer *why)
{
	const struct status_sources server = {
	    .board = h->board,
	    .listeners = &h->listeners,
	    .overflows = &h->overflows,
	};
	struct identity_opened *identity =
	    from->opened != NULL ? &from->opened->identity : NULL;
	int error = EACCES;

	if (site_init(&h->site, &h->config, &server, from, why) == -1) {
		error = errno;
	} else if (privilege_init(&h->privilege, &h->config, identity, why) ==
	    0) {
		if (is_usable(h, from, why)) {
			inherited_settle(h);
			return 0;
		}
		privilege_free(&h->privilege);
	}
	site_free(&h->site);
	errno = error;
	return -1;
}

void
inherited_close(struct inherited *h)
{
	site_free(&h->site);
	privilege_free(&h->privilege);
}
