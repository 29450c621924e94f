#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bequest.h"
#include "memory.h"

/* Of the string, and of what a connection is handed over as (handoff.h). */
#define BEQUEST_VERSION 1

/*
 * A line of numbers, and three for each listener:
 *
 *	tined 1 talk errors lane pidfile status
 *	fd passed device inode
 *	http://localhost:8080/
 *	/path/to/remove
 */
void
bequest_write(struct buffer *b, const struct bequest *q)
{
	buffer_printf(b, "tined %d %d %d %d %d %d\n", BEQUEST_VERSION, q->talk,
	    q->errors, q->lane, q->pidfile, q->status);
	for (size_t i = 0; i < q->count; i++) {
		const struct listener *l = &q->at[i];

		buffer_printf(b, "%d %d %lld %lld\n%s\n%s\n", l->fd, l->passed,
		    (long long)l->device, (long long)l->inode, l->url,
		    l->path != NULL ? l->path : "");
	}
}

/* The next line without its end, cut out of the string; NULL if there is none.
 */
static char *
next_line(char **rest)
{
	return *rest != NULL && **rest != '\0' ? strsep(rest, "\n") : NULL;
}

/* A line of so many numbers; -1 is no descriptor. */
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

static bool
read_listener(struct listener *l, char **rest)
{
	char *numbers = next_line(rest);
	const char *url = next_line(rest);
	const char *path = *rest != NULL ? strsep(rest, "\n") : NULL;
	long long n[4];

	if (url == NULL || path == NULL || !read_numbers(numbers, n, 4))
		return false;
	l->fd = (int)n[0];
	l->passed = n[1] != 0;
	l->device = (dev_t)n[2];
	l->inode = (ino_t)n[3];
	l->url = memory_copy_string(url);
	l->path = *path != '\0' ? memory_copy_string(path) : NULL;
	return true;
}

static bool
read_lines(struct bequest *q, char *rest)
{
	char *numbers = next_line(&rest);
	const char *name = numbers != NULL ? strsep(&numbers, " ") : "";
	long long n[6];

	if (strcmp(name, "tined") != 0 || !read_numbers(numbers, n, 6) ||
	    n[0] != BEQUEST_VERSION)
		return false;
	q->talk = (int)n[1];
	q->errors = (int)n[2];
	q->lane = (int)n[3];
	q->pidfile = (int)n[4];
	q->status = (int)n[5];
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
bequest_read(struct bequest *q, const char *string)
{
	char *copy = memory_copy_string(string);
	bool good;

	*q = (struct bequest){0};
	good = read_lines(q, copy);
	free(copy);
	if (!good)
		bequest_free(q);
	return good;
}

void
bequest_free(struct bequest *q)
{
	for (size_t i = 0; i < q->count; i++) {
		free(q->at[i].url);
		free(q->at[i].path);
	}
	free(q->at);
	*q = (struct bequest){0};
}
