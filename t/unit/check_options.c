#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/option.h"
#include "cli/options.h"
#include "unit.h"

#define ARGS_MAX 20

static struct config config;
static char *arguments[ARGS_MAX + 2];

/* The words of a command line, with "|" between them. */
static int
split(const char *line)
{
	static char copy[512], name[] = "tined";
	char *rest = copy;
	int count = 0;

	ck_assert_uint_lt(strlen(line), sizeof(copy));
	memcpy(copy, line, strlen(line) + 1);
	arguments[count++] = name;
	while (rest != NULL && *line != '\0') {
		ck_assert_int_le(count, ARGS_MAX);
		arguments[count++] = strsep(&rest, "|");
	}
	arguments[count] = NULL;
	return count;
}

static void
parse(const char *line)
{
	int count = split(line);

	config_free(&config);
	optind = 0; /* begin again: getopt(3) */
	options_parse(&config, count, arguments);
}

/* What a process that parses this says on a descriptor; its exit status. */
static int
parse_in_child(const char *line, int descriptor, struct buffer *said)
{
	int ends[2], status;
	pid_t child;
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], descriptor);
		close(ends[0]);
		close(ends[1]);
		parse(line);
		_exit(0);
	}
	close(ends[1]);
	buffer_clear(said);
	while ((n = read(ends[0], buffer_reserve(said, 4096), 4096)) > 0)
		said->len += (size_t)n;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void
unit_tear_down(void)
{
	config_free(&config);
}

/* Each mistake is one line that names the flag and the mend. */
static void
assert_mistake(const char *line, const char *flag, const char *mend)
{
	struct buffer said = {0};
	int status = parse_in_child(line, STDERR_FILENO, &said);
	const char *words = buffer_string(&said);

	ck_assert_msg(
	    status == EX_USAGE, "\"%s\": status %d: %s", line, status, words);
	ck_assert_msg(strchr(words, '\n') == words + said.len - 1,
	    "\"%s\": not one line: %s", line, words);
	ck_assert_msg(
	    strstr(words, flag) != NULL && strstr(words, mend) != NULL,
	    "\"%s\": no \"%s\" and \"%s\" in: %s", line, flag, mend, words);
	buffer_free(&said);
}

TEST(without_arguments_the_current_folder_is_served)
{
	parse("");
	ck_assert_uint_eq(config.mounts.count, 1);
	ck_assert_str_eq(config.mounts.at[0].prefix, "/");
	ck_assert_str_eq(config.mounts.at[0].kind, "file");
	ck_assert_str_eq(config.mounts.at[0].arg, ".");
	ck_assert_uint_eq(config.listen.count, 1);
	ck_assert_str_eq(config.listen.at[0], "localhost:8080");
	ck_assert_str_eq(config.access_log, "-");
	ck_assert_str_eq(config.error_log, "-");
}

TEST(the_defaults_are_those_of_the_manual)
{
	parse("");
	ck_assert_int_eq(config.workers.min, 4);
	ck_assert_int_eq(config.workers.max, 256);
	ck_assert_int_eq(config.spare.min, 2);
	ck_assert_int_eq(config.spare.max, 8);
	ck_assert(!config.workers_said);
	ck_assert_int_eq(config.keepalive_timeout, 75 * CLOCK_SECOND);
	ck_assert_int_eq(config.linger, 20 * CLOCK_MILLISECOND);
	ck_assert_int_eq(config.queue_timeout, 0);
	ck_assert_int_eq(config.head_timeout, 20 * CLOCK_SECOND);
	ck_assert_int_eq(config.body_timeout, 20 * CLOCK_SECOND);
	ck_assert_int_eq(config.send_timeout, 60 * CLOCK_SECOND);
	ck_assert_int_eq(config.stop_timeout, 30 * CLOCK_SECOND);
	ck_assert_int_eq(config.start_timeout, 30 * CLOCK_SECOND);
	ck_assert_int_eq(config.request_timeout, 300 * CLOCK_SECOND);
	ck_assert_int_eq(config.stream_timeout, 300 * CLOCK_SECOND);
	ck_assert_uint_eq(config.max_head, 32 << 10);
	ck_assert_uint_eq(config.max_body, 1 << 30);
	ck_assert_uint_eq(config.response_memory, CONFIG_RESPONSE_MEMORY);
	ck_assert_int_eq(config.cache_time, CLOCK_SECOND);
	ck_assert_uint_eq(config.cache_size, 512 << 10);
	ck_assert_int_eq(config.log_level, LOG_LEVEL_NOTICE);
	ck_assert(!config.listing && !config.dotfiles && !config.daemon);
}

