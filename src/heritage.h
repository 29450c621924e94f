/*
 * heritage: what crosses the fork: all that a worker gets from the master.
 */
#ifndef TINED_HERITAGE_H
#define TINED_HERITAGE_H

#include "config.h"
#include "listener.h"
#include "logfile.h"
#include "scoreboard.h"
#include "site.h"

struct heritage {
	struct config config;
	struct site site;
	struct listeners listeners;
	struct logfile access_log;
	struct scoreboard *board;
	int started; /* an eventfd: a worker is ready to serve */
};

#endif
