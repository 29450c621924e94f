#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/units.h"
#include "cli/option.h"
#include "cli/option_value.h"
#include "http/log_format.h"
#include "http/response.h"
#include "http/status_code.h"
#include "http/uri.h"
#include "net/listen_address.h"
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
#define CACHE_SIZE_MAX (1 << 30)

static const char *
take_listen(struct config *c, const char *value)
{
	struct listen_address parts;
	const char *mistake = listen_address_parse(value, &parts);

	if (mistake != NULL)
		return mistake;
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
	    "expected /PREFIX=KIND:ARG, such as /docs=file:/usr/share/doc";
	char *copy, *rest, *kind;

	if (*value != '/' || strchr(value, '=') == NULL)
		return wanted;
	rest = copy = memory_copy_string(value);
	strsep(&rest, "=");
	if (!is_plain_path(copy)) {
		free(copy);
		return "expected a prefix without %, \\, //, /./ or /../";
	}
	kind = strsep(&rest, ":");
	config_add_mount(c, copy, kind, rest != NULL ? rest : "");
	free(copy);
	return NULL;
}

static const char *
take_workers(struct config *c, const char *value)
{
	c->workers_said = true;
	return option_value_range(value,
	    "expected a number from 1 to 4096, or two, such as 4-256", true,
	    &c->workers);
}

static const char *
take_spare(struct config *c, const char *value)
{
	return option_value_range(value,
	    "expected two numbers from 1 to 4096, such as 2-8", false,
	    &c->spare);
}

static const char *
take_max_requests(struct config *c, const char *value)
{
	struct text n = {value, strcspn(value, ",")};
	const char *rest = value + n.len;
	uint64_t max, jitter;

	if (!text_to_number(n, REQUESTS_MAX, &max) || max == 0)
		return "expected a number from 1 to 1000000000, or two, such as "
		       "1000,100";
	jitter = max / JITTER_PART;
	if (*rest != '\0' &&
	    !text_to_number(text_of(rest + 1), REQUESTS_MAX, &jitter))
		return "expected two numbers up to 1000000000, such as 1000,100";
	c->max_requests = (uint32_t)max;
	c->max_requests_jitter = (uint32_t)jitter;
	return NULL;
}

static const char *
take_max_worker_memory(struct config *c, const char *value)
{
	if (!units_size(value, &c->max_worker_memory) ||
	    c->max_worker_memory < WORKER_MEMORY_MIN)
		return "expected a size of at least 1M, such as 64M";
	return NULL;
}

static const char *
take_backlog(struct config *c, const char *value)
{
	return option_value_int(value, 1, BACKLOG_MAX, &c->backlog,
	    "expected a number from 1 to 65535");
}

static const char *
take_per_client(struct config *c, const char *value)
{
	return option_value_int(value, 1, WORKERS_MAX, &c->per_client,
	    "expected a number from 1 to 4096");
}

static const char *
take_allow(struct config *c, const char *value)
{
	if (!access_add(&c->allow, value))
		return "expected an IP address, or a network with up to /32 "
		       "(IPv6: /128), such as 10.0.0.0/8 or ::1";
	return NULL;
}

static const char *
take_max_head(struct config *c, const char *value)
{
	if (!units_size(value, &c->max_head) || c->max_head < HEAD_MIN ||
	    c->max_head > HEAD_MAX)
		return "expected a size from 1k to 60k";
	return NULL;
}

static const char *
take_max_body(struct config *c, const char *value)
{
	return option_value_size(value, &c->max_body);
}

static const char *
take_body_buffer(struct config *c, const char *value)
{
	if (!units_size(value, &c->body_buffer) ||
	    c->body_buffer > BODY_BUFFER_MAX)
		return "expected a size up to 64k";
	return NULL;
}

static const char *
take_response_memory(struct config *c, const char *value)
{
	return option_value_size(value, &c->response_memory);
}

static const char *
take_fallback(struct config *c, const char *value)
{
	if (*value == '\0' || *value == '/')
		return "expected the name of a file, relative to the directory served "
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
	    !text_to_number(code, 999, &status))
		return "expected STATUS=FILE, such as 404=/srv/www/404.html";
	if (!status_code_is_error((int)status) ||
	    !status_code_has_advice((int)status))
		return "expected a status code of an error that tined responds "
		       "with, as in 404=/srv/www/404.html";
	config_add_page(c, (int)status, value + code.len + 1);
	return NULL;
}

static const char *
take_request_timeout(struct config *c, const char *value)
{
	return option_value_time_or_off(value, &c->request_timeout);
}

static const char *
take_stream_timeout(struct config *c, const char *value)
{
	return option_value_time_or_off(value, &c->stream_timeout);
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
		return "expected a number of crashes from 1 to 100, a comma "
		       "and a time greater than 0, of at most 10 years, such "
		       "as 3,60s";
	c->quarantine_limit = (int)n;
	return NULL;
}

static const char *
take_max_age(struct config *c, const char *value)
{
	return option_value_time(value, &c->max_age);
}

static const char *
take_cache_time(struct config *c, const char *value)
{
	return option_value_time(value, &c->cache_time);
}

