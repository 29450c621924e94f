/*
 * proxy:http://HOST:PORT[/BASE] and proxy:unix:PATH pass requests on to other
 * servers by HTTP/1.1, as a gateway does (RFC 9110, 3.7, 7.6).
 */
#include <stdlib.h>
#include <string.h>

#include "base/chars.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/proxy_request.h"
#include "handlers/upstream.h"
#include "http/body.h"
#include "http/date.h"
#include "http/response_head.h"
#include "http/status_code.h"
#include "http/uri.h"

/*
 * Less than the time after which most servers close a connection: 5 s in Node.js
 * and Apache.
 */
#define KEEPALIVE (4 * CLOCK_SECOND)
/* A response has at most so many interim responses before it. */
#define INTERIM_MAX 32
#define DEFAULT_PORT ":80"

struct proxy {
	struct upstream *upstream;
	struct proxy_paths paths; /* views of the mount's prefix and base */
	char *base;		  /* owned; NULL: the path stays as it is */
	char *authority;	  /* of the first server; owned */
	const char *host;	  /* host=, or NULL */
	enum proxy_forwarded forwarded;
};

/* A request that is passed on, and its response. */
struct proxy_exchange {
	struct upstream_request r;
	const struct proxy *proxy;
	struct text host; /* that the server was told */
	bool is_head;

	size_t line; /* response_head_find */
	size_t interims;
	bool has_head;
	struct response_head head;
	struct body body; /* unless its end is that of the connection */
};

/* ---- Mounting ---- */

/* Ends the text before the path; returns a copy of the path, or NULL. */
static char *
split_path(char *url)
{
	char *slash = strchr(url, '/');
	char *path = slash != NULL ? memory_copy_string(slash) : NULL;

	if (slash != NULL)
		*slash = '\0';
	return path;
}

static char *
with_port(const char *authority)
{
	const char *colon = strrchr(authority, ':');
	const char *bracket = strrchr(authority, ']');
	bool has_port = colon != NULL && (bracket == NULL || colon > bracket);

	return memory_printf("%s%s", authority, has_port ? "" : DEFAULT_PORT);
}

/* Returns the address of the first server, or NULL; sets authority and base. */
static char *
proxy_take_subject(struct proxy *p, struct tined_mount *m)
{
	const char *subject = tined_mount_subject(m);
	const struct text scheme = TEXT("http://"), local = TEXT("unix:");

	if (text_begins(text_of(subject), local)) {
		p->authority = memory_copy_string("localhost");
		return memory_copy_string(subject);
	}
	if (!text_begins(text_of(subject), scheme)) {
		builtin_mount_usage(m,
		    "proxy:%s: expected http://HOST:PORT, with a path or "
		    "without, or unix:PATH",
		    subject);
		return NULL;
	}
	p->authority = memory_copy_string(subject + scheme.len);
	p->base = split_path(p->authority);
	return with_port(p->authority);
}

static bool
take_base(struct proxy *p, struct tined_mount *m)
{
	const char *base = tined_argument(m, "base");
	size_t len;

	if (base != NULL) {
		free(p->base);
		p->base = memory_copy_string(base);
	}
	if (p->base == NULL)
		return true;
	len = strlen(p->base);
	if (p->base[0] != '/' || !chars_all(p->base, len, CHAR_URI) ||
	    strpbrk(p->base, "?") != NULL) {
		builtin_mount_usage(m,
		    "\"%s\": expected a path, percent-encoded, such as /app",
		    p->base);
		return false;
	}
	while (len > 0 && p->base[len - 1] == '/')
		p->base[--len] = '\0';
	p->paths.has_base = true;
	p->paths.base = text_of(p->base);
	return true;
}

static bool
take_host(struct proxy *p, struct tined_mount *m)
{
	p->host = tined_argument(m, "host");
	if (p->host == NULL ||
	    (*p->host != '\0' && uri_authority_is_valid(text_of(p->host))))
		return true;
	builtin_mount_usage(
	    m, "host=%s: expected a host, or HOST:PORT", p->host);
	return false;
}

