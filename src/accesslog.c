#include <syslog.h>
#include <time.h>

#include "accesslog.h"
#include "buffer.h"
#include "escape.h"
#include "log.h"

/* So that a line is far below PIPE_BUF, and whole in a pipe. */
#define LINE_MAX_BYTES 2048
#define FIELD_MAX_BYTES 768

/* Local time, as Apache has it; formatted once a second. */
static const char *
now_text(void)
{
	static char text[40];
	static time_t formatted;
	time_t now = time(NULL);
	struct tm tm;

	if (now != formatted) {
		localtime_r(&now, &tm);
		strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm);
		formatted = now;
	}
	return text;
}

static void
add_quoted(struct buffer *b, struct text t, size_t max)
{
	buffer_add_char(b, '"');
	if (t.len > 0)
		escape_log_quoted(b, t, max);
	else
		buffer_add_char(b, '-');
	buffer_add_char(b, '"');
}

static void
add_field(struct buffer *b, const struct request *r, enum field_id id)
{
	struct text value = {NULL, 0};

	request_field(r, id, &value);
	buffer_add_char(b, ' ');
	add_quoted(b, value, FIELD_MAX_BYTES);
}

static void
add_entry(struct buffer *b, const struct accesslog_entry *e)
{
	buffer_add_string(b, e->client);
	buffer_add_text(b, TEXT(" - - ["));
	buffer_add_string(b, now_text());
	buffer_add_text(b, TEXT("] "));
	add_quoted(b, e->line, LINE_MAX_BYTES);
	buffer_add_char(b, ' ');
	buffer_add_number(b, (uint64_t)e->status);
	buffer_add_char(b, ' ');
	if (e->bytes > 0)
		buffer_add_number(b, e->bytes);
	else
		buffer_add_char(b, '-');
	add_field(b, e->request, FIELD_REFERER);
	add_field(b, e->request, FIELD_USER_AGENT);
	buffer_add_char(b, '\n');
}

void
accesslog_write(struct logfile *f, const struct accesslog_entry *e)
{
	static struct buffer line;

	if (f->kind == LOGFILE_OFF)
		return;
	buffer_clear(&line);
	add_entry(&line, e);
	switch (logfile_write(f, LOG_INFO, line.data, line.len)) {
	case LOGFILE_BROKE:
		log_error("access log: %m; lines are lost until it works "
			  "again");
		break;
	case LOGFILE_HEALED:
		log_notice("the access log works again; %llu lines were lost",
		    logfile_lost(f));
		break;
	case LOGFILE_FINE:
		break;
	}
}
