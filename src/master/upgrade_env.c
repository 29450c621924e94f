#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "master/upgrade_env.h"
#include "shared/channel.h"

/*
 * The version of the string, and of the messages that hand connections over
 * (channel.h).  Raise it when the meaning of a field changes.  When fields are
 * added, moved or resized, handoff_layout changes by itself.
 */
#define UPGRADE_ENV_VERSION 2

/*
 * A line of numbers, and for each listener another line and two strings, which
 * may contain any byte, with their lengths before them; -1 is the length of a
 * string that is NULL:
 *
 *	tined 2 layout talk errors channel pidfile predecessor status
 *	fd passed device inode 22 15
 *	http://localhost:8080//path/to/remove
 */
static ssize_t
length(const char *string)
{
	return string != NULL ? (ssize_t)strlen(string) : -1;
}

void
upgrade_env_write(struct buffer *b, const struct upgrade_env *q)
{
	buffer_printf(b, "tined %d %u %d %d %d %d %d %d\n", UPGRADE_ENV_VERSION,
	    handoff_layout(), q->talk, q->errors, q->channel, q->pidfile,
	    q->predecessor, q->status);
	for (size_t i = 0; i < q->count; i++) {
		const struct listener *l = &q->at[i];

		buffer_printf(b, "%d %d %lld %lld %zd %zd\n%s%s\n", l->fd,
		    l->passed, (long long)l->device, (long long)l->inode,
		    length(l->url), length(l->path), l->url,
		    l->path != NULL ? l->path : "");
	}
}

/*
 * Cuts the next line, without its end, out of the string.  NULL if there is
 * none.
 */
static char *
upgrade_env_next_line(char **rest)
{
	return *rest != NULL && **rest != '\0' ? strsep(rest, "\n") : NULL;
}

/* Reads a line of that many numbers; -1 means no descriptor. */
static bool
read_numbers(char *line, long long *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *word = line != NULL ? strsep(&line, " ") : "";
		const char *wrong;

		numbers[i] = strtonum(word, -1, LLONG_MAX, &wrong);
		if (wrong != NULL)
			return false;
	}
	return line == NULL;
}

/* Reads a string of that many bytes, or NULL if len is -1. */
static bool
read_string(char **string, char **rest, long long len)
{
	if (len == -1)
		return true;
	if (len < 0 || strnlen(*rest, (size_t)len) != (size_t)len)
		return false;
	*string = memory_printf("%.*s", (int)len, *rest);
	*rest += len;
	return true;
}

static bool
read_listener(struct listener *l, char **rest)
{
	char *numbers = upgrade_env_next_line(rest);
	long long n[6];

	if (*rest == NULL || !read_numbers(numbers, n, 6) || n[4] == -1)
		return false;
	l->fd = (int)n[0];
	l->passed = n[1] != 0;
	l->device = (dev_t)n[2];
	l->inode = (ino_t)n[3];
	if (read_string(&l->url, rest, n[4]) &&
	    read_string(&l->path, rest, n[5]) && **rest == '\n') {
		(*rest)++;
		return true;
	}
	free(l->url);
	free(l->path);
	return false;
}

static bool
read_lines(struct upgrade_env *q, char *rest)
{
	char *numbers = upgrade_env_next_line(&rest);
	const char *name = numbers != NULL ? strsep(&numbers, " ") : "";
	long long n[8];

	if (strcmp(name, "tined") != 0 || !read_numbers(numbers, n, 8) ||
	    n[0] != UPGRADE_ENV_VERSION || n[1] != handoff_layout())
		return false;
	q->talk = (int)n[2];
	q->errors = (int)n[3];
	q->channel = (int)n[4];
	q->pidfile = (int)n[5];
	q->predecessor = (int)n[6];
	q->status = (int)n[7];
	while (rest != NULL && *rest != '\0') {
		struct listener l = {0};

		if (!read_listener(&l, &rest))
			return false;
		q->at = memory_resize(q->at, q->count + 1, sizeof(q->at[0]));
		q->at[q->count++] = l;
	}
	return q->status >= 0 && (size_t)q->status <= q->count;
}

bool
upgrade_env_read(struct upgrade_env *q, const char *string)
{
	char *copy = memory_copy_string(string);
	bool good;

	*q = (struct upgrade_env){0};
	good = read_lines(q, copy);
	free(copy);
	if (!good)
		upgrade_env_free(q);
	return good;
}

void
upgrade_env_free(struct upgrade_env *q)
{
	for (size_t i = 0; i < q->count; i++) {
		free(q->at[i].url);
		free(q->at[i].path);
	}
	free(q->at);
	*q = (struct upgrade_env){0};
}
