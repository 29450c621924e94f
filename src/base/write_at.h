/*
 * write_at: writes to files without their offset, which other descriptors share.
 */
#ifndef TINED_BASE_WRITE_AT_H
#define TINED_BASE_WRITE_AT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes all bytes at that offset, as pwrite(2).  -1 with errno; then some of them
 * may be there.
 */
int write_at(int fd, const char *bytes, size_t len, uint64_t offset);

#endif
