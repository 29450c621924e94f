#include <string.h>

#include "handlers/error_lines.h"

void
error_lines_end(
    struct error_lines *e, const struct tined_exchange *x, const char *name)
{
	struct text line = buffer_text(&e->rest);

	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	if (line.len > 0)
		tined_log(x, TINED_WARNING, "%s: %.*s", name, TEXT_ARG(line));
	buffer_clear(&e->rest);
}

/* printf(3) ends at a NUL. */
static void
add_without_nul(struct buffer *b, struct text t)
{
	const size_t from = b->len;

	buffer_add_text(b, t);
	for (size_t i = from; i < b->len; i++)
		if (b->data[i] == '\0')
			b->data[i] = '?';
}

void
error_lines_add(struct error_lines *e, const struct tined_exchange *x,
    const char *name, struct text written)
{
	while (written.len > 0) {
		const size_t room = ERROR_LINES_MAX - e->rest.len;
		size_t len = written.len < room ? written.len : room;
		const char *lf = memchr(written.at, '\n', len);

		if (lf != NULL)
			len = (size_t)(lf - written.at);
		add_without_nul(&e->rest, (struct text){written.at, len});
		if (lf != NULL || e->rest.len == ERROR_LINES_MAX)
			error_lines_end(e, x, name);
		len += lf != NULL;
		written.at += len;
		written.len -= len;
	}
}

void
error_lines_clear(struct error_lines *e)
{
	buffer_clear(&e->rest);
}

void
error_lines_free(struct error_lines *e)
{
	buffer_free(&e->rest);
}
