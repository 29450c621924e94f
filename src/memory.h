/*
 * memory: allocation that does not fail.  A process that gets no memory says
 * so and exits with status 1: a worker is then replaced by the master.  What is
 * returned belongs to the caller, who calls free().
 */
#ifndef TINED_MEMORY_H
#define TINED_MEMORY_H

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

#endif
