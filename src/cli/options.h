/*
 * options: the command line.
 */
#ifndef TINED_CLI_OPTIONS_H
#define TINED_CLI_OPTIONS_H

#include "config/config.h"

/*
 * Fills *c from the command line.  A mistake is one line on standard error and
 * exit status EX_USAGE (64); --help and --version print and exit.
 */
void options_parse(struct config *c, int argc, char **argv);

#endif
