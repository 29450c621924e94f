/*
 * module: WSGI (PEP 3333) as a module of the server, which embeds CPython.
 */
#include "modules/wsgi/python.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/wsgi/application.h"
#include "modules/wsgi/environ.h"
#include "modules/wsgi/file_wrapper.h"
#include "modules/wsgi/input.h"
#include "modules/wsgi/interpreter.h"
#include "modules/wsgi/log_stream.h"
#include "modules/wsgi/response.h"
#include "tined.h"

static PyObject *close_name;

/* ---- The mount ---- */

/* A flag: "preload" or "preload=yes". */
static int
get_flag(struct tined_mount *m, const char *key, bool *flag)
{
	const char *value = tined_argument(m, key);

	*flag = value != NULL && strcmp(value, "no") != 0;
	if (value == NULL || *value == '\0' || strcmp(value, "yes") == 0 ||
	    strcmp(value, "no") == 0)
		return 0;
	return tined_mount_fail(
	    m, "%s=%s: expected %s=yes or %s=no", key, value, key, key);
}

/*
 * The directory in which the server was started: it may be another one at a
 * reload.
 */
static const char *
start_directory(void)
{
	static char directory[PATH_MAX];

	if (*directory == '\0' && getcwd(directory, sizeof(directory)) == NULL)
		return ".";
	return directory;
}

/* Returns its absolute path, to be freed; or NULL, and the mount has failed. */
static char *
find_directory(struct tined_mount *m, const char *key, const char *directory)
{
	char *path, *absolute = NULL;

	if (asprintf(&path, "%s/%s", *directory == '/' ? "" : start_directory(),
		directory) != -1) {
		absolute = realpath(path, NULL);
		free(path);
	}
	if (absolute == NULL)
		(void)tined_mount_fail(
		    m, "%s=%s: %s", key, directory, strerror(errno));
	return absolute;
}

static int
add_path(struct tined_mount *m, struct application *a, const char *path)
{
	char *absolute = find_directory(m, "path", path);
	char **paths;

	if (absolute == NULL)
		return -1;
	paths = realloc(a->paths, (a->path_count + 1) * sizeof(char *));
	if (paths == NULL) {
		free(absolute);
		return tined_mount_fail(m, "%s", strerror(ENOMEM));
	}
	a->paths = paths;
	a->paths[a->path_count++] = absolute;
	return 0;
}

static int
get_paths(struct tined_mount *m, struct application *a)
{
	const char *path;

	for (size_t i = 0; (path = tined_argument_at(m, "path", i)) != NULL;
	     i++)
		if (add_path(m, a, path) == -1)
			return -1;
	return a->path_count > 0 ? 0 : add_path(m, a, ".");
}

static int
get_home(struct tined_mount *m, struct application *a)
{
	const char *home = tined_argument(m, "home");

	if (home == NULL)
		return 0;
	a->home = find_directory(m, "home", home);
	return a->home != NULL ? 0 : -1;
}

/*
 * Python imports modules when code needs them, and the code is not ours to know:
 * an application is allowed what its user is, unless allow= says less.
 */
static int
get_needs(struct tined_mount *m)
{
	static const struct {
		const char *name;
		unsigned need;
	} words[] = {
	    {"read", TINED_NEED_READ},
	    {"write", TINED_NEED_WRITE},
	    {"run", TINED_NEED_EXEC},
	    {"connect", TINED_NEED_CONNECT},
	};
	const size_t count = sizeof(words) / sizeof(words[0]);
	const char *allowed = tined_argument(m, "allow");
	unsigned needs = TINED_NEED_READ;

	if (allowed == NULL)
		allowed = "read+write+run+connect";
	while (*allowed != '\0') {
		size_t len = strcspn(allowed, "+"), i = 0;

		while (i < count &&
		    (strlen(words[i].name) != len ||
			strncmp(words[i].name, allowed, len) != 0))
			i++;
		if (i == count)
			return tined_mount_fail(m,
			    "allow=%s: expected some of "
			    "read+write+run+connect",
			    allowed);
		needs |= words[i].need;
		allowed += len + (allowed[len] == '+');
	}
	tined_need(m, needs);
	return 0;
}

static int
get_name(struct tined_mount *m, struct application *a)
{
	const char *name = tined_argument(m, "app");

	if (name == NULL)
		name = tined_mount_subject(m);
	if (application_parse(a, name) == 0)
		return 0;
	if (errno == ENOMEM)
		return tined_mount_fail(m, "%s", strerror(errno));
	return tined_mount_fail(
	    m, "%s: expected MODULE:CALLABLE, such as app:application", name);
}

static int
get_arguments(struct tined_mount *m, struct application *a, bool *preload)
{
	a->prefix = tined_mount_prefix(m);
	(void)start_directory(); /* before it is another one */
	if (get_name(m, a) == -1 || get_flag(m, "factory", &a->factory) == -1 ||
	    get_flag(m, "preload", preload) == -1 || get_paths(m, a) == -1 ||
	    get_home(m, a) == -1)
		return -1;
	return get_needs(m);
}

