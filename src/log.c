#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "escape.h"
#include "log.h"
#include "logfile.h"
#include "memory.h"

#define LOG_MESSAGE_MAX 2048

static const struct {
	const char *name;
	int priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* The one log of this process: its code is everywhere, its state is here. */
static struct logfile_trouble no_trouble;
static struct logfile file = {
    .kind = LOGFILE_FILE,
    .fd = STDERR_FILENO,
    .trouble = &no_trouble,
};
static enum log_level highest = LOG_LEVEL_NOTICE;
static char my_role[32] = "master";

static void
say_last_words(const char *words)
{
	log_error("%s", words);
}

int
log_open(const char *target)
{
	struct logfile opened;

	if (logfile_open(&opened, target, STDERR_FILENO) == -1)
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
log_set_role(const char *role)
{
	snprintf(my_role, sizeof(my_role), "%s", role);
}

/* syslog adds its own time and name. */
static void
add_prefix(struct buffer *line, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	char when[32];

	if (file.kind == LOGFILE_FILE) {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		buffer_printf(
		    line, "%s.%03ldZ ", when, now.tv_nsec / CLOCK_MILLISECOND);
	}
	buffer_printf(
	    line, "%s[%d] %s: ", my_role, (int)getpid(), levels[level].name);
}

static void
write_line(enum log_level level, const char *message, size_t len)
{
	static struct buffer line;

	buffer_clear(&line);
	add_prefix(&line, level);
	escape_log(&line, (struct text){message, len}, LOG_MESSAGE_MAX);
	buffer_add_char(&line, '\n');
	if (logfile_write(&file, levels[level].priority, line.data, line.len) !=
	    LOGFILE_HEALED)
		return;
	buffer_clear(&line);
	add_prefix(&line, LOG_LEVEL_NOTICE);
	buffer_printf(&line,
	    "the error log works again; %llu lines were lost\n",
	    logfile_lost(&file));
	logfile_write(&file, LOG_NOTICE, line.data, line.len);
}

__attribute__((format(printf, 2, 0))) static void
log_message(enum log_level level, const char *format, va_list args)
{
	char message[LOG_MESSAGE_MAX];
	int saved = errno;
	int len;

	if (level > highest)
		return;
	len = vsnprintf(message, sizeof(message), format, args);
	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(message))
		len = sizeof(message) - 1;
	write_line(level, message, (size_t)len);
	errno = saved;
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
