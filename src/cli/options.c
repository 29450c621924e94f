#include <assert.h>
#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/chars.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/option.h"
#include "cli/option_value.h"
#include "cli/options.h"
#include "http/log_format.h"
#include "os/sd_notify.h"

#define KEEPALIVE_WITH_LOT 75
#define SHOWN_MAX 60 /* bytes of a value in an error message */
#define OPTIONS_MAX 100

static const char *
take_file(char **to, const char *value)
{
	if (*value == '\0')
		return "expected the name of a file";
	config_set_string(to, value);
	return NULL;
}

/* getopt_long returns this plus the index in option_specs. */
#define LONG_BASE 1000

static bool
has_value(const struct option_spec *spec)
{
	return spec->kind == OPTION_TIME || spec->kind == OPTION_FILE ||
	    spec->kind == OPTION_VALUE;
}

/* The two tables of getopt_long, made from option_specs. */
static void
make_tables(
    struct option longs[OPTIONS_MAX + 1], char shorts[2 * OPTIONS_MAX + 2])
{
	static const int kinds[] = {
	    [OPTION_SWITCH] = no_argument,
	    [OPTION_ACTION] = no_argument,
	    [OPTION_MAYBE] = optional_argument,
	    [OPTION_TIME] = required_argument,
	    [OPTION_FILE] = required_argument,
	    [OPTION_VALUE] = required_argument,
	};
	size_t n = 0;

	assert(option_count <= OPTIONS_MAX);
	shorts[n++] = ':'; /* distinguishes a missing value */
	for (size_t i = 0; i < option_count; i++) {
		longs[i] = (struct option){
		    .name = option_specs[i].name,
		    .has_arg = kinds[option_specs[i].kind],
		    .val = LONG_BASE + (int)i,
		};
		if (option_specs[i].letter == 0)
			continue;
		shorts[n++] = option_specs[i].letter;
		if (has_value(&option_specs[i]))
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	longs[option_count] = (struct option){0};
}

static const struct option_spec *
find_spec(int value)
{
	for (size_t i = 0; i < option_count; i++)
		if (value == LONG_BASE + (int)i ||
		    (option_specs[i].letter != 0 &&
			value == option_specs[i].letter))
			return &option_specs[i];
	return NULL;
}

/* Returns an argument escaped to one line, for an error message.  Not freed. */
static const char *
shown(const char *value)
{
	static struct buffer b;

	escape_log(&b, text_of(value), SHOWN_MAX);
	return buffer_string(&b);
}

/* Refuses an abbreviation that several options begin with. */
static void
refuse_ambiguous(const char *argument)
{
	struct text prefix = text_of(argument + strspn(argument, "-"));
	struct buffer names = {0};
	size_t count = 0;

	prefix.len = strcspn(prefix.at, "=");
	for (size_t i = 0; i < option_count; i++)
		if (text_begins(text_of(option_specs[i].name), prefix))
			buffer_printf(&names, "%s--%s", count++ > 0 ? ", " : "",
			    option_specs[i].name);
	if (count > 1)
		errx(EX_USAGE, "--%.*s is ambiguous: it could be one of %s",
		    TEXT_ARG(prefix), buffer_string(&names));
	buffer_free(&names);
}

static _Noreturn void
refuse_option(int problem, char **argv)
{
	const struct option_spec *spec = find_spec(optopt);

	if (problem == ':' && spec != NULL)
		errx(EX_USAGE, "--%s needs a value; see tined --help=all",
		    spec->name);
	if (spec != NULL && !has_value(spec) && optopt >= LONG_BASE)
		errx(EX_USAGE, "--%s takes no value; see tined --help=all",
		    spec->name);
	if (optopt != 0 && optopt < LONG_BASE)
		errx(EX_USAGE, "unknown option -%c; see tined --help=all",
		    chars_is((char)optopt, CHAR_TOKEN) ? optopt : '?');
	refuse_ambiguous(argv[optind - 1]);
	errx(EX_USAGE, "unknown option %s; see tined --help=all",
	    shown(argv[optind - 1]));
}

static const char *
options_take(
    struct config *c, const struct option_spec *spec, const char *value)
{
	void *member = (char *)c + spec->member;

