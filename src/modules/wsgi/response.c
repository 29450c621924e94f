#include "modules/wsgi/response.h"

#include "modules/wsgi/file_wrapper.h"
#include "modules/wsgi/interpreter.h"
#include "modules/wsgi/response_start.h"

/* So many pieces are sent as they are; more are joined. */
#define PIECES_MAX 16
/*
 * A chunk that is the whole content, and larger than this, is not flushed: the
 * server can then go on sending it to a slow client without this worker.
 */
#define WHOLE_MIN (64 << 10)

/* A request's response; an object, as it is bound to two functions. */
struct response {
	PyObject ob_base;
	struct tined_exchange *x; /* NULL when its request is over */
	PyObject *start;	  /* start_response, and write */
	PyObject *write;
	struct response_start got;
	bool begun;  /* the server has that */
	bool whole;  /* its content is complete, by one chunk */
	bool failed; /* the client cannot be sent to */
};

static PyTypeObject response_type;
/* For the next request, unless the application has kept its functions. */
static struct response *present;
/* What the server may still refer to, until the next request. */
static PyObject *referred;

static int
check_thread(const struct response *r)
{
	if (r->x != NULL && interpreter_is_entered())
		return 0;
	PyErr_SetString(PyExc_RuntimeError,
	    "start_response and write are for the thread and the time of their "
	    "request");
	return -1;
}

/* Raises (type, value, traceback), of which the value says all. */
static PyObject *
raise_again(PyObject *info)
{
	PyObject *type, *value, *traceback;

	if (!PyArg_ParseTuple(info, "OOO", &type, &value, &traceback))
		return NULL;
	if (!PyExceptionInstance_Check(value)) {
		PyErr_SetString(PyExc_TypeError,
		    "exc_info is without an exception, and the response has "
		    "begun");
		return NULL;
	}
	if (PyException_SetTraceback(value, traceback) == 0)
		PyErr_SetObject(PyExceptionInstance_Class(value), value);
	return NULL;
}

/* exc_info may also be given by name. */
static int
parse_arguments(
    PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject **info)
{
	Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;

	if (count < 2 || count + named > 3 ||
	    (named == 1 &&
		PyUnicode_CompareWithASCIIString(
		    PyTuple_GET_ITEM(names, 0), "exc_info") != 0)) {
		PyErr_SetString(PyExc_TypeError,
		    "expected start_response(status, headers, exc_info=None)");
		return -1;
	}
	*info = count + named == 3 && args[2] != Py_None ? args[2] : NULL;
	return 0;
}

static PyObject *
start_response(
    PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
	struct response *r = (struct response *)self;
	PyObject *info;

	if (check_thread(r) == -1 ||
	    parse_arguments(args, count, names, &info) == -1)
		return NULL;
	if (info != NULL && r->begun)
		return raise_again(info);
	if (info == NULL && r->got.status != NULL) {
		PyErr_SetString(PyExc_RuntimeError,
		    "start_response was called before, and now without "
		    "exc_info");
		return NULL;
	}
	if (response_start_take(&r->got, args[0], args[1]) == -1)
		return NULL;
	return Py_NewRef(r->write);
}

/* Gives the status and the fields to the server; it does not send them yet. */
static int
begin(struct response *r)
{
	if (r->begun)
		return 0;
	if (r->got.status == NULL) {
		PyErr_SetString(PyExc_RuntimeError,
		    "the application has not called start_response");
		return -1;
	}
	r->begun = true;
	return response_start_give(&r->got, r->x);
}

static bool
is_declared(const struct response *r)
{
	return r->got.length != RESPONSE_LENGTH_UNKNOWN;
}

/* Begins a stream, of which the length may be known. */
static int
begin_stream(struct response *r)
{
	if (r->begun)
		return 0;
	if (begin(r) == -1)
		return -1;
	if (is_declared(r))
		tined_declare_length(r->x, r->got.length);
	return 0;
}

static int
check_chunk(PyObject *chunk)
{
	if (PyBytes_Check(chunk))
		return 0;
	PyErr_Format(PyExc_TypeError,
	    "the content has an object of type %s: expected bytes",
	    Py_TYPE(chunk)->tp_name);
	return -1;
}

