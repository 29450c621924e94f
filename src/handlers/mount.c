#include <sys/stat.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "handlers/mount.h"

_Static_assert((int)TINED_NEED_READ == (int)PRIVILEGE_READ &&
	(int)TINED_NEED_WRITE == (int)PRIVILEGE_WRITE &&
	(int)TINED_NEED_EXEC == (int)PRIVILEGE_EXEC &&
	(int)TINED_NEED_CONNECT == (int)PRIVILEGE_CONNECT,
    "the needs of a module are those of its worker");

/* The mount whose module this process is calling; NULL: none. */
static const struct tined_mount *volatile running;
/* This process is none of the server: a module has forked it. */
static bool forked;

/*
 * Ends the part of an argument at its comma, without the backslashes before other
 * commas.  Returns the next part, or NULL.
 */
static char *
cut_part(char *part)
{
	char *to = part;
	char *next;

	for (; *part != '\0' && *part != ','; part++) {
		if (part[0] == '\\' && part[1] == ',')
			part++;
		*to++ = *part;
	}
	next = *part == ',' ? part + 1 : NULL;
	*to = '\0';
	return next;
}

static int
add_argument(struct tined_mount *m, char *key)
{
	char *equals = strchr(key, '=');

	if (equals == NULL || equals == key)
		return builtin_mount_usage(m,
		    "\"%s\" behind a comma: expected KEY=VALUE "
		    "(\"\\,\" is a comma within a value)",
		    key);
	*equals = '\0';
	m->arguments = memory_resize(
	    m->arguments, m->argument_count + 1, sizeof(m->arguments[0]));
	m->arguments[m->argument_count++] =
	    (struct mount_argument){.key = key, .value = equals + 1};
	return 0;
}

const struct builtin_setup *
builtin_setup(const struct tined_mount *m)
{
	return m->setup;
}

const char *
builtin_argument(const struct tined_mount *m)
{
	return m->argument;
}

int
builtin_split_argument(struct tined_mount *m)
{
	char *next, *key;

	m->subject = memory_copy_string(m->argument);
	next = cut_part(m->subject);
	while ((key = next) != NULL) {
		next = cut_part(key);
		if (add_argument(m, key) == -1)
			return -1;
	}
	return 0;
}

void
builtin_note_found(struct tined_mount *m, struct text bytes)
{
	buffer_add_text(&m->found, bytes);
}

static int
check_arguments(struct tined_mount *m)
{
	size_t i = 0;

	while (i < m->argument_count && m->arguments[i].taken)
		i++;
	if (i == m->argument_count)
		return 0;
	if (m->asked.len == 0)
		return builtin_mount_usage(m,
		    "unknown argument %s=: %s takes none", m->arguments[i].key,
		    m->module->name);
	return builtin_mount_usage(m, "unknown argument %s=: %s takes %s",
	    m->arguments[i].key, m->module->name, buffer_string(&m->asked));
}

/* HEAD comes with GET. */
static void
settle_methods(struct tined_mount *m)
{
	if (m->methods == 0)
		m->methods = METHOD_GET;
	if ((m->methods & METHOD_GET) != 0)
		m->methods |= METHOD_HEAD;
	m->reads = m->takes_content ? m->methods : 0;
}

static void
mount_free(struct tined_mount *m)
{
	free(m->prefix);
	free(m->subject);
	free(m->arguments);
	buffer_free(&m->asked);
	buffer_free(&m->found);
	free(m->directories);
	if (m->library != NULL)
		dlclose(m->library);
}

void
mount_end(struct tined_mount *m)
{
	if (m->module->unmount != NULL)
		m->module->unmount(m->state);
	mount_free(m);
}

static int
mount_give_up(struct tined_mount *m)
{
	bool malformed = m->malformed;

	if (m->why->len == m->why_begin)
		buffer_printf(m->why, "%s cannot be mounted", m->module->name);
	mount_free(m);
	errno = malformed ? EINVAL : EACCES;
	return -1;
}

int
mount_begin(struct tined_mount *m)
{
	m->directory = -1;
	m->why_begin = m->why->len;
	if (m->module->mount != NULL && m->module->mount(m, &m->state) == -1)
		return mount_give_up(m);
	settle_methods(m);
	if (check_arguments(m) == 0)
		return 0;
	if (m->module->unmount != NULL)
		m->module->unmount(m->state);
	return mount_give_up(m);
}

/*
 * A module's serve function may call another mount: returns the caller, for leave.
 */
static const struct tined_mount *
mount_enter(const struct tined_mount *m)
{
	const struct tined_mount *caller = running;

	running = m;
	return caller;
}

static void
note_fork(void)
{
	forked = true;
}

void
mount_note_forks(void)
{
	(void)pthread_atfork(NULL, NULL, note_fork);
}

void
mount_clear_fork(void)
{
	forked = false;
}

/*
 * A child that a module has forked must not go on as if it were the worker: the
 * client, and the state of the worker that all processes see, are not its own.
 */
static _Noreturn void
end_child(const struct tined_mount *m)
{
	log_error(
	    "the module %s at %s/ has returned in a child that it forked, "
	    "which ends",
	    m->module->name, m->prefix);
	_exit(EXIT_FAILURE);
}

