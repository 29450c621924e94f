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
    struct exchange *x)
{
	char date[DATE_SIZE];

	date_format(v->modified, date);
	tined_add_field(x, TEXT("ETag"), v->etag);
	tined_add_field(x, TEXT("Last-Modified"), text_of(date));
	if (f->max_age >= 0)
		tined_printf_field(x, "Cache-Control", "max-age=%lld",
		    (long long)(f->max_age / CLOCK_SECOND));
	if (f->varies)
		tined_add_field(x, TEXT("Vary"), TEXT("Accept-Encoding"));
}

/*
 * The CRLF before the first boundary is not necessary, but all servers send it
 * (RFC 9110, 14.6), and zsync needs it.
 */
static void
add_part_head(struct exchange *x, const char *boundary, const char *type,
    const struct range *r, uint64_t size)
{
	struct buffer *text = tined_text(x);
	size_t offset = text->len;

	buffer_printf(text,
	    "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
	    boundary, type, (unsigned long long)r->first,
	    (unsigned long long)r->last, (unsigned long long)size);
	tined_add_text(x, offset);
}

/* RFC 9110, 14.6 */
static void
add_multipart(struct exchange *x, const struct ranges *ranges, const char *type,
    uint64_t size)
{
	char boundary[2 * sizeof(uint64_t) + 1];
	struct buffer *text = tined_text(x);
	size_t offset;

	/* Random, so that nobody can put it into a file. */
	snprintf(
	    boundary, sizeof(boundary), "%08x%08x", arc4random(), arc4random());
	tined_printf_field(
	    x, "Content-Type", "multipart/byteranges; boundary=%s", boundary);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *r = &ranges->at[i];

		add_part_head(x, boundary, type, r, size);
		tined_add_file(x, r->first, r->last - r->first + 1);
	}
	offset = text->len;
	buffer_printf(text, "\r\n--%s--\r\n", boundary);
	tined_add_text(x, offset);
}

static void
add_ranges(struct exchange *x, const struct ranges *ranges, const char *type,
    uint64_t size)
{
	const struct range *r = &ranges->at[0];

	tined_set_status(x, 206);
	if (ranges->count > 1) {
		add_multipart(x, ranges, type, size);
		return;
	}
	tined_add_field(x, TEXT("Content-Type"), text_of(type));
	tined_printf_field(x, "Content-Range", "bytes %llu-%llu/%llu",
	    (unsigned long long)r->first, (unsigned long long)r->last,
	    (unsigned long long)size);
	tined_add_file(x, r->first, r->last - r->first + 1);
}

/* Gets the ranges to send, if any; only for GET (RFC 9110, 14.2). */
static enum ranges_result
find_ranges(const struct exchange *x, const struct validators *v, uint64_t size,
    struct ranges *ranges)
{
	const struct request *request = tined_request(x);
	struct text value;

	if (tined_method(x) != METHOD_GET ||
	    !request_only_field(request, FIELD_RANGE, &value) ||
	    !conditional_range_applies(request, v))
		return RANGES_IGNORED;
	return ranges_parse(value, size, ranges);
}

static void
add_content(struct exchange *x, const struct validators *v,
    const struct representation *f)
{
	uint64_t size = (uint64_t)f->st.st_size;
	struct ranges ranges;

	tined_add_field(x, TEXT("Accept-Ranges"), TEXT("bytes"));
	tined_no_sniffing(x);
	if (f->coding != CONTENT_CODING_IDENTITY)
		tined_add_field(x, TEXT("Content-Encoding"),
		    content_coding_name(f->coding));
	switch (find_ranges(x, v, size, &ranges)) {
	case RANGES_SATISFIABLE:
		add_ranges(x, &ranges, f->type, size);
		return;
	case RANGES_UNSATISFIABLE:
		tined_error(x, 416);
		tined_printf_field(x, "Content-Range", "bytes */%llu",
		    (unsigned long long)size);
		return;
	case RANGES_IGNORED:
		break;
	}
	tined_add_field(x, TEXT("Content-Type"), text_of(f->type));
	tined_add_file(x, 0, size);
}

void
representation_answer(const struct representation *f, struct exchange *x)
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
	status = conditional_check(tined_request(x), &v, now);
	if (status == 412) {
		close(f->fd);
		tined_error(x, 412);
		return;
	}
	tined_set_file(x, f->fd);
	add_validators(f, &v, x);
	if (status == 304)
		tined_set_status(x, 304);
	else
		add_content(x, &v, f);
}
