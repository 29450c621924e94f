#include <dlfcn.h>
#include <execinfo.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "os/backtrace.h"

#define FRAMES_MAX 64
#define FUNCTION_MAX 127 /* the longest name shown, in bytes */
#define HEX_DIGITS (2 * sizeof(uintptr_t))

static char program[PATH_MAX] = "tined";
static void *program_base;

void
backtrace_prepare(void)
{
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	void *frame[1];
	Dl_info info;

	program[len > 0 ? len : 0] = '\0';
	if (dladdr((void *)(uintptr_t)backtrace_prepare, &info) != 0)
		program_base = info.dli_fbase;
	(void)backtrace(frame, 1); /* its first call loads a library */
}

static void
add_hex(struct buffer *b, uintptr_t n)
{
	char digits[HEX_DIGITS];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % 16];
		n /= 16;
	} while (n > 0);
	buffer_add_string(b, "0x");
	buffer_add(b, digits + at, sizeof(digits) - at);
}

/* Shortens at the beginning, because the end of a path tells more. */
static void
add_file(struct buffer *b, const char *file)
{
	size_t len = strlen(file);
	size_t max = LOG_DYING_MAX / 4;

	buffer_add_string(b, len > max ? file + len - max : file);
}

/* Adds the name if the address is in a function that the file exports. */
static void
add_function(struct buffer *b, const Dl_info *info, uintptr_t address)
{
	if (info->dli_sname == NULL || strlen(info->dli_sname) > FUNCTION_MAX)
		return;
	buffer_add_string(b, info->dli_sname);
	buffer_add_char(b, '+');
	add_hex(b, address - (uintptr_t)info->dli_saddr);
	buffer_add_char(b, ' ');
}

/*
 * For the program itself, info has the process title in place of the file name,
 * because of setproctitle(3).
 */
static void
add_place(struct buffer *b, uintptr_t address)
{
	struct link_map *map;
	Dl_info info;

	if (dladdr1((void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) ==
		0 ||
	    info.dli_fname == NULL) {
		add_hex(b, address);
		return;
	}
	add_function(b, &info, address);
	buffer_add_char(b, '(');
	add_file(b, info.dli_fbase == program_base ? program : info.dli_fname);
	buffer_add_char(b, '+');
	add_hex(b, address - map->l_addr);
	buffer_add_char(b, ')');
}

/* A return address is behind the call, perhaps in the next function. */
static void
log_frame(size_t number, uintptr_t address, size_t times)
{
	char room[LOG_DYING_MAX];
	struct buffer line = {.data = room, .size = sizeof(room)};

	buffer_add_string(&line, "  #");
	buffer_add_number(&line, number);
	buffer_add_char(&line, ' ');
	add_place(&line, number > 0 ? address - 1 : address);
	if (times > 1) {
		buffer_add_string(&line, ", ");
		buffer_add_number(&line, times);
		buffer_add_string(&line, " times");
	}
	log_dying(buffer_text(&line));
}

/*
 * Returns the address at which the signal interrupted the process, and that
 * process's stack pointer in *stack.
 */
static uintptr_t
interrupted(const void *context, const uintptr_t **stack)
{
	const ucontext_t *at = context;

	*stack = NULL;
#if defined(__x86_64__)
	*stack = (const uintptr_t *)at->uc_mcontext.gregs[REG_RSP];
	return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return at->uc_mcontext.pc;
#else
	(void)at;
	return 0;
#endif
}

/* The first frames are those of the signal handler. */
static size_t
backtrace_find(void *const *frames, size_t count, uintptr_t from)
{
	for (size_t i = 0; i < count; i++)
		if ((uintptr_t)frames[i] == from)
			return i;
	return count;
}

void
backtrace_log(const void *context)
{
	void *frames[FRAMES_MAX];
	size_t count = (size_t)backtrace(frames, FRAMES_MAX);
	const uintptr_t *stack;
	uintptr_t from = interrupted(context, &stack);
	size_t first = backtrace_find(frames, count, from);

	for (size_t i = first, next; i < count; i = next) {
		for (next = i + 1; next < count; next++)
			if (frames[next] != frames[i])
				break;
		log_frame(i - first, (uintptr_t)frames[i], next - i);
	}
	if (first < count)
		return;
	/*
	 * The address has no code: a call through a bad pointer.  Only the
	 * caller is known.
	 */
	log_frame(0, from, 1);
	if (stack != NULL)
		log_frame(1, *stack, 1);
}
