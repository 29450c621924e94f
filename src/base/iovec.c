#include "base/iovec.h"

int
iovec_skip(struct iovec *parts, int count, size_t n)
{
	int i = 0;

	for (; i < count && n >= parts[i].iov_len; i++) {
		n -= parts[i].iov_len;
		parts[i].iov_len = 0;
	}
	if (i < count) {
		parts[i].iov_base = (char *)parts[i].iov_base + n;
		parts[i].iov_len -= n;
	}
	return i;
}
