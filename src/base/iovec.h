/*
 * iovec: what is left of the parts of a writev(2) or sendmsg(2) that wrote some
 * of them.
 */
#ifndef TINED_BASE_IOVEC_H
#define TINED_BASE_IOVEC_H

#include <sys/uio.h>

#include <stddef.h>

/*
 * Removes the first n bytes from the parts; n is at most their sum.  Returns the
 * index of the first part that has bytes left, or count.
 */
int iovec_skip(struct iovec *parts, int count, size_t n);

#endif
