#include <err.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "chars.h"
#include "clock.h"
#include "escape.h"
#include "listener.h"
#include "memory.h"
#include "options.h"
#include "response.h"
#include "scoreboard.h"
#include "status.h"
#include "units.h"
#include "uri.h"

#define WORKERS_MAX SCOREBOARD_SLOTS_MAX
#define KEEPALIVE_WITH_LOT 75
#define KEEPALIVE_WITHOUT_LOT 5
#define BACKLOG_MAX 65535
#define HEAD_MIN 1024
/* With empty lines before it, it must fit into a message to the lot. */
#define HEAD_MAX (60 << 10)
#define SHOWN_MAX 60 /* of a value, in the words about it */

/*
 * NULL when the value was taken, else what it should have been: words that
 * complete "--flag VALUE: wants ...".
 */
typedef const char *option_taker(struct config *c, const char *value);

enum option_kind {
	OPTION_SWITCH, /* no value: a bool becomes true */
	OPTION_ACTION, /* no value: take is called */
	OPTION_TIME,   /* to an int64_t, not 0 */
	OPTION_FILE,   /* a name, to a char * */
	OPTION_VALUE,  /* take is called */
};

struct option_spec {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	size_t member;	    /* offset in struct config, if it has no take */
	option_taker *take; /* NULL unless OPTION_ACTION, OPTION_VALUE */
};

static const char *
take_time(int64_t *to, const char *value)
{
	if (!units_time(value, to) || *to == 0)
		return "a time, such as 500ms, 20s, 5m or 1h";
	return NULL;
}

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

static void
set_string(char **to, const char *value)
{
	free(*to);
	*to = memory_copy_string(value);
}

