#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/logfile.h"
#include "base/memory.h"

#define LOG_MESSAGE_MAX 2048
/* What is longer has memory of its own, and is cut to this when escaped. */
#define LOG_LONG_MAX (32 << 10)
/* The text before the message, and the newline. */
#define LOG_BEFORE_MAX 256
/* An escaped byte becomes at most four bytes. */
#define LOG_LINE_SIZE(max) (4 * (max) + LOG_BEFORE_MAX)
#define DAY 86400

static const struct {
	const char *name;
	int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* The error log of this process: global, because all code can log. */
static struct logfile_trouble no_trouble;
static struct logfile file = {
    .kind = LOGFILE_FILE,
    .fd = STDERR_FILENO,
    .trouble = &no_trouble,
};
static enum log_level highest = LOG_LEVEL_NOTICE;
static bool mute;
static char my_role[32] = "master";

static void
say_last_words(const char *words)
{
	log_error("%s", words);
}

int
log_open(const char *target, int standard_fd)
{
	struct logfile opened;

	if (logfile_open(&opened, target, standard_fd) == -1)
		return -1;
	file = opened;
	memory_set_last_words(say_last_words);
	return 0;
}

struct logfile *
log_file(void)
{
	return &file;
}

void
log_set_level(enum log_level level)
{
	highest = level;
}

void
log_mute(bool muted)
{
	mute = muted;
}

void
log_set_role(const char *role)
{
	snprintf(my_role, sizeof(my_role), "%s", role);
}

static void
add_padded(struct buffer *line, int64_t n, int digits, char behind)
{
	for (int64_t limit = 10; --digits > 0; limit *= 10)
		if (n < limit)
			buffer_add_char(line, '0');
	buffer_add_number(line, (uint64_t)n);
	buffer_add_char(line, behind);
}

/*
 * Not gmtime_r, which takes a lock: signal handlers call this.  Years begin in
 * March, so that the leap day is the last; an era is 400 of them.
 */
static void
log_add_date(struct buffer *line, int64_t days)
{
	enum { ERA = 146097, TO_ERA = 719468 };
	int64_t era = (days + TO_ERA) / ERA;
	int64_t day = (days + TO_ERA) % ERA;
	int64_t year = (day - day / 1460 + day / 36524 - day / (ERA - 1)) / 365;
	int64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10);
	add_padded(line, year, 4, '-');
	add_padded(line, month < 10 ? month + 3 : month - 9, 2, '-');
	add_padded(line, day + 1, 2, 'T');
}

static void
log_add_time(struct buffer *line)
{
	struct timespec now;
	int64_t second;

	clock_gettime(CLOCK_REALTIME, &now);
	second = now.tv_sec % DAY;
	log_add_date(line, now.tv_sec / DAY);
	add_padded(line, second / 3600, 2, ':');
	add_padded(line, second / 60 % 60, 2, ':');
	add_padded(line, second % 60, 2, '.');
	add_padded(line, now.tv_nsec / CLOCK_MILLISECOND, 3, 'Z');
	buffer_add_char(line, ' ');
}

static void
add_prefix(struct buffer *line, enum log_level level)
{
	if (!logfile_has_time(&file))
		log_add_time(line);
	buffer_add_string(line, my_role);
	buffer_add_char(line, '[');
	buffer_add_number(line, (uint64_t)getpid());
	buffer_add_string(line, "] ");
	buffer_add_string(line, levels[level].name);
	buffer_add_string(line, ": ");
}

static void
log_add_line(struct buffer *line, enum log_level level, struct text message)
{
	add_prefix(line, level);
	escape_log(line, message, LOG_LONG_MAX);
	buffer_add_char(line, '\n');
}

static void
log_write_line(enum log_level level, struct text message, struct buffer *line)
{
	log_add_line(line, level, message);
	if (logfile_write(&file, levels[level].priority, line->data,
		line->len) != LOGFILE_HEALED)
		return;
	buffer_clear(line);
	add_prefix(line, LOG_LEVEL_NOTICE);
	buffer_printf(line, "the error log works again; %llu lines were lost\n",
	    logfile_lost(&file));
	logfile_write(&file, LOG_NOTICE, line->data, line->len);
}

/* Several threads of a handler may log at the same time. */
static void
log_write_short(enum log_level level, struct text message)
{
	char room[LOG_LINE_SIZE(LOG_MESSAGE_MAX)];
	struct buffer line = {.data = room, .size = sizeof(room)};

	log_write_line(level, message, &line);
}

/* False if there is no memory for it. */
__attribute__((format(printf, 2, 0))) static bool
log_write_long(enum log_level level, const char *format, va_list args)
{
	const size_t size = LOG_LONG_MAX + LOG_BEFORE_MAX;
	char *message = malloc(LOG_LONG_MAX + size);
	struct buffer line = {.size = size};
	int len;

	if (message == NULL)
		return false;
	line.data = message + LOG_LONG_MAX;
	len = vsnprintf(message, LOG_LONG_MAX, format, args);
	if (len >= LOG_LONG_MAX)
		len = LOG_LONG_MAX - 1;
	log_write_line(level, (struct text){message, (size_t)len}, &line);
	free(message);
	return true;
}

__attribute__((format(printf, 2, 0))) static void
log_message(enum log_level level, const char *format, va_list args)
{
	char message[LOG_MESSAGE_MAX];
	int saved = errno;
	va_list again;
	int len;

	if (level > highest || mute)
		return;
	va_copy(again, args);
	len = vsnprintf(message, sizeof(message), format, args);
	if (len < LOG_MESSAGE_MAX || !log_write_long(level, format, again))
		log_write_short(level,
		    (struct text){message, strnlen(message, sizeof(message))});
	va_end(again);
	errno = saved;
}

/* Allocates no memory, because signal handlers call it. */
void
log_dying(struct text words)
{
	char room[LOG_LINE_SIZE(LOG_DYING_MAX)];
	struct buffer line = {.data = room, .size = sizeof(room)};

	if (mute)
		return;
	if (words.len > LOG_DYING_MAX)
		words.len = LOG_DYING_MAX;
	log_add_line(&line, LOG_LEVEL_ERROR, words);
	(void)logfile_write(
	    &file, levels[LOG_LEVEL_ERROR].priority, line.data, line.len);
}

#define DEFINE_LOG(name, level)                                                \
	void name(const char *format, ...)                                     \
	{                                                                      \
		va_list args;                                                  \
                                                                               \
		va_start(args, format);                                        \
		log_message(level, format, args);                              \
		va_end(args);                                                  \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_notice, LOG_LEVEL_NOTICE)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
