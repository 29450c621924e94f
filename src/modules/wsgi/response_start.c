#include "modules/wsgi/response_start.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* "200", and a space before the reason. */
#define STATUS_DIGITS 3

static struct tined_text
text(PyObject *string)
{
	return (struct tined_text){(const char *)PyUnicode_1BYTE_DATA(string),
	    (size_t)PyUnicode_GET_LENGTH(string)};
}

/* PEP 3333, "Unicode Issues". */
static bool
is_latin1(PyObject *string)
{
	return PyUnicode_Check(string) && PyUnicode_READY(string) == 0 &&
	    PyUnicode_KIND(string) == PyUnicode_1BYTE_KIND;
}

static bool
is_named(struct tined_text name, const char *other, size_t len)
{
	return name.len == len && strncasecmp(name.at, other, len) == 0;
}

/* The server sets these itself, and frameworks set them, too. */
static bool
is_left_out(struct tined_text name)
{
	return is_named(name, "Content-Length", 14) ||
	    is_named(name, "Date", 4) || is_named(name, "Server", 6);
}

static int
parse_length(PyObject *value, uint64_t *length)
{
	struct tined_text t = text(value);
	uint64_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (!isdigit((unsigned char)t.at[i]) || n > UINT64_MAX / 20)
			break;
		n = 10 * n + (uint64_t)(t.at[i] - '0');
		if (i + 1 == t.len &&
		    (*length == RESPONSE_LENGTH_UNKNOWN || *length == n)) {
			*length = n;
			return 0;
		}
	}
	PyErr_Format(PyExc_ValueError,
	    "Content-Length is %R: no number, or not that of another one",
	    value);
	return -1;
}

static int
check_header(uint64_t *length, PyObject *header)
{
	PyObject *name, *value;

	if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2) {
		PyErr_Format(PyExc_TypeError,
		    "a header is %R: expected a tuple (name, value)", header);
		return -1;
	}
	name = PyTuple_GET_ITEM(header, 0);
	value = PyTuple_GET_ITEM(header, 1);
	if (!is_latin1(name) || !is_latin1(value)) {
		PyErr_Format(PyExc_TypeError,
		    "a header is %R: expected strings of latin-1", header);
		return -1;
	}
	if (is_named(text(name), "Content-Length", 14))
		return parse_length(value, length);
	return 0;
}

/* "200 OK"; the server checks the number. */
static int
check_status(PyObject *status)
{
	struct tined_text t;
	bool good;

	if (!is_latin1(status)) {
		PyErr_Format(PyExc_TypeError,
		    "the status is %R: expected a string of latin-1", status);
		return -1;
	}
	t = text(status);
	good = t.len >= STATUS_DIGITS &&
	    (t.len == STATUS_DIGITS || t.at[STATUS_DIGITS] == ' ');
	for (size_t i = 0; good && i < STATUS_DIGITS; i++)
		good = isdigit((unsigned char)t.at[i]);
	if (good)
		return 0;
	PyErr_Format(PyExc_ValueError,
	    "the status is %R: expected '200 OK', for example", status);
	return -1;
}

/* A list; as it is now, whatever the application does to it later. */
static int
take_headers(struct response_start *s, PyObject *headers)
{
	uint64_t length = RESPONSE_LENGTH_UNKNOWN;
	PyObject *copy;

	if (!PyList_Check(headers)) {
		PyErr_Format(PyExc_TypeError,
		    "the headers are of type %s: expected a list",
		    Py_TYPE(headers)->tp_name);
		return -1;
	}
	copy = PyList_AsTuple(headers);
	if (copy == NULL)
		return -1;
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(copy); i++)
		if (check_header(&length, PyTuple_GET_ITEM(copy, i)) == -1) {
			Py_DECREF(copy);
			return -1;
		}
	Py_XSETREF(s->headers, copy);
	s->length = length;
	return 0;
}

int
response_start_take(
    struct response_start *s, PyObject *status, PyObject *headers)
{
	if (check_status(status) == -1 || take_headers(s, headers) == -1) {
		Py_CLEAR(s->status);
		return -1;
	}
	Py_XSETREF(s->status, Py_NewRef(status));
	return 0;
}

static void
give_status(const struct response_start *s, struct tined_exchange *x)
{
	struct tined_text t = text(s->status);
	int number = 0;

	for (size_t i = 0; i < STATUS_DIGITS; i++)
		number = 10 * number + (t.at[i] - '0');
	if (t.len <= STATUS_DIGITS + 1) {
		tined_set_status(x, number);
		return;
	}
	t.at += STATUS_DIGITS + 1;
	t.len -= STATUS_DIGITS + 1;
	tined_set_status_reason(x, number, t);
}

int
response_start_give(const struct response_start *s, struct tined_exchange *x)
{
	give_status(s, x);
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(s->headers); i++) {
		PyObject *header = PyTuple_GET_ITEM(s->headers, i);
		struct tined_text name = text(PyTuple_GET_ITEM(header, 0));

		if (is_left_out(name) ||
		    tined_add_field(
			x, name, text(PyTuple_GET_ITEM(header, 1))) == 0)
			continue;
		PyErr_Format(
		    PyExc_ValueError, "the header %R must not be sent", header);
		return -1;
	}
	return 0;
}

void
response_start_clear(struct response_start *s)
{
	Py_CLEAR(s->status);
	Py_CLEAR(s->headers);
	s->length = RESPONSE_LENGTH_UNKNOWN;
}
