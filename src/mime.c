#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "memory.h"
#include "mime.h"

#define UNKNOWN_TYPE "application/octet-stream"
#define PLAIN_TYPE "text/plain; charset=utf-8"
#define EXTENSION_MAX 32

/* Lines as mime.types has them; the last to name an extension counts. */
static const char *const builtin[] = {
    "application/gzip gz tgz",
    "application/json json map",
    "application/manifest+json webmanifest",
    "application/pdf pdf",
    "application/wasm wasm",
    "application/xml xml",
    "application/zip zip",
    "audio/mpeg mp3",
    "audio/ogg ogg oga opus",
    "font/ttf ttf",
    "font/woff woff",
    "font/woff2 woff2",
    "image/avif avif",
    "image/gif gif",
    "image/jpeg jpg jpeg",
    "image/png png",
    "image/svg+xml svg",
    "image/vnd.microsoft.icon ico",
    "image/webp webp",
    "text/css css",
    "text/csv csv",
    "text/html html htm",
    "text/javascript js mjs",
    "text/markdown md",
    "text/plain txt text log conf",
    "video/mp4 mp4",
    "video/webm webm",
};

/* Names without an extension that a person wants to read. */
static const char *const readable[] = {"authors", "changelog", "copying",
    "copyright", "install", "license", "makefile", "news", "readme", "thanks",
    "todo"};

static void
add_entry(struct mime *m, const char *extension, const char *type)
{
	char *lower = memory_copy_string(extension);

	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	m->entries =
	    memory_resize(m->entries, m->count + 1, sizeof(m->entries[0]));
	m->entries[m->count++] = (struct mime_entry){lower, type};
}

static const char *
add_type(struct mime *m, const char *type)
{
	bool text = strncasecmp(type, "text/", strlen("text/")) == 0;

	m->types =
	    memory_resize(m->types, m->type_count + 1, sizeof(m->types[0]));
	m->types[m->type_count] =
	    memory_printf("%s%s", type, text ? "; charset=utf-8" : "");
	return m->types[m->type_count++];
}

static void
add_line(struct mime *m, const char *line)
{
	char *copy = memory_copy_string(line);
	char *rest = copy;
	char *word = strsep(&rest, " \t\n");
	const char *type = NULL;

	if (*word != '\0' && *word != '#')
		while ((word = strsep(&rest, " \t\n")) != NULL) {
			if (*word == '\0')
				continue;
			if (type == NULL)
				type = add_type(m, copy);
			add_entry(m, word, type);
		}
	free(copy);
}

static void
add_file(struct mime *m, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (f == NULL)
		return;
	while (getline(&line, &size, f) != -1)
		add_line(m, line);
	free(line);
	fclose(f);
}

static int
compare(const void *a, const void *b)
{
	const struct mime_entry *x = a, *y = b;

	return strcmp(x->extension, y->extension);
}

/* Of entries with one extension only the last added is kept. */
static void
sort(struct mime *m)
{
	size_t kept = 0;

	/* mergesort of libbsd is stable; qsort need not be. */
	mergesort(m->entries, m->count, sizeof(m->entries[0]), compare);
	for (size_t i = 0; i < m->count; i++) {
		if (i + 1 < m->count &&
		    compare(&m->entries[i], &m->entries[i + 1]) == 0)
			free(m->entries[i].extension);
		else
			m->entries[kept++] = m->entries[i];
	}
	m->count = kept;
}

void
mime_load(struct mime *m, const char *file)
{
	*m = (struct mime){0};
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
		add_line(m, builtin[i]);
	add_file(m, file);
	sort(m);
}

void
mime_free(struct mime *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].extension);
	for (size_t i = 0; i < m->type_count; i++)
		free(m->types[i]);
	free(m->entries);
	free(m->types);
	*m = (struct mime){0};
}

static const char *
type_without_extension(const char *name)
{
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (strcasecmp(name, readable[i]) == 0)
			return PLAIN_TYPE;
	return UNKNOWN_TYPE;
}

const char *
mime_type(const struct mime *m, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL ? slash + 1 : name;
	const char *dot = strrchr(base, '.');
	char extension[EXTENSION_MAX] = "";
	struct mime_entry key = {.extension = extension};
	const struct mime_entry *found;

	if (dot == NULL)
		return type_without_extension(base);
	if (strlen(dot + 1) >= sizeof(extension))
		return UNKNOWN_TYPE;
	for (size_t i = 0; dot[i + 1] != '\0'; i++)
		extension[i] = (char)tolower((unsigned char)dot[i + 1]);
	found =
	    bsearch(&key, m->entries, m->count, sizeof(m->entries[0]), compare);
	return found != NULL ? found->type : UNKNOWN_TYPE;
}
