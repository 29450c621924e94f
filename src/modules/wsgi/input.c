#include "modules/wsgi/input.h"

#include <string.h>

#include "modules/wsgi/interpreter.h"

#define BUFFER_SIZE ((size_t)64 << 10)
/* The first size of bytes whose number is not known. */
#define UNKNOWN_SIZE ((uint64_t)8 << 10)
#define KNOWN_SIZE_MAX ((uint64_t)256 << 10)

struct input {
	PyObject ob_base;
	struct tined_exchange *x; /* NULL when its request is over */
	char *buffer;		  /* of BUFFER_SIZE; NULL before it is needed */
	size_t at, end;		  /* of what is in it */
	uint64_t left;		  /* to come; UINT64_MAX: not known */
	bool failed;
};

static PyTypeObject input_type;
/* For the next request, unless the application has kept it. */
static struct input *present;

/* All but what was read before. */
static ssize_t
receive(struct input *in, void *to, size_t size)
{
	PyThreadState *paused;
	ssize_t n;

	if (in->x == NULL || !interpreter_is_entered()) {
		PyErr_SetString(PyExc_RuntimeError,
		    "wsgi.input is for the thread and the time of its request");
		return -1;
	}
	paused = interpreter_pause();
	n = in->failed ? -1 : tined_read(in->x, to, size);
	interpreter_resume(paused);
	if (n == -1) {
		in->failed = true;
		PyErr_SetString(PyExc_ConnectionAbortedError,
		    "the client has not sent the whole content");
		return -1;
	}
	if (in->left != UINT64_MAX)
		in->left -= (uint64_t)n < in->left ? (uint64_t)n : in->left;
	return n;
}

