#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "connection/write_mode.h"

static enum config_write_mode
mode_of(const struct tined_exchange *x)
{
	return x->mount != NULL ? x->mount->write_mode
				: x->connection->service->config->write_mode;
}

bool
write_mode_holds_back(const struct tined_exchange *x)
{
	return mode_of(x) == CONFIG_WRITE_CORK;
}

/* Unix sockets have no such option, and nothing that it would hold back. */
static void
set_cork(const struct tined_exchange *x, int on)
{
	if (write_mode_holds_back(x))
		(void)setsockopt(
		    x->connection->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

void
write_mode_part(struct tined_exchange *x)
{
	if (mode_of(x) != CONFIG_WRITE_TOGETHER)
		output_flush(&x->connection->out);
}

void
write_mode_begin(struct tined_exchange *x)
{
	write_mode_part(x);
	set_cork(x, 1);
}

void
write_mode_end(struct tined_exchange *x)
{
	write_mode_part(x);
	set_cork(x, 0);
}