static bool
take_forwarded(struct proxy *p, struct tined_mount *m)
{
	static const struct {
		const char *word;
		enum proxy_forwarded meaning;
	} words[] = {
	    {"replace", PROXY_FORWARDED_REPLACE},
	    {"append", PROXY_FORWARDED_APPEND},
	    {"none", PROXY_FORWARDED_NONE},
	};
	const char *given = tined_argument(m, "forwarded");

	if (given == NULL)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(given, words[i].word) == 0) {
			p->forwarded = words[i].meaning;
			return true;
		}
	builtin_mount_usage(
	    m, "forwarded=%s: expected replace, append or none", given);
	return false;
}

static void
proxy_unmount(void *state)
{
	struct proxy *p = state;

	if (p->upstream != NULL)
		upstream_unmount(p->upstream);
	free(p->authority);
	free(p->base);
	free(p);
}

static bool
take_arguments(struct proxy *p, struct tined_mount *m)
{
	char *address;

	if (builtin_split_argument(m) == -1)
		return false;
	address = proxy_take_subject(p, m);
	if (address == NULL)
		return false;
	p->paths.prefix = text_of(tined_mount_prefix(m));
	p->upstream = upstream_mount(m, address, KEEPALIVE);
	free(address);
	return p->upstream != NULL && take_base(p, m) && take_host(p, m) &&
	    take_forwarded(p, m);
}

static int
proxy_mount(struct tined_mount *m, void **state)
{
	struct proxy *p = memory_get_array(1, sizeof(*p));

	if (!take_arguments(p, m)) {
		proxy_unmount(p);
		return -1;
	}
	tined_take_methods(m, "*");
	tined_take_content(m);
	*state = p;
	return 0;
}

static void
proxy_stop(void *state)
{
	const struct proxy *p = state;

	upstream_stop(p->upstream);
}

/* ---- The request ---- */

/* Each piece is a chunk: RFC 9112, 7.1. */
static void
add_chunk(struct buffer *out, struct text content)
{
	buffer_add_hex(out, content.len);
	buffer_add(out, "\r\n", 2);
	buffer_add_text(out, content);
	buffer_add(out, "\r\n", 2);
}

static void
proxy_add_content(struct upstream_request *r, struct text content)
{
	uint64_t length;

	if (tined_content_length(r->x, &length))
		buffer_add_text(r->out, content);
	else
		add_chunk(r->out, content);
}

/* An HTTP/1.0 client may have sent no Host. */
static struct text
host_for(const struct proxy *p, const struct request *r)
{
	if (p->host != NULL)
		return text_of(p->host);
	return r->host.len > 0 ? r->host : text_of(p->authority);
}

static bool
proxy_add_head(struct proxy_exchange *e, struct tined_exchange *x)
{
	const struct proxy *p = e->proxy;
	const struct peer *peer = builtin_peer(x);
	struct proxy_request request = {
	    .request = builtin_request(x),
	    .paths = &p->paths,
	    .below = text_from(tined_path_below(x)),
	    .host = e->host,
	    .scheme = text_from(tined_scheme(x)),
	    .forwarded = p->forwarded,
	    .expects_continue = e->r.content_waits,
	    .closes = !upstream_keeps(p->upstream),
	};

	if (!peer_is_unix(peer))
		request.client = text_of(peer->name);
	return proxy_request_add(e->r.out, &request);
}

/* ---- The response ---- */

static enum upstream_progress
bad(struct proxy_exchange *e, const char *why)
{
	e->r.why = why;
	return UPSTREAM_BAD;
}

/* Adds what is between two lines of the head that are not passed on as they are. */
static void
add_run(struct tined_exchange *x, const char *from, const char *to)
{
	if (to > from)
		builtin_add_lines(x, (struct text){from, (size_t)(to - from)});
}

static bool
is_location(struct text name)
{
	return text_equal_nocase(name, TEXT("Location")) ||
	    text_equal_nocase(name, TEXT("Content-Location"));
}

