/*
 * tined: a preforking HTTP/1.1 server.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/startup.h"
#include "cli/status_client.h"
#include "cli/top.h"
#include "doctor/doctor.h"
#include "master/master.h"
#include "master/upgrade.h"

int
main(int argc, char **argv, char **envp)
{
	static const struct master_hooks hooks = {
	    .ready = startup_ready,
	    .leave = startup_leave,
	    .give_way = startup_give_way,
	};
	static struct inherited inherited;
	int status;

	upgrade_remember(argv);
	setproctitle_init(argc, argv, envp);
	startup_prepare();
	options_parse(&inherited.config, argc, argv);
	if (inherited.config.show_status != NULL)
		return status_client_show(
		    "--status", inherited.config.show_status);
	if (inherited.config.show_top != NULL)
		return top_show(inherited.config.show_top);
	if (inherited.config.doctor)
		return doctor_run(&inherited.config);
	if (inherited.config.test) {
		startup_print(&inherited);
		return EXIT_SUCCESS;
	}
	startup_open(&inherited);
	status = master_run(&inherited, &hooks);
	startup_close(&inherited);
	return status;
}
