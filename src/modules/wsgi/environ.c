#include "modules/wsgi/environ.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "modules/wsgi/field_names.h"
#include "modules/wsgi/file_wrapper.h"
#include "modules/wsgi/log_stream.h"
#include "modules/wsgi/text.h"

#define PORT_SIZE sizeof("65535")

/* Keys, and the value that each had in the request before. */
static struct text_variable method = {.name = "REQUEST_METHOD"};
static struct text_variable path_info = {.name = "PATH_INFO"};
static struct text_variable query_string = {.name = "QUERY_STRING"};
static struct text_variable request_uri = {.name = "REQUEST_URI"};
static struct text_variable protocol = {.name = "SERVER_PROTOCOL"};
static struct text_variable scheme = {.name = "wsgi.url_scheme"};
static struct text_variable remote_address = {.name = "REMOTE_ADDR"};
static struct text_variable remote_port = {.name = "REMOTE_PORT"};
static struct text_variable server_name = {.name = "SERVER_NAME"};
static struct text_variable server_address = {.name = "SERVER_ADDR"};
static struct text_variable server_port = {.name = "SERVER_PORT"};
static PyObject *input_key;

static struct text_variable *const variables[] = {&method, &path_info,
    &query_string, &request_uri, &protocol, &scheme, &remote_address,
    &remote_port, &server_name, &server_address, &server_port};

/* An address as text, as it was formatted the last time. */
struct address {
	struct sockaddr_storage bytes;
	socklen_t len;
	char name[INET6_ADDRSTRLEN];
	char port[PORT_SIZE];
};

static struct address local, peer;

static int
put(PyObject *dictionary, const char *key, PyObject *value)
{
	int result =
	    value != NULL ? PyDict_SetItemString(dictionary, key, value) : -1;

	Py_XDECREF(value);
	return result;
}

static int
put_constants(PyObject *d, const char *prefix)
{
	if (put(d, "SCRIPT_NAME",
		PyUnicode_DecodeLatin1(
		    prefix, (Py_ssize_t)strlen(prefix), NULL)) == -1 ||
	    put(d, "GATEWAY_INTERFACE", PyUnicode_FromString("CGI/1.1")) ==
		-1 ||
	    put(d, "SERVER_SOFTWARE", PyUnicode_FromString("tined")) == -1 ||
	    put(d, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) == -1 ||
	    put(d, "wsgi.errors", log_stream_errors()) == -1 ||
	    put(d, "wsgi.file_wrapper", file_wrapper_type()) == -1 ||
	    put(d, "wsgi.multithread", Py_NewRef(Py_False)) == -1 ||
	    put(d, "wsgi.multiprocess", Py_NewRef(Py_True)) == -1 ||
	    put(d, "wsgi.run_once", Py_NewRef(Py_False)) == -1 ||
	    put(d, "wsgi.input_terminated", Py_NewRef(Py_True)) == -1)
		return -1;
	return 0;
}

/*
 * Keys that each request sets are there, so that the copy need not grow.  With
 * as many keys as there are, it has room for 20 fields of a request.
 */
static int
put_keys(PyObject *d)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (text_variable_prepare(variables[i]) == -1 ||
		    PyDict_SetItem(d, variables[i]->key, Py_None) == -1)
			return -1;
	if (input_key == NULL)
		input_key = PyUnicode_InternFromString("wsgi.input");
	return input_key != NULL ? PyDict_SetItem(d, input_key, Py_None) : -1;
}

PyObject *
environ_prototype(const char *prefix)
{
	PyObject *d = PyDict_New();

	if (d != NULL && (put_constants(d, prefix) == -1 || put_keys(d) == -1))
		Py_CLEAR(d);
	return d;
}

static const void *
host_bytes(const struct sockaddr *address, in_port_t *port)
{
	switch (address->sa_family) {
	case AF_INET: {
		const struct sockaddr_in *v4 = (const void *)address;

		*port = v4->sin_port;
		return &v4->sin_addr;
	}
	case AF_INET6: {
		const struct sockaddr_in6 *v6 = (const void *)address;

		*port = v6->sin6_port;
		return &v6->sin6_addr;
	}
	default:
		return NULL;
	}
}

/* A Unix socket has no port, and WSGI no empty one: HTTP's own. */
static void
format_address(struct address *a, const struct sockaddr *address, socklen_t len)
{
	in_port_t port = 0;
	const void *host;

	if (len == a->len && memcmp(&a->bytes, address, len) == 0)
		return;
	if (len > sizeof(a->bytes))
		len = sizeof(a->bytes);
	memcpy(&a->bytes, address, len);
	a->len = len;
	host = len > 0 ? host_bytes(address, &port) : NULL;
	if (host == NULL ||
	    inet_ntop(address->sa_family, host, a->name, sizeof(a->name)) ==
		NULL)
		snprintf(a->name, sizeof(a->name), "localhost");
	snprintf(a->port, sizeof(a->port), "%u",
	    host != NULL ? (unsigned)ntohs(port) : 80U);
}

