#include "modules/wsgi/file_wrapper.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#define BLOCK_SIZE 8192

static const char *const file_type_names[] = {
    "FileIO", "BufferedReader", "BufferedRandom"};
#define FILE_TYPES (sizeof(file_type_names) / sizeof(file_type_names[0]))
static PyObject *file_types[FILE_TYPES];

struct file_wrapper {
	PyObject ob_base;
	PyObject *file;
	Py_ssize_t block;
};

static int
wrapper_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char file_name[] = "filelike", block_name[] = "blksize";
	static char *names[] = {file_name, block_name, NULL};
	struct file_wrapper *w = (struct file_wrapper *)self;
	PyObject *file;

	w->block = BLOCK_SIZE;
	if (!PyArg_ParseTupleAndKeywords(
		args, keywords, "O|n", names, &file, &w->block))
		return -1;
	Py_XSETREF(w->file, Py_NewRef(file));
	return 0;
}

static void
wrapper_dealloc(PyObject *self)
{
	Py_CLEAR(((struct file_wrapper *)self)->file);
	Py_TYPE(self)->tp_free(self);
}

/* NULL without an exception is the end. */
static PyObject *
wrapper_next(PyObject *self)
{
	struct file_wrapper *w = (struct file_wrapper *)self;
	PyObject *block = PyObject_CallMethod(w->file, "read", "n", w->block);
	Py_ssize_t len = block != NULL ? PyObject_Length(block) : -1;

	if (len > 0)
		return block;
	Py_XDECREF(block);
	return NULL;
}

static PyObject *
wrapper_close(PyObject *self, PyObject *unused)
{
	PyObject *file = ((struct file_wrapper *)self)->file;
	PyObject *close, *result;

	(void)unused;
	if (file == NULL) /* never initialized */
		Py_RETURN_NONE;
	close = PyObject_GetAttrString(file, "close");
	if (close == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
		PyErr_Clear();
		Py_RETURN_NONE;
	}
	if (close == NULL)
		return NULL;
	result = PyObject_CallNoArgs(close);
	Py_DECREF(close);
	return result;
}

static PyMethodDef methods[] = {
    {"close", wrapper_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject wrapper_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tined.FileWrapper",
    .tp_doc = "An iterator over a file's blocks.",
    .tp_basicsize = sizeof(struct file_wrapper),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = wrapper_init,
    .tp_dealloc = wrapper_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = wrapper_next,
    .tp_methods = methods,
};

/*
 * The types of files of which the bytes are those of the descriptor: others have
 * a descriptor, too (gzip.open, for example), and read something else from it.
 */
static int
find_file_types(void)
{
	PyObject *io = PyImport_ImportModule("io");
	size_t i = 0;

	if (io == NULL)
		return -1;
	for (; i < FILE_TYPES; i++) {
		Py_XSETREF(file_types[i],
		    PyObject_GetAttrString(io, file_type_names[i]));
		if (file_types[i] == NULL)
			break;
	}
	Py_DECREF(io);
	return i == FILE_TYPES ? 0 : -1;
}

int
file_wrapper_prepare(void)
{
	return find_file_types() == 0 ? PyType_Ready(&wrapper_type) : -1;
}

PyObject *
file_wrapper_type(void)
{
	return Py_NewRef((PyObject *)&wrapper_type);
}

/* What a method without arguments returns; -1 if it is not there, say. */
static long long
ask(PyObject *object, const char *name)
{
	PyObject *answer = PyObject_CallMethod(object, name, NULL);
	long long number = answer != NULL ? PyLong_AsLongLong(answer) : -1;

	Py_XDECREF(answer);
	PyErr_Clear();
	return number;
}

static bool
is_file_type(PyObject *object)
{
	for (size_t i = 0; i < FILE_TYPES; i++)
		if ((PyObject *)Py_TYPE(object) == file_types[i])
			return true;
	return false;
}

/* Also under a buffer there may be anything that reads. */
static bool
is_plain(PyObject *file)
{
	PyObject *raw;
	bool plain;

	if (!is_file_type(file))
		return false;
	if ((PyObject *)Py_TYPE(file) == file_types[0])
		return true;
	raw = PyObject_GetAttrString(file, "raw");
	plain = raw != NULL && (PyObject *)Py_TYPE(raw) == file_types[0];
	Py_XDECREF(raw);
	PyErr_Clear();
	return plain;
}

/* What was written to it is in the file then, and counts for its length. */
static bool
flush(PyObject *file)
{
	PyObject *result = PyObject_CallMethod(file, "flush", NULL);

	Py_XDECREF(result);
	PyErr_Clear();
	return result != NULL;
}

/* The file's own position, as its descriptor's is behind what it buffers. */
static bool
find_region(PyObject *file, int fd, uint64_t *offset, uint64_t *length)
{
	struct stat st;
	long long at;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return false;
	at = ask(file, "tell");
	if (at < 0)
		return false;
	*offset = (uint64_t)at;
	*length = st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
	return true;
}

bool
file_wrapper_get(PyObject *object, int *fd, uint64_t *offset, uint64_t *length)
{
	PyObject *file;
	long long own;

	if (!Py_IS_TYPE(object, &wrapper_type))
		return false;
	file = ((struct file_wrapper *)object)->file;
	if (file == NULL || !is_plain(file) || !flush(file) ||
	    (own = ask(file, "fileno")) < 0 || own > INT_MAX ||
	    !find_region(file, (int)own, offset, length))
		return false;
	*fd = fcntl((int)own, F_DUPFD_CLOEXEC, 0);
	return *fd != -1;
}
