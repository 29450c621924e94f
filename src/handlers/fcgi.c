/*
 * fcgi:unix:PATH and fcgi:HOST:PORT have the requests answered by applications
 * that speak FastCGI, as responders: PHP-FPM, for one.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "handlers/builtin.h"
#include "handlers/cgi_environment.h"
#include "handlers/cgi_exchange.h"
#include "handlers/cgi_variables.h"
#include "handlers/fcgi_answer.h"
#include "handlers/fcgi_record.h"
#include "handlers/fcgi_script.h"
#include "handlers/redirect.h"
#include "handlers/removed.h"
#include "handlers/upstream.h"

#define ENDING ".php"
#define INDEX "index.php"

struct fcgi_mount {
	struct upstream *upstream;
	bool keeps; /* connections, after an answer */

	struct cgi_variables variables;

	/* With root=: requests are for scripts below it. */
	bool has_scripts;
	struct fcgi_scripts scripts;
	char *root;	/* its path, as the application sees it; owned */
	bool told_gone; /* the log says that the directory was removed */

	/* Of the request that is passed on: */
	struct fcgi_script script;
	struct buffer name; /* of a variable's value */
	struct cgi_environment environment;
	struct buffer pairs;
	struct fcgi_answer answer;
};

/* ---- Mounting ---- */

static int
take_names(struct fcgi_mount *f, struct tined_mount *m)
{
	const char *index = tined_argument(m, "index");
	const char *ending = tined_argument(m, "split");

	f->scripts.index = index != NULL ? index : INDEX;
	f->scripts.ending = ending != NULL ? ending : ENDING;
	if (*f->scripts.index == '\0' || strchr(f->scripts.index, '/') != NULL)
		return builtin_mount_usage(m,
		    "index=%s: expected the name of a file", f->scripts.index);
	if (strchr(f->scripts.ending, '/') != NULL)
		return builtin_mount_usage(m,
		    "split=%s: expected how the names of scripts end, such as "
		    ".php",
		    f->scripts.ending);
	return 0;
}

/* The name by which the application knows the directory. */
static int
take_application_root(struct fcgi_mount *f, struct tined_mount *m)
{
	const char *there = tined_argument(m, "application-root");
	char path[PATH_MAX];
	size_t len;

	if (there != NULL && *there != '/')
		return builtin_mount_usage(
		    m, "application-root=%s: expected an absolute path", there);
	if (there == NULL) {
		if (directory_path(&f->scripts.directory, path) == -1)
			return tined_mount_fail(m, "root: %s", strerror(errno));
		there = path;
	}
	len = strlen(there);
	while (len > 0 && there[len - 1] == '/')
		len--;
	f->root = memory_printf("%.*s", (int)len, there);
	return 0;
}

static int
fcgi_open_root(struct fcgi_mount *f, struct tined_mount *m, const char *root)
{
	struct directory *d = &f->scripts.directory;
	const struct builtin_setup *setup = builtin_setup(m);
	bool follow = setup->config->follow_symlinks;

	if (setup->found != NULL && setup->opened == -1)
		return tined_mount_fail(m, "root=%s: it was not opened", root);
	if (setup->found != NULL)
		*d = (struct directory){.fd = setup->opened, .follow = follow};
	else if (directory_open(d, root, follow) == -1)
		return tined_mount_fail(
		    m, "root=%s: %s", root, directory_error(errno));
	f->has_scripts = true;
	builtin_serve_directory(m, d->fd);
	tined_need(m, follow ? TINED_NEED_READ : 0);
	return take_application_root(f, m);
}

static int
take_root(struct fcgi_mount *f, struct tined_mount *m)
{
	const char *root = tined_argument(m, "root");
	char *path;
	int result;

	if (root == NULL)
		return 0;
	if (*root == '\0')
		return builtin_mount_usage(
		    m, "root=: expected the path of a directory");
	if (take_names(f, m) == -1)
		return -1;
	path = path_absolute(root);
	result = fcgi_open_root(f, m, path);
	free(path);
	return result;
}

static int
fcgi_begin(struct fcgi_mount *f, struct tined_mount *m)
{
	int64_t keepalive = 0;

	if (builtin_split_argument(m) == -1)
		return -1;
	if (*tined_mount_subject(m) == '\0')
		return builtin_mount_usage(m,
		    "fcgi: needs the address of an application, as in "
		    "fcgi:unix:/run/php/php-fpm.sock");
	/* PHP-FPM has a process for each connection, so none is kept. */
	f->upstream = upstream_mount(m, tined_mount_subject(m), 0);
	if (f->upstream == NULL || !upstream_time(m, "keepalive", &keepalive))
		return -1;
	if (cgi_variables_take(&f->variables, m) == -1)
		return -1;
	f->keeps = keepalive > 0;
	tined_take_methods(m, "*");
	tined_take_content(m);
	builtin_spools(m);
	return take_root(f, m);
}

static void
fcgi_unmount(void *state)
{
	struct fcgi_mount *f = state;

	if (f->upstream != NULL)
		upstream_unmount(f->upstream);
	if (f->has_scripts)
		directory_close(&f->scripts.directory);
	free(f->root);
	cgi_variables_free(&f->variables);
	buffer_free(&f->script.name);
	buffer_free(&f->name);
	cgi_environment_free(&f->environment);
	buffer_free(&f->pairs);
	fcgi_answer_free(&f->answer);
	free(f);
}

