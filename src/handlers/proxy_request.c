#include <string.h>

#include "handlers/proxy_request.h"

#define VIA_NAME "tined"

static void
proxy_request_add_field(struct buffer *out, struct text name, struct text value)
{
	buffer_add_text(out, name);
	buffer_add(out, ": ", 2);
	buffer_add_text(out, value);
	buffer_add(out, "\r\n", 2);
}

/*
 * Compares names as if they were made variables of (RFC 3875, 4.1.18), in which
 * "_" is the same as "-", and case does not matter.
 */
static bool
is_variable(struct text name, struct text wanted)
{
	if (name.len != wanted.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i] == '_' ? '-' : name.at[i];

		if (!text_equal_nocase(
			(struct text){&c, 1}, (struct text){&wanted.at[i], 1}))
			return false;
	}
	return true;
}

/* A field by which proxies tell of a client, who may forge it. */
static bool
is_forwarded(struct text name)
{
	const struct text any = TEXT("X-Forwarded-");

	return is_variable(name, TEXT("Forwarded")) ||
	    is_variable(name, TEXT("X-Real-IP")) ||
	    (name.len > any.len &&
		is_variable((struct text){name.at, any.len}, any));
}

/* For this connection only, RFC 9110, 7.6.1; or made anew. */
static bool
is_own(const struct field *f)
{
	static const struct text own[] = {
	    {"Keep-Alive", 10},
	    {"Max-Forwards", 12},
	    {"Proxy", 5}, /* it would be HTTP_PROXY: CVE-2016-5385 */
	    {"Proxy-Connection", 16},
	    {"TE", 2},
	    {"Trailer", 7},
	    {"Upgrade", 7},
	};

	switch (f->id) {
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_EXPECT:
	case FIELD_HOST:
	case FIELD_TRANSFER_ENCODING:
		return true;
	case FIELD_OTHER:
		break;
	default:
		return false;
	}
	return text_is_one_of(f->name, own, sizeof(own) / sizeof(own[0]));
}

/* Whether a Connection field names it. */
static bool
is_option(const struct request *r, struct text name)
{
	if (r->counts[FIELD_CONNECTION] == 0)
		return false;
	for (size_t i = r->firsts[FIELD_CONNECTION]; i < r->field_count; i++) {
		struct text list = r->fields[i].value, option;

		if (r->fields[i].id != FIELD_CONNECTION)
			continue;
		while (text_next_element(&list, &option))
			if (text_equal_nocase(option, name))
				return true;
	}
	return false;
}

/* In most requests it says "keep-alive" or "close", and names no field. */
static bool
has_options(const struct request *r)
{
	struct text value;

	return request_field(r, FIELD_CONNECTION, &value) &&
	    (r->counts[FIELD_CONNECTION] > 1 ||
		(!text_equal_nocase(value, TEXT("keep-alive")) &&
		    !text_equal_nocase(value, TEXT("close"))));
}

static void
add_client_fields(struct buffer *out, const struct proxy_request *p)
{
	const struct request *r = p->request;
	bool options = has_options(r);

	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];

		if (is_own(f) ||
		    (f->id == FIELD_OTHER && is_forwarded(f->name)))
			continue;
		if (options && is_option(r, f->name))
			continue;
		proxy_request_add_field(out, f->name, f->value);
	}
}

/* All values of the client's fields of that name, as a list. */
static bool
add_list(struct buffer *out, const struct request *r, struct text name)
{
	bool any = false;

	for (size_t i = 0; i < r->field_count; i++) {
		if (!text_equal_nocase(r->fields[i].name, name))
			continue;
		if (any)
			buffer_add(out, ", ", 2);
		buffer_add_text(out, r->fields[i].value);
		any = true;
	}
	return any;
}

/* Adds what a client that is a proxy itself says of its own client. */
static bool
add_believed(
    struct buffer *out, const struct proxy_request *p, struct text name)
{
	return p->forwarded == PROXY_FORWARDED_APPEND &&
	    add_list(out, p->request, name);
}

/* A list, to which each proxy adds the address of its client. */
static void
add_forwarded_for(struct buffer *out, const struct proxy_request *p)
{
	const struct text name = TEXT("X-Forwarded-For");
	size_t before = out->len;
	bool believed;

	buffer_add_text(out, name);
	buffer_add(out, ": ", 2);
	believed = add_believed(out, p, name);
	if (believed && p->client.len > 0)
		buffer_add(out, ", ", 2);
	buffer_add_text(out, p->client);
	buffer_add(out, "\r\n", 2);
	if (!believed && p->client.len == 0)
		out->len = before;
}

