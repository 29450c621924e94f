#include <sys/random.h>

#include <errno.h>
#include <stdlib.h>

#include "base/random.h"

/*
 * The kernel gives all that was asked for, but that a signal may interrupt it after
 * the first 256 bytes.
 */
void
random_bytes(void *to, size_t len)
{
	char *at = to;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n == -1 && errno != EINTR)
			abort();
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

uint64_t
random_number(void)
{
	uint64_t number;

	random_bytes(&number, sizeof(number));
	return number;
}