/* A client at a Unix socket has no port. */
static int
put_peer(PyObject *d, struct tined_exchange *x)
{
	socklen_t len;
	const struct sockaddr *address = tined_peer_address(x, &len);
	in_port_t port;

	format_address(&peer, address, len);
	if (text_put(d, &remote_address, tined_peer_name(x)) == -1)
		return -1;
	if (len == 0 || host_bytes(address, &port) == NULL)
		return PyDict_DelItem(d, remote_port.key);
	return text_put(d, &remote_port, text_of(peer.port));
}

/* The host without its port: "example.org", "[::1]". */
static struct tined_text
host_name(struct tined_text host)
{
	size_t len = host.len;

	while (len > 0 && isdigit((unsigned char)host.at[len - 1]))
		len--;
	if (len > 0 && host.at[len - 1] == ':')
		host.len = len - 1;
	return host;
}

/* The client asked for that name; it must not be empty. */
static int
put_server(PyObject *d, struct tined_exchange *x)
{
	socklen_t len;
	const struct sockaddr *address = tined_local_address(x, &len);
	struct tined_text name = host_name(tined_host(x));

	format_address(&local, address, len);
	if (name.len == 0)
		name = text_of(local.name);
	if (text_put(d, &server_name, name) == -1 ||
	    text_put(d, &server_address, text_of(local.name)) == -1)
		return -1;
	return text_put(d, &server_port, text_of(local.port));
}

static int
put_request_line(PyObject *d, struct tined_exchange *x)
{
	static const struct tined_text versions[] = {
	    {"HTTP/1.0", 8}, {"HTTP/1.1", 8}};
	struct tined_text query;

	if (!tined_query(x, &query))
		query = TINED_TEXT("");
	if (text_put(d, &method, tined_method(x)) == -1 ||
	    text_put(d, &path_info, tined_path_below(x)) == -1 ||
	    text_put(d, &query_string, query) == -1 ||
	    text_put(d, &request_uri, tined_target(x)) == -1 ||
	    text_put(d, &protocol, versions[tined_minor_version(x) > 0]) == -1)
		return -1;
	return text_put(d, &scheme, tined_scheme(x));
}

/* RFC 9110, 5.3; and RFC 6265, 5.4, of Cookie. */
static int
join(PyObject *d, PyObject *key, PyObject *value)
{
	PyObject *before = PyDict_GetItemWithError(d, key);
	PyObject *both;
	int result;

	if (before == NULL)
		return -1;
	both = PyUnicode_FromFormat(
	    "%U%s%U", before, field_name_is_cookie(key) ? "; " : ", ", value);
	if (both == NULL)
		return -1;
	result = PyDict_SetItem(d, key, both);
	Py_DECREF(both);
	return result;
}

/* RFC 9112, 3.2.2: the authority of the target stands above the field. */
static bool
is_host(struct tined_text name)
{
	const struct tined_text host = TINED_TEXT("Host");

	return name.len == host.len &&
	    strncasecmp(name.at, host.at, host.len) == 0;
}

/* The server refuses requests with different lengths. */
static int
put_field(PyObject *d, PyObject *key, PyObject *value)
{
	const Py_ssize_t before = PyDict_GET_SIZE(d);

	if (PyDict_SetDefault(d, key, value) == NULL)
		return -1;
	if (PyDict_GET_SIZE(d) > before || !field_name_is_list(key))
		return 0;
	return join(d, key, value);
}

static int
put_fields(PyObject *d, const struct tined_exchange *x)
{
	struct tined_text name, text;
	PyObject *key, *value;

	for (size_t i = 0; tined_field_at(x, i, &name, &text); i++) {
		int result;

		if (is_host(name))
			text = tined_host(x);
		if (field_names_find(name, text, &key, &value) == -1)
			return -1;
		if (key == NULL)
			continue;
		result = put_field(d, key, value);
		Py_DECREF(key);
		Py_DECREF(value);
		if (result == -1)
			return -1;
	}
	return 0;
}

PyObject *
environ_make(PyObject *prototype, struct tined_exchange *x, PyObject *input)
{
	PyObject *d = PyDict_Copy(prototype);

	if (d == NULL)
		return NULL;
	if (put_request_line(d, x) == -1 || put_peer(d, x) == -1 ||
	    put_server(d, x) == -1 || put_fields(d, x) == -1 ||
	    PyDict_SetItem(d, input_key, input) == -1)
		Py_CLEAR(d);
	return d;
}