TEST(short_and_long_options_are_the_same)
{
	parse("--request-timeout|off");
	ck_assert_int_eq(config.request_timeout, 0);
	ck_assert_int_eq(config.stream_timeout, 0);
	parse("--request-timeout|2s|--stream-timeout|off");
	ck_assert_int_eq(config.stream_timeout, 0);
	parse("--stream-timeout|7s");
	ck_assert_int_eq(config.stream_timeout, 7 * CLOCK_SECOND);
	parse("--quarantine|3,1m");
	ck_assert_int_eq(config.quarantine_limit, 3);
	ck_assert_int_eq(config.quarantine_time, 60 * CLOCK_SECOND);
	parse("--request-timeout|2s");
	ck_assert_int_eq(config.request_timeout, 2 * CLOCK_SECOND);
	parse("--no-lot");
	ck_assert_int_eq(config.keepalive_timeout, 5 * CLOCK_SECOND);
	parse("-w|3|-k|7s|-b|9|-l|:81|-p|/p|-a|/a|-e|/e|/dir");
	ck_assert_int_eq(config.workers.min, 3);
	ck_assert_int_eq(config.workers.max, 3);
	ck_assert_int_eq(config.keepalive_timeout, 7 * CLOCK_SECOND);
	ck_assert_int_eq(config.backlog, 9);
	ck_assert_str_eq(config.listen.at[0], ":81");
	ck_assert_str_eq(config.pidfile, "/p");
	ck_assert_str_eq(config.access_log, "/a");
	ck_assert_str_eq(config.error_log, "/e");
	ck_assert_str_eq(config.mounts.at[0].arg, "/dir");
	parse("--workers=3|--keepalive|7s|--backlog=9|--listen=:81|"
	      "--pidfile=/p|--access-log=/a|--error-log=/e");
	ck_assert_int_eq(config.workers.min, 3);
	ck_assert_int_eq(config.workers.max, 3);
	ck_assert_int_eq(config.keepalive_timeout, 7 * CLOCK_SECOND);
	ck_assert_int_eq(config.backlog, 9);
	ck_assert_str_eq(config.listen.at[0], ":81");
	ck_assert_str_eq(config.pidfile, "/p");
	ck_assert_str_eq(config.access_log, "/a");
	ck_assert_str_eq(config.error_log, "/e");
}

TEST(limits_and_times_are_taken)
{
	parse(
	    "--head-timeout=1s|--body-timeout=2s|--send-timeout=3s|"
	    "--stop-timeout=4s|--start-timeout=5s|--max-head=60k|--max-body=0|--response-memory=7M|--max-age=0");
	ck_assert_int_eq(config.head_timeout, 1 * CLOCK_SECOND);
	ck_assert_int_eq(config.body_timeout, 2 * CLOCK_SECOND);
	ck_assert_int_eq(config.send_timeout, 3 * CLOCK_SECOND);
	ck_assert_int_eq(config.stop_timeout, 4 * CLOCK_SECOND);
	ck_assert_int_eq(config.start_timeout, 5 * CLOCK_SECOND);
	ck_assert_uint_eq(config.max_head, 60 << 10);
	ck_assert_uint_eq(config.max_body, 0);
	ck_assert_uint_eq(config.response_memory, 7 << 20);
	ck_assert_int_eq(config.max_age, 0);
	parse("--cache-time=0|--cache-size=1G");
	ck_assert_int_eq(config.cache_time, 0);
	ck_assert_uint_eq(config.cache_size, 1 << 30);
	parse("--max-head=1k|-w|4096|-b|65535");
	ck_assert_uint_eq(config.max_head, 1024);
	ck_assert_int_eq(config.workers.min, 4096);
	ck_assert_int_eq(config.workers.max, 4096);
	ck_assert_int_eq(config.backlog, 65535);
}

