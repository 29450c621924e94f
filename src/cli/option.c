#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/units.h"
#include "cli/option.h"
#include "http/log_format.h"
#include "http/response.h"
#include "http/status_code.h"
#include "http/uri.h"
#include "net/listener.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"

#define WORKERS_MAX SCOREBOARD_WORKERS_MAX
#define REQUESTS_MAX 1000000000
#define JITTER_PART 10 /* of the requests, if it is not said */
#define WORKER_MEMORY_MIN (1 << 20)
#define BACKLOG_MAX 65535
#define HEAD_MIN 1024
/* With empty lines before it, it must fit into a message to the lot. */
#define HEAD_MAX (60 << 10)
#define BODY_BUFFER_MAX (64 << 10)

static const char *
take_int(const char *value, int min, int max, int *to, const char *wanted)
{
	uint64_t n;

	if (!text_to_number(text_of(value), (uint64_t)max, &n) ||
	    n < (uint64_t)min)
		return wanted;
	*to = (int)n;
	return NULL;
}

static const char *
take_listen(struct config *c, const char *value)
{
	if (!listener_address_is_valid(value))
		return "host:port, [v6]:port, :port or unix:PATH";
	config_add_string(&c->listen, value);
	return NULL;
}

/* Requests are matched when their paths have been decoded (uri.h). */
static bool
is_plain_path(const char *path)
{
	struct text t = text_of(path);
	struct buffer decoded = {0};
	bool plain = strchr(path, '%') == NULL &&
	    !uri_decode_path(t, &decoded) &&
	    text_equal(t, buffer_text(&decoded));

	buffer_free(&decoded);
	return plain;
}

static const char *
take_mount(struct config *c, const char *value)
{
	static const char wanted[] =
	    "/PREFIX=KIND:ARG, such as /docs=file:/usr/share/doc";
	char *copy, *rest, *kind;

	if (*value != '/' || strchr(value, '=') == NULL)
		return wanted;
	rest = copy = memory_copy_string(value);
	strsep(&rest, "=");
	if (!is_plain_path(copy)) {
		free(copy);
		return "a prefix without %, \\, //, /./ or /../";
	}
	kind = strsep(&rest, ":");
	config_add_mount(c, copy, kind, rest != NULL ? rest : "");
	free(copy);
	return NULL;
}

static bool
take_range(const char *value, struct config_range *to)
{
	struct text first = {value, strcspn(value, "-")};
	const char *second = value + first.len;
	uint64_t min, max;

	if (!text_to_number(first, WORKERS_MAX, &min) || min < 1)
		return false;
	max = min;
	if (*second != '\0' &&
	    !text_to_number(text_of(second + 1), WORKERS_MAX, &max))
		return false;
	*to = (struct config_range){(int)min, (int)max};
	return min <= max;
}

static const char *
take_workers(struct config *c, const char *value)
{
	if (!take_range(value, &c->workers))
		return "a number from 1 to 4096, or two, such as 4-256";
	c->workers_said = true;
	return NULL;
}

static const char *
take_spare(struct config *c, const char *value)
{
	if (!take_range(value, &c->spare))
		return "two numbers from 1 to 4096, such as 2-8";
	return NULL;
}

static const char *
take_max_requests(struct config *c, const char *value)
{
	struct text n = {value, strcspn(value, ",")};
	const char *rest = value + n.len;
	uint64_t max, jitter;

	if (!text_to_number(n, REQUESTS_MAX, &max) || max == 0)
		return "a number from 1 to 1000000000, or two, such as "
		       "1000,100";
	jitter = max / JITTER_PART;
	if (*rest != '\0' &&
	    !text_to_number(text_of(rest + 1), REQUESTS_MAX, &jitter))
		return "two numbers up to 1000000000, such as 1000,100";
	c->max_requests = (uint32_t)max;
	c->max_requests_jitter = (uint32_t)jitter;
	return NULL;
}

static const char *
take_max_worker_memory(struct config *c, const char *value)
{
	if (!units_size(value, &c->max_worker_memory) ||
	    c->max_worker_memory < WORKER_MEMORY_MIN)
		return "a size of at least 1M, such as 64M";
	return NULL;
}

static const char *
take_backlog(struct config *c, const char *value)
{
	return take_int(
	    value, 1, BACKLOG_MAX, &c->backlog, "a number from 1 to 65535");
}

static const char *
take_per_client(struct config *c, const char *value)
{
	return take_int(
	    value, 1, WORKERS_MAX, &c->per_client, "a number from 1 to 4096");
}

static const char *
take_allow(struct config *c, const char *value)
{
	if (!access_add(&c->allow, value))
		return "an address or a network, such as 10.0.0.0/8 or ::1";
	return NULL;
}

static const char *
take_max_head(struct config *c, const char *value)
{
	if (!units_size(value, &c->max_head) || c->max_head < HEAD_MIN ||
	    c->max_head > HEAD_MAX)
		return "a size from 1k to 60k";
	return NULL;
}