static const char *
take_file(char **to, const char *value)
{
	if (*value == '\0')
		return "the name of a file";
	set_string(to, value);
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

static const char *
take_workers(struct config *c, const char *value)
{
	return take_int(
	    value, 1, WORKERS_MAX, &c->workers, "a number from 1 to 4096");
}

static const char *
take_backlog(struct config *c, const char *value)
{
	return take_int(
	    value, 1, BACKLOG_MAX, &c->backlog, "a number from 1 to 65535");
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
take_fallback(struct config *c, const char *value)
{
	if (*value == '\0' || *value == '/')
		return "the name of a file, relative to the folder served";
	set_string(&c->fallback, value);
	return NULL;
}

static const char *
take_error_page(struct config *c, const char *value)
{
	struct text code = {value, strcspn(value, "=")};
	uint64_t status;

	if (value[code.len] != '=' || value[code.len + 1] == '\0' ||
	    !text_to_number(code, 599, &status) ||
	    !status_is_error((int)status) || !status_is_known((int)status))
		return "STATUS=FILE, such as 404=/srv/www/404.html, for an "
		       "error that tined answers with";
	config_add_page(c, (int)status, value + code.len + 1);
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
	(void)c;
	(void)value;
	fputs(options_help, stdout);
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
#define VALUE(name, letter, take)                                              \
	{                                                                      \
		name, letter, OPTION_VALUE, 0, take                            \
	}

static const struct option_spec specs[] = {
    VALUE("listen", 'l', take_listen),
    VALUE("mount", 'm', take_mount),
    VALUE("workers", 'w', take_workers),
    TIME("keepalive", 'k', keepalive_timeout),
    TIME("linger", 0, linger),
    TIME("queue-timeout", 0, queue_timeout),
    SWITCH("no-lot", 0, no_lot),
    VALUE("backlog", 'b', take_backlog),
    VALUE("allow", 0, take_allow),
    TIME("head-timeout", 0, head_timeout),
    TIME("body-timeout", 0, body_timeout),
    TIME("send-timeout", 0, send_timeout),
    TIME("stop-timeout", 0, stop_timeout),
    VALUE("max-head", 0, take_max_head),
    VALUE("max-body", 0, take_max_body),
    SWITCH("listing", 0, listing),
    SWITCH("dotfiles", 0, dotfiles),
    SWITCH("follow-symlinks", 0, follow_symlinks),
    SWITCH("precompressed", 0, precompressed),
    VALUE("fallback", 0, take_fallback),
    VALUE("error-page", 0, take_error_page),
    VALUE("max-age", 0, take_max_age),
    VALUE("header", 0, take_header),
    FILE_NAME("access-log", 'a', access_log),
    FILE_NAME("error-log", 'e', error_log),
    FILE_NAME("pidfile", 'p', pidfile),
    SWITCH("daemon", 'd', daemon),
    ACTION("verbose", 'v', take_verbose),
    ACTION("quiet", 'q', take_quiet),
    SWITCH("test", 't', test),
    ACTION("version", 'V', take_version),
    ACTION("help", 'h', take_help),
};

#define SPECS (sizeof(specs) / sizeof(specs[0]))
/* What getopt_long returns for a long option: its place in specs, and this. */
#define LONG_BASE 1000

static bool
has_value(const struct option_spec *spec)
{
	return spec->kind != OPTION_SWITCH && spec->kind != OPTION_ACTION;
}

/* getopt_long's two tables, made from the one above. */
static void
make_tables(struct option longs[SPECS + 1], char shorts[2 * SPECS + 2])
{
	size_t n = 0;

	shorts[n++] = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < SPECS; i++) {
		longs[i] = (struct option){
		    .name = specs[i].name,
		    .has_arg =
			has_value(&specs[i]) ? required_argument : no_argument,
		    .val = LONG_BASE + (int)i,
		};
		if (specs[i].letter == 0)
			continue;
		shorts[n++] = specs[i].letter;
		if (has_value(&specs[i]))
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	longs[SPECS] = (struct option){0};
}

static const struct option_spec *
find_spec(int value)
{
	for (size_t i = 0; i < SPECS; i++)
		if (value == LONG_BASE + (int)i ||
		    (specs[i].letter != 0 && value == specs[i].letter))
			return &specs[i];
	return NULL;
}

/* What was typed, on one line; for the last words of the process. */
static const char *
shown(const char *value)
{
	static struct buffer b;

	escape_log(&b, text_of(value), SHOWN_MAX);
	return buffer_string(&b);
}

static _Noreturn void
refuse_option(int problem, char **argv)
{
	const struct option_spec *spec = find_spec(optopt);

	if (problem == ':' && spec != NULL)
		errx(EX_USAGE, "--%s needs a value; see tined --help",
		    spec->name);
	if (spec != NULL && !has_value(spec) && optopt >= LONG_BASE)
		errx(EX_USAGE, "--%s takes no value; see tined --help",
		    spec->name);
	if (optopt != 0 && optopt < LONG_BASE)
		errx(EX_USAGE, "there is no option -%c; see tined --help",
		    chars_is((char)optopt, CHAR_TOKEN) ? optopt : '?');
	errx(EX_USAGE, "there is no option %s; see tined --help",
	    shown(argv[optind - 1]));
}

static const char *
take(struct config *c, const struct option_spec *spec, const char *value)
{
	void *member = (char *)c + spec->member;

	switch (spec->kind) {
	case OPTION_SWITCH:
		*(bool *)member = true;
		return NULL;
	case OPTION_TIME:
		return take_time(member, value);
	case OPTION_FILE:
		return take_file(member, value);
	case OPTION_ACTION:
	case OPTION_VALUE:
		break;
	}
	return spec->take(c, value);
}

static void
apply(struct config *c, const struct option_spec *spec, const char *value)
{
	const char *wanted = take(c, spec, value);

	if (wanted != NULL)
		errx(EX_USAGE, "--%s %s: wants %s", spec->name, shown(value),
		    wanted);
}

static bool
has_header(const struct config *c, struct text name)
{
	for (size_t i = 0; i < c->headers.count; i++) {
		struct text line = text_of(c->headers.at[i]);

		if (line.len > name.len && line.at[name.len] == ':' &&
		    text_equal_nocase((struct text){line.at, name.len}, name))
			return true;
	}
	return false;
}

static bool
has_root(const struct config *c)
{
	for (size_t i = 0; i < c->mounts.count; i++)
		if (strcmp(c->mounts.at[i].prefix, "/") == 0 &&
		    strcmp(c->mounts.at[i].kind, "file") == 0)
			return true;
	return false;
}

/* What only two options together can get wrong. */
static void
check_together(const struct config *c)
{
	if (c->fallback != NULL && !has_root(c))
		errx(EX_USAGE, "--fallback %s: wants a folder served at /",
		    c->fallback);
	if (c->max_age >= 0 && has_header(c, TEXT("Cache-Control")))
		errx(EX_USAGE,
		    "--max-age and --header Cache-Control: wants one of them");
	if (c->precompressed && has_header(c, TEXT("Vary")))
		errx(EX_USAGE,
		    "--precompressed and --header Vary: wants one of them");
}

/* What is not said on the command line, and follows from what is. */
static void
complete(struct config *c, const char *dir)
{
	if (dir != NULL || c->mounts.count == 0)
		config_add_mount(c, "/", "file", dir != NULL ? dir : ".");
	if (c->keepalive_timeout == 0)
		c->keepalive_timeout =
		    (c->no_lot ? KEEPALIVE_WITHOUT_LOT : KEEPALIVE_WITH_LOT) *
		    CLOCK_SECOND;
	if (c->listen.count == 0)
		config_add_string(&c->listen, "localhost:8080");
	if (c->access_log == NULL)
		set_string(&c->access_log, c->daemon ? "off" : "-");
	if (c->error_log == NULL)
		set_string(&c->error_log, c->daemon ? "syslog" : "-");
}

void
options_parse(struct config *c, int argc, char **argv)
{
	struct option longs[SPECS + 1];
	char shorts[2 * SPECS + 2];
	int value;

	config_init(c);
	make_tables(longs, shorts);
	opterr = 0;
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (value == '?' || value == ':')
			refuse_option(value, argv);
		apply(c, find_spec(value), optarg != NULL ? optarg : "");
	}
	if (argc - optind > 1)
		errx(EX_USAGE,
		    "one folder is served, not %d: use --mount for more",
		    argc - optind);
	complete(c, argv[optind]);
	check_together(c);
}
