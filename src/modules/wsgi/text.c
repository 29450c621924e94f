#include "modules/wsgi/text.h"

static bool
is_same(PyObject *string, struct tined_text text)
{
	return (size_t)PyUnicode_GET_LENGTH(string) == text.len &&
	    memcmp(PyUnicode_1BYTE_DATA(string), text.at, text.len) == 0;
}

int
text_variable_prepare(struct text_variable *v)
{
	if (v->key == NULL)
		v->key = PyUnicode_InternFromString(v->name);
	return v->key != NULL ? 0 : -1;
}

PyObject *
text_string(PyObject **kept, struct tined_text text)
{
	PyObject *string;

	if (*kept != NULL && is_same(*kept, text))
		return Py_NewRef(*kept);
	string = PyUnicode_DecodeLatin1(text.at, (Py_ssize_t)text.len, NULL);
	if (string != NULL && text.len <= TEXT_KEPT_MAX)
		Py_XSETREF(*kept, Py_NewRef(string));
	return string;
}

int
text_put(PyObject *dictionary, struct text_variable *v, struct tined_text text)
{
	PyObject *string = text_string(&v->value, text);
	int result;

	if (string == NULL)
		return -1;
	result = PyDict_SetItem(dictionary, v->key, string);
	Py_DECREF(string);
	return result;
}
