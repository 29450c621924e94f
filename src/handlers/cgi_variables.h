/*
 * cgi_variables: the variables that the arguments env= of a mount set for its
 * programs, or for its application.
 */
#ifndef TINED_HANDLERS_CGI_VARIABLES_H
#define TINED_HANDLERS_CGI_VARIABLES_H

#include <stddef.h>

#include "handlers/cgi_environment.h"
#include "tined.h"

struct cgi_variable {
	char *name; /* owned */
	struct text value;
};

/* All zeroes: none. */
struct cgi_variables {
	struct cgi_variable *at; /* owned */
	size_t count;
};

/*
 * Takes the arguments env=NAME=VALUE and env=NAME, which has the value that it has
 * in this process.  -1 with the error message of the mount.
 */
int cgi_variables_take(struct cgi_variables *v, struct tined_mount *m);
/* Adds one, which is not copied, unless it is there. */
void cgi_variables_add(
    struct cgi_variables *v, struct text name, const char *value);
/* Returns the value, or NULL. */
const char *cgi_variables_find(const struct cgi_variables *v, const char *name);
/* Adds them to an empty environment, and fixes them there. */
void cgi_variables_fix(
    const struct cgi_variables *v, struct cgi_environment *e);
void cgi_variables_free(struct cgi_variables *v);

#endif
