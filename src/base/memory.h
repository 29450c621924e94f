/*
 * memory: allocation that cannot fail.  If there is no memory, the process logs
 * that and exits with status 1; the master replaces a worker that does.  The
 * caller frees what these functions return with free(), except where noted.
 */
#ifndef TINED_BASE_MEMORY_H
#define TINED_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets the function that logs it.  Until then: standard error. */
void memory_set_last_words(void (*say)(const char *words));

void *memory_get(size_t size);
/* Returns zeroed memory; count * size may not overflow. */
void *memory_get_array(size_t count, size_t size);
void *memory_resize(void *old, size_t count, size_t size);
/*
 * Returns an array of count elements with room for one more: old itself, unless
 * count is a power of two.  For arrays that have grown by this from NULL only.
 */
void *memory_grow(void *old, size_t count, size_t size);
/*
 * Returns zeroed memory that this process shares with the processes that it
 * forks later.  May fail: NULL with errno.  Release it with munmap(2).
 */
void *memory_share(size_t size);
char *memory_copy_string(const char *s);
char *memory_printf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Returns a copy of the format if it cannot be printed: bad wide characters. */
char *memory_vprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

/*
 * Returns freed memory to the system.  Called before a fork, because a child
 * that reuses a freed block gets a private copy of its page.
 */
void memory_settle(void);
/*
 * Releases the physical memory of a large buffer whose content is not needed
 * any more, except its first MEMORY_KEPT bytes.  The buffer stays usable.
 * *used is the number of bytes that have been written so far, and becomes 0.
 * Returns false if there was nothing to release.
 */
#define MEMORY_KEPT ((size_t)16 << 10)
bool memory_forget(void *buffer, size_t *used);

#endif
