/*
 * option: the options of the command line, one a row: what each is called, and
 * how its value is taken.
 */
#ifndef TINED_CLI_OPTION_H
#define TINED_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/*
 * Stores the value of an option.  Returns NULL, or an error message that
 * completes "--option VALUE: ".
 */
typedef const char *option_taker(struct config *c, const char *value);

enum option_kind {
	OPTION_SWITCH, /* no value: a bool becomes true */
	OPTION_ACTION, /* no value: take is called with "" */
	OPTION_MAYBE,  /* a value after =, or "": take is called */
	OPTION_TIME,   /* to an int64_t, not 0 */
	OPTION_FILE,   /* a name, to a char * */
	OPTION_VALUE,  /* take is called */
};

struct option_spec {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	size_t member;	    /* offset in struct config, if it has no take */
	option_taker *take; /* NULL unless OPTION_SWITCH, TIME, FILE */
};

extern const struct option_spec option_specs[];
extern const size_t option_count;

/* The texts of --help, a screen, and of --help=all. */
extern const char option_help[];
extern const char option_help_all[];

#endif