static const char *
take_cache_size(struct config *c, const char *value)
{
	uint64_t size;

	if (!units_size(value, &size) || size > CACHE_SIZE_MAX)
		return "expected a size up to 1G, such as 2M";
	c->cache_size = (uint32_t)size;
	return NULL;
}

/* Fields that tell of the message itself are the server's. */
static bool
option_is_reserved(struct text name)
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
		return "expected 'NAME: VALUE'";
	value = text_trim(text_of(line + name.len + 1));
	if (!response_field_is_valid(name, value))
		return "expected a name of letters, digits and dashes, a colon, and a "
		       "value without control characters";
	if (option_is_reserved(name))
		return "expected a field that the server does not set itself";
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
		return "expected the name or the number of a user";
	config_set_string(&c->user, value);
	return NULL;
}

static const char *
take_group(struct config *c, const char *value)
{
	if (*value == '\0')
		return "expected the name or the number of a group";
	config_set_string(&c->group, value);
	return NULL;
}

static const char *
take_chroot(struct config *c, const char *value)
{
	if (*value == '\0')
		return "expected a directory";
	config_set_string(&c->chroot, value);
	return NULL;
}

static const char *
take_log_format(struct config *c, const char *value)
{
	static struct buffer why;
	struct log_format format;

	buffer_clear(&why);
	buffer_add_string(&why, "expected ");
	if (log_format_parse(&format, value, &why) == -1)
		return buffer_string(&why);
	log_format_free(&format);
	config_set_string(&c->log_format, value);
	return NULL;
}

static const char *
take_status_socket(struct config *c, const char *value)
{
	return option_value_socket(value, &c->status_socket);
}

static const char *
take_status(struct config *c, const char *value)
{
	return option_value_socket(value, &c->show_status);
}

static const char *
take_top(struct config *c, const char *value)
{
	return option_value_socket(value, &c->show_top);
}

/* "-p 80" was meant for a port, and would make a file of that name. */
static const char *
take_pidfile(struct config *c, const char *value)
{
	if (*value == '\0')
		return "expected the name of a file";
	if (value[strspn(value, "0123456789")] == '\0')
		return option_value_mistake(
		    "expected a file name that is not a number; "
		    "for a port use --listen :%s",
		    value);
	config_set_string(&c->pidfile, value);
	return NULL;
}

static const char *
take_pid(struct config *c, const char *value)
{
	return option_value_int(value, 1, INT_MAX, &c->doctor_pid,
	    "expected the process ID of a tined, for --doctor; --pidfile names "
	    "a file");
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

/* False if there is no such mode. */
static bool
find_write_mode(const char *name, enum config_write_mode *mode)
{
	for (*mode = 0; *mode < CONFIG_WRITE_MODES; (*mode)++)
		if (strcmp(name, config_write_mode_name(*mode)) == 0)
			return true;
	return false;
}

static const char *
take_write_mode(struct config *c, const char *value)
{
	static const char wanted[] = "expected together, split or cork; or "
				     "/PREFIX= and one of them";
	enum config_write_mode mode;
	char *prefix, *rest;

	if (*value != '/')
		return find_write_mode(value, &c->write_mode) ? NULL : wanted;
	rest = prefix = memory_copy_string(value);
	strsep(&rest, "=");
	if (rest == NULL || !find_write_mode(rest, &mode)) {
		free(prefix);
		return wanted;
	}
	config_add_write_mode(c, prefix, mode);
	free(prefix);
	return NULL;
}

static const char *
take_nagle(struct config *c, const char *value)
{
	c->nagle = strcmp(value, "on") == 0;
	if (!c->nagle && strcmp(value, "off") != 0)
		return "expected on or off";
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
		return "expected --help or --help=all";
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
    VALUE("stream-timeout", 0, take_stream_timeout),
    VALUE("quarantine", 0, take_quarantine),
    TIME("start-timeout", 0, start_timeout),
    TIME("stop-timeout", 0, stop_timeout),
    VALUE("max-head", 0, take_max_head),
    VALUE("max-body", 0, take_max_body),
    VALUE("body-buffer", 0, take_body_buffer),
    VALUE("response-memory", 0, take_response_memory),
    SWITCH("listing", 0, listing),
    SWITCH("dotfiles", 0, dotfiles),
    SWITCH("follow-symlinks", 0, follow_symlinks),
    SWITCH("precompressed", 0, precompressed),
    VALUE("fallback", 0, take_fallback),
    VALUE("error-page", 0, take_error_page),
    VALUE("max-age", 0, take_max_age),
    VALUE("cache-time", 0, take_cache_time),
    VALUE("cache-size", 0, take_cache_size),
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
    VALUE("top", 0, take_top),
    SWITCH("daemon", 'd', daemon),
    ACTION("verbose", 'v', take_verbose),
    ACTION("quiet", 'q', take_quiet),
    SWITCH("test", 't', test),
    SWITCH("doctor", 0, doctor),
    VALUE("pid", 0, take_pid),
    VALUE("write-mode", 0, take_write_mode),
    VALUE("nagle", 0, take_nagle),
    ACTION("version", 'V', take_version),
    MAYBE("help", 'h', take_help),
};

const size_t option_count = sizeof(option_specs) / sizeof(option_specs[0]);
