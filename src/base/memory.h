/*
 * memory: allocation that does not fail.  A process that gets no memory says
 * so and exits with status 1: a worker is then replaced by the master.  What is
 * returned belongs to the caller, who calls free().
 */
#ifndef TINED_BASE_MEMORY_H
#define TINED_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* How a process says so; standard error until this is set. */
void memory_set_last_words(void (*say)(const char *words));

void *memory_get(size_t size);
/* Zeroed, and checked for overflow. */
void *memory_get_array(size_t count, size_t size);
void *memory_resize(void *old, size_t count, size_t size);
/*
 * Zeroed, for this process and those that it forks.  This may fail: NULL with
 * errno.  It is given back by munmap(2).
 */
void *memory_share(size_t size);
char *memory_copy_string(const char *s);
char *memory_printf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Gives to the system what was freed, as far as it can, so that processes that
 * are forked have no holes to fill, each for itself.
 */
void memory_settle(void);
/*
 * Of a buffer that is for many bytes, and rarely has more than a few: what is
 * in it is of no more use.  Behind the first MEMORY_KEPT bytes, used of which
 * have been written, it takes no memory until it is written again.  False if
 * no more than those have been.
 */
#define MEMORY_KEPT ((size_t)16 << 10)
bool memory_forget(void *buffer, size_t *used);

#endif