static int
send_chunk(struct response *r, PyObject *chunk, bool flushed)
{
	PyThreadState *paused;
	int result;

	if (check_chunk(chunk) == -1)
		return -1;
	if (PyBytes_GET_SIZE(chunk) == 0) {
		tined_alive(r->x); /* "not yet" (PEP 3333) */
		return 0;
	}
	if (r->whole) {
		PyErr_SetString(PyExc_ValueError,
		    "the content is longer than its Content-Length");
		return -1;
	}
	if (begin_stream(r) == -1)
		return -1;
	if (r->failed)
		return -1;
	paused = interpreter_pause();
	result = tined_write(
	    r->x, PyBytes_AS_STRING(chunk), (size_t)PyBytes_GET_SIZE(chunk));
	if (result == 0 && flushed)
		result = tined_flush(r->x);
	interpreter_resume(paused);
	r->failed |= result == -1;
	return result;
}

/* write(bytes), which start_response returns. */
static PyObject *
write_now(PyObject *self, PyObject *chunk)
{
	struct response *r = (struct response *)self;

	if (check_thread(r) == -1)
		return NULL;
	if (send_chunk(r, chunk, true) == -1) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_BrokenPipeError,
			    "the client cannot be sent to");
		return NULL;
	}
	Py_RETURN_NONE;
}

/* True if that is all that was declared, and much. */
static bool
is_large_whole(const struct response *r, PyObject *chunk)
{
	return !r->begun && is_declared(r) && PyBytes_Check(chunk) &&
	    (uint64_t)PyBytes_GET_SIZE(chunk) == r->got.length &&
	    r->got.length >= WHOLE_MIN;
}

static int
send_large_whole(struct response *r, PyObject *chunk)
{
	if (begin(r) == -1)
		return -1;
	Py_XSETREF(referred, Py_NewRef(chunk));
	tined_add_bytes(
	    r->x, PyBytes_AS_STRING(chunk), (size_t)PyBytes_GET_SIZE(chunk));
	r->whole = true;
	return 0;
}

/* What the application has not given is unknown, if the client asked by HEAD. */
static int
finish_stream(struct response *r)
{
	if (r->begun)
		return 0;
	if (begin_stream(r) == -1)
		return -1;
	if (is_declared(r) || !tined_is_method(r->x, "HEAD"))
		return 0;
	return tined_flush(r->x);
}

static PyObject *
next_chunk(PyObject *iterator)
{
	PyObject *chunk = PyIter_Next(iterator);

	interpreter_end_fork();
	return chunk;
}

/* PEP 3333 asks for a flush before the next chunk is made. */
static int
send_iterable(struct response *r, PyObject *iterable, bool flushed)
{
	PyObject *iterator = PyObject_GetIter(iterable);
	PyObject *chunk;
	int result = 0;

	interpreter_end_fork();
	if (iterator == NULL)
		return -1;
	while (result == 0 && (chunk = next_chunk(iterator)) != NULL) {
		result = is_large_whole(r, chunk)
		    ? send_large_whole(r, chunk)
		    : send_chunk(r, chunk, flushed);
		Py_DECREF(chunk);
	}
	Py_DECREF(iterator);
	if (result == -1 || PyErr_Occurred())
		return -1;
	return finish_stream(r);
}

/* All of it is at hand: the server sends it with the head. */
static int
send_pieces(struct response *r, PyObject *const *pieces, Py_ssize_t count)
{
	uint64_t total = 0;

	for (Py_ssize_t i = 0; i < count; i++)
		total += (uint64_t)PyBytes_GET_SIZE(pieces[i]);
	if (r->begun || (is_declared(r) && r->got.length != total) ||
	    (total == 0 && tined_is_method(r->x, "HEAD")))
		return 1;
	if (begin(r) == -1)
		return -1;
	for (Py_ssize_t i = 0; i < count; i++)
		if (PyBytes_GET_SIZE(pieces[i]) > 0)
			tined_add_bytes(r->x, PyBytes_AS_STRING(pieces[i]),
			    (size_t)PyBytes_GET_SIZE(pieces[i]));
	return 0;
}

static bool
are_bytes(PyObject *const *pieces, Py_ssize_t count)
{
	for (Py_ssize_t i = 0; i < count; i++)
		if (!PyBytes_Check(pieces[i]))
			return false;
	return true;
}

