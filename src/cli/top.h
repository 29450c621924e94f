/*
 * top: the status of a server on a terminal, again each second (--top).
 */
#ifndef TINED_CLI_TOP_H
#define TINED_CLI_TOP_H

#include "base/buffer.h"

/* What has been counted between two looks, for rates. */
struct top_look {
	int64_t when; /* clock.h */
	uint64_t requests;
	uint64_t sent; /* bytes */
};

/* Reads the counts of a status in its text form (status/text.c). */
struct top_look top_read(const char *text, int64_t when);
/*
 * Adds what draws a screen of that size: a line of rates, and then as much of
 * the text as there is room for.
 */
void top_draw(struct buffer *b, const char *text, const struct top_look *before,
    const struct top_look *now, unsigned rows, unsigned columns);

/*
 * Shows the status of the server with that status socket until q is pressed; once,
 * as --status does, if the standard streams are no terminal.  Returns the exit
 * status.
 */
int top_show(const char *path);

#endif
