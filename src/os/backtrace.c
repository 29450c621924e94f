#include <sys/mman.h>
#include <sys/stat.h>

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "os/backtrace.h"
#include "os/symbols.h"

#define FRAMES_MAX 64
#define FUNCTION_MAX 127 /* the longest name shown, in bytes */
#define HEX_DIGITS (2 * sizeof(uintptr_t))

static char program[PATH_MAX] = "tined";
static void *program_base;

/* The program's file.  Only a process that crashes reads a page of it. */
static void *image = MAP_FAILED;
static size_t image_size;

static void
map_program(void)
{
	struct stat st;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0) {
		image_size = (size_t)st.st_size;
		image = mmap(NULL, image_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
}

void
backtrace_prepare(void)
{
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	void *frame[1];
	Dl_info info;

	program[len > 0 ? len : 0] = '\0';
	if (dladdr((void *)(uintptr_t)backtrace_prepare, &info) != 0)
		program_base = info.dli_fbase;
	map_program();
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

static void
add_function(struct buffer *b, const struct symbol *symbol, uintptr_t address)
{
	if (symbol->name.len == 0 || symbol->name.len > FUNCTION_MAX)
		return;
	buffer_add_text(b, symbol->name);
	buffer_add_char(b, '+');
	add_hex(b, address - symbol->start);
	buffer_add_char(b, ' ');
}

/* Looks an address of the program up in its table of symbols. */
static void
look_up_here(uintptr_t address, struct symbol *symbol)
{
	struct symbols all;

	if (image != MAP_FAILED && symbols_find(&all, image, image_size))
		(void)symbols_look_up(&all, address, symbol);
}

/*
 * For the program itself, info has the process title in place of the file name,
 * because of setproctitle(3).
 */
static void
add_place(struct buffer *b, uintptr_t address)
{
	struct symbol symbol = {0};
	struct link_map *map;
	Dl_info info;
	bool here;

	if (dladdr1((void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) ==
		0 ||
	    info.dli_fname == NULL) {
		add_hex(b, address);
		return;
	}
	here = info.dli_fbase == program_base;
	address -= map->l_addr;
	if (info.dli_sname != NULL) {
		symbol.name = text_of(info.dli_sname);
		symbol.start = (uintptr_t)info.dli_saddr - map->l_addr;
	}
	if (here)
		look_up_here(address, &symbol);
	add_function(b, &symbol, address);
	buffer_add_char(b, '(');
	add_file(b, here ? program : info.dli_fname);
	buffer_add_char(b, '+');
	add_hex(b, address);
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