/* Makes sure that the buffer has bytes, unless the content ends. */
static int
fill(struct input *in)
{
	ssize_t n;

	if (in->at < in->end)
		return 0;
	if (in->buffer == NULL &&
	    (in->buffer = PyMem_Malloc(BUFFER_SIZE)) == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	n = receive(in, in->buffer, BUFFER_SIZE);
	if (n == -1)
		return -1;
	in->at = 0;
	in->end = (size_t)n;
	return 0;
}

/* At most size bytes; 0 at the end; -1 with an exception. */
static ssize_t
take(struct input *in, char *to, size_t size)
{
	size_t len = in->end - in->at;

	if (len == 0 && size >= BUFFER_SIZE)
		return receive(in, to, size);
	if (len == 0) {
		if (fill(in) == -1)
			return -1;
		len = in->end - in->at;
	}
	if (len > size)
		len = size;
	memcpy(to, in->buffer + in->at, len);
	in->at += len;
	return (ssize_t)len;
}

/* Of an optional argument: negative or None is all. */
static int
parse_size(PyObject *const *args, Py_ssize_t count, Py_ssize_t *size)
{
	*size = -1;
	if (count > 1) {
		PyErr_SetString(
		    PyExc_TypeError, "it takes at most one argument, a size");
		return -1;
	}
	if (count == 0 || args[0] == Py_None)
		return 0;
	*size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
	return *size == -1 && PyErr_Occurred() ? -1 : 0;
}

/* The size to begin with; a client's word alone is worth no memory. */
static Py_ssize_t
first_size(const struct input *in, Py_ssize_t wanted)
{
	const uint64_t here = in->end - in->at;
	uint64_t most = UNKNOWN_SIZE;

	if (in->left != UINT64_MAX)
		most = in->left < KNOWN_SIZE_MAX ? here + in->left
						 : KNOWN_SIZE_MAX;
	if (most > KNOWN_SIZE_MAX)
		most = KNOWN_SIZE_MAX;
	return wanted >= 0 && (uint64_t)wanted < most ? wanted
						      : (Py_ssize_t)most;
}

static PyObject *
input_read(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	struct input *in = (struct input *)self;
	Py_ssize_t wanted, size, len = 0;
	PyObject *bytes;

	if (parse_size(args, count, &wanted) == -1)
		return NULL;
	size = first_size(in, wanted);
	bytes = PyBytes_FromStringAndSize(NULL, size);
	while (bytes != NULL && len != wanted) {
		ssize_t n;

		if (len == size) { /* ask before it grows: it may be the end */
			if (fill(in) == -1)
				goto fail;
			if (in->at == in->end)
				break;
			size = wanted >= 0 && wanted < 2 * size ? wanted
								: 2 * size + 1;
			if (_PyBytes_Resize(&bytes, size) == -1)
				return NULL;
		}
		n = take(
		    in, PyBytes_AS_STRING(bytes) + len, (size_t)(size - len));
		if (n == -1)
			goto fail;
		if (n == 0)
			break;
		len += n;
	}
	if (bytes != NULL && len < size)
		(void)_PyBytes_Resize(&bytes, len);
	return bytes;
fail:
	Py_DECREF(bytes);
	return NULL;
}

/* The bytes up to a newline, or to the size, that are in the buffer. */
static size_t
line_length(const struct input *in, size_t size)
{
	size_t len = in->end - in->at;
	const char *newline;

	if (len > size)
		len = size;
	newline = memchr(in->buffer + in->at, '\n', len);
	return newline != NULL ? (size_t)(newline + 1 - (in->buffer + in->at))
			       : len;
}

static PyObject *
read_line(struct input *in, Py_ssize_t size)
{
	size_t left = size >= 0 ? (size_t)size : PY_SSIZE_T_MAX;
	PyObject *line = PyBytes_FromStringAndSize(NULL, 0);
	bool ended = false;

	while (line != NULL && left > 0 && !ended) {
		size_t len;

		if (fill(in) == -1) {
			Py_CLEAR(line);
			break;
		}
		if (in->at == in->end)
			break;
		len = line_length(in, left);
		ended = in->buffer[in->at + len - 1] == '\n';
		PyBytes_ConcatAndDel(&line,
		    PyBytes_FromStringAndSize(
			in->buffer + in->at, (Py_ssize_t)len));
		in->at += len;
		left -= len;
	}
	return line;
}

static PyObject *
input_readline(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	Py_ssize_t size;

	if (parse_size(args, count, &size) == -1)
		return NULL;
	return read_line((struct input *)self, size);
}

static PyObject *
input_readlines(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	Py_ssize_t hint, total = 0;
	PyObject *list;

	if (parse_size(args, count, &hint) == -1)
		return NULL;
	list = PyList_New(0);
	while (list != NULL && (hint <= 0 || total < hint)) {
		PyObject *line = read_line((struct input *)self, -1);
		Py_ssize_t len = line != NULL ? PyBytes_GET_SIZE(line) : 0;

		if (line == NULL ||
		    (len > 0 && PyList_Append(list, line) == -1))
			Py_CLEAR(list);
		Py_XDECREF(line);
		if (len == 0)
			break;
		total += len;
	}
	return list;
}

static PyObject *
input_next(PyObject *self)
{
	PyObject *line = read_line((struct input *)self, -1);

	if (line != NULL && PyBytes_GET_SIZE(line) == 0)
		Py_CLEAR(line);
	return line;
}

static void
input_dealloc(PyObject *self)
{
	PyMem_Free(((struct input *)self)->buffer);
	PyObject_Free(self);
}

static PyMethodDef methods[] = {
    {"read", PYTHON_FUNCTION(input_read), METH_FASTCALL, NULL},
    {"readline", PYTHON_FUNCTION(input_readline), METH_FASTCALL, NULL},
    {"readlines", PYTHON_FUNCTION(input_readlines), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject input_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tined.Input",
    .tp_doc = "The content of a request.",
    .tp_basicsize = sizeof(struct input),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = input_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = input_next,
    .tp_methods = methods,
};

int
input_prepare(void)
{
	return PyType_Ready(&input_type);
}

PyObject *
input_begin(struct tined_exchange *x)
{
	struct input *in = present;

	if (in == NULL) {
		in = PyObject_New(struct input, &input_type);
		if (in == NULL)
			return NULL;
		in->buffer = NULL;
		present = in;
	}
	in->x = x;
	in->at = in->end = 0;
	in->failed = false;
	if (!tined_content_length(x, &in->left))
		in->left = UINT64_MAX;
	return (PyObject *)in;
}

bool
input_has_failed(void)
{
	return present != NULL && present->failed;
}

void
input_end(void)
{
	struct input *in = present;

	if (in == NULL)
		return;
	in->x = NULL;
	in->at = in->end = 0;
	if (Py_REFCNT(in) > 1)
		Py_CLEAR(present);
}
