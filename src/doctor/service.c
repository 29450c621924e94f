#include <sys/timex.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "doctor/checks.h"

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xFE534D42
#endif

/* The first version of Landlock that restricts TCP ports: Linux 6.7. */
#define LANDLOCK_PORTS 4
/* A line in Combined format, roughly, and a day of 100 requests a second. */
#define LOG_LINE 200
#define LOG_DAY (UINT64_C(86400) * 100 * LOG_LINE)
#define LOG_LEAST (UINT64_C(100) << 20)
#define MEGABYTE 1000000

/* RFC 9110, 6.6.1: caches compute the age of a response from its Date. */
void
check_clock(const struct host *h, const struct config *c, struct finding *f)
{
	(void)c;
	if (h->clock.state == -1)
		finding_say(f, VERDICT_UNKNOWN, "adjtimex: %s",
		    strerror(h->clock.error));
	else if (h->clock.state == TIME_ERROR) {
		finding_say(f, VERDICT_COSTS,
		    "it is not synchronised: Date, Last-Modified and the logs "
		    "are as wrong as it is, and caches keep files too long or "
		    "too briefly");
		finding_mend(f, "timedatectl set-ntp true");
	} else
		finding_say(f, VERDICT_FINE,
		    "it is synchronised, and less than %ld ms wrong",
		    h->clock.uncertain / 1000 + 1);
}

void
check_sandbox(const struct host *h, const struct config *c, struct finding *f)
{
	if (c->no_sandbox) {
		finding_say(f, VERDICT_HURTS,
		    "--no-sandbox: an attacker who takes over a worker can "
		    "read all files of its user, run programs and connect "
		    "elsewhere");
		finding_mend(f, "tined ...   (without --no-sandbox)");
	} else if (h->landlock == 0) {
		finding_say(f, VERDICT_HURTS,
		    "no Landlock: an attacker who takes over a worker can read "
		    "all files of its user; the kernel needs "
		    "CONFIG_SECURITY_LANDLOCK (since 5.13), and landlock among "
		    "lsm= where it boots");
	} else if (!h->seccomp)
		finding_say(f, VERDICT_HURTS,
		    "no seccomp here: an attacker who takes over a worker can "
		    "run programs and connect elsewhere");
	else if (h->landlock < LANDLOCK_PORTS)
		finding_say(f, VERDICT_FINE,
		    "Landlock (version %d, which does not restrict ports) and "
		    "seccomp",
		    h->landlock);
	else
		finding_say(f, VERDICT_FINE,
		    "Landlock (version %d) and seccomp", h->landlock);
}

static const char *
kind_of(const struct statfs *disk)
{
	switch ((unsigned long)disk->f_type) {
	case NFS_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		return "on another machine";
	case TMPFS_MAGIC:
		return "in memory";
	default:
		return NULL;
	}
}

/* Whether that is the name of a file, and not "-", "syslog" or "off". */
static bool
service_is_file(const char *log)
{
	return log != NULL && strcmp(log, "-") != 0 &&
	    strcmp(log, "syslog") != 0 && strcmp(log, "off") != 0;
}

static char *
directory_of(const char *file)
{
	char *copy = memory_copy_string(file);
	char *slash = strrchr(copy, '/');

	if (slash == NULL) {
		free(copy);
		return memory_copy_string(".");
	}
	slash[slash == copy ? 1 : 0] = '\0';
	return copy;
}

static void
judge_disk(struct finding *f, const char *log, const struct statfs *disk)
{
	uint64_t room = (uint64_t)disk->f_bavail * (uint64_t)disk->f_bsize;
	unsigned long long size = room / MEGABYTE;
	const char *kind = kind_of(disk);

	if (room < LOG_LEAST || (disk->f_files > 0 && disk->f_ffree == 0))
		finding_say(f, VERDICT_HURTS,
		    "%s: the disk has %llu MB%s; when it is full, lines are "
		    "lost",
		    log, size,
		    room < LOG_LEAST ? "" : " but no room for another file");
	else if (kind != NULL)
		finding_say(f, VERDICT_COSTS,
		    "%s is %s, with room for %llu MB: %s", log, kind, size,
		    disk->f_type == TMPFS_MAGIC
			? "it takes the server's own memory, and is gone after "
			  "a boot"
			: "workers wait for that machine with each line");
	else if (room < LOG_DAY)
		finding_say(f, VERDICT_COSTS,
		    "%s: the disk has %llu MB, which 100 requests a second "
		    "fill in %llu h (%d bytes each), if no log is rotated",
		    log, size, (unsigned long long)(room / (LOG_DAY / 24)),
		    LOG_LINE);
	else
		finding_say(f, VERDICT_FINE,
		    "%s: the disk has %llu MB, enough for %llu million lines "
		    "of %d bytes",
		    log, size, (unsigned long long)(room / LOG_LINE / 1000000),
		    LOG_LINE);
	if (f->verdict == VERDICT_HURTS)
		finding_mend(f, "df -h %s; df -i %s", log, log);
}

static void
look_at_disk(const struct host *h, struct finding *f, const char *log)
{
	char *directory = directory_of(log);
	struct statfs disk;

	if (h->disk(directory, &disk) == 0)
		judge_disk(f, log, &disk);
	else
		finding_say(
		    f, VERDICT_UNKNOWN, "%s: %s", directory, strerror(errno));
	free(directory);
}

/* The access log is the one that grows. */
void
check_log_disk(const struct host *h, const struct config *c, struct finding *f)
{
	if (service_is_file(c->access_log))
		look_at_disk(h, f, c->access_log);
	else if (service_is_file(c->error_log))
		look_at_disk(h, f, c->error_log);
	else
		finding_say(
		    f, VERDICT_FINE, "no log is a file of this command line");
}
