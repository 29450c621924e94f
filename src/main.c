/*
 * tined: a preforking HTTP/1.1 server.
 */
#include <stdlib.h>
#include <unistd.h>

#include "master.h"
#include "options.h"
#include "startup.h"
#include "status_show.h"
#include "upgrade.h"

int
main(int argc, char **argv, char **envp)
{
	static const struct master_hooks hooks = {
	    .ready = startup_ready,
	    .leave = startup_leave,
	    .give_way = startup_give_way,
	};
	static struct heritage heritage;
	int status;

	upgrade_remember(argv);
	setproctitle_init(argc, argv, envp);
	startup_prepare();
	options_parse(&heritage.config, argc, argv);
	if (heritage.config.show_status != NULL)
		return status_show(heritage.config.show_status);
	if (heritage.config.test) {
		startup_print(&heritage);
		return EXIT_SUCCESS;
	}
	startup_open(&heritage);
	status = master_run(&heritage, &hooks);
	startup_close(&heritage);
	return status;
}