TEST(numbers_of_workers_are_one_or_two)
{
	parse("-w|4-64|-s|1-3");
	ck_assert_int_eq(config.workers.min, 4);
	ck_assert_int_eq(config.workers.max, 64);
	ck_assert(config.workers_said);
	ck_assert_int_eq(config.spare.min, 1);
	ck_assert_int_eq(config.spare.max, 3);
	parse("--workers=1-4096|--spare=4096-4096");
	ck_assert_int_eq(config.workers.min, 1);
	ck_assert_int_eq(config.workers.max, 4096);
	ck_assert_int_eq(config.spare.min, 4096);
	assert_mistake("-w|8-4", "--workers 8-4", "first, 4-8");
	assert_mistake("-w|4-", "--workers", "4-256");
	assert_mistake("-w|-4", "--workers", "4-256");
	assert_mistake("-w|1-2-3", "--workers", "4-256");
	assert_mistake("-w|1-4097", "--workers", "4-256");
	assert_mistake("-s|3-2", "--spare 3-2", "first, 2-3");
	assert_mistake("-s|3", "--spare 3", "two numbers");
	assert_mistake("-s|0-2", "--spare", "2-8");
}

TEST(a_log_format_is_checked_at_once)
{
	parse("");
	ck_assert_str_eq(config.log_format, "combined");
	parse("--log-format=json|--log-format|%h %>s");
	ck_assert_str_eq(config.log_format, "%h %>s");
	assert_mistake("--log-format=jsno", "--log-format jsno", "json");
	assert_mistake(
	    "--log-format=%h %Z", "--log-format %h %Z", "(character 4)");
}

TEST(workers_are_recycled)
{
	parse("");
	ck_assert_uint_eq(config.max_requests, 0);
	ck_assert_uint_eq(config.max_worker_memory, 0);
	parse("-r|1000|--max-worker-memory=64M");
	ck_assert_uint_eq(config.max_requests, 1000);
	ck_assert_uint_eq(config.max_requests_jitter, 100);
	ck_assert_uint_eq(config.max_worker_memory, 64 << 20);
	parse("--max-requests=5,0");
	ck_assert_uint_eq(config.max_requests, 5);
	ck_assert_uint_eq(config.max_requests_jitter, 0);
	assert_mistake("-r|0", "--max-requests", "1000,100");
	assert_mistake("-r|5,", "--max-requests", "1000,100");
	assert_mistake("-r|5,x", "--max-requests", "1000,100");
	assert_mistake("-r|x", "--max-requests", "1000,100");
	assert_mistake("--max-worker-memory=1k", "--max-worker-memory", "1M");
}

TEST(options_that_repeat_are_kept_in_their_order)
{
	parse("-l|:1|-l|[::1]:2|--allow=10.0.0.0/8|--allow|::1|"
	      "--header=A: b|--header=C:d");
	ck_assert_uint_eq(config.listen.count, 2);
	ck_assert_str_eq(config.listen.at[1], "[::1]:2");
	ck_assert_uint_eq(config.allow.count, 2);
	ck_assert_uint_eq(config.headers.count, 2);
	ck_assert_str_eq(config.headers.at[0], "A: b");
	ck_assert_str_eq(config.headers.at[1], "C: d");
}

