#include "modules/wsgi/field_names.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "modules/wsgi/text.h"

/* Names that are remembered; a power of 2. */
#define SLOTS 256
/* A longer name is not remembered. */
#define NAME_SIZE 64
#define PREFIX "HTTP_"

/* A name as it came; a name with the same hash replaces it. */
struct slot {
	size_t len;
	char name[NAME_SIZE];
	bool dropped;
	PyObject *key;
	PyObject *value; /* of the last request */
};

static struct slot slots[SLOTS];
static PyObject *content_type, *content_length, *cookie;

static struct slot *
slot_of(struct tined_text name)
{
	uint32_t hash = (uint32_t)name.len;

	for (size_t i = 0; i < name.len; i++)
		hash = hash * 31 + (unsigned char)name.at[i];
	return &slots[(hash ^ hash >> 8) % SLOTS];
}

static bool
is(struct tined_text name, const char *other)
{
	return name.len == strlen(other) &&
	    strncasecmp(name.at, other, name.len) == 0;
}

static bool
is_dropped(struct tined_text name)
{
	return memchr(name.at, '_', name.len) != NULL || is(name, "Proxy");
}

static PyObject *
constant(PyObject **kept, const char *string)
{
	if (*kept == NULL)
		*kept = PyUnicode_InternFromString(string);
	return Py_XNewRef(*kept);
}

static PyObject *
make_key(struct tined_text name)
{
	const size_t prefix = sizeof(PREFIX) - 1;
	PyObject *key;
	Py_UCS1 *to;

	if (is(name, "Content-Type"))
		return constant(&content_type, "CONTENT_TYPE");
	if (is(name, "Content-Length"))
		return constant(&content_length, "CONTENT_LENGTH");
	if (is(name, "Cookie"))
		return constant(&cookie, "HTTP_COOKIE");
	key = PyUnicode_New((Py_ssize_t)(prefix + name.len), 127);
	if (key == NULL)
		return NULL;
	to = PyUnicode_1BYTE_DATA(key);
	memcpy(to, PREFIX, prefix);
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];

		to[prefix + i] = c == '-' ? '_' : (Py_UCS1)toupper(c);
	}
	return key;
}

static int
fill_slot(struct slot *s, struct tined_text name)
{
	PyObject *key = NULL;
	bool dropped = is_dropped(name);

	if (!dropped && (key = make_key(name)) == NULL)
		return -1;
	s->len = name.len;
	memcpy(s->name, name.at, name.len);
	s->dropped = dropped;
	Py_XSETREF(s->key, key);
	Py_CLEAR(s->value);
	return 0;
}

static int
find_long(struct tined_text name, struct tined_text text, PyObject **key,
    PyObject **value)
{
	*key = *value = NULL;
	if (is_dropped(name))
		return 0;
	*key = make_key(name);
	*value = PyUnicode_DecodeLatin1(text.at, (Py_ssize_t)text.len, NULL);
	if (*key != NULL && *value != NULL)
		return 0;
	Py_CLEAR(*key);
	Py_CLEAR(*value);
	return -1;
}

int
field_names_find(struct tined_text name, struct tined_text text, PyObject **key,
    PyObject **value)
{
	struct slot *s = slot_of(name);

	if (name.len > NAME_SIZE)
		return find_long(name, text, key, value);
	if ((s->len != name.len || memcmp(s->name, name.at, name.len) != 0) &&
	    fill_slot(s, name) == -1)
		return -1;
	*key = *value = NULL;
	if (s->dropped)
		return 0;
	*value = text_string(&s->value, text);
	if (*value == NULL)
		return -1;
	*key = Py_NewRef(s->key);
	return 0;
}

bool
field_name_is_list(PyObject *key)
{
	return key != content_type && key != content_length;
}

bool
field_name_is_cookie(PyObject *key)
{
	return key == cookie;
}
