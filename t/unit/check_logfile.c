#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logfile.h"
#include "unit.h"

#define LINE "a line\n"
#define WRITERS 4
#define LINES 300

static struct logfile file;
static char folder[64];
static char path[128];

void
unit_set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tined-check-logfile-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/log", folder);
	signal(SIGPIPE, SIG_IGN);
}

void
unit_tear_down(void)
{
	unlink(path);
	rmdir(folder);
}

static enum logfile_event
write_line(void)
{
	return logfile_write(&file, LOG_INFO, LINE, strlen(LINE));
}

static const char *
content(void)
{
	static struct buffer b;
	int fd = open(path, O_RDONLY);
	ssize_t n;

	ck_assert_int_ne(fd, -1);
	buffer_clear(&b);
	while ((n = read(fd, buffer_reserve(&b, 4096), 4096)) > 0)
		b.len += (size_t)n;
	close(fd);
	return buffer_string(&b);
}

TEST(a_file_is_made_with_mode_0640_and_appended_to)
{
	struct stat st;

	umask(022);
	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	free(file.path);
	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_str_eq(content(), LINE LINE);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
}

TEST(a_file_is_not_inherited_by_programs)
{
	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	ck_assert_int_ne(fcntl(file.fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(a_file_that_cannot_be_opened_says_why)
{
	ck_assert_int_eq(logfile_open(&file, "/nonexistent/log", -1), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(logfile_open(&file, folder, -1), -1);
	ck_assert_int_eq(errno, EISDIR);
}

TEST(a_dash_is_the_standard_descriptor)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_eq(logfile_open(&file, "-", fd), 0);
	ck_assert_int_eq(file.fd, fd);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_str_eq(content(), LINE);
}

TEST(a_log_that_is_off_opens_and_writes_nothing)
{
	ck_assert_int_eq(logfile_open(&file, "off", 1), 0);
	ck_assert_int_eq(file.kind, LOGFILE_OFF);
	ck_assert_int_eq(file.fd, -1);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
}

TEST(a_full_disk_is_told_of_once_and_lines_are_counted)
{
	ck_assert_int_eq(logfile_open(&file, "/dev/full", -1), 0);
	ck_assert_int_eq(write_line(), LOGFILE_BROKE);
	ck_assert_int_eq(errno, ENOSPC);
	for (int i = 0; i < 9; i++)
		ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_uint_eq(logfile_lost(&file), 10);
}

TEST(a_log_that_is_healed_is_told_of_once_and_may_break_again)
{
	int good = open("/dev/null", O_WRONLY),
	    bad = open("/dev/full", O_WRONLY);

	ck_assert_int_eq(logfile_open(&file, "-", bad), 0);
	ck_assert_int_eq(write_line(), LOGFILE_BROKE);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	file.fd = good;
	ck_assert_int_eq(write_line(), LOGFILE_HEALED);
	ck_assert_uint_eq(logfile_lost(&file), 2);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	file.fd = bad;
	ck_assert_int_eq(write_line(), LOGFILE_BROKE);
	ck_assert_uint_eq(logfile_lost(&file), 1);
}

TEST(a_reader_that_is_gone_is_a_trouble_like_another)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(logfile_open(&file, "-", ends[1]), 0);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	close(ends[0]);
	ck_assert_int_eq(write_line(), LOGFILE_BROKE);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
}

TEST(a_socket_is_a_log_too)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(logfile_open(&file, "-", pair[0]), 0);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	signal(SIGPIPE, SIG_DFL);
	close(pair[1]);
	ck_assert_int_eq(write_line(), LOGFILE_BROKE);
	ck_assert_int_eq(errno, EPIPE);
}

TEST(a_line_to_the_journal_has_its_priority)
{
	char name[64], line[64];
	struct stat st;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(fstat(pair[0], &st), 0);
	snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", name, 1);
	ck_assert(logfile_is_journal(pair[0]));
	ck_assert_int_eq(logfile_open(&file, "-", pair[0]), 0);
	ck_assert(logfile_has_time(&file));
	ck_assert_int_eq(
	    logfile_write(&file, LOG_ERR, LINE, strlen(LINE)), LOGFILE_FINE);
	ck_assert_int_eq(
	    recv(pair[1], line, sizeof(line), 0), 3 + strlen(LINE));
	ck_assert_int_eq(memcmp(line, "<3>" LINE, 3 + strlen(LINE)), 0);
}

TEST(another_socket_than_the_journal_gets_lines_as_they_are)
{
	char line[64];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setenv("JOURNAL_STREAM", "1:2", 1);
	ck_assert(!logfile_is_journal(pair[0]));
	ck_assert_int_eq(logfile_open(&file, "-", pair[0]), 0);
	ck_assert(!logfile_has_time(&file));
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_int_eq(recv(pair[1], line, sizeof(line), 0), strlen(LINE));
}

TEST(a_fifo_without_a_reader_is_refused_at_once)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(logfile_open(&file, path, -1), -1);
	ck_assert_int_eq(errno, ENXIO);
	ck_assert_ptr_nonnull(strstr(logfile_explain(path), "reader"));
	errno = ENOENT;
	ck_assert_str_eq(logfile_explain(path), strerror(ENOENT));
}