TEST(a_mount_is_prefix_kind_and_argument)
{
	parse("-m|/bench=echo:10000|-m|/a=file:/b=c:d");
	ck_assert_uint_eq(config.mounts.count, 2);
	ck_assert_str_eq(config.mounts.at[0].prefix, "/bench");
	ck_assert_str_eq(config.mounts.at[0].kind, "echo");
	ck_assert_str_eq(config.mounts.at[0].arg, "10000");
	ck_assert_str_eq(config.mounts.at[1].arg, "/b=c:d");
	parse("-m|/a=echo:1|/srv");
	ck_assert_uint_eq(config.mounts.count, 2);
	ck_assert_str_eq(config.mounts.at[1].prefix, "/");
	ck_assert_str_eq(config.mounts.at[1].arg, "/srv");
}

TEST(switches_are_on_when_they_are_given)
{
	parse("--listing|--dotfiles|--follow-symlinks|--precompressed|-t");
	ck_assert(config.listing && config.dotfiles && config.follow_symlinks);
	ck_assert(config.precompressed && config.test && !config.daemon);
}

TEST(a_daemon_logs_to_syslog_and_not_to_a_terminal)
{
	parse("-d");
	ck_assert(config.daemon);
	ck_assert_str_eq(config.access_log, "off");
	ck_assert_str_eq(config.error_log, "syslog");
	parse("-d|-a|/a|-e|/e");
	ck_assert_str_eq(config.access_log, "/a");
	ck_assert_str_eq(config.error_log, "/e");
}

TEST(verbose_and_quiet_set_the_level)
{
	parse("-v");
	ck_assert_int_eq(config.log_level, LOG_LEVEL_INFO);
	parse("-vv");
	ck_assert_int_eq(config.log_level, LOG_LEVEL_DEBUG);
	parse("-vvvv");
	ck_assert_int_eq(config.log_level, LOG_LEVEL_DEBUG);
	parse("-q");
	ck_assert_int_eq(config.log_level, LOG_LEVEL_WARNING);
}

TEST(a_bad_number_names_its_flag_and_its_bounds)
{
	assert_mistake("-w|0", "--workers", "1 to 4096");
	assert_mistake("--quarantine|3", "--quarantine", "such as 3,60s");
	assert_mistake("--quarantine|0,1s", "--quarantine", "such as 3,60s");
	assert_mistake("--quarantine|101,1s", "--quarantine", "1 to 100");
	assert_mistake("--quarantine|3,0", "--quarantine", "such as 3,60s");
	assert_mistake("--request-timeout|0", "--request-timeout", "off");
	assert_mistake("--request-timeout|no", "--request-timeout", "off");
	assert_mistake("--stream-timeout|0", "--stream-timeout", "off");
	assert_mistake("--request-timeout|off5", "--request-timeout", "20s");
	assert_mistake("-w|4097", "--workers", "1 to 4096");
	assert_mistake("-w|-1", "--workers", "1 to 4096");
	assert_mistake("-w|", "--workers", "1 to 4096");
	assert_mistake("--workers=two", "--workers", "1 to 4096");
	assert_mistake("-b|0", "--backlog", "1 to 65535");
	assert_mistake("-b|65536", "--backlog", "1 to 65535");
	assert_mistake("--max-head=1023", "--max-head", "1k to 60k");
	assert_mistake("--max-head=61441", "--max-head", "1k to 60k");
	assert_mistake("--max-body=lots", "--max-body", "a whole number");
	assert_mistake(
	    "--response-memory=much", "--response-memory", "a whole number");
	assert_mistake("--max-body=10MB", "--max-body", "with k, M or G");
}

TEST(a_bad_time_names_its_flag_and_an_example)
{
	assert_mistake("-k|0", "--keepalive", "greater than 0");
	assert_mistake("--linger=0ms", "--linger", "greater than 0");
	assert_mistake("-k|99999h", "--keepalive", "at most 10 years");
	assert_mistake("-k|5x", "--keepalive", "20s");
	assert_mistake("--head-timeout=-1s", "--head-timeout", "20s");
	assert_mistake("--body-timeout=", "--body-timeout", "20s");
	assert_mistake("--send-timeout=1.5s", "--send-timeout", "20s");
	assert_mistake("--stop-timeout=0ms", "--stop-timeout", "20s");
	assert_mistake("--max-age=x", "--max-age", "5m");
	assert_mistake("--cache-time=x", "--cache-time x: expected", "500ms");
	assert_mistake("--cache-time=99999h", "--cache-time", "10 years");
	assert_mistake("--max-age=99999h", "--max-age", "10 years");
	assert_mistake("--request-timeout=99999h", "off", "10 years");
	assert_mistake("--quarantine=3,99999h", "3,60s", "10 years");
	assert_mistake("--cache-size=2G", "--cache-size 2G: expected", "1G");
	assert_mistake("--cache-size=-1", "--cache-size -1: expected", "2M");
}