static const char *
take_max_body(struct config *c, const char *value)
{
	if (!units_size(value, &c->max_body))
		return "a size, such as 512k, 10M or 1G";
	return NULL;
}

static const char *
take_body_buffer(struct config *c, const char *value)
{
	if (!units_size(value, &c->body_buffer) ||
	    c->body_buffer > BODY_BUFFER_MAX)
		return "a size up to 64k";
	return NULL;
}

static const char *
take_fallback(struct config *c, const char *value)
{
	if (*value == '\0' || *value == '/')
		return "the name of a file, relative to the directory served "
		       "at /";
	config_set_string(&c->fallback, value);
	return NULL;
}

static const char *
take_error_page(struct config *c, const char *value)
{
	struct text code = {value, strcspn(value, "=")};
	uint64_t status;

	if (value[code.len] != '=' || value[code.len + 1] == '\0' ||
	    !text_to_number(code, 599, &status) ||
	    !status_code_is_error((int)status) ||
	    !status_code_is_known((int)status))
		return "STATUS=FILE, such as 404=/srv/www/404.html, for a "
		       "status code that tined responds with";
	config_add_page(c, (int)status, value + code.len + 1);
	return NULL;
}

static const char *
take_request_timeout(struct config *c, const char *value)
{
	bool off = strcmp(value, "off") == 0;

	c->request_timeout = 0;
	if (!off &&
	    (!units_time(value, &c->request_timeout) ||
		c->request_timeout == 0))
		return "a time, such as 500ms, 20s, 5m or 1h, or off";
	return NULL;
}

static const char *
take_quarantine(struct config *c, const char *value)
{
	struct text limit = {value, strcspn(value, ",")};
	uint64_t n;

	if (value[limit.len] != ',' ||
	    !text_to_number(limit, QUARANTINE_LIMIT_MAX, &n) || n == 0 ||
	    !units_time(value + limit.len + 1, &c->quarantine_time) ||
	    c->quarantine_time == 0)
		return "a number of crashes, up to 100, and a time, such as "
		       "3,60s";
	c->quarantine_limit = (int)n;
	return NULL;
}

static const char *
take_max_age(struct config *c, const char *value)
{
	if (!units_time(value, &c->max_age))
		return "a time, such as 0, 5m or 24h";
	return NULL;
}

