#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "http/media_type.h"

#define UNKNOWN_TYPE "application/octet-stream"
#define PLAIN_TYPE "text/plain; charset=utf-8"
#define EXTENSION_MAX 32

/* Lines in the form of mime.types; the last entry of an extension counts. */
static const char *const builtin[] = {
    "application/gzip gz tgz",
    "application/json json map",
    "application/manifest+json webmanifest",
    "application/pdf pdf",
    "application/wasm wasm",
    "application/toml toml",
    "application/vnd.apple.mpegurl m3u8",
    "application/xml xml",
    "application/yaml yaml yml",
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
    "image/svg+xml svg svgz",
    "image/vnd.microsoft.icon ico",
    "image/webp webp",
    "text/css css",
    "text/csv csv",
    "text/html html htm",
    "text/javascript js mjs",
    "text/markdown md",
    "text/plain txt text log conf",
    "video/mp2t ts",
    "video/mp4 mp4",
    "video/webm webm",
};

/*
 * These win over mime.types, which has another meaning for some extensions: on
 * the web, .ts is a part of a video (RFC 8216), and not a file of Qt Linguist.
 */
static const char *const passed_over[] = {"text/vnd.trolltech.linguist"};

/* Names without an extension that are plain text. */
static const char *const readable[] = {"authors", "changelog", "copying",
    "copyright", "install", "license", "makefile", "news", "readme", "thanks",
    "todo"};

static uint32_t
media_type_add_word(struct media_type *m, const char *word, const char *rest)
{
	size_t at = m->words.len;

	buffer_add_string(&m->words, word);
	buffer_add_string(&m->words, rest);
	buffer_add_char(&m->words, '\0');
	return (uint32_t)at;
}

static const char *
word_at(const struct media_type *m, uint32_t at)
{
	return m->words.data + at;
}

static void
media_type_add_entry(struct media_type *m, const char *extension, uint32_t type)
{
	uint32_t at = media_type_add_word(m, extension, "");

	for (char *p = m->words.data + at; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	m->entries = memory_grow(m->entries, m->count, sizeof(m->entries[0]));
	m->entries[m->count++] = (struct media_type_entry){at, type};
}

static uint32_t
add_type(struct media_type *m, const char *type)
{
	bool text = strncasecmp(type, "text/", strlen("text/")) == 0;

	return media_type_add_word(m, type, text ? "; charset=utf-8" : "");
}

static void
media_type_add_line(struct media_type *m, const char *line)
{
	char *copy = memory_copy_string(line);
	char *rest = copy;
	char *word = strsep(&rest, " \t\n");
	bool known = false;
	uint32_t type = 0;

	if (*word != '\0' && *word != '#')
		while ((word = strsep(&rest, " \t\n")) != NULL) {
			if (*word == '\0')
				continue;
			if (!known)
				type = add_type(m, copy);
			known = true;
			media_type_add_entry(m, word, type);
		}
	free(copy);
}

static bool
is_passed_over(const char *line)
{
	for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]);
	     i++) {
		size_t len = strlen(passed_over[i]);

		if (strncasecmp(line, passed_over[i], len) == 0 &&
		    isspace((unsigned char)line[len]))
			return true;
	}
	return false;
}

static void
media_type_add_lines(struct media_type *m, struct text lines)
{
	while (lines.len > 0) {
		const char *end = memchr(lines.at, '\n', lines.len);
		size_t len =
		    end != NULL ? (size_t)(end + 1 - lines.at) : lines.len;
		char *line = memory_printf("%.*s", (int)len, lines.at);

		if (!is_passed_over(line))
			media_type_add_line(m, line);
		free(line);
		lines.at += len;
		lines.len -= len;
	}
}

/* Keeps entries with the same extension in the order of their addition. */
static int
media_type_compare(const void *a, const void *b, void *of)
{
	const struct media_type_entry *x = a, *y = b;
	const struct media_type *m = of;
	int order = strcmp(word_at(m, x->extension), word_at(m, y->extension));

	if (order != 0)
		return order;
	return x->extension < y->extension ? -1 : 1;
}

static void
sort(struct media_type *m)
{
	qsort_r(
	    m->entries, m->count, sizeof(m->entries[0]), media_type_compare, m);
}

/* Returns the number of entries up to and including that extension. */
static size_t
count_up_to(const struct media_type *m, const char *extension)
{
	size_t from = 0, to = m->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const char *word = word_at(m, m->entries[middle].extension);

		if (strcmp(word, extension) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Returns the entry added last for that extension, or NULL. */
static const struct media_type_entry *
media_type_find(const struct media_type *m, const char *extension)
{
	size_t count = count_up_to(m, extension);
	const struct media_type_entry *last;

	if (count == 0)
		return NULL;
	last = &m->entries[count - 1];
	return strcmp(word_at(m, last->extension), extension) == 0 ? last
								   : NULL;
}

void
media_type_load(struct media_type *m, struct text lines)
{
	*m = (struct media_type){0};
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++)
		media_type_add_line(m, builtin[i]);
	media_type_add_lines(m, lines);
	m->entries = memory_resize(m->entries, m->count, sizeof(m->entries[0]));
	sort(m);
}

void
media_type_free(struct media_type *m)
{
	free(m->entries);
	buffer_free(&m->words);
	*m = (struct media_type){0};
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
media_type_type(const struct media_type *m, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL ? slash + 1 : name;
	const char *dot = strrchr(base, '.');
	char extension[EXTENSION_MAX] = "";
	const struct media_type_entry *found;

	if (dot == NULL)
		return type_without_extension(base);
	if (strlen(dot + 1) >= sizeof(extension))
		return UNKNOWN_TYPE;
	for (size_t i = 0; dot[i + 1] != '\0'; i++)
		extension[i] = (char)tolower((unsigned char)dot[i + 1]);
	found = media_type_find(m, extension);
	return found != NULL ? word_at(m, found->type) : UNKNOWN_TYPE;
}
