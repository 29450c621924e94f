#include <sys/mman.h>

#include <err.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static void
say_on_stderr(const char *words)
{
	warnx("%s", words);
}

static void (*last_words)(const char *words) = say_on_stderr;

void
memory_set_last_words(void (*say)(const char *words))
{
	last_words = say;
}

/* Logging may need memory as well: it is tried only once. */
static _Noreturn void
die(void)
{
	static bool dying;

	if (!dying) {
		dying = true;
		last_words("out of memory");
	}
	exit(EXIT_FAILURE);
}

static void *
memory_check(void *p)
{
	if (p == NULL)
		die();
	return p;
}

void *
memory_get(size_t size)
{
	return memory_check(malloc(size > 0 ? size : 1));
}

void *
memory_get_array(size_t count, size_t size)
{
	return memory_check(calloc(count > 0 ? count : 1, size));
}

void *
memory_resize(void *old, size_t count, size_t size)
{
	return memory_check(reallocarray(old, count > 0 ? count : 1, size));
}

void *
memory_grow(void *old, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return old;
	return memory_resize(old, count > 0 ? count * 2 : 1, size);
}

void *
memory_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

char *
memory_copy_string(const char *s)
{
	return memory_check(strdup(s));
}

char *
memory_vprintf(const char *format, va_list args)
{
	char *s;

	if (vasprintf(&s, format, args) != -1)
		return s;
	if (errno == ENOMEM)
		die();
	return memory_copy_string(format);
}

char *
memory_printf(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = memory_vprintf(format, args);
	va_end(args);
	return s;
}

void
memory_settle(void)
{
	(void)malloc_trim(0);
}

/* Only whole pages, because other data may share the first and the last. */
bool
memory_forget(void *buffer, size_t *used)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)buffer + MEMORY_KEPT;
	uintptr_t end = ((uintptr_t)buffer + *used) & ~(page - 1);

	if (*used <= MEMORY_KEPT)
		return false;
	begin = (begin + page - 1) & ~(page - 1);
	if (begin < end)
		(void)madvise((char *)buffer + (begin - (uintptr_t)buffer),
		    end - begin, MADV_DONTNEED);
	*used = 0;
	return true;
}