TEST(a_bad_address_names_its_flag_and_the_forms)
{
	assert_mistake("-l|8080", "--listen", "host:port");
	assert_mistake("--listen=a:99999", "--listen", "up to 65535");
	assert_mistake("--allow=10.0.0.0/33", "--allow", "up to /32");
	assert_mistake("--allow=localhost", "--allow", "10.0.0.0/8");
}

TEST(a_bad_mount_names_its_form)
{
	assert_mistake("-m|docs=file:/a", "--mount", "/PREFIX=KIND");
	assert_mistake("-m|/docs", "--mount", "/PREFIX=KIND");
	assert_mistake("-m|", "--mount", "/PREFIX=KIND");
}

TEST(a_bad_field_is_refused_at_the_start)
{
	assert_mistake("--header=A", "--header", "NAME: VALUE");
	assert_mistake("--header=: b", "--header", "a name");
	assert_mistake("--header=A B: c", "--header", "a name");
	assert_mistake("--header=A: b\x01", "--header", "control");
	assert_mistake("--header=A: b\r\nC: d", "--header", "control");
	assert_mistake(
	    "--header=Content-Length: 5", "--header", "does not set");
	assert_mistake("--header=date: x", "--header", "does not set");
	assert_mistake(
	    "--header=Transfer-Encoding: x", "--header", "does not set");
	assert_mistake("--header=Connection: x", "--header", "does not set");
}

TEST(a_pid_file_may_have_digits_in_its_name)
{
	parse("-p|./80");
	ck_assert_str_eq(config.pidfile, "./80");
	parse("-p|80.pid");
	ck_assert_str_eq(config.pidfile, "80.pid");
}

TEST(a_bad_file_names_its_flag)
{
	assert_mistake("-p|", "--pidfile", "name of a file");
	assert_mistake("-p|80", "--pidfile", "--listen :80");
	assert_mistake("--pidfile=8080", "--pidfile", "--listen :8080");
	assert_mistake("--access-log=", "--access-log", "name of a file");
	assert_mistake("-e|", "--error-log", "name of a file");
	assert_mistake("--fallback=", "--fallback", "relative");
	assert_mistake("--fallback=/etc/passwd", "--fallback", "relative");
	assert_mistake("--error-page=404", "--error-page", "STATUS=FILE");
	assert_mistake("--error-page=404=", "--error-page", "STATUS=FILE");
	assert_mistake("--error-page=200=/a", "--error-page", "status code");
	assert_mistake("--error-page=600=/a", "--error-page", "status code");
	assert_mistake("--error-page=x=/a", "--error-page", "STATUS=FILE");
}

TEST(unknown_options_and_missing_values_are_named)
{
	assert_mistake("--nonsense", "--nonsense", "--help");
	assert_mistake("-x", "-x", "--help");
	assert_mistake("-\x1b", "unknown option -", "--help");
	assert_mistake("--\x1b[31m\n", "unknown option", "--help");
	assert_mistake("-w", "--workers", "needs a value");
	assert_mistake("--listen", "--listen", "needs a value");
	assert_mistake("--daemon=yes", "--daemon", "takes no value");
	assert_mistake("/a|/b", "directories", "--mount");
}

TEST(an_ambiguous_abbreviation_has_all_its_options)
{
	assert_mistake("--list", "--list is ambiguous", "--listen, --listing");
	assert_mistake(
	    "--max-=3", "--max- is ambiguous", "--max-worker-memory");
	assert_mistake("--lists", "unknown option --lists", "--help");
	parse("--listi");
	ck_assert(config.listing);
}

