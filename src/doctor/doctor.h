/*
 * doctor: what of this host's settings, and of the command line, would hurt
 * tined (--doctor).  It changes nothing.
 */
#ifndef TINED_DOCTOR_DOCTOR_H
#define TINED_DOCTOR_DOCTOR_H

#include "config/config.h"

/* The exit status, by what was found. */
#define DOCTOR_FINE 0
#define DOCTOR_COSTS 1
#define DOCTOR_HURTS 2
#define DOCTOR_FAILED 3 /* nothing could be looked at, or printed */

/* Prints what all checks find, and returns the exit status. */
int doctor_run(const struct config *c);

#endif
