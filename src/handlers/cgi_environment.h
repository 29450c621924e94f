/*
 * cgi_environment: the environment of a CGI program (RFC 3875, 4.1).
 */
#ifndef TINED_HANDLERS_CGI_ENVIRONMENT_H
#define TINED_HANDLERS_CGI_ENVIRONMENT_H

#include <stddef.h>

#include "base/buffer.h"

/* All zeroes is an empty environment. */
struct cgi_environment {
	struct buffer bytes; /* NAME=VALUE strings, each with its NUL */
	size_t count;
	size_t fixed; /* bytes: of variables that none replaces */
	char **list;  /* as execve(2) wants it; owned */
};

struct cgi_environment_field {
	struct text name, value;
};

/* Empties it and keeps its memory. */
void cgi_environment_clear(struct cgi_environment *e);
void cgi_environment_free(struct cgi_environment *e);
/* Adds a variable, unless it is fixed.  A value ends at its first NUL. */
void cgi_environment_add(
    struct cgi_environment *e, const char *name, struct text value);
void cgi_environment_add_number(
    struct cgi_environment *e, const char *name, uint64_t number);
/* Fixes all that were added: those that are added later replace none of them. */
void cgi_environment_fix(struct cgi_environment *e);
/*
 * Adds HTTP_NAME for each name among the header fields of a request (RFC 3875,
 * 4.1.18); fields of the same name become one list.  Leaves out: Content-Length
 * and Content-Type, which have variables of their own; fields that concern only
 * the connection with the client; Proxy, because HTTP_PROXY has a meaning of its
 * own; and names that have other characters than letters, digits and "-",
 * because "a_b" and "a-b" would be the same variable.
 */
void cgi_environment_add_fields(struct cgi_environment *e,
    const struct cgi_environment_field *fields, size_t count);
/* Returns the list of all variables, valid until one is added. */
char **cgi_environment_list(struct cgi_environment *e);

#endif
