/*
 * descriptors: what of this process is open, for tests of those that send
 * descriptors to others.
 */
#ifndef TINED_DESCRIPTORS_H
#define TINED_DESCRIPTORS_H

#include <sys/types.h>

/* How many are open; comparable with another such number only. */
int descriptors_count(void);
/* The inode of what is open there: its copies have the same. */
ino_t descriptors_file(int fd);

#endif
