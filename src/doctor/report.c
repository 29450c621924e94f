#include <string.h>

#include "doctor/report.h"

#define WIDTH 79
#define INDENT 11 /* where words begin */

static const char *const labels[VERDICT_COUNT] = {
    [VERDICT_HURTS] = "hurts",
    [VERDICT_COSTS] = "costs",
    [VERDICT_UNKNOWN] = "not known",
    [VERDICT_FINE] = "fine",
};

/* Adds words, which go on in another line where they would be too wide. */
static void
report_add_words(struct buffer *b, const char *words, size_t column)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (column > INDENT && column + 1 + len > WIDTH) {
			buffer_printf(b, "\n%*s", INDENT, "");
			column = INDENT;
		} else if (column > INDENT) {
			buffer_add_char(b, ' ');
			column++;
		}
		buffer_add(b, words, len);
		column += len;
		words += len;
		words += strspn(words, " ");
	}
}

/* A command is not broken: people copy it. */
static void
add_finding(struct buffer *b, const struct finding *f)
{
	struct buffer words = {0};

	buffer_printf(&words, "%s: ", f->name);
	buffer_add_text(&words, buffer_text(&f->words));
	buffer_printf(b, "%-*s", INDENT, labels[f->verdict]);
	report_add_words(b, buffer_string(&words), INDENT);
	buffer_add_char(b, '\n');
	if (f->mend.len > 0)
		buffer_printf(b, "%*s# %.*s\n", INDENT, "",
		    TEXT_ARG(buffer_text(&f->mend)));
	buffer_free(&words);
}

static bool
is_setting(const struct finding *f)
{
	return text_begins(buffer_text(&f->mend), TEXT("sysctl -w "));
}

void
report_add(struct buffer *b, const struct finding *all, size_t count)
{
	size_t counts[VERDICT_COUNT] = {0};
	bool settings = false;

	for (int v = 0; v < VERDICT_COUNT; v++)
		for (size_t i = 0; i < count; i++) {
			if ((int)all[i].verdict != v)
				continue;
			add_finding(b, &all[i]);
			counts[v]++;
			settings = settings || is_setting(&all[i]);
		}
	if (settings)
		buffer_add_string(b,
		    "\nsysctl -w holds until the next boot; to keep a setting, "
		    "write its NAME=VALUE\ninto /etc/sysctl.d/tined.conf.\n");
	buffer_add_char(b, '\n');
	for (int v = 0; v < VERDICT_COUNT; v++)
		buffer_printf(
		    b, "%s%s: %zu", v > 0 ? ", " : "", labels[v], counts[v]);
	buffer_add_char(b, '\n');
}
