#include "modules/wsgi/log_stream.h"

#include <string.h>

/* A longer line is logged in pieces; tined_log takes as much, and a request. */
#define LINE_SIZE (16 << 10)

/* Lines that have not ended; guarded by the GIL. */
struct line {
	size_t len;
	char bytes[LINE_SIZE];
};

enum stream { STREAM_OUT, STREAM_ERRORS, STREAM_COUNT };

static struct line lines[STREAM_COUNT];
static const struct tined_exchange *current;
static unsigned long current_thread;
static PyObject *errors;

static const char install[] =
    "import io, sys\n"
    "class Log(io.RawIOBase):\n"
    "    def __init__(self, number):\n"
    "        self.number = number\n"
    "    def writable(self):\n"
    "        return True\n"
    "    def fileno(self):\n" /* what child processes have */
    "        return 1 + self.number\n"
    "    def write(self, data):\n"
    "        return write(self.number, data)\n"
    "def stream(number):\n"
    "    return io.TextIOWrapper(Log(number), encoding='utf-8',\n"
    "        errors='backslashreplace', newline='\\n', line_buffering=True,\n"
    "        write_through=True)\n"
    "sys.stdout = sys.__stdout__ = stream(0)\n"
    "sys.stderr = sys.__stderr__ = stream(1)\n";

static void
flush_line(struct line *l)
{
	const bool here = PyThread_get_thread_ident() == current_thread;

	if (l->len > 0)
		tined_log(here ? current : NULL, TINED_NOTICE, "%.*s",
		    (int)l->len, l->bytes);
	l->len = 0;
}

static void
add_bytes(struct line *l, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') /* printf(3) ends at a NUL */
			l->bytes[l->len++] = bytes[i] != '\0' ? bytes[i] : '?';
		if (bytes[i] == '\n' || l->len == sizeof(l->bytes))
			flush_line(l);
	}
}

static PyObject *
write_bytes(PyObject *self, PyObject *args)
{
	unsigned int number;
	Py_buffer bytes;
	Py_ssize_t len;

	(void)self;
	if (!PyArg_ParseTuple(args, "Iy*", &number, &bytes))
		return NULL;
	len = bytes.len;
	if (number < STREAM_COUNT)
		add_bytes(&lines[number], bytes.buf, (size_t)len);
	PyBuffer_Release(&bytes);
	return PyLong_FromSsize_t(len);
}

static PyMethodDef write_definition = {
    "write", write_bytes, METH_VARARGS, NULL};

/* Returns the names that the program above uses. */
static PyObject *
make_names(void)
{
	PyObject *names = PyDict_New();
	PyObject *write = PyCFunction_New(&write_definition, NULL);

	if (names != NULL && write != NULL &&
	    PyDict_SetItemString(names, "write", write) == -1)
		Py_CLEAR(names);
	Py_XDECREF(write);
	return names;
}

void
log_stream_install(void)
{
	PyObject *names = make_names();
	PyObject *result = NULL;

	current_thread = PyThread_get_thread_ident();
	if (names != NULL)
		result = PyRun_String(install, Py_file_input, names, names);
	if (result == NULL)
		log_stream_exception(NULL, "sys.stderr cannot be replaced");
	Py_XDECREF(result);
	Py_XDECREF(names);
	Py_XSETREF(errors, Py_XNewRef(PySys_GetObject("stderr")));
}

PyObject *
log_stream_errors(void)
{
	return Py_NewRef(errors != NULL ? errors : Py_None);
}

void
log_stream_begin(const struct tined_exchange *x)
{
	current = x;
}

void
log_stream_end(void)
{
	for (size_t i = 0; i < STREAM_COUNT; i++)
		flush_line(&lines[i]);
	current = NULL;
}

static void
log_text(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			tined_log(NULL, TINED_ERROR, "  %.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* A list of strings, each of one line or more. */
static PyObject *
format_exception(PyObject *type, PyObject *value, PyObject *traceback)
{
	PyObject *module = PyImport_ImportModule("traceback");
	PyObject *list;

	if (module == NULL)
		return NULL;
	list = PyObject_CallMethod(module, "format_exception", "OOO", type,
	    value != NULL ? value : Py_None,
	    traceback != NULL ? traceback : Py_None);
	Py_DECREF(module);
	return list;
}

void
log_stream_exception(const struct tined_exchange *x, const char *words)
{
	PyObject *type, *value, *traceback, *list;

	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	tined_log(x, TINED_ERROR, "%s: %s", words,
	    type != NULL ? ((PyTypeObject *)type)->tp_name : "?");
	list = type != NULL ? format_exception(type, value, traceback) : NULL;
	for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
		const char *text = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));

		if (text != NULL)
			log_text(text);
		else /* a surrogate, say */
			PyErr_Clear();
	}
	Py_XDECREF(list);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(traceback);
	PyErr_Clear();
}
