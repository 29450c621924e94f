#include "doctor/checks.h"
#include "doctor/group.h"
#include "master/autoscale.h"

/* What tined.service sets: LimitNOFILE. */
#define DESCRIPTORS_OF_UNIT 65536
/* Of the lot's descriptors, those that are not clients, and a reserve. */
#define OTHER_DESCRIPTORS 64
/* Beside the workers: the master, the lot, the status process, a successor. */
#define OTHER_PROCESSES 4
#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1) << 20)

/* tined raises the soft limit to the hard one, and that to nothing. */
static void
judge_descriptors(const struct config *c, struct finding *f, uint64_t limit)
{
	unsigned long long clients =
	    limit > OTHER_DESCRIPTORS ? limit - OTHER_DESCRIPTORS : 0;
	unsigned long long workers = (unsigned long long)c->workers.max;

	if (c->no_lot)
		finding_say(f, VERDICT_FINE,
		    "%llu for each worker, which holds one client (--no-lot)",
		    (unsigned long long)limit);
	else if (limit >= DESCRIPTORS_OF_UNIT)
		finding_say(f, VERDICT_FINE,
		    "room for about %llu clients in the lot, if the service is "
		    "started with the limits of this shell",
		    clients);
	else
		finding_say(f,
		    clients < workers ? VERDICT_HURTS : VERDICT_COSTS,
		    "the lot has room for about %llu clients, idle ones "
		    "included, and then closes those that have waited "
		    "longest; the systemd unit allows %d descriptors",
		    clients, DESCRIPTORS_OF_UNIT);
}

void
check_descriptors(
    const struct host *h, const struct config *c, struct finding *f)
{
	struct host_limit limit;
	uint64_t most;

	if (!host_limit(h, f, "Max open files", &limit) ||
	    !host_number(h, f, "fs.nr_open", &most))
		return;
	judge_descriptors(c, f, limit.hard);
	if (f->verdict == VERDICT_FINE)
		return;
	/* setrlimit(2): nobody may have more than fs.nr_open. */
	if (most < DESCRIPTORS_OF_UNIT)
		finding_mend(f, "sysctl -w fs.nr_open=%d && ulimit -n %d",
		    1024 * 1024, DESCRIPTORS_OF_UNIT);
	else
		finding_mend(f, "ulimit -n %d", DESCRIPTORS_OF_UNIT);
}

/* proc(5): in use, unused (always 0), and the most there may be. */
void
check_file_table(
    const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t files[3];

	(void)c;
	if (!host_numbers(h, f, "fs.file-nr", files, 3))
		return;
	if (!check_is_nearly_full(files[0], files[2])) {
		finding_say(f, VERDICT_FINE,
		    "%llu, of %llu that all processes may have together",
		    (unsigned long long)files[0], (unsigned long long)files[2]);
		return;
	}
	finding_say(f, VERDICT_HURTS,
	    "%llu, of %llu that all processes may have together: clients wait "
	    "while there is none",
	    (unsigned long long)files[0], (unsigned long long)files[2]);
	finding_mend(
	    f, "sysctl -w fs.file-max=%llu", 2 * (unsigned long long)files[2]);
}

/* RLIMIT_NPROC does not bind root, who is the master's user with --user. */
static bool
find_least_processes(
    const struct host *h, struct finding *f, uint64_t *least, const char **name)
{
	struct host_limit limit;
	uint64_t group, ids;

	if (!host_limit(h, f, "Max processes", &limit) ||
	    !host_number(h, f, "kernel.pid_max", &ids))
		return false;
	*least = ids;
	*name = "kernel.pid_max";
	if (!h->is_root && limit.soft < *least) {
		*least = limit.soft;
		*name = "ulimit -u";
	}
	group = group_processes(h);
	if (group < *least) {
		*least = group;
		*name = "pids.max of the control group";
	}
	return true;
}

void
check_processes(const struct host *h, const struct config *c, struct finding *f)
{
	unsigned long long wanted =
	    (unsigned long long)c->workers.max + OTHER_PROCESSES;
	const char *name;
	uint64_t least;

	if (!find_least_processes(h, f, &least, &name))
		return;
	if (least >= wanted) {
		finding_say(f, VERDICT_FINE,
		    "tined runs up to %llu; the least limit, %s, is %llu",
		    wanted, name, (unsigned long long)least);
		return;
	}
	finding_say(f, VERDICT_HURTS,
	    "tined runs up to %llu, and %s is %llu: clients wait for workers "
	    "that cannot be started",
	    wanted, name, (unsigned long long)least);
	if (least > OTHER_PROCESSES)
		finding_mend(f, "tined --workers %d-%llu ...",
		    c->workers.min < (int)least - OTHER_PROCESSES
			? c->workers.min
			: 1,
		    (unsigned long long)least - OTHER_PROCESSES);
}

/* Returns the memory that tined can have, and whose limit that is. */
static bool
find_least_memory(
    const struct host *h, struct finding *f, uint64_t *least, bool *by_group)
{
	uint64_t available, group = group_memory(h);

	if (!host_find(h, "/proc/meminfo", "MemAvailable:", "", &available)) {
		finding_cannot_read(f, "/proc/meminfo");
		return false;
	}
	*by_group = group <= available * KIB;
	*least = *by_group ? group : available * KIB;
	return true;
}

/* tined itself fits the default number of workers to its control group. */
void
check_memory(const struct host *h, const struct config *c, struct finding *f)
{
	uint64_t least, each;
	unsigned long long size;
	bool by_group;
	const char *of;
	int room;

	if (!find_least_memory(h, f, &least, &by_group))
		return;
	room = autoscale_room(c, least, &each);
	size = least / MIB;
	of = by_group ? "allowed by the control group" : "available";
	if (room >= c->workers.max && group_is_hidden(h))
		finding_say(f, VERDICT_UNKNOWN,
		    "%llu MiB available, but the limit of the control group, "
		    "which may be lower, cannot be read: /sys/fs/cgroup is not "
		    "there",
		    size);
	else if (room >= c->workers.max)
		finding_say(f, VERDICT_FINE,
		    "%llu MiB %s: %d workers of about %llu MiB each fit in",
		    size, of, c->workers.max, (unsigned long long)(each / MIB));
	else if (by_group && !c->workers_said)
		finding_say(f, VERDICT_FINE,
		    "%llu MiB %s: tined runs up to %d workers instead of %d",
		    size, of, room, c->workers.max);
	else {
		finding_say(f, VERDICT_HURTS,
		    "%llu MiB %s: of %d workers of about %llu MiB each, %d fit "
		    "in; under load the kernel kills some",
		    size, of, c->workers.max, (unsigned long long)(each / MIB),
		    room);
		finding_mend(f, "tined --workers %d-%d ...",
		    c->workers.min < room ? c->workers.min : 1, room);
	}
}
