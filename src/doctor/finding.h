/*
 * finding: what one check has found: a verdict, the reason in words, and the
 * command that mends it.
 */
#ifndef TINED_DOCTOR_FINDING_H
#define TINED_DOCTOR_FINDING_H

#include "base/buffer.h"

/* In order of weight. */
enum verdict {
	VERDICT_HURTS, /* clients are refused or cut off, or are less safe */
	VERDICT_COSTS, /* it works, but slower, or with less room */
	VERDICT_UNKNOWN,
	VERDICT_FINE,
	VERDICT_COUNT
};

struct finding {
	const char *name; /* of the check */
	enum verdict verdict;
	struct buffer words; /* one sentence or two, without a final stop */
	struct buffer mend;  /* a command for root, or empty */
};

void finding_free(struct finding *f);
/* Replaces the verdict and the words. */
void finding_say(struct finding *f, enum verdict verdict, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
/* Replaces the command. */
void finding_mend(struct finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says that it is not known, because path cannot be read: errno tells why. */
void finding_cannot_read(struct finding *f, const char *path);

#endif
