#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/cgi_interpreter.h"
#include "handlers/cgi_sandbox.h"
#include "handlers/directory.h"
#include "sandbox/privilege.h"

/* Files and directories that are looked at for interpreters, in all. */
#define FILES_MAX 10000
#define DEPTH_MAX 16
/* A script, its interpreter, the loader of that; and some more. */
#define INTERPRETERS_MAX 5
#define EXECUTABLE (S_IXUSR | S_IXGRP | S_IXOTH)

/* What programs read that do nothing special; those that are there. */
static const char *const commonly_read[] = {"/usr", "/lib", "/lib32", "/lib64",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/locale.alias",
    "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts",
    "/etc/mime.types", "/etc/magic", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/gitconfig", "/etc/perl", "/etc/php", "/etc/python3", "/dev/zero",
    "/dev/random", "/dev/urandom"};
/* And besides these with network=yes. */
static const char *const read_for_network[] = {"/etc/resolv.conf",
    "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
    "/run/systemd/resolve"};
static const char null_device[] = "/dev/null";

/* Arguments whose values are paths, and what programs may do with those. */
static const struct {
	const char *key;
	unsigned needs;
} path_arguments[] = {{"exec", TINED_NEED_EXEC}, {"read", TINED_NEED_READ},
    {"write", TINED_NEED_WRITE}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Opens it as a process would whose root this is; below another directory, links
 * that lead out of that are refused, as cgi_path.c refuses them.
 */
static int
cgi_sandbox_open_below(const struct cgi_sandbox *s, int directory,
    const char *path, unsigned flags)
{
	struct open_how how = {
	    .flags = flags | O_CLOEXEC,
	    .resolve = RESOLVE_NO_MAGICLINKS,
	};

	how.resolve |=
	    directory == s->root_fd ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

int
cgi_sandbox_init(struct cgi_sandbox *s, struct tined_mount *m, const char *root)
{
	*s = (struct cgi_sandbox){.mount = m, .root = root};
	s->root_fd =
	    open(*root != '\0' ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd == -1)
		return tined_mount_fail(
		    m, "--chroot %s: %s", root, strerror(errno));
	return 0;
}

/*
 * Logs a warning.  On trial (builtin.h) the log is mute: cgi_sandbox_take repeats
 * the warning in the second call.
 */
__attribute__((format(printf, 2, 3))) static void
warn_of(struct cgi_sandbox *s, const char *format, ...)
{
	va_list args;
	char *words;

	va_start(args, format);
	words = memory_vprintf(format, args);
	va_end(args);
	log_warning("%s", words);
	builtin_note_found(s->mount, (struct text){words, strlen(words) + 1});
	free(words);
}

/* Takes the descriptor over. */
static void
grant(struct cgi_sandbox *s, int fd, unsigned needs)
{
	s->fds = memory_resize(s->fds, s->count + 1, sizeof(s->fds[0]));
	s->fds[s->count++] = fd;
	builtin_need_directory(s->mount, fd, needs);
}

/* Much is the same for all mounts, and needs one descriptor. */
static void
grant_if_there(struct cgi_sandbox *s, const char *path, unsigned needs)
{
	int fd = cgi_sandbox_open_below(s, s->root_fd, path, O_PATH);

	if (fd == -1)
		return;
	if (builtin_is_needed(s->mount, fd, needs))
		close(fd);
	else
		grant(s, fd, needs);
}

static void grant_interpreters(struct cgi_sandbox *s, int program, int depth);

static bool
cgi_sandbox_is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/*
 * Returns why that cannot be an interpreter, or NULL.  A directory cannot: granted,
 * it would be all that is below it.  What is no file is not opened: the other end
 * of a FIFO would notice.
 */
static const char *
grant_interpreter(struct cgi_sandbox *s, const char *path, int depth)
{
	int fd = cgi_sandbox_open_below(s, s->root_fd, path, O_PATH);
	bool is_program = fd != -1 && cgi_sandbox_is_file(fd);

	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? "does not exist"
							   : NULL;
	close(fd);
	if (!is_program)
		return "is not a regular file";
	fd = cgi_sandbox_open_below(s, s->root_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd == -1)
		return NULL;
	if (cgi_sandbox_is_file(fd) &&
	    !builtin_is_needed(s->mount, fd, TINED_NEED_EXEC)) {
		grant_if_there(s, path, TINED_NEED_EXEC);
		grant_interpreters(s, fd, depth + 1);
	}
	close(fd);
	return NULL;
}

/* Grants it to that program, or warns that it will not run. */
static void
need_interpreter(
    struct cgi_sandbox *s, int program, const char *path, int depth)
{
	const char *mistake = grant_interpreter(s, path, depth);
	char name[PATH_MAX] = "a program";
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	ssize_t len;

	if (mistake == NULL)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", program);
	len = readlink(link, name, sizeof(name) - 1);
	name[len > 0 ? len : (ssize_t)strlen(name)] = '\0';
	warn_of(s, "cgi: %s cannot be run: it needs %s%s, which %s", name,
	    s->root, path, mistake);
}

/* As env(1) does. */
static void
grant_from_path(struct cgi_sandbox *s, const char *name, int depth)
{
	const char *from = s->path;
	size_t len;

	for (;; from += len + 1) {
		char *path;
		bool found;
		int fd;

		len = strcspn(from, ":");
		path = memory_printf("%.*s/%s", (int)len, from, name);
		fd = cgi_sandbox_open_below(s, s->root_fd, path, O_PATH);
		found = fd != -1 && cgi_sandbox_is_file(fd);
		if (fd != -1)
			close(fd);
		if (found)
			(void)grant_interpreter(s, path, depth);
		free(path);
		if (found || from[len] == '\0')
			return;
	}
}

static void
grant_interpreters(struct cgi_sandbox *s, int program, int depth)
{
	struct cgi_interpreter found;

	if (depth >= INTERPRETERS_MAX)
		return;
	cgi_interpreter_find(program, &found);
	if (found.path[0] != '\0')
		need_interpreter(s, program, found.path, depth);
	if (found.name[0] == '/')
		need_interpreter(s, program, found.name, depth);
	else if (found.name[0] != '\0' && strchr(found.name, '/') == NULL)
		grant_from_path(s, found.name, depth);
	/* Another one is below the directory of the program, and so granted. */
}

static void look_below(struct cgi_sandbox *s, int directory, int depth);

/*
 * Looks at a file of a directory, whose number is directory.  What a link could lead
 * to is below that directory, where it is looked at anyway; a link may also lead to
 * the directory itself, and that would not end.
 */
static void
cgi_sandbox_look_at(
    struct cgi_sandbox *s, int directory, const char *name, int depth)
{
	struct stat st = {0};
	int fd = cgi_sandbox_open_below(
	    s, directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		look_below(s, fd, depth + 1);
		return;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & EXECUTABLE) != 0)
		grant_interpreters(s, fd, 0);
	close(fd);
}

/* Takes the descriptor over. */
static void
look_below(struct cgi_sandbox *s, int directory, int depth)
{
	DIR *all = depth < DEPTH_MAX ? fdopendir(directory) : NULL;
	const struct dirent *entry;

	if (all == NULL) {
		close(directory);
		return;
	}
	while (s->files < FILES_MAX && (entry = readdir(all)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		s->files++;
		cgi_sandbox_look_at(s, dirfd(all), entry->d_name, depth);
	}
	if (s->files >= FILES_MAX && !s->warned)
		warn_of(s,
		    "cgi: more than %d files in directories of programs: the "
		    "interpreters of the rest are not known: name them by "
		    "exec=",
		    FILES_MAX);
	s->warned |= s->files >= FILES_MAX;
	closedir(all);
}

static int
refuse_path(struct cgi_sandbox *s, const char *path)
{
	return tined_mount_fail(
	    s->mount, "%s%s: %s", s->root, path, directory_error(errno));
}

int
cgi_sandbox_grant_programs(struct cgi_sandbox *s, const char *path)
{
	int fd = cgi_sandbox_open_below(s, s->root_fd, path, O_PATH), readable;
	struct stat st;

	if (fd == -1)
		return refuse_path(s, path);
	grant(s, fd, TINED_NEED_EXEC);
	readable =
	    cgi_sandbox_open_below(s, s->root_fd, path, O_RDONLY | O_NONBLOCK);
	if (readable == -1)
		return 0;
	if (fstat(readable, &st) == 0 && S_ISDIR(st.st_mode)) {
		look_below(s, readable, 0);
		return 0;
	}
	grant_interpreters(s, readable, 0);
	close(readable);
	return 0;
}

static int
grant_argument(
    struct cgi_sandbox *s, const char *key, const char *path, unsigned needs)
{
	int fd;

	if (*path != '/')
		return builtin_mount_usage(s->mount,
		    "%s=%s: expected an absolute path%s", key, path,
		    *s->root != '\0' ? ", below --chroot" : "");
	if ((needs & TINED_NEED_EXEC) != 0)
		return cgi_sandbox_grant_programs(s, path);
	fd = cgi_sandbox_open_below(s, s->root_fd, path, O_PATH);
	if (fd == -1)
		return refuse_path(s, path);
	grant(s, fd, needs);
	return 0;
}

static int
grant_paths(struct cgi_sandbox *s, const char *key, unsigned needs)
{
	const char *path;

	for (size_t i = 0; (path = tined_argument_at(s->mount, key, i)) != NULL;
	     i++)
		if (grant_argument(s, key, path, needs) == -1)
			return -1;
	return 0;
}

static int
take_network(struct cgi_sandbox *s, bool *network)
{
	const char *wanted = tined_argument(s->mount, "network");

	*network = wanted != NULL && strcmp(wanted, "yes") == 0;
	if (*network)
		tined_need(s->mount, TINED_NEED_CONNECT);
	if (*network || wanted == NULL || strcmp(wanted, "no") == 0)
		return 0;
	return builtin_mount_usage(
	    s->mount, "network=%s: expected yes or no", wanted);
}

int
cgi_sandbox_grant_arguments(struct cgi_sandbox *s)
{
	bool network;

	for (size_t i = 0; i < COUNT(commonly_read); i++)
		grant_if_there(s, commonly_read[i], 0);
	grant_if_there(s, null_device, PRIVILEGE_USE);
	for (size_t i = 0; i < COUNT(path_arguments); i++)
		if (grant_paths(s, path_arguments[i].key,
			path_arguments[i].needs) == -1)
			return -1;
	if (take_network(s, &network) == -1)
		return -1;
	for (size_t i = 0; network && i < COUNT(read_for_network); i++)
		grant_if_there(s, read_for_network[i], 0);
	return 0;
}

/* Those of warn_of. */
static int
repeat_warnings(struct cgi_sandbox *s, struct text *found)
{
	struct text words;

	while (found->len > 0) {
		if (!text_cut_string(found, &words))
			return tined_mount_fail(
			    s->mount, "what was found is malformed");
		log_warning("%.*s", TEXT_ARG(words));
	}
	return 0;
}

int
cgi_sandbox_take(struct cgi_sandbox *s, struct tined_mount *m)
{
	const struct builtin_setup *setup = builtin_setup(m);
	struct privilege_needs *granted = setup->granted;
	bool ignored;

	*s = (struct cgi_sandbox){.mount = m, .root_fd = -1};
	for (size_t i = 0; i < granted->directory_count; i++)
		grant(s, granted->directories[i].fd,
		    granted->directories[i].needs);
	granted->directory_count = 0;
	for (size_t i = 0; i < COUNT(path_arguments); i++)
		for (size_t k = 0;
		     tined_argument_at(m, path_arguments[i].key, k) != NULL;)
			k++;
	if (take_network(s, &ignored) == -1)
		return -1;
	return repeat_warnings(s, setup->found);
}

void
cgi_sandbox_settle(struct cgi_sandbox *s)
{
	if (s->root_fd != -1)
		close(s->root_fd);
	s->root_fd = -1;
	s->mount = NULL;
}

void
cgi_sandbox_free(struct cgi_sandbox *s)
{
	cgi_sandbox_settle(s);
	for (size_t i = 0; i < s->count; i++)
		close(s->fds[i]);
	free(s->fds);
}