static int
prepare_types(void)
{
	if (close_name == NULL)
		close_name = PyUnicode_InternFromString("close");
	if (close_name == NULL || input_prepare() == -1 ||
	    file_wrapper_prepare() == -1 || response_prepare() == -1) {
		log_stream_exception(NULL, "the module cannot be prepared");
		return -1;
	}
	return 0;
}

/* Memory that a collection does not touch is shared with the workers. */
static void
freeze_memory(void)
{
	PyObject *gc = PyImport_ImportModule("gc");
	PyObject *result = NULL;

	(void)PyGC_Collect();
	if (gc != NULL)
		result = PyObject_CallMethod(gc, "freeze", NULL);
	Py_XDECREF(result);
	Py_XDECREF(gc);
	PyErr_Clear();
}

static int
load_in_master(struct tined_mount *m, struct application *a)
{
	const bool again = Py_IsInitialized();
	const char *why;
	bool loaded;

	if (interpreter_begin(a->home, &why) == -1)
		return tined_mount_fail(m, "%s", why);
	loaded = prepare_types() == 0 && application_load(a) == 0;
	log_stream_end();
	if (loaded)
		freeze_memory();
	interpreter_rest();
	if (!loaded)
		return tined_mount_fail(m, "%s:%s cannot be loaded: see above",
		    a->module, a->callable);
	if (again)
		tined_log(NULL, TINED_WARNING,
		    "%s was preloaded: changed code of it runs after SIGUSR2, "
		    "not after SIGHUP",
		    a->module);
	return 0;
}

static int
wsgi_mount(struct tined_mount *m, void **state)
{
	struct application *a = calloc(1, sizeof(*a));
	bool preload;

	if (a == NULL)
		return tined_mount_fail(m, "%s", strerror(errno));
	if (get_arguments(m, a, &preload) == -1 ||
	    (preload && load_in_master(m, a) == -1)) {
		application_free(a);
		return -1;
	}
	(void)tined_take_methods(m, "*");
	tined_take_content(m);
	*state = a;
	return 0;
}

static void
wsgi_unmount(void *state)
{
	struct application *a = state;

	if (a->object != NULL)
		application_unload(a);
	application_free(a);
}

/* ---- In a worker ---- */

static int
wsgi_start(void *state)
{
	struct application *a = state;
	const char *why;
	int result;

	if (interpreter_begin(a->home, &why) == -1) {
		tined_log(NULL, TINED_ERROR, "%s", why);
		return -1;
	}
	result = prepare_types();
	if (result == 0 && a->object == NULL)
		result = application_load(a);
	log_stream_end();
	interpreter_leave();
	return result;
}

/* PEP 3333: however the request has ended. */
static void
close_returned(struct tined_exchange *x, PyObject *returned)
{
	PyObject *close, *result;

	if (PyList_CheckExact(returned) || PyTuple_CheckExact(returned))
		return;
	close = PyObject_GetAttr(returned, close_name);
	if (close == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
		PyErr_Clear();
		return;
	}
	result = close != NULL ? PyObject_CallNoArgs(close) : NULL;
	interpreter_end_fork();
	if (result == NULL)
		log_stream_exception(x, "close() has raised an exception");
	Py_XDECREF(result);
	Py_XDECREF(close);
}

static void
fail(struct tined_exchange *x, bool client_failed)
{
	if (!PyErr_Occurred())
		return;
	if (client_failed) {
		PyErr_Clear();
		return;
	}
	log_stream_exception(x, "the application has raised an exception");
	tined_error(x, 500);
}

static PyObject *
call(struct application *a, PyObject *environment, PyObject *start)
{
	PyObject *arguments[] = {NULL, environment, start};
	PyObject *returned = PyObject_Vectorcall(
	    a->object, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);

	interpreter_end_fork();
	return returned;
}

static void
respond(struct application *a, struct tined_exchange *x)
{
	PyObject *input = input_begin(x);
	PyObject *start = input != NULL ? response_begin(x) : NULL;
	PyObject *environment =
	    start != NULL ? environ_make(a->prototype, x, input) : NULL;
	PyObject *returned =
	    environment != NULL ? call(a, environment, start) : NULL;
	int result = returned != NULL ? response_send(returned) : -1;

	if (result == -1)
		fail(x, input_has_failed() || response_has_failed());
	if (returned != NULL) {
		close_returned(x, returned);
		Py_DECREF(returned);
	}
	Py_XDECREF(environment);
}

static void
wsgi_serve(void *state, struct tined_exchange *x)
{
	interpreter_enter();
	log_stream_begin(x);
	respond(state, x);
	response_end();
	input_end();
	log_stream_end();
	interpreter_leave();
}

static void
wsgi_stop(void *state)
{
	interpreter_enter();
	application_unload(state);
	interpreter_end_fork();
	if (application_is_last()) {
		interpreter_end();
		return;
	}
	interpreter_leave();
}

static void
wsgi_dump(void *state, int fd)
{
	(void)state;
	interpreter_dump(fd);
}

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "wsgi",
    .mount = wsgi_mount,
    .start = wsgi_start,
    .serve = wsgi_serve,
    .stop = wsgi_stop,
    .unmount = wsgi_unmount,
    .dump = wsgi_dump,
};
