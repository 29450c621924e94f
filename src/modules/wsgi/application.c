#include "modules/wsgi/application.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modules/wsgi/environ.h"
#include "modules/wsgi/interpreter.h"
#include "modules/wsgi/log_stream.h"
#include "tined.h"

#define DEFAULT_CALLABLE "application"

static struct application *loaded;

int
application_parse(struct application *a, const char *name)
{
	const char *colon = strchr(name, ':');
	size_t len = colon != NULL ? (size_t)(colon - name) : strlen(name);

	a->module = strndup(name, len);
	a->callable = strdup(colon != NULL ? colon + 1 : DEFAULT_CALLABLE);
	if (a->module == NULL || a->callable == NULL)
		return -1;
	errno = EINVAL;
	return len > 0 && *a->callable != '\0' &&
		strpbrk(a->module, "/ ") == NULL
	    ? 0
	    : -1;
}

static size_t
top_length(const struct application *a)
{
	return strcspn(a->module, ".");
}

static bool
has_same_paths(const struct application *a, const struct application *b)
{
	if (a->path_count != b->path_count)
		return false;
	for (size_t i = 0; i < a->path_count; i++)
		if (strcmp(a->paths[i], b->paths[i]) != 0)
			return false;
	return true;
}

/* Python imports one module of a name; it would be the wrong one. */
static int
check_others(const struct application *a)
{
	const size_t len = top_length(a);

	for (const struct application *b = loaded; b != NULL; b = b->next)
		if (top_length(b) == len &&
		    strncmp(a->module, b->module, len) == 0 &&
		    !has_same_paths(a, b)) {
			tined_log(NULL, TINED_ERROR,
			    "two mounts have a module %.*s and another path=: "
			    "run one of them in a server of its own",
			    (int)len, a->module);
			return -1;
		}
	return 0;
}

/* In front of the others, also if it is one of them already. */
static int
move_to_front(PyObject *list, PyObject *string)
{
	int result = PySequence_Contains(list, string);

	while (result == 1) {
		Py_ssize_t at = PySequence_Index(list, string);

		result = at != -1 ? PySequence_DelItem(list, at) : -1;
		if (result == 0)
			result = PySequence_Contains(list, string);
	}
	return result == 0 ? PyList_Insert(list, 0, string) : -1;
}

static int
add_path(const char *path)
{
	PyObject *list = PySys_GetObject("path");
	PyObject *string = PyUnicode_DecodeFSDefault(path);
	int result = -1;

	if (list != NULL && string != NULL)
		result = move_to_front(list, string);
	Py_XDECREF(string);
	return result;
}

/* The first path= comes first. */
static int
add_paths(const struct application *a)
{
	for (size_t i = a->path_count; i > 0; i--)
		if (add_path(a->paths[i - 1]) == -1)
			return -1;
	return 0;
}

/* "object.name" in the module; a new reference. */
static PyObject *
find_callable(const struct application *a)
{
	PyObject *object = PyImport_ImportModule(a->module);
	char *names = strdup(a->callable), *rest = names, *name;

	if (names == NULL)
		Py_CLEAR(object);
	if (names == NULL && !PyErr_Occurred())
		PyErr_NoMemory();
	while (object != NULL && (name = strsep(&rest, ".")) != NULL)
		Py_SETREF(object, PyObject_GetAttrString(object, name));
	free(names);
	if (object != NULL && a->factory)
		Py_SETREF(object, PyObject_CallNoArgs(object));
	interpreter_end_fork();
	if (object != NULL && !PyCallable_Check(object)) {
		PyErr_Format(PyExc_TypeError, "%s is no callable: %R",
		    a->callable, object);
		Py_CLEAR(object);
	}
	return object;
}

int
application_load(struct application *a)
{
	if (check_others(a) == -1)
		return -1;
	if (add_paths(a) == 0 && (a->object = find_callable(a)) != NULL &&
	    (a->prototype = environ_prototype(a->prefix)) != NULL) {
		a->next = loaded;
		loaded = a;
		return 0;
	}
	tined_log(NULL, TINED_ERROR, "%s:%s cannot be loaded", a->module,
	    a->callable);
	log_stream_exception(NULL, "Python has raised");
	application_unload(a);
	return -1;
}

void
application_unload(struct application *a)
{
	struct application **at = &loaded;

	while (*at != NULL && *at != a)
		at = &(*at)->next;
	if (*at == a)
		*at = a->next;
	Py_CLEAR(a->object);
	Py_CLEAR(a->prototype);
}

bool
application_is_last(void)
{
	return loaded == NULL;
}

void
application_free(struct application *a)
{
	for (size_t i = 0; i < a->path_count; i++)
		free(a->paths[i]);
	free(a->paths);
	free(a->module);
	free(a->callable);
	free(a->home);
	free(a);
}
