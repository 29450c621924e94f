#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "connection/output.h"

/* A small response has been sent already, and is not worth the system call. */
bool
output_is_unsent(const struct output *o)
{
	int unsent = 0;

	return !o->failed && o->sent > OUTPUT_BUFFER_SIZE &&
	    ioctl(o->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
}
