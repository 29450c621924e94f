#include <sys/socket.h>

#include "net/reset.h"

int
reset_on_close(int fd, bool on)
{
	const struct linger linger = {.l_onoff = on, .l_linger = 0};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