/* Adds it as the client has to use it; false if it stays as it is. */
static bool
proxy_add_location(
    struct proxy_exchange *e, struct text name, struct text value)
{
	const struct text own[] = {text_of(e->proxy->authority), e->host};
	struct buffer location = {0};
	bool changed = proxy_target_rewrite(&location, &e->proxy->paths, value,
	    own, sizeof(own) / sizeof(own[0]));

	if (changed)
		tined_add_field(e->r.x, tined_from(name),
		    tined_from(buffer_text(&location)));
	buffer_free(&location);
	return changed;
}

/* Lines that stay are added together. */
static void
add_fields(struct proxy_exchange *e)
{
	struct text rest = e->head.fields, line, name, value;
	const char *from = rest.at, *to = rest.at;

	while (response_head_next(&e->head, &rest, &line, &name, &value)) {
		bool replaced =
		    is_location(name) && proxy_add_location(e, name, value);

		if (line.at != to || replaced) {
			add_run(e->r.x, from, to);
			from = line.at;
		}
		to = line.at + line.len;
		if (replaced)
			from = to;
	}
	add_run(e->r.x, from, to);
}

/* IMF-fixdate of RFC 9110, 5.6.7, as far as a look tells. */
static bool
is_date(struct text t)
{
	const struct text zone = TEXT(" GMT");

	return t.len == DATE_SIZE - 1 &&
	    text_equal((struct text){t.at + t.len - zone.len, zone.len}, zone);
}

static void
add_date(struct proxy_exchange *e)
{
	if (is_date(e->head.date))
		builtin_add_date(e->r.x, e->head.date);
}

/* Lines of an interim response: RFC 9110, 15.2. */
static enum upstream_progress
take_interim(struct proxy_exchange *e)
{
	const struct response_head *h = &e->head;
	struct text rest = h->fields, line, name, value;
	struct buffer lines = {0};

	if (h->status == 101)
		return bad(e, "it switches protocols, which nobody asked for");
	if (++e->interims > INTERIM_MAX)
		return bad(e, "it sends too many interim responses");
	if (h->status == 100) {
		e->r.content_waits = false;
		return UPSTREAM_MORE;
	}
	while (response_head_next(h, &rest, &line, &name, &value))
		buffer_add_text(&lines, line);
	builtin_add_interim(e->r.x, h->status, h->reason, buffer_text(&lines));
	buffer_free(&lines);
	return UPSTREAM_MORE;
}

/* In answer to HEAD, the length is that of a GET, or not known. */
static enum upstream_progress
begin_no_content(struct proxy_exchange *e)
{
	const struct response_head *h = &e->head;

	if (!e->is_head || !status_code_has_body(h->status))
		return UPSTREAM_DONE;
	if (h->has_length)
		tined_declare_length(e->r.x, h->length);
	else if (tined_flush(e->r.x) == -1)
		return UPSTREAM_UNSENT;
	return UPSTREAM_DONE;
}

static enum upstream_progress
begin_content(struct proxy_exchange *e)
{
	switch (e->head.framing) {
	case RESPONSE_HEAD_NONE:
		return begin_no_content(e);
	case RESPONSE_HEAD_LENGTH:
		tined_declare_length(e->r.x, e->head.length);
		body_start_length(&e->body, e->head.length, UINT64_MAX);
		break;
	case RESPONSE_HEAD_CHUNKED:
		body_start_chunks(&e->body, UINT64_MAX);
		break;
	case RESPONSE_HEAD_CLOSE:
		break;
	}
	return e->body.state == BODY_COMPLETE ? UPSTREAM_DONE : UPSTREAM_MORE;
}

static enum upstream_progress
proxy_begin_response(struct proxy_exchange *e)
{
	const struct response_head *h = &e->head;

	e->has_head = true;
	e->r.begun = true;
	e->r.is_last = !h->keep_alive;
	if (text_equal(h->reason, status_code_reason(h->status)) ||
	    h->reason.len == 0)
		tined_set_status(e->r.x, h->status);
	else
		tined_set_status_reason(
		    e->r.x, h->status, tined_from(h->reason));
	add_date(e);
	add_fields(e);
	return begin_content(e);
}

