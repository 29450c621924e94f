/*
 * random: bytes of the kernel that nobody can guess (getrandom(2)).  A generator of
 * this process's own would keep its state in memory that each child has to copy.
 */
#ifndef TINED_BASE_RANDOM_H
#define TINED_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t len);
uint64_t random_number(void);

#endif
