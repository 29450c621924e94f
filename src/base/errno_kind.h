/*
 * errno_kind: what errors of system calls have in common.
 */
#ifndef TINED_BASE_ERRNO_KIND_H
#define TINED_BASE_ERRNO_KIND_H

#include <stdbool.h>

/*
 * True if this process or machine has too few descriptors, or too little memory:
 * then nothing is wrong with what the call was for, and later it may succeed.
 */
bool errno_is_shortage(int error);

#endif
