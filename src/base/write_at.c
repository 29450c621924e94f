#include <errno.h>
#include <unistd.h>

#include "base/write_at.h"

int
write_at(int fd, const char *bytes, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n == -1)
			continue;
		bytes += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}
