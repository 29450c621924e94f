#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "os/backtrace.h"
#include "os/crash.h"
#include "os/signals.h"

/* Enough for the unwinder; pages that are not used cost no memory. */
#define STACK_SIZE (256 << 10)

static const int broken[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, 0};

/* Lines of a description that are logged. */
#define DESCRIPTION_LINES_MAX 200

static void (*emergency_hook)(void);
static void (*description_hook)(int fd);

/* SIGALRM ends the process, whatever it hangs in. */
void
crash_limit_life(void)
{
	static const int alarm_signal[] = {SIGALRM, 0};
	sigset_t set;

	signals_default(alarm_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	alarm(CRASH_LAST_SECONDS);
}

_Noreturn void
crash_die(int signo)
{
	const int list[] = {signo, 0};
	sigset_t set;

	signals_default(list);
	sigemptyset(&set);
	sigaddset(&set, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(EXIT_FAILURE); /* not reached */
}

static void
crash_add_cause(struct buffer *b, const siginfo_t *info)
{
	const char *name = sigabbrev_np(info->si_signo);

	buffer_add_string(b, "broken by SIG");
	buffer_add_string(b, name != NULL ? name : "?");
	if (info->si_code == SI_USER && info->si_pid != getpid()) {
		buffer_add_string(b, " from process ");
		buffer_add_number(b, (uint64_t)info->si_pid);
	}
	buffer_add_string(b, ", in:");
}

/* Logs the line that begins there; returns its length, or 0 at the end. */
static size_t
log_line_at(int fd, off_t offset)
{
	char room[LOG_DYING_MAX] = "  ";
	char *line = room + 2;
	ssize_t n = pread(fd, line, sizeof(room) - 2, offset);
	const char *newline;

	if (n <= 0)
		return 0;
	newline = memchr(line, '\n', (size_t)n);
	if (newline == NULL)
		newline = line + n;
	log_dying((struct text){room, (size_t)(newline - room)});
	return (size_t)(newline - line) + (newline < line + n);
}

void
crash_log_description(void)
{
	off_t offset = 0;
	size_t len = 1;
	int fd;

	if (description_hook == NULL)
		return;
	fd = memfd_create("description", MFD_CLOEXEC);
	if (fd == -1)
		return;
	description_hook(fd);
	for (int i = 0; len > 0 && i < DESCRIPTION_LINES_MAX; i++) {
		len = log_line_at(fd, offset);
		offset += (off_t)len;
	}
	close(fd);
}

static void
on_broken(int signo, siginfo_t *info, void *context)
{
	char room[LOG_DYING_MAX];
	struct buffer words = {.data = room, .size = sizeof(room)};

	crash_limit_life();
	if (emergency_hook != NULL)
		emergency_hook();
	crash_add_cause(&words, info);
	log_dying(buffer_text(&words));
	backtrace_log(context);
	crash_log_description();
	alarm(0); /* writing a core file may take longer */
	crash_die(signo);
}

/* Allocates a stack with a guard page below it. */
static int
set_up_stack(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	stack_t stack = {.ss_size = STACK_SIZE};
	char *memory = mmap(NULL, page + STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) == -1)
		return -1;
	stack.ss_sp = memory + page;
	return sigaltstack(&stack, NULL);
}

int
crash_prepare(void)
{
	if (set_up_stack() == -1)
		return -1;
	backtrace_prepare();
	signals_handle_on_own_stack(broken, on_broken);
	return 0;
}

void
crash_set_emergency(void (*respond)(void))
{
	emergency_hook = respond;
}

void
crash_set_description(void (*describe)(int fd))
{
	description_hook = describe;
}
