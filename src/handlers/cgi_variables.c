#include <stdlib.h>
#include <string.h>

#include "base/chars.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/cgi_variables.h"

const char *
cgi_variables_find(const struct cgi_variables *v, const char *name)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->at[i].name, name) == 0)
			return v->at[i].value.at;
	return NULL;
}

void
cgi_variables_add(struct cgi_variables *v, struct text name, const char *value)
{
	struct cgi_variable new = {.value = text_of(value)};

	new.name = memory_printf("%.*s", TEXT_ARG(name));
	if (cgi_variables_find(v, new.name) != NULL) {
		free(new.name);
		return;
	}
	v->at = memory_resize(v->at, v->count + 1, sizeof(v->at[0]));
	v->at[v->count++] = new;
}

static bool
is_variable_name(struct text name)
{
	if (name.len == 0 || chars_is(name.at[0], CHAR_DIGIT))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!chars_is(name.at[i], CHAR_TOKEN) ||
		    strchr("!#$%&'*+-.^`|~", name.at[i]) != NULL)
			return false;
	return true;
}

/* NAME=VALUE; or NAME, which has the value that it has here. */
static int
take_variable(
    struct cgi_variables *v, struct tined_mount *m, const char *argument)
{
	struct text name = {argument, strcspn(argument, "=")};
	const char *value = argument + name.len;

	if (!is_variable_name(name))
		return builtin_mount_usage(
		    m, "env=%s: expected NAME=VALUE, or NAME", argument);
	if (text_begins(name, TEXT("HTTP_")))
		return builtin_mount_usage(m,
		    "env=%s: variables that begin with HTTP_ are the header "
		    "fields of requests",
		    argument);
	if (*value == '=') {
		cgi_variables_add(v, name, value + 1);
		return 0;
	}
	value = getenv(argument);
	if (value == NULL)
		return tined_mount_fail(m,
		    "env=%s: there is no such variable in the environment of "
		    "tined; env=%s=VALUE sets one",
		    argument, argument);
	cgi_variables_add(v, name, value);
	return 0;
}

int
cgi_variables_take(struct cgi_variables *v, struct tined_mount *m)
{
	const char *argument;

	for (size_t i = 0; (argument = tined_argument_at(m, "env", i)) != NULL;
	     i++)
		if (take_variable(v, m, argument) == -1)
			return -1;
	return 0;
}

void
cgi_variables_fix(const struct cgi_variables *v, struct cgi_environment *e)
{
	for (size_t i = 0; i < v->count; i++)
		cgi_environment_add(e, v->at[i].name, v->at[i].value);
	cgi_environment_fix(e);
}

void
cgi_variables_free(struct cgi_variables *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->at[i].name);
	free(v->at);
}