/* A new list or tuple of one, where there are too many pieces. */
static PyObject *
join(PyObject *sequence)
{
	PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
	PyObject *all = empty != NULL
	    ? PyObject_CallMethod(empty, "join", "O", sequence)
	    : NULL;
	PyObject *tuple = all != NULL ? PyTuple_Pack(1, all) : NULL;

	Py_XDECREF(empty);
	Py_XDECREF(all);
	return tuple;
}

/* Lists and tuples; the application may change its list later. */
static int
send_sequence(struct response *r, PyObject *sequence)
{
	Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
	PyObject *const *pieces = PySequence_Fast_ITEMS(sequence);
	int result;

	if (!are_bytes(pieces, count))
		return send_iterable(r, sequence, false);
	if (count == 1) {
		referred = Py_NewRef(pieces[0]);
		result = send_pieces(r, &referred, 1);
	} else {
		referred = count > PIECES_MAX ? join(sequence)
					      : PySequence_Tuple(sequence);
		if (referred == NULL)
			return -1;
		result = send_pieces(r, PySequence_Fast_ITEMS(referred),
		    PySequence_Fast_GET_SIZE(referred));
	}
	return result == 1 ? send_iterable(r, sequence, false) : result;
}

/* Of a file that is longer, the part that was declared. */
static int
begin_file(struct response *r, uint64_t *length)
{
	if (is_declared(r) && *length < r->got.length &&
	    !tined_is_method(r->x, "HEAD")) {
		PyErr_SetString(PyExc_ValueError,
		    "the file is shorter than the Content-Length");
		return -1;
	}
	if (is_declared(r))
		*length = r->got.length;
	return begin(r);
}

/* False if it is none that the server can send. */
static bool
send_file(struct response *r, PyObject *wrapper, int *result)
{
	uint64_t offset, length;
	int fd;

	if (r->begun || !file_wrapper_get(wrapper, &fd, &offset, &length))
		return false;
	*result = begin_file(r, &length);
	tined_set_file(r->x, fd);
	tined_add_file(r->x, offset, length);
	return true;
}

int
response_send(PyObject *returned)
{
	struct response *r = present;
	int result;

	if (PyList_CheckExact(returned) || PyTuple_CheckExact(returned))
		return send_sequence(r, returned);
	if (send_file(r, returned, &result))
		return result;
	return send_iterable(r, returned, true);
}

bool
response_has_failed(void)
{
	return present != NULL && present->failed;
}

static PyMethodDef start_definition = {"start_response",
    PYTHON_FUNCTION(start_response), METH_FASTCALL | METH_KEYWORDS, NULL};
static PyMethodDef write_definition = {"write", write_now, METH_O, NULL};

static void
response_dealloc(PyObject *self)
{
	struct response *r = (struct response *)self;

	response_start_clear(&r->got);
	PyObject_Free(self);
}

static PyTypeObject response_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tined.Response",
    .tp_doc = "The response to a request.",
    .tp_basicsize = sizeof(struct response),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = response_dealloc,
};

int
response_prepare(void)
{
	return PyType_Ready(&response_type);
}

/* The functions refer to the response; it borrows them from below. */
static struct response *
make_response(void)
{
	struct response *r = PyObject_New(struct response, &response_type);

	if (r == NULL)
		return NULL;
	r->got = (struct response_start){.length = RESPONSE_LENGTH_UNKNOWN};
	r->start = PyCFunction_New(&start_definition, (PyObject *)r);
	r->write = PyCFunction_New(&write_definition, (PyObject *)r);
	if (r->start != NULL && r->write != NULL)
		return r;
	Py_CLEAR(r->start);
	Py_CLEAR(r->write);
	Py_DECREF(r);
	return NULL;
}

PyObject *
response_begin(struct tined_exchange *x)
{
	Py_CLEAR(referred);
	if (present == NULL && (present = make_response()) == NULL)
		return NULL;
	present->x = x;
	present->begun = present->whole = present->failed = false;
	return present->start;
}

void
response_end(void)
{
	struct response *r = present;

	if (r == NULL)
		return;
	r->x = NULL;
	response_start_clear(&r->got);
	if (Py_REFCNT(r->start) == 1 && Py_REFCNT(r->write) == 1)
		return;
	present = NULL;
	Py_CLEAR(r->start);
	Py_CLEAR(r->write);
	Py_DECREF(r);
}
