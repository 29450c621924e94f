/*
 * doctor_case: a made-up host for the checks of --doctor.  A program has
 *
 *	void unit_set_up(void) { doctor_case_begin(); }
 *	void unit_tear_down(void) { doctor_case_end(); }
 *
 * and each of its tests begins with a directory without any file, and with the
 * default configuration.
 */
#ifndef TINED_DOCTOR_CASE_H
#define TINED_DOCTOR_CASE_H

#include "doctor/checks.h"
#include "unit.h"

extern struct host host;
extern struct config config;

void doctor_case_begin(void);
void doctor_case_end(void);
/* Writes a file below the host's root, such as "/proc/meminfo". */
void host_has(const char *path, const char *text);
/* Writes a setting by its name, as sysctl(8) has it. */
void host_sets(const char *name, const char *value);

/* Runs a check: its verdict, a part of its words, and the command it gives. */
void doctor_case_expect(doctor_check *check, enum verdict verdict,
    const char *words, const char *mend);

#define assert_hurts(check, words, mend)                                       \
	doctor_case_expect(check, VERDICT_HURTS, words, mend)
#define assert_costs(check, words, mend)                                       \
	doctor_case_expect(check, VERDICT_COSTS, words, mend)
#define assert_unknown(check, words)                                           \
	doctor_case_expect(check, VERDICT_UNKNOWN, words, "")
#define assert_fine(check, words)                                              \
	doctor_case_expect(check, VERDICT_FINE, words, "")

#endif
