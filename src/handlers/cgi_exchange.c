#include <netinet/in.h>

#include <errno.h>
#include <string.h>

#include "handlers/builtin.h"
#include "handlers/cgi_exchange.h"

/* The host of the requested authority, without its port. */
static struct text
cgi_exchange_host(const struct tined_exchange *x)
{
	struct text host = text_from(tined_host(x));
	const char *end;

	if (host.len == 0)
		return host;
	end = memchr(host.at, host.at[0] == '[' ? ']' : ':', host.len);
	if (end != NULL)
		host.len = (size_t)(end - host.at) + (*end == ']');
	return host;
}

static void
cgi_exchange_add_port(struct cgi_environment *e, const char *name,
    const struct sockaddr_storage *address)
{
	int port = peer_port(address);

	if (port >= 0)
		cgi_environment_add_number(e, name, (uint64_t)port);
}

static void
add_addresses(struct cgi_environment *e, struct tined_exchange *x)
{
	const struct peer *client = builtin_peer(x);
	struct text host = cgi_exchange_host(x);
	struct peer local = {.length = 0};
	const struct sockaddr *address = tined_local_address(x, &local.length);

	memcpy(&local.address, address, local.length);
	peer_set_name(&local);
	cgi_environment_add(
	    e, "SERVER_NAME", host.len > 0 ? host : text_of(local.name));
	cgi_environment_add(e, "SERVER_ADDR", text_of(local.name));
	cgi_exchange_add_port(e, "SERVER_PORT", &local.address);
	cgi_environment_add(e, "REMOTE_ADDR", text_of(client->name));
	cgi_exchange_add_port(e, "REMOTE_PORT", &client->address);
}

/* Behind a local redirect there is no content, whatever the fields say. */
static void
cgi_exchange_add_content(
    struct cgi_environment *e, const struct tined_exchange *x)
{
	struct tined_text type;
	uint64_t length;

	if (builtin_request(x)->framing == FRAMING_NONE)
		return;
	if (tined_content_length(x, &length))
		cgi_environment_add_number(e, "CONTENT_LENGTH", length);
	if (tined_field(x, TINED_TEXT("Content-Type"), &type))
		cgi_environment_add(e, "CONTENT_TYPE", text_from(type));
}

static void
cgi_exchange_add_fields(
    struct cgi_environment *e, const struct tined_exchange *x)
{
	struct cgi_environment_field fields[REQUEST_FIELDS_MAX];
	struct tined_text name, value;
	size_t count = 0;

	while (count < REQUEST_FIELDS_MAX &&
	    tined_field_at(x, count, &name, &value)) {
		/* RFC 9112, 3.2.2: the authority of the target stands above. */
		if (text_equal_nocase(text_from(name), TEXT("Host")))
			value = tined_host(x);
		fields[count++] = (struct cgi_environment_field){
		    text_from(name), text_from(value)};
	}
	cgi_environment_add_fields(e, fields, count);
}

void
cgi_exchange_add_request(struct cgi_environment *e, struct tined_exchange *x,
    struct text script_name, struct text path_info)
{
	struct tined_text query = TINED_TEXT("");

	cgi_environment_add(e, "GATEWAY_INTERFACE", TEXT("CGI/1.1"));
	cgi_environment_add(e, "SERVER_SOFTWARE", TEXT("tined"));
	cgi_environment_add(e, "SERVER_PROTOCOL",
	    tined_minor_version(x) == 0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"));
	cgi_environment_add(e, "REQUEST_METHOD", text_from(tined_method(x)));
	cgi_environment_add(e, "REQUEST_SCHEME", text_from(tined_scheme(x)));
	cgi_environment_add(e, "REQUEST_URI", text_from(tined_target(x)));
	(void)tined_query(x, &query);
	cgi_environment_add(e, "QUERY_STRING", text_from(query));
	cgi_environment_add(e, "SCRIPT_NAME", script_name);
	if (path_info.len > 0)
		cgi_environment_add(e, "PATH_INFO", path_info);
	add_addresses(e, x);
	cgi_exchange_add_content(e, x);
	cgi_exchange_add_fields(e, x);
}

/* EPROTO: the client was wrong, and the server has its own status code. */
static void
refuse_content(struct tined_exchange *x)
{
	if (errno == EPROTO)
		return;
	tined_log(
	    x, TINED_ERROR, "cannot keep its content: %s", strerror(errno));
	tined_error(x, 503);
}

int
cgi_exchange_take_content(struct cgi_environment *e, struct tined_exchange *x,
    struct builtin_content *c)
{
	c->file = -1;
	if (tined_content_length(x, &c->length))
		return 0;
	c->file = builtin_spool_content(x, &c->length);
	if (c->file == -1) {
		refuse_content(x);
		return -1;
	}
	cgi_environment_add_number(e, "CONTENT_LENGTH", c->length);
	return 0;
}

const char *
cgi_exchange_begin_response(
    struct tined_exchange *x, struct text head, struct cgi_response *r)
{
	const char *wrong = cgi_response_parse(head, r);
	struct text name, value;

	if (wrong != NULL || r->local_redirect)
		return wrong;
	tined_set_status(x, r->status);
	if (r->reason.len > 0)
		tined_set_status_reason(x, r->status, tined_from(r->reason));
	while (cgi_response_next_field(&head, &name, &value))
		(void)tined_add_field(x, tined_from(name), tined_from(value));
	if (r->has_length)
		tined_declare_length(x, r->length);
	return NULL;
}