static enum upstream_progress
proxy_take_head(struct proxy_exchange *e, struct text seen, size_t *used)
{
	const char *wrong = NULL;
	size_t len = response_head_find(seen, &e->line, &wrong);

	if (wrong == NULL && len > 0)
		wrong = response_head_parse(
		    (struct text){seen.at, len}, e->is_head, &e->head);
	if (wrong != NULL)
		return bad(e, wrong);
	if (len == 0)
		return UPSTREAM_MORE;
	*used = len;
	e->line = 0;
	return status_code_is_final(e->head.status) ? proxy_begin_response(e)
						    : take_interim(e);
}

static enum upstream_progress
proxy_write_content(struct proxy_exchange *e, struct text content)
{
	if (content.len > 0 &&
	    tined_write(e->r.x, content.at, content.len) == -1)
		return UPSTREAM_UNSENT;
	e->r.content_begun |= content.len > 0;
	return UPSTREAM_MORE;
}

static enum upstream_progress
proxy_take_content(struct proxy_exchange *e, struct text seen, size_t *used)
{
	struct text content = seen;
	enum upstream_progress progress;

	if (e->head.framing == RESPONSE_HEAD_CLOSE) {
		*used = seen.len;
		return proxy_write_content(e, seen);
	}
	*used = body_take(&e->body, seen.at, seen.len, &content);
	progress = proxy_write_content(e, content);
	if (progress != UPSTREAM_MORE)
		return progress;
	if (e->body.state == BODY_REFUSED)
		return bad(e, "its chunks are malformed");
	return e->body.state == BODY_COMPLETE ? UPSTREAM_DONE : UPSTREAM_MORE;
}

static enum upstream_progress
proxy_take(struct upstream_request *r, struct text seen, size_t *used)
{
	struct proxy_exchange *e = r->state;

	return e->has_head ? proxy_take_content(e, seen, used)
			   : proxy_take_head(e, seen, used);
}

static enum upstream_progress
proxy_take_end(struct upstream_request *r)
{
	const struct proxy_exchange *e = r->state;

	return e->has_head && e->head.framing == RESPONSE_HEAD_CLOSE
	    ? UPSTREAM_DONE
	    : UPSTREAM_BAD;
}

static const struct upstream_protocol http = {
    .add_content = proxy_add_content,
    .take = proxy_take,
    .take_end = proxy_take_end,
};

/* Max-Forwards: 0, RFC 9110, 7.6.2. */
static bool
is_last_recipient(const struct request *r)
{
	uint64_t count;

	return proxy_request_max_forwards(r, &count) && count == 0;
}

static void
proxy_serve(void *state, struct tined_exchange *x)
{
	static struct proxy_exchange e; /* too large to clear each time */
	const struct request *request = builtin_request(x);
	const struct proxy *p = state;

	e.r = (struct upstream_request){
	    .protocol = &http,
	    .state = &e,
	    .content = {.file = -1},
	    .x = x,
	    .is_idempotent = method_is_idempotent(request->method),
	    .has_content = request->framing != FRAMING_NONE,
	    .content_waits =
		request->framing != FRAMING_NONE && builtin_expects_continue(x),
	    .out = upstream_out(p->upstream),
	};
	e.proxy = p;
	e.host = host_for(p, request);
	e.is_head = request->method == METHOD_HEAD;
	e.line = e.interims = 0;
	e.has_head = false;
	e.body = (struct body){0};
	if (is_last_recipient(request))
		tined_set_status(x, 204);
	else if (proxy_add_head(&e, x))
		(void)upstream_forward(p->upstream, &e.r);
	else
		tined_error(x, 400);
}

const struct tined_module handler_proxy = {
    TINED_MODULE_VERSION,
    .name = "proxy",
    .mount = proxy_mount,
    .unmount = proxy_unmount,
    .stop = proxy_stop,
    .serve = proxy_serve,
};
