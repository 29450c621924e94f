#include <sys/timex.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "doctor/host.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

#define PIECE 4096
#define SETTINGS "/proc/sys/"
#define LIMITS "/proc/self/limits"

static void
look_at_clock(struct host *h)
{
	struct timex t = {.modes = 0}; /* reads */

	h->clock.state = adjtimex(&t);
	h->clock.error = errno;
	h->clock.uncertain = t.maxerror;
}

void
host_look(struct host *h)
{
	*h = (struct host){
	    .root = "",
	    .is_root = geteuid() == 0,
	    .landlock = landlock_probe(),
	    .seccomp = seccomp_probe(),
	    .disk = statfs,
	};
	look_at_clock(h);
	links_look(&h->links);
}

void
host_free(struct host *h)
{
	links_free(&h->links);
	*h = (struct host){0};
}

bool
host_read(const struct host *h, const char *path, struct buffer *b)
{
	char *whole = memory_printf("%s%s", h->root, path);
	int fd = open(whole, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	int saved;

	buffer_clear(b);
	free(whole);
	if (fd == -1)
		return false;
	while ((n = read(fd, buffer_reserve(b, PIECE), PIECE)) > 0)
		b->len += (size_t)n;
	saved = errno;
	close(fd);
	errno = saved;
	return n == 0;
}

/* "net.core.somaxconn" is /proc/sys/net/core/somaxconn. */
static char *
path_of(const char *name)
{
	char *path = memory_printf(SETTINGS "%s", name);

	for (char *p = path + strlen(SETTINGS); *p != '\0'; p++)
		if (*p == '.')
			*p = '/';
	return path;
}

static bool
read_setting(const struct host *h, const char *name, struct buffer *b)
{
	char *path = path_of(name);
	bool done = host_read(h, path, b);

	free(path);
	while (done && b->len > 0 && b->data[b->len - 1] == '\n')
		b->len--;
	return done;
}

bool
host_line(const struct host *h, struct finding *f, const char *name,
    struct buffer *line)
{
	if (read_setting(h, name, line))
		return true;
	finding_cannot_read(f, name);
	return false;
}

/* Cuts off the next word; false at the end of the text. */
static bool
host_next_word(struct text *rest, struct text *word)
{
	while (rest->len > 0 && strchr(" \t\n", rest->at[0]) != NULL) {
		rest->at++;
		rest->len--;
	}
	*word = (struct text){rest->at, 0};
	while (word->len < rest->len &&
	    strchr(" \t\n", rest->at[word->len]) == NULL)
		word->len++;
	rest->at += word->len;
	rest->len -= word->len;
	return word->len > 0;
}

static bool
take_numbers(struct text rest, uint64_t *numbers, size_t count)
{
	struct text word;

	for (size_t i = 0; i < count; i++)
		if (!host_next_word(&rest, &word) ||
		    !text_to_number(word, UINT64_MAX, &numbers[i]))
			return false;
	return true;
}

bool
host_numbers(const struct host *h, struct finding *f, const char *name,
    uint64_t *numbers, size_t count)
{
	struct buffer b = {0};
	bool done = host_line(h, f, name, &b);

	if (done && !take_numbers(buffer_text(&b), numbers, count)) {
		finding_say(f, VERDICT_UNKNOWN, "%s is not a number: %s", name,
		    buffer_string(&b));
		done = false;
	}
	buffer_free(&b);
	return done;
}

bool
host_number(
    const struct host *h, struct finding *f, const char *name, uint64_t *number)
{
	return host_numbers(h, f, name, number, 1);
}

uint64_t
host_number_or(const struct host *h, const char *name, uint64_t otherwise)
{
	struct buffer b = {0};
	uint64_t number;

	if (!read_setting(h, name, &b) ||
	    !take_numbers(buffer_text(&b), &number, 1))
		number = otherwise;
	buffer_free(&b);
	return number;
}

/* Cuts off the next line. */
static struct text
host_next_line(struct text *rest)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	struct text line = {
	    rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
	size_t skip = line.len + (end != NULL ? 1 : 0);

	rest->at += skip;
	rest->len -= skip;
	return line;
}

/* Leaves in *b what follows the beginning of the first such line. */
static bool
read_line(const struct host *h, const char *path, const char *beginning,
    struct buffer *b)
{
	struct text wanted = text_of(beginning);
	struct text rest, line;

	if (!host_read(h, path, b))
		return false;
	rest = buffer_text(b);
	while (rest.len > 0) {
		line = host_next_line(&rest);
		if (!text_begins(line, wanted))
			continue;
		b->len = line.len - wanted.len;
		memmove(b->data, line.at + wanted.len, b->len);
		return true;
	}
	errno = ENODATA;
	return false;
}

static bool
host_find_number(struct text line, struct text wanted, uint64_t *number)
{
	struct text word = {NULL, 0};

	while (!text_equal(word, wanted) && host_next_word(&line, &word))
		continue;
	return text_equal(word, wanted) && take_numbers(line, number, 1);
}

bool
host_find(const struct host *h, const char *path, const char *line,
    const char *word, uint64_t *number)
{
	struct buffer b = {0};
	bool found = read_line(h, path, line, &b);

	if (found &&
	    !host_find_number(buffer_text(&b), text_of(word), number)) {
		found = false;
		errno = ENODATA;
	}
	buffer_free(&b);
	return found;
}

static bool
host_take_limit(struct text *rest, uint64_t *limit)
{
	struct text word;

	if (!host_next_word(rest, &word))
		return false;
	if (text_equal(word, TEXT("unlimited"))) {
		*limit = UINT64_MAX;
		return true;
	}
	return text_to_number(word, UINT64_MAX, limit);
}

bool
host_limit_of(const struct host *h, struct finding *f, const char *path,
    const char *name, struct host_limit *limit)
{
	struct buffer b = {0};
	bool found = read_line(h, path, name, &b);
	struct text rest = buffer_text(&b);

	if (found &&
	    (!host_take_limit(&rest, &limit->soft) ||
		!host_take_limit(&rest, &limit->hard))) {
		found = false;
		errno = ENODATA;
	}
	if (!found)
		finding_cannot_read(f, path);
	buffer_free(&b);
	return found;
}

bool
host_limit(const struct host *h, struct finding *f, const char *name,
    struct host_limit *limit)
{
	return host_limit_of(h, f, LIMITS, name, limit);
}