	switch (spec->kind) {
	case OPTION_SWITCH:
		*(bool *)member = true;
		return NULL;
	case OPTION_TIME:
		return option_value_time_above_0(value, member);
	case OPTION_FILE:
		return take_file(member, value);
	case OPTION_ACTION:
	case OPTION_MAYBE:
	case OPTION_VALUE:
		break;
	}
	return spec->take(c, value);
}

static void
apply(struct config *c, const struct option_spec *spec, const char *value)
{
	const char *mistake = options_take(c, spec, value);

	if (mistake != NULL)
		errx(
		    EX_USAGE, "--%s %s: %s", spec->name, shown(value), mistake);
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

/* A daemon's standard output and error are /dev/null once it serves. */
static void
check_daemon_log(const struct config *c, const char *option, const char *log)
{
	if (c->daemon && strcmp(log, "-") == 0)
		errx(EX_USAGE,
		    "--%s - and --daemon exclude each other, because a daemon "
		    "has no terminal: name a file, or syslog",
		    option);
}

/* Checks for options that exclude or need each other. */
static void
check_together(const struct config *c)
{
	check_daemon_log(c, "access-log", c->access_log);
	check_daemon_log(c, "error-log", c->error_log);
	if (c->per_client > 0 && c->no_lot)
		errx(EX_USAGE,
		    "--per-client and --no-lot exclude each other: leave one "
		    "out");
	if (c->queue_timeout > 0 && c->no_lot)
		errx(EX_USAGE,
		    "--queue-timeout and --no-lot exclude each other: leave "
		    "one out");
	if (c->doctor_pid != 0 && !c->doctor)
		errx(EX_USAGE,
		    "--pid %d: needs --doctor; --pidfile names a file for the "
		    "process ID",
		    c->doctor_pid);
	if (c->fallback != NULL && !has_root(c))
		errx(EX_USAGE, "--fallback %s: needs a directory served at /",
		    c->fallback);
	if (c->user == NULL && (c->group != NULL || c->chroot != NULL))
		errx(EX_USAGE, "--%s %s: needs --user",
		    c->group != NULL ? "group" : "chroot",
		    c->group != NULL ? c->group : c->chroot);
	if (c->max_age >= 0 && has_header(c, TEXT("Cache-Control")))
		errx(EX_USAGE,
		    "--max-age and --header Cache-Control exclude each other: "
		    "leave one out");
	if (c->precompressed && has_header(c, TEXT("Vary")))
		errx(EX_USAGE,
		    "--precompressed and --header Vary exclude each other: "
		    "leave one out");
}

/* systemd would take the end of the first process for the service's end. */
static void
stay_with_manager(struct config *c)
{
	if (!c->daemon || !sd_notify_is_awaited())
		return;
	warnx("--daemon is ignored: systemd has started this process and waits "
	      "for it (Type=notify); leave it out");
	c->daemon = false;
}

/* Services start in /, and nobody means to serve all files of the machine. */
static const char *
current_directory(void)
{
	char here[2];

	if (getcwd(here, sizeof(here)) != NULL && strcmp(here, "/") == 0)
		errx(EX_USAGE,
		    "the current directory is /, which has all files of this "
		    "machine: name the directory to serve, as in tined "
		    "/var/www/html");
	return ".";
}

/* Sets the defaults that depend on other options. */
static void
options_complete(struct config *c, const char *dir)
{
	if (dir != NULL || c->mounts.count == 0)
		config_add_mount(c, "/", "file",
		    dir != NULL	    ? dir
			: c->doctor ? "."
				    : current_directory());
	if (c->keepalive_timeout == 0)
		c->keepalive_timeout = (c->no_lot ? CONFIG_KEEPALIVE_WITHOUT_LOT
						  : KEEPALIVE_WITH_LOT) *
		    CLOCK_SECOND;
	if (c->stream_timeout == CONFIG_AS_REQUEST)
		c->stream_timeout = c->request_timeout;
	if (c->listen.count == 0)
		config_add_string(&c->listen, "localhost:8080");
	if (c->access_log == NULL)
		config_set_string(&c->access_log, c->daemon ? "off" : "-");
	if (c->log_format == NULL)
		config_set_string(&c->log_format, LOG_FORMAT_DEFAULT);
	if (c->error_log == NULL)
		config_set_string(&c->error_log, c->daemon ? "syslog" : "-");
}

void
options_parse(struct config *c, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
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
		    "%d directories to serve: name one, and use --mount for "
		    "the others",
		    argc - optind);
	if (argc > optind && *argv[optind] == '\0')
		errx(EX_USAGE,
		    "the directory to serve has an empty name: is a variable "
		    "not set?");
	stay_with_manager(c);
	options_complete(c, argv[optind]);
	check_together(c);
}