/* Fields that tell of the message itself are the server's. */
static bool
is_reserved(struct text name)
{
	static const char *const reserved[] = {"Accept-Ranges", "Allow",
	    "Connection", "Content-Encoding", "Content-Length", "Content-Range",
	    "Content-Type", "Date", "ETag", "Keep-Alive", "Last-Modified",
	    "Location", "Server", "TE", "Trailer", "Transfer-Encoding",
	    "Upgrade", "X-Content-Type-Options"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (text_equal_nocase(name, text_of(reserved[i])))
			return true;
	return false;
}

static const char *
take_header(struct config *c, const char *line)
{
	struct text name = {line, strcspn(line, ":")};
	struct text value;
	char *field;

	if (line[name.len] != ':')
		return "'NAME: VALUE'";
	value = text_trim(text_of(line + name.len + 1));
	if (!response_field_is_valid(name, value))
		return "a name of letters, digits and dashes, a colon, and a "
		       "value without control characters";
	if (is_reserved(name))
		return "a field that the server does not set itself";
	field = memory_printf("%.*s: %.*s", TEXT_ARG(name), TEXT_ARG(value));
	config_add_string(&c->headers, field);
	free(field);
	return NULL;
}

/* Whether there is one is seen when it is looked up: identity.c. */
static const char *
take_user(struct config *c, const char *value)
{
	if (*value == '\0')
		return "the name or the number of a user";
	config_set_string(&c->user, value);
	return NULL;
}

static const char *
take_group(struct config *c, const char *value)
{
	if (*value == '\0')
		return "the name or the number of a group";
	config_set_string(&c->group, value);
	return NULL;
}

static const char *
take_chroot(struct config *c, const char *value)
{
	if (*value == '\0')
		return "a directory";
	config_set_string(&c->chroot, value);
	return NULL;
}

static const char *
take_log_format(struct config *c, const char *value)
{
	static struct buffer why;
	struct log_format format;

	buffer_clear(&why);
	if (log_format_parse(&format, value, &why) == -1)
		return buffer_string(&why);
	log_format_free(&format);
	config_set_string(&c->log_format, value);
	return NULL;
}

static const char *
take_socket(char **to, const char *path)
{
	char *address = memory_printf("unix:%s", path);
	bool valid = listener_address_is_valid(address);

	free(address);
	if (!valid)
		return "the path of a socket, at most 107 bytes long";
	config_set_string(to, path);
	return NULL;
}

static const char *
take_status_socket(struct config *c, const char *value)
{
	return take_socket(&c->status_socket, value);
}

static const char *
take_status(struct config *c, const char *value)
{
	return take_socket(&c->show_status, value);
}

/* "-p 80" was meant for a port, and would make a file of that name. */
static const char *
take_pidfile(struct config *c, const char *value)
{
	static char words[128];

	if (*value == '\0')
		return "the name of a file";
	if (value[strspn(value, "0123456789")] == '\0') {
		snprintf(words, sizeof(words),
		    "a file name that is not a number; for a port use "
		    "--listen :%s",
		    value);
		return words;
	}
	config_set_string(&c->pidfile, value);
	return NULL;
}

static const char *
take_verbose(struct config *c, const char *value)
{
	(void)value;
	if (c->log_level < LOG_LEVEL_DEBUG)
		c->log_level++;
	return NULL;
}

static const char *
take_quiet(struct config *c, const char *value)
{
	(void)value;
	c->log_level = LOG_LEVEL_WARNING;
	return NULL;
}

static const char *
take_version(struct config *c, const char *value)
{
	(void)c;
	(void)value;
	puts("tined " TINED_VERSION);
	exit(EXIT_SUCCESS);
}

static const char *
take_help(struct config *c, const char *value)
{
	bool all = strcmp(value, "all") == 0;

	(void)c;
	if (*value != '\0' && !all)
		return "nothing or all";
	fputs(all ? option_help_all : option_help, stdout);
	exit(EXIT_SUCCESS);
}

#define SWITCH(name, letter, member)                                           \
	{                                                                      \
		name, letter, OPTION_SWITCH, offsetof(struct config, member),  \
		    NULL                                                       \
	}
#define ACTION(name, letter, take)                                             \
	{                                                                      \
		name, letter, OPTION_ACTION, 0, take                           \
	}
#define TIME(name, letter, member)                                             \
	{                                                                      \
		name, letter, OPTION_TIME, offsetof(struct config, member),    \
		    NULL                                                       \
	}
#define FILE_NAME(name, letter, member)                                        \
	{                                                                      \
		name, letter, OPTION_FILE, offsetof(struct config, member),    \
		    NULL                                                       \
	}
#define MAYBE(name, letter, take)                                              \
	{                                                                      \
		name, letter, OPTION_MAYBE, 0, take                            \
	}
#define VALUE(name, letter, take)                                              \
	{                                                                      \
		name, letter, OPTION_VALUE, 0, take                            \
	}

const struct option_spec option_specs[] = {
    VALUE("listen", 'l', take_listen),
    VALUE("mount", 'm', take_mount),
    VALUE("workers", 'w', take_workers),
    VALUE("spare", 's', take_spare),
    VALUE("max-requests", 'r', take_max_requests),
    VALUE("max-worker-memory", 0, take_max_worker_memory),
    TIME("keepalive", 'k', keepalive_timeout),
    TIME("linger", 0, linger),
    TIME("queue-timeout", 0, queue_timeout),
    SWITCH("no-lot", 0, no_lot),
    VALUE("backlog", 'b', take_backlog),
    VALUE("allow", 0, take_allow),
    VALUE("per-client", 0, take_per_client),
    TIME("head-timeout", 0, head_timeout),
    TIME("body-timeout", 0, body_timeout),
    TIME("send-timeout", 0, send_timeout),
    VALUE("request-timeout", 0, take_request_timeout),
    VALUE("quarantine", 0, take_quarantine),
    TIME("start-timeout", 0, start_timeout),
    TIME("stop-timeout", 0, stop_timeout),
    VALUE("max-head", 0, take_max_head),
    VALUE("max-body", 0, take_max_body),
    VALUE("body-buffer", 0, take_body_buffer),
    SWITCH("listing", 0, listing),
    SWITCH("dotfiles", 0, dotfiles),
    SWITCH("follow-symlinks", 0, follow_symlinks),
    SWITCH("precompressed", 0, precompressed),
    VALUE("fallback", 0, take_fallback),
    VALUE("error-page", 0, take_error_page),
    VALUE("max-age", 0, take_max_age),
    VALUE("header", 0, take_header),
    FILE_NAME("access-log", 'a', access_log),
    VALUE("log-format", 0, take_log_format),
    FILE_NAME("error-log", 'e', error_log),
    VALUE("user", 'u', take_user),
    VALUE("group", 'g', take_group),
    VALUE("chroot", 0, take_chroot),
    SWITCH("no-sandbox", 0, no_sandbox),
    VALUE("pidfile", 'p', take_pidfile),
    VALUE("status-socket", 0, take_status_socket),
    VALUE("status", 0, take_status),
    SWITCH("daemon", 'd', daemon),
    ACTION("verbose", 'v', take_verbose),
    ACTION("quiet", 'q', take_quiet),
    SWITCH("test", 't', test),
    ACTION("version", 'V', take_version),
    MAYBE("help", 'h', take_help),
};

const size_t option_count = sizeof(option_specs) / sizeof(option_specs[0]);