TEST(an_inherited_pipe_is_not_changed_for_those_who_share_it)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(logfile_open(&file, "-", ends[1]), 0);
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

/* Another process's line could be in the middle of a longer one: pipe(7). */
TEST(a_line_is_no_longer_than_a_pipe_takes_at_once)
{
	char line[2 * PIPE_BUF + 1], got[sizeof(line)];
	const size_t end = PIPE_BUF - strlen("...\n");
	int ends[2];

	memset(line, 'x', sizeof(line));
	line[PIPE_BUF - 1] = line[sizeof(line) - 1] = '\n';
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(logfile_open(&file, "-", ends[1]), 0);
	ck_assert_int_eq(
	    logfile_write(&file, LOG_ERR, line, PIPE_BUF), LOGFILE_FINE);
	ck_assert_int_eq(read(ends[0], got, sizeof(got)), PIPE_BUF);
	ck_assert_mem_eq(got, line, PIPE_BUF);
	ck_assert_int_eq(
	    logfile_write(&file, LOG_ERR, line, sizeof(line)), LOGFILE_FINE);
	ck_assert_int_eq(read(ends[0], got, sizeof(got)), PIPE_BUF);
	ck_assert_mem_eq(got, line, end);
	ck_assert_mem_eq(got + end, "...\n", PIPE_BUF - end);
}

TEST(a_reader_that_sleeps_keeps_nobody_waiting_for_long)
{
	int64_t start = clock_now();
	enum logfile_event event;
	int ends[2], lines = 0;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(logfile_open(&file, "-", ends[1]), 0);
	do {
		event = write_line();
		lines++;
	} while (event == LOGFILE_FINE && lines < 1000000);
	ck_assert_int_eq(event, LOGFILE_BROKE);
	ck_assert_int_eq(errno, EAGAIN);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(write_line(), LOGFILE_FINE);
	ck_assert_int_lt(clock_now() - start, 10 * CLOCK_SECOND);
	ck_assert_uint_eq(logfile_lost(&file), 1001);
}

TEST(one_process_of_all_that_share_a_log_tells_of_its_trouble)
{
	int told = 0, healed = 0;

	ck_assert_int_eq(logfile_open(&file, "/dev/full", -1), 0);
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit((int)write_line());
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		told += WEXITSTATUS(status) == LOGFILE_BROKE;
	}
	ck_assert_int_eq(told, 1);
	ck_assert_uint_eq(logfile_lost(&file), WRITERS);
	file.fd = open("/dev/null", O_WRONLY);
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit((int)write_line());
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		healed += WEXITSTATUS(status) == LOGFILE_HEALED;
	}
	ck_assert_int_eq(healed, 1);
}

static _Noreturn void
write_lines(char letter)
{
	char line[200];

	memset(line, letter, sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < LINES; i++)
		logfile_write(&file, LOG_INFO, line, sizeof(line));
	_exit(0);
}

TEST(lines_of_several_processes_do_not_mix)
{
	const char *at;

	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_lines((char)('a' + i));
	for (int i = 0; i < WRITERS; i++)
		wait(NULL);
	at = content();
	ck_assert_uint_eq(strlen(at), WRITERS * LINES * 200);
	for (; *at != '\0'; at += 200)
		for (int i = 0; i < 199; i++)
			assert_quick(at[i] == at[0] && at[199] == '\n');
}

TEST(a_file_that_was_moved_is_made_again_under_the_same_number)
{
	char moved[160];
	int number;

	snprintf(moved, sizeof(moved), "%s.1", path);
	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	number = file.fd;
	write_line();
	ck_assert_int_eq(rename(path, moved), 0);
	write_line();
	ck_assert_int_eq(logfile_reopen(&file), 0);
	ck_assert_int_eq(file.fd, number);
	ck_assert_int_eq(fcntl(number, F_GETFD), FD_CLOEXEC);
	ck_assert_str_eq(content(), "");
	write_line();
	ck_assert_str_eq(content(), LINE);
	unlink(moved);
}

TEST(what_cannot_be_opened_again_stays)
{
	ck_assert_int_eq(logfile_open(&file, path, -1), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(logfile_reopen(&file), -1);
	ck_assert_int_eq(errno, ENXIO); /* nobody reads it */
	ck_assert_int_eq(write_line(), LOGFILE_FINE);
}

TEST(it_is_found_from_another_folder)
{
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(logfile_open(&file, "log", -1), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(logfile_reopen(&file), 0);
	write_line();
	ck_assert_str_eq(content(), LINE);
}