static int
fcgi_mount(struct tined_mount *m, void **state)
{
	struct fcgi_mount *f = memory_get_array(1, sizeof(*f));

	*f = (struct fcgi_mount){0};
	*state = f;
	if (fcgi_begin(f, m) == 0)
		return 0;
	fcgi_unmount(f);
	return -1;
}

static void
fcgi_stop(void *state)
{
	struct fcgi_mount *f = state;

	upstream_stop(f->upstream);
}

/* ---- The script ---- */

static void
fcgi_refuse(struct fcgi_mount *f, struct tined_exchange *x, int status)
{
	int error = errno;

	if (status == 301) {
		redirect_to_directory(x);
		return;
	}
	tined_error(x, status);
	if (status == 503 && error == ENOENT)
		removed_tell(&f->told_gone, f->root, x);
	else if (status == 403)
		tined_log(x, TINED_INFO, "it gets 403: %s",
		    error == EXDEV ? "a symbolic link leads out of the "
				     "directory (--follow-symlinks)"
				   : strerror(error));
	else if (status >= 500)
		tined_log(
		    x, TINED_ERROR, "it gets %d: %s", status, strerror(error));
}

/* True if the request is for the application; else it is answered. */
static bool
find_script(struct fcgi_mount *f, struct tined_exchange *x)
{
	int status = 404;

	buffer_clear(&f->script.name);
	f->script.info = text_from(tined_path_below(x));
	if (!f->has_scripts)
		return true;
	if (!tined_path_is_ambiguous(x))
		status =
		    fcgi_script_find(&f->scripts, f->script.info, &f->script);
	if (status != 0)
		fcgi_refuse(f, x, status);
	return status == 0;
}

/* ---- The request ---- */

static void
fcgi_add_path(struct fcgi_mount *f, const char *variable, struct text directory,
    struct text name)
{
	buffer_clear(&f->name);
	buffer_add_text(&f->name, directory);
	buffer_add_text(&f->name, name);
	cgi_environment_add(&f->environment, variable, buffer_text(&f->name));
}

/* Where the script is; PHP runs it by SCRIPT_FILENAME. */
static void
add_paths(struct fcgi_mount *f)
{
	struct text root = text_of(f->root);

	cgi_environment_add(
	    &f->environment, "DOCUMENT_ROOT", root.len > 0 ? root : TEXT("/"));
	fcgi_add_path(f, "SCRIPT_FILENAME", root, buffer_text(&f->script.name));
	if (f->script.info.len > 0)
		fcgi_add_path(f, "PATH_TRANSLATED", root, f->script.info);
}

static void
fcgi_fill_environment(struct fcgi_mount *f, struct tined_exchange *x)
{
	struct cgi_environment *e = &f->environment;

	cgi_environment_clear(e);
	cgi_variables_fix(&f->variables, e);
	buffer_clear(&f->name);
	buffer_add_text(&f->name, text_from(tined_prefix(x)));
	buffer_add_text(&f->name, buffer_text(&f->script.name));
	cgi_exchange_add_request(e, x, buffer_text(&f->name), f->script.info);
	if (f->has_scripts)
		add_paths(f);
	/* Without it, PHP believes that it was called by its own path. */
	cgi_environment_add(e, "REDIRECT_STATUS", TEXT("200"));
}

static void
add_params(struct fcgi_mount *f, struct buffer *out)
{
	char **list = cgi_environment_list(&f->environment);

	buffer_clear(&f->pairs);
	for (; *list != NULL; list++) {
		const char *equals = strchr(*list, '=');

		fcgi_record_add_pair(&f->pairs,
		    (struct text){*list, (size_t)(equals - *list)},
		    text_of(equals + 1));
	}
	fcgi_record_add_content(
	    out, FCGI_RECORD_PARAMS, buffer_text(&f->pairs));
	fcgi_record_add_end(out, FCGI_RECORD_PARAMS);
}

static void
fcgi_serve(void *state, struct tined_exchange *x)
{
	struct fcgi_mount *f = state;
	struct upstream_request r = {
	    .protocol = &fcgi_answer_protocol,
	    .state = &f->answer,
	    .x = x,
	    .is_idempotent = method_is_idempotent(builtin_request(x)->method),
	    .out = upstream_out(f->upstream),
	    .is_last = !f->keeps,
	};

	if (!find_script(f, x))
		return;
	fcgi_fill_environment(f, x);
	if (cgi_exchange_take_content(&f->environment, x, &r.content) == -1)
		return;
	r.has_content = r.content.length > 0;
	fcgi_answer_reset(&f->answer);
	fcgi_record_add_begin(r.out, f->keeps);
	add_params(f, r.out);
	if (!r.has_content)
		fcgi_record_add_end(r.out, FCGI_RECORD_STDIN);
	fcgi_answer_end(&f->answer, &r, upstream_forward(f->upstream, &r));
}

const struct tined_module handler_fcgi = {
    TINED_MODULE_VERSION,
    .name = "fcgi",
    .mount = fcgi_mount,
    .serve = fcgi_serve,
    .stop = fcgi_stop,
    .unmount = fcgi_unmount,
};
