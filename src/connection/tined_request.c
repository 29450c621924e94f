#include <sys/mman.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/write_at.h"
#include "connection/exchange.h"
#include "connection/request_content.h"
#include "connection/spool.h"
#include "handlers/builtin.h"

/* Content that is kept is read in such pieces. */
#define WHOLE_PIECE (16 << 10)

struct tined_text
tined_method(const struct tined_exchange *x)
{
	return tined_from(request_method_name(&x->request));
}

bool
tined_is_method(const struct tined_exchange *x, const char *method)
{
	return text_equal(request_method_name(&x->request), text_of(method));
}

struct tined_text
tined_target(const struct tined_exchange *x)
{
	return tined_from(x->request.target);
}

struct tined_text
tined_path(const struct tined_exchange *x)
{
	return tined_from(x->request.path);
}

struct tined_text
tined_prefix(const struct tined_exchange *x)
{
	return (struct tined_text){x->mount->prefix, x->mount->length};
}

struct tined_text
tined_path_below(const struct tined_exchange *x)
{
	return tined_from(x->path_below);
}

bool
tined_path_is_ambiguous(const struct tined_exchange *x)
{
	return x->request.ambiguous_path;
}

bool
tined_query(const struct tined_exchange *x, struct tined_text *query)
{
	*query = tined_from(x->request.query);
	return x->request.has_query;
}

int
tined_minor_version(const struct tined_exchange *x)
{
	return x->request.minor;
}

/* There is no TLS here, and nobody is believed who says that there was. */
struct tined_text
tined_scheme(const struct tined_exchange *x)
{
	(void)x;
	return TINED_TEXT("http");
}

struct tined_text
tined_host(const struct tined_exchange *x)
{
	return tined_from(x->request.host);
}

struct tined_text
tined_peer_name(const struct tined_exchange *x)
{
	return tined_text_of(x->connection->peer.name);
}

static const struct sockaddr *
tined_request_address_of(const struct peer *peer, socklen_t *length)
{
	*length = peer->length;
	return (const struct sockaddr *)&peer->address;
}

const struct sockaddr *
tined_peer_address(const struct tined_exchange *x, socklen_t *length)
{
	return tined_request_address_of(&x->connection->peer, length);
}

const struct sockaddr *
tined_local_address(struct tined_exchange *x, socklen_t *length)
{
	return tined_request_address_of(
	    connection_local(x->connection), length);
}

static bool
get_field(const struct tined_exchange *x, size_t i, struct tined_text *value)
{
	*value = tined_from(x->request.fields[i].value);
	return true;
}

bool
tined_field(const struct tined_exchange *x, struct tined_text name,
    struct tined_text *value)
{
	const struct request *r = &x->request;
	struct text wanted = text_from(name);
	enum field_id id = request_field_id(wanted);

	if (id != FIELD_OTHER)
		return r->counts[id] > 0 && get_field(x, r->firsts[id], value);
	for (size_t i = 0; i < r->field_count; i++)
		if (text_equal_nocase(r->fields[i].name, wanted))
			return get_field(x, i, value);
	return false;
}

bool
tined_field_at(const struct tined_exchange *x, size_t i,
    struct tined_text *name, struct tined_text *value)
{
	if (i >= x->request.field_count)
		return false;
	*name = tined_from(x->request.fields[i].name);
	return get_field(x, i, value);
}

bool
tined_content_length(const struct tined_exchange *x, uint64_t *length)
{
	*length = x->request.length;
	return x->request.framing != FRAMING_CHUNKED;
}

ssize_t
tined_read(struct tined_exchange *x, void *to, size_t size)
{
	return request_content_read(x, to, size);
}

ssize_t
tined_read_now(struct tined_exchange *x, void *to, size_t size)
{
	return request_content_read_now(x, to, size);
}

int
builtin_spool_content(struct tined_exchange *x, uint64_t *length)
{
	char piece[WHOLE_PIECE];
	ssize_t n;

	if (!spool_is_open())
		return tined_read_whole(x, length);
	*length = 0;
	while ((n = tined_read(x, piece, sizeof(piece))) > 0) {
		if (spool_add(piece, (size_t)n) == -1)
			return -1;
		*length += (uint64_t)n;
	}
	return n == 0 ? spool_rewind() : -1;
}

ssize_t
builtin_read_content(
    struct tined_exchange *x, struct builtin_content *c, void *to, size_t size)
{
	ssize_t n;

	if (c->file == -1)
		return tined_read_now(x, to, size);
	do
		n = read(c->file, to, size < c->length ? size : c->length);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		c->length -= (uint64_t)n;
	return n;
}

/* Appends to the file of the exchange. */
static int
read_rest(struct tined_exchange *x)
{
	char piece[WHOLE_PIECE];
	off_t end = lseek(x->content_file, 0, SEEK_END);
	ssize_t n;

	if (end == -1)
		return -1;
	while ((n = tined_read(x, piece, sizeof(piece))) > 0) {
		if (write_at(
			x->content_file, piece, (size_t)n, (uint64_t)end) == -1)
			return -1;
		end += n;
	}
	return (int)n;
}

int
tined_read_whole(struct tined_exchange *x, uint64_t *length)
{
	off_t end;

	if (x->content_file == -1)
		x->content_file = memfd_create("tined-content", MFD_CLOEXEC);
	if (x->content_file == -1 || read_rest(x) == -1)
		return -1;
	end = lseek(x->content_file, 0, SEEK_END);
	if (end == -1 || lseek(x->content_file, 0, SEEK_SET) == -1)
		return -1;
	*length = (uint64_t)end;
	return x->content_file;
}
