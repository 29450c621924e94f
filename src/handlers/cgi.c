/*
 * cgi:DIR runs the programs below a directory, and cgi:PROGRAM one program, by
 * the Common Gateway Interface, CGI/1.1 (RFC 3875).
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/units.h"
#include "handlers/builtin.h"
#include "handlers/cgi_environment.h"
#include "handlers/cgi_exchange.h"
#include "handlers/cgi_path.h"
#include "handlers/cgi_relay.h"
#include "handlers/cgi_sandbox.h"
#include "handlers/cgi_variables.h"
#include "handlers/removed.h"

#define LIMIT (60 * CLOCK_SECOND)
#define USUAL_PATH "/usr/local/bin:/usr/bin:/bin"
#define EXECUTABLE (S_IXUSR | S_IXGRP | S_IXOTH)

struct cgi_mount {
	char *path; /* of the directory or program, as programs see it; owned */
	bool is_program;
	struct directory directory; /* unless it is one program */
	bool told_gone;		    /* the log says that it was removed */
	int64_t limit;
	int none; /* /dev/null */
	struct cgi_variables variables;
	struct cgi_sandbox sandbox;

	/* For the program that is run: */
	struct buffer program; /* its path */
	struct buffer place;   /* and the directory of that */
	struct cgi_environment environment;
	struct cgi_relay relay;
};

/* ---- Mounting ---- */

static int
take_variables(struct cgi_mount *c, struct tined_mount *m)
{
	const char *path = getenv("PATH");

	if (cgi_variables_take(&c->variables, m) == -1)
		return -1;
	cgi_variables_add(
	    &c->variables, TEXT("PATH"), path != NULL ? path : USUAL_PATH);
	return 0;
}

static int
cgi_take_limit(struct cgi_mount *c, struct tined_mount *m)
{
	const char *argument = tined_argument(m, "timeout");

	c->limit = LIMIT;
	if (argument == NULL)
		return 0;
	if (units_time(argument, &c->limit) && c->limit > 0)
		return 0;
	return builtin_mount_usage(
	    m, "timeout=%s: expected a time such as 500ms or 20s", argument);
}

/* Programs run inside --chroot, so their path there is the one that counts. */
static int
take_inner_path(
    struct cgi_mount *c, struct tined_mount *m, const char *path, char *root)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, len) != 0 || path[len] != '/')
		return tined_mount_fail(m,
		    "programs run inside --chroot %s, and %s is not below it",
		    root, path);
	c->path = memory_copy_string(path + len);
	root[len] = '\0';
	return 0;
}

static int
open_directory(struct cgi_mount *c, struct tined_mount *m, const char *path)
{
	if (directory_open(&c->directory, path, false) == -1)
		return tined_mount_fail(
		    m, "%s: %s", path, directory_error(errno));
	builtin_serve_directory(m, c->directory.fd);
	return 0;
}

