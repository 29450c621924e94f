#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "doctor/checks.h"
#include "doctor/doctor.h"
#include "doctor/report.h"

static int
exit_status(const struct finding *all, size_t count)
{
	int status = DOCTOR_FINE;

	for (size_t i = 0; i < count; i++) {
		if (all[i].verdict == VERDICT_HURTS)
			return DOCTOR_HURTS;
		if (all[i].verdict == VERDICT_COSTS)
			status = DOCTOR_COSTS;
	}
	return status;
}

/* Runs the checks of a table, prints what they find: the exit status. */
static int
run_all(const struct doctor_entry *checks, size_t count, const struct host *h,
    const struct config *c)
{
	struct finding *all = memory_get_array(count, sizeof(*all));
	struct buffer text = {0};
	int status;

	for (size_t i = 0; i < count; i++) {
		all[i].name = checks[i].name;
		checks[i].check(h, c, &all[i]);
	}
	report_add(&text, all, count);
	status = exit_status(all, count);
	if (fputs(buffer_string(&text), stdout) == EOF ||
	    fflush(stdout) == EOF) {
		warn("cannot print what was found");
		status = DOCTOR_FAILED;
	}
	for (size_t i = 0; i < count; i++)
		finding_free(&all[i]);
	free(all);
	buffer_free(&text);
	return status;
}

/* The same for a tined that runs. */
static int
run_running(
    const struct host *h, struct running *running, const struct config *c)
{
	struct buffer why = {0};
	int status = DOCTOR_FAILED;

	if (running_look(running, h, c->doctor_pid, &why) == 0)
		status = run_all(
		    doctor_running_checks, doctor_running_check_count, h, c);
	else
		warnx("%s", buffer_string(&why));
	running_free(running);
	buffer_free(&why);
	return status;
}

int
doctor_run(const struct config *c)
{
	struct running running;
	struct host host;
	int status;

	host_look(&host);
	host.running = &running;
	status = c->doctor_pid != 0
	    ? run_running(&host, &running, c)
	    : run_all(doctor_checks, doctor_check_count, &host, c);
	host_free(&host);
	return status;
}
