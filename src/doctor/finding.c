#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "doctor/finding.h"

void
finding_free(struct finding *f)
{
	buffer_free(&f->words);
	buffer_free(&f->mend);
}

static void __attribute__((format(printf, 2, 0)))
replace(struct buffer *b, const char *format, va_list args)
{
	char *text = memory_vprintf(format, args);

	buffer_clear(b);
	buffer_add_string(b, text);
	free(text);
}

void
finding_say(struct finding *f, enum verdict verdict, const char *format, ...)
{
	va_list args;

	f->verdict = verdict;
	va_start(args, format);
	replace(&f->words, format, args);
	va_end(args);
}

void
finding_mend(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	replace(&f->mend, format, args);
	va_end(args);
}

void
finding_cannot_read(struct finding *f, const char *path)
{
	if (errno == ENOENT)
		finding_say(f, VERDICT_UNKNOWN,
		    "%s is not there: this kernel does not have it, or hides "
		    "it in a container",
		    path);
	else
		finding_say(
		    f, VERDICT_UNKNOWN, "%s: %s", path, strerror(errno));
}