static int
cgi_take_subject(struct cgi_mount *c, struct tined_mount *m, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return tined_mount_fail(m, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return open_directory(c, m, path);
	c->is_program = true;
	if (S_ISREG(st.st_mode) && (st.st_mode & EXECUTABLE) != 0)
		return 0;
	return tined_mount_fail(
	    m, "%s is neither a directory nor an executable file", path);
}

static int
prepare_sandbox(struct cgi_mount *c, struct tined_mount *m, const char *root)
{
	if (cgi_sandbox_init(&c->sandbox, m, root) == -1)
		return -1;
	c->sandbox.path = cgi_variables_find(&c->variables, "PATH");
	if (cgi_sandbox_grant_programs(&c->sandbox, c->path) == -1)
		return -1;
	return cgi_sandbox_grant_arguments(&c->sandbox);
}

/* In the second call (builtin.h), in place of find. */
static int
cgi_take_found(struct cgi_mount *c, struct tined_mount *m)
{
	const struct builtin_setup *setup = builtin_setup(m);
	struct text path;

	if (!text_cut_string(setup->found, &path) || path.len >= PATH_MAX ||
	    path.at[0] != '/')
		return tined_mount_fail(
		    m, "%s: its path was not found", tined_mount_subject(m));
	c->path = memory_copy_string(path.at);
	c->is_program = setup->opened == -1;
	if (!c->is_program) {
		c->directory = (struct directory){.fd = setup->opened};
		builtin_serve_directory(m, setup->opened);
	}
	return cgi_sandbox_take(&c->sandbox, m);
}

/* Gets both paths without symbolic links, so that they can be compared. */
static int
resolve(struct tined_mount *m, char path[PATH_MAX], char root[PATH_MAX])
{
	const char *chroot = builtin_setup(m)->config->chroot;
	const char *subject = tined_mount_subject(m);
	char *whole = *subject != '\0' ? path_absolute(subject) : NULL;
	bool is_there = whole != NULL && realpath(whole, path) != NULL;

	free(whole);
	if (*subject == '\0')
		return builtin_mount_usage(m,
		    "cgi: needs a directory of programs, or one program, as in "
		    "cgi:/srv/cgi-bin");
	if (!is_there)
		return tined_mount_fail(m, "%s: %s", subject, strerror(errno));
	if (realpath(chroot != NULL ? chroot : "/", root) == NULL)
		return tined_mount_fail(
		    m, "--chroot %s: %s", chroot, strerror(errno));
	return 0;
}

static int
find(struct cgi_mount *c, struct tined_mount *m)
{
	char path[PATH_MAX] = "", root[PATH_MAX] = "";

	if (resolve(m, path, root) == -1 ||
	    take_inner_path(c, m, path, root) == -1 ||
	    cgi_take_subject(c, m, path) == -1)
		return -1;
	builtin_note_found(m, (struct text){c->path, strlen(c->path) + 1});
	return prepare_sandbox(c, m, root);
}

static int
cgi_begin(struct cgi_mount *c, struct tined_mount *m)
{
	if (builtin_split_argument(m) == -1 || take_variables(c, m) == -1 ||
	    cgi_take_limit(c, m) == -1)
		return -1;
	if ((builtin_setup(m)->found != NULL ? cgi_take_found : find)(c, m) ==
	    -1)
		return -1;
	cgi_sandbox_settle(&c->sandbox);
	c->none = open("/dev/null", O_RDWR | O_CLOEXEC);
	return c->none != -1
	    ? 0
	    : tined_mount_fail(m, "/dev/null: %s", strerror(errno));
}

static void
cgi_unmount(void *state)
{
	struct cgi_mount *c = state;

	cgi_variables_free(&c->variables);
	if (c->directory.fd != -1)
		directory_close(&c->directory);
	if (c->none != -1)
		close(c->none);
	cgi_sandbox_free(&c->sandbox);
	buffer_free(&c->program);
	buffer_free(&c->place);
	cgi_environment_free(&c->environment);
	cgi_relay_free(&c->relay);
	free(c->path);
	free(c);
}

static int
cgi_mount(struct tined_mount *m, void **state)
{
	struct cgi_mount *c = memory_get_array(1, sizeof(*c));

	c->none = c->directory.fd = c->sandbox.root_fd = -1;
	cgi_relay_init(&c->relay);
	tined_take_methods(m, "*");
	tined_take_content(m);
	builtin_spools(m);
	*state = c;
	if (cgi_begin(c, m) == 0)
		return 0;
	cgi_unmount(c);
	return -1;
}

/* ---- Serving ---- */

/* Returns 0, or a status code. */
static int
find_program(const struct cgi_mount *c, const struct tined_exchange *x,
    struct cgi_path *path)
{
	struct text below = text_from(tined_path_below(x));

	if (tined_path_is_ambiguous(x))
		return 404;
	if (!c->is_program)
		return cgi_path_find(&c->directory, below, path);
	*path = (struct cgi_path){.info = below};
	return 0;
}

static void
cgi_refuse(struct cgi_mount *c, struct tined_exchange *x, int status)
{
	int error = errno;

	tined_error(x, status);
	if (status == 503 && error == ENOENT)
		removed_tell(&c->told_gone, c->path, x);
	else if (status == 403)
		tined_log(x, TINED_NOTICE,
		    "no executable file below %s: answered 403", c->path);
	else if (status >= 500)
		tined_log(
		    x, TINED_ERROR, "it gets %d: %s", status, strerror(error));
}

/* Sets the path of the program, and the directory where it runs. */
static void
set_paths(struct cgi_mount *c, const struct cgi_path *path)
{
	const char *slash;

	buffer_clear(&c->program);
	buffer_clear(&c->place);
	buffer_add_string(&c->program, c->path);
	buffer_add_text(&c->program, path->program);
	slash = strrchr(buffer_string(&c->program), '/');
	buffer_add(&c->place, c->program.data,
	    slash == c->program.data ? 1 : (size_t)(slash - c->program.data));
}

static void
cgi_fill_environment(
    struct cgi_mount *c, struct tined_exchange *x, const struct cgi_path *path)
{
	struct cgi_environment *e = &c->environment;
	struct buffer name = {0};

	cgi_environment_clear(e);
	cgi_variables_fix(&c->variables, e);
	buffer_add_text(&name, text_from(tined_prefix(x)));
	buffer_add_text(&name, path->program);
	cgi_exchange_add_request(e, x, buffer_text(&name), path->info);
	buffer_free(&name);
	cgi_environment_add(
	    e, "SCRIPT_FILENAME", text_of(buffer_string(&c->program)));
	/* Without it, php-cgi believes that it was called by its own path. */
	cgi_environment_add(e, "REDIRECT_STATUS", TEXT("200"));
}

static void
cgi_serve(void *state, struct tined_exchange *x)
{
	struct cgi_mount *c = state;
	struct cgi_command command = {.none = c->none};
	struct builtin_content content;
	struct cgi_path path;
	int status = find_program(c, x, &path);

	if (status != 0) {
		cgi_refuse(c, x, status);
		return;
	}
	set_paths(c, &path);
	cgi_fill_environment(c, x, &path);
	if (cgi_exchange_take_content(&c->environment, x, &content) == -1)
		return;
	command.path = buffer_string(&c->program);
	command.directory = buffer_string(&c->place);
	command.environment = cgi_environment_list(&c->environment);
	command.has_input = content.length > 0;
	c->relay.name = strrchr(command.path, '/') + 1;
	c->relay.limit = c->limit;
	cgi_relay_run(&c->relay, x, &command, &content);
}

/* The worker ends: so does the program that it runs. */
static void
cgi_dump(void *state, int fd)
{
	struct cgi_mount *c = state;
	static const char words[] = "it was running the program ";

	if (c->relay.program.pid == 0)
		return;
	(void)!write(fd, words, sizeof(words) - 1);
	(void)!write(fd, c->program.data, c->program.len);
	(void)!write(fd, "\n", 1);
	cgi_program_kill_now(&c->relay.program);
}

const struct tined_module handler_cgi = {
    TINED_MODULE_VERSION,
    .name = "cgi",
    .mount = cgi_mount,
    .serve = cgi_serve,
    .unmount = cgi_unmount,
    .dump = cgi_dump,
};
