#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/representation.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/range.h"

/* A file that has just changed may change again with the same timestamp. */
#define ETAG_SETTLED_SECONDS 2
#define ETAG_SIZE 64
/* Modification times up to this stand for no time. */
#define NO_TIME_MAX 1
#define NANOSECONDS 1000000000ULL

_Static_assert(RESPONSE_PIECES_MAX >= 2 * RANGES_MAX + 1,
    "a head and a region for each range, and the end");

/*
 * Returns the time of the last change.  Nix, OSTree and some images set the
 * same meaningless modification time for all files; then it is the inode's
 * time.
 */
static const struct timespec *
time_of_change(const struct stat *st)
{
	return st->st_mtim.tv_sec > NO_TIME_MAX ? &st->st_mtim : &st->st_ctim;
}

static void
add_etag(const struct representation *f, time_t now, struct buffer *out)
{
	const struct timespec *m = time_of_change(&f->st);

	if (m->tv_sec > now - ETAG_SETTLED_SECONDS)
		buffer_add_text(out, TEXT("W/"));
	buffer_add_char(out, '"');
	buffer_add_hex(out, (uint64_t)f->st.st_size);
	buffer_add_char(out, '-');
	buffer_add_hex(
	    out, (uint64_t)m->tv_sec * NANOSECONDS + (uint64_t)m->tv_nsec);
	/* Two codings must not share an entity tag. */
	buffer_add_string(out, content_coding_suffix(f->coding));
	buffer_add_char(out, '"');
}

/* The header fields that a 304 has as well: RFC 9110, 15.4.5. */
static void
add_validators(const struct representation *f, const struct validators *v,
    struct response *response)
{
	char date[DATE_SIZE];

	date_format(v->modified, date);
	response_field(response, TEXT("ETag"), v->etag);
	response_field(response, TEXT("Last-Modified"), text_of(date));
	if (f->max_age >= 0)
		response_printf_field(response, "Cache-Control", "max-age=%lld",
		    (long long)(f->max_age / CLOCK_SECOND));
	if (f->varies)
		response_field(response, TEXT("Vary"), TEXT("Accept-Encoding"));
}

/*
 * The CRLF before the first boundary is not necessary, but all servers send it
 * (RFC 9110, 14.6), and zsync needs it.
 */
static void
add_part_head(struct response *response, const char *boundary, const char *type,
    const struct range *r, uint64_t size)
{
	size_t offset = response->text.len;

	buffer_printf(&response->text,
	    "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
	    boundary, type, (unsigned long long)r->first,
	    (unsigned long long)r->last, (unsigned long long)size);
	response_add_text(response, offset);
}

/* RFC 9110, 14.6 */
static void
add_multipart(struct response *response, const struct ranges *ranges,
    const char *type, uint64_t size)
{
	char boundary[2 * sizeof(uint64_t) + 1];
	size_t offset;

	/* Random, so that nobody can put it into a file. */
	snprintf(
	    boundary, sizeof(boundary), "%08x%08x", arc4random(), arc4random());
	response_printf_field(response, "Content-Type",
	    "multipart/byteranges; boundary=%s", boundary);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *r = &ranges->at[i];

		add_part_head(response, boundary, type, r, size);
		response_add_file(response, r->first, r->last - r->first + 1);
	}
	offset = response->text.len;
	buffer_printf(&response->text, "\r\n--%s--\r\n", boundary);
	response_add_text(response, offset);
}

static void
add_ranges(struct response *response, const struct ranges *ranges,
    const char *type, uint64_t size)
{
	const struct range *r = &ranges->at[0];

	response->status = 206;
	if (ranges->count > 1) {
		add_multipart(response, ranges, type, size);
		return;
	}
	response_field(response, TEXT("Content-Type"), text_of(type));
	response_printf_field(response, "Content-Range", "bytes %llu-%llu/%llu",
	    (unsigned long long)r->first, (unsigned long long)r->last,
	    (unsigned long long)size);
	response_add_file(response, r->first, r->last - r->first + 1);
}

/* Gets the ranges to send, if any; only for GET (RFC 9110, 14.2). */
static enum ranges_result
find_ranges(const struct request *request, const struct validators *v,
    uint64_t size, struct ranges *ranges)
{
	struct text value;

	if (request->method != METHOD_GET ||
	    request->counts[FIELD_RANGE] != 1 ||
	    !request_field(request, FIELD_RANGE, &value) ||
	    !conditional_range_applies(request, v))
		return RANGES_IGNORED;
	return ranges_parse(value, size, ranges);
}

static void
add_content(const struct request *request, const struct validators *v,
    const struct representation *f, struct response *response)
{
	uint64_t size = (uint64_t)f->st.st_size;
	struct ranges ranges;

	response_field(response, TEXT("Accept-Ranges"), TEXT("bytes"));
	response_no_sniffing(response);
	if (f->coding != CONTENT_CODING_IDENTITY)
		response_field(response, TEXT("Content-Encoding"),
		    content_coding_name(f->coding));
	switch (find_ranges(request, v, size, &ranges)) {
	case RANGES_SATISFIABLE:
		add_ranges(response, &ranges, f->type, size);
		return;
	case RANGES_UNSATISFIABLE:
		response_error(response, 416);
		response_printf_field(response, "Content-Range", "bytes */%llu",
		    (unsigned long long)size);
		return;
	case RANGES_IGNORED:
		break;
	}
	response_field(response, TEXT("Content-Type"), text_of(f->type));
	response_add_file(response, 0, size);
}

void
representation_answer(const struct representation *f,
    const struct request *request, struct response *response)
{
	time_t now = time(NULL);
	char room[ETAG_SIZE];
	struct buffer etag = {.data = room, .size = sizeof(room)};
	struct validators v;
	int status;

	add_etag(f, now, &etag);
	v.etag = buffer_text(&etag);
	v.modified = time_of_change(&f->st)->tv_sec;
	if (v.modified > now)
		v.modified = now;
	status = conditional_check(request, &v, now);
	if (status == 412) {
		close(f->fd);
		response_error(response, 412);
		return;
	}
	response->file = f->fd;
	add_validators(f, &v, response);
	if (status == 304)
		response->status = 304;
	else
		add_content(request, &v, f, response);
}