/* A field that only the first proxy sets. */
static void
add_first(struct buffer *out, const struct proxy_request *p, struct text name,
    struct text value)
{
	buffer_add_text(out, name);
	buffer_add(out, ": ", 2);
	if (!add_believed(out, p, name))
		buffer_add_text(out, value);
	buffer_add(out, "\r\n", 2);
}

/* node = IPv4address / "[" IPv6address "]" / "unknown": RFC 7239, 6. */
static void
add_node(struct buffer *out, struct text client)
{
	if (client.len == 0)
		buffer_add_text(out, TEXT("unknown"));
	else if (memchr(client.at, ':', client.len) != NULL)
		buffer_printf(out, "\"[%.*s]\"", TEXT_ARG(client));
	else
		buffer_add_text(out, client);
}

/* RFC 7239, only if the client has begun it. */
static void
add_forwarded(struct buffer *out, const struct proxy_request *p)
{
	const struct text name = TEXT("Forwarded");
	size_t before = out->len;

	buffer_add_text(out, name);
	buffer_add(out, ": ", 2);
	if (!add_believed(out, p, name)) {
		out->len = before;
		return;
	}
	buffer_add_text(out, TEXT(", for="));
	add_node(out, p->client);
	buffer_printf(out, ";proto=%.*s\r\n", TEXT_ARG(p->scheme));
}

static void
add_all_forwarded(struct buffer *out, const struct proxy_request *p)
{
	if (p->forwarded == PROXY_FORWARDED_NONE)
		return;
	add_forwarded_for(out, p);
	add_first(out, p, TEXT("X-Forwarded-Proto"), p->scheme);
	if (p->request->host.len > 0)
		add_first(out, p, TEXT("X-Forwarded-Host"), p->request->host);
	add_forwarded(out, p);
}

bool
proxy_request_max_forwards(const struct request *r, uint64_t *count)
{
	for (size_t i = 0; i < r->field_count; i++)
		if (r->method == METHOD_OPTIONS &&
		    text_equal_nocase(r->fields[i].name, TEXT("Max-Forwards")))
			return text_to_number(
			    r->fields[i].value, UINT32_MAX, count);
	return false;
}

static void
add_max_forwards(struct buffer *out, const struct request *r)
{
	uint64_t count;

	if (!proxy_request_max_forwards(r, &count) || count == 0)
		return;
	buffer_add_text(out, TEXT("Max-Forwards: "));
	buffer_add_number(out, count - 1);
	buffer_add(out, "\r\n", 2);
}

/* RFC 9112, 6: as the client has framed it. */
static void
add_framing(struct buffer *out, const struct request *r)
{
	switch (r->framing) {
	case FRAMING_NONE:
		break;
	case FRAMING_LENGTH:
		buffer_add_text(out, TEXT("Content-Length: "));
		buffer_add_number(out, r->length);
		buffer_add(out, "\r\n", 2);
		break;
	case FRAMING_CHUNKED:
		buffer_add_text(out, TEXT("Transfer-Encoding: chunked\r\n"));
		break;
	}
}

bool
proxy_request_add(struct buffer *out, const struct proxy_request *p)
{
	const struct request *r = p->request;

	buffer_add_text(out, request_method_name(r));
	buffer_add_char(out, ' ');
	if (!proxy_target_add(out, p->paths, r, p->below))
		return false;
	buffer_add_text(out, TEXT(" HTTP/1.1\r\n"));
	proxy_request_add_field(out, TEXT("Host"), p->host);
	add_client_fields(out, p);
	add_all_forwarded(out, p);
	add_max_forwards(out, r);
	add_framing(out, r);
	if (p->expects_continue)
		proxy_request_add_field(
		    out, TEXT("Expect"), TEXT("100-continue"));
	if (p->closes)
		proxy_request_add_field(out, TEXT("Connection"), TEXT("close"));
	buffer_add_text(out,
	    r->minor > 0 ? TEXT("Via: 1.1 " VIA_NAME "\r\n\r\n")
			 : TEXT("Via: 1.0 " VIA_NAME "\r\n\r\n"));
	return true;
}
