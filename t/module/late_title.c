/*
 * late_title: for LD_PRELOAD: a worker's title takes a while, as if the process
 * had lost its core just before, and says so at its end.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void
setproctitle(const char *format, ...)
{
	static void (*next)(const char *, ...);
	const struct timespec pause = {.tv_nsec = 500000000};
	char title[256];
	va_list args;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "setproctitle");
	va_start(args, format);
	vsnprintf(title, sizeof(title), format, args);
	va_end(args);
	if (strncmp(title, "worker", strlen("worker")) != 0) {
		next("%s", title);
		return;
	}
	nanosleep(&pause, NULL);
	next("%s, late", title);
}