static void
leave(const struct tined_mount *m, const struct tined_mount *caller)
{
	if (forked)
		end_child(m);
	running = caller;
}

int
mount_start(const struct tined_mount *m)
{
	const struct tined_mount *caller = mount_enter(m);
	int result = 0;

	if (m->module->start != NULL)
		result = m->module->start(m->state);
	leave(m, caller);
	if (result == 0)
		return 0;
	log_error(
	    "the module %s at %s/ cannot start in this worker, which ends",
	    m->module->name, m->prefix);
	return -1;
}

void
mount_stop(const struct tined_mount *m)
{
	const struct tined_mount *caller = mount_enter(m);

	if (m->module->stop != NULL)
		m->module->stop(m->state);
	leave(m, caller);
}

void
mount_serve(const struct tined_mount *m, struct tined_exchange *x)
{
	const struct tined_mount *caller = mount_enter(m);

	m->module->serve(m->state, x);
	leave(m, caller);
}

void
mount_dump(int fd)
{
	if (running != NULL && running->module->dump != NULL)
		running->module->dump(running->state, fd);
}

__attribute__((format(printf, 2, 0))) static void
explain(struct tined_mount *m, const char *format, va_list args)
{
	char *words = memory_vprintf(format, args);

	m->why->len = m->why_begin;
	buffer_add_string(m->why, words);
	free(words);
}

int
tined_mount_fail(struct tined_mount *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	explain(m, format, args);
	va_end(args);
	return -1;
}

int
builtin_mount_usage(struct tined_mount *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	explain(m, format, args);
	va_end(args);
	m->malformed = true;
	return -1;
}

const char *
tined_mount_prefix(const struct tined_mount *m)
{
	return m->prefix;
}

const char *
tined_mount_subject(struct tined_mount *m)
{
	return m->subject != NULL ? m->subject : "";
}

static void
note_asked(struct tined_mount *m, const char *key)
{
	struct text rest = buffer_text(&m->asked), known;

	while (text_next_element(&rest, &known))
		if (text_equal(known, text_of(key)))
			return;
	if (m->asked.len > 0)
		buffer_add_string(&m->asked, ", ");
	buffer_add_string(&m->asked, key);
}

const char *
tined_argument_at(struct tined_mount *m, const char *key, size_t i)
{
	note_asked(m, key);
	for (size_t k = 0; k < m->argument_count; k++) {
		struct mount_argument *a = &m->arguments[k];

		if (strcmp(a->key, key) != 0)
			continue;
		a->taken = true;
		if (i-- == 0)
			return a->value;
	}
	return NULL;
}

const char *
tined_argument(struct tined_mount *m, const char *key)
{
	return tined_argument_at(m, key, 0);
}

int
tined_take_methods(struct tined_mount *m, const char *methods)
{
	struct text rest = text_of(methods), name;
	unsigned all = 0;

	while (text_next_element(&rest, &name)) {
		enum method method = method_of(name);

		if (text_equal(name, TEXT("*")))
			all |= METHODS_ALL | METHOD_OTHER;
		else if (method == METHOD_UNKNOWN)
			return tined_mount_fail(m,
			    "%s wants the method %.*s, which tined does not "
			    "know: only \"*\" includes it",
			    m->module->name, TEXT_ARG(name));
		all |= method;
	}
	m->methods = all;
	return 0;
}

void
tined_take_content(struct tined_mount *m)
{
	m->takes_content = true;
}

void
builtin_spools(struct tined_mount *m)
{
	m->spools = true;
}

void
tined_need(struct tined_mount *m, unsigned needs)
{
	m->needs |= needs;
}

void
tined_need_directory(struct tined_mount *m, int directory, unsigned needs)
{
	m->directories = memory_resize(
	    m->directories, m->directory_count + 1, sizeof(m->directories[0]));
	m->directories[m->directory_count++] = (struct mount_directory){
	    .fd = directory, .needs = needs | TINED_NEED_READ};
}

void
builtin_need_directory(struct tined_mount *m, int directory, unsigned needs)
{
	tined_need_directory(m, directory, needs);
	m->directories[m->directory_count - 1].passed = true;
}

static bool
mount_needs(
    const struct tined_mount *m, const struct stat *wanted, unsigned needs)
{
	struct stat st;

	for (size_t i = 0; i < m->directory_count; i++) {
		const struct mount_directory *d = &m->directories[i];

		if (d->passed && (d->needs & needs) == needs &&
		    fstat(d->fd, &st) == 0 && st.st_dev == wanted->st_dev &&
		    st.st_ino == wanted->st_ino)
			return true;
	}
	return false;
}

bool
builtin_is_needed(const struct tined_mount *m, int directory, unsigned needs)
{
	const struct builtin_setup *setup = m->setup;
	struct stat st;

	if (fstat(directory, &st) == -1)
		return false;
	for (size_t i = 0; i < setup->earlier_count; i++)
		if (mount_needs(&setup->earlier[i], &st, needs))
			return true;
	return mount_needs(m, &st, needs);
}

void
builtin_serve_directory(struct tined_mount *m, int directory)
{
	m->directory = directory;
}