TEST(a_daemon_has_no_standard_output)
{
	assert_mistake("-d|-a|-", "--access-log - and --daemon", "name a file");
	assert_mistake("-e|-|-d", "--error-log - and --daemon", "syslog");
}

TEST(no_value_can_write_more_than_its_line)
{
	assert_mistake("-w|1\n2", "--workers", "1 to 4096");
	assert_mistake("-w|\x1b]0;title\x07", "--workers", "1 to 4096");
	assert_mistake("--listen=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "--listen", "host:port");
}

TEST(help_and_version_print_and_exit_well)
{
	struct buffer said = {0};

	ck_assert_int_eq(parse_in_child("-h", STDOUT_FILENO, &said), 0);
	ck_assert(text_begins(buffer_text(&said), TEXT("usage: tined")));
	ck_assert_int_eq(parse_in_child("--version", STDOUT_FILENO, &said), 0);
	assert_string_eq(&said, "tined " TINED_VERSION "\n");
	ck_assert_int_eq(parse_in_child("--help=all", STDOUT_FILENO, &said), 0);
	ck_assert_str_eq(buffer_string(&said), option_help_all);
	buffer_free(&said);
}

static int
count_lines(const char *at)
{
	int lines = 0;

	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		ck_assert_msg(len < 80, "%.*s", (int)len, at);
		at += len + 1;
		lines++;
	}
	return lines;
}

TEST(the_laboratory_has_options)
{
	const char wanted[] = "expected together, split or cork; or "
			      "/PREFIX= and one of them";

	parse("dir");
	ck_assert_int_eq(config.write_mode, CONFIG_WRITE_TOGETHER);
	ck_assert(!config.nagle);
	parse("--write-mode|split|--nagle|on");
	ck_assert_int_eq(config.write_mode, CONFIG_WRITE_SPLIT);
	ck_assert(config.nagle);
	parse("--write-mode|cork|--nagle|on|--nagle|off");
	ck_assert_int_eq(config.write_mode, CONFIG_WRITE_CORK);
	ck_assert(!config.nagle);
	parse("--write-mode|together");
	ck_assert_int_eq(config.write_mode, CONFIG_WRITE_TOGETHER);
	parse("--write-mode|/a/b=split|--write-mode|/=cork");
	ck_assert_int_eq(config.write_mode, CONFIG_WRITE_TOGETHER);
	ck_assert_uint_eq(config.write_modes.count, 2);
	ck_assert_str_eq(config.write_modes.at[0].prefix, "/a/b");
	ck_assert_int_eq(config.write_modes.at[0].mode, CONFIG_WRITE_SPLIT);
	ck_assert_str_eq(config.write_modes.at[1].prefix, "/");
	ck_assert_int_eq(config.write_modes.at[1].mode, CONFIG_WRITE_CORK);
	assert_mistake("--write-mode|both", "--write-mode", wanted);
	assert_mistake("--write-mode|split=/a", "--write-mode", wanted);
	assert_mistake("--write-mode|/a=both", "--write-mode", wanted);
	assert_mistake("--write-mode|/a", "--write-mode", wanted);
	assert_mistake("--nagle|yes", "--nagle", "expected on or off");
}

TEST(help_fits_a_screen)
{
	ck_assert_int_lt(count_lines(option_help), 24);
	ck_assert_int_gt(count_lines(option_help_all), 24);
}

/* As "-k, --keepalive TIME" or "    --linger TIME", at the start of a line. */
TEST(all_options_are_in_the_long_help)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_spec *spec = &option_specs[i];
		char *line = spec->letter != 0
		    ? memory_printf("\n  -%c, --%s", spec->letter, spec->name)
		    : memory_printf("\n      --%s", spec->name);
		const char *at = strstr(option_help_all, line);

		ck_assert_msg(at != NULL, "--%s", spec->name);
		ck_assert_ptr_nonnull(strchr(" =[\n", at[strlen(line)]));
		free(line);
	}
}
