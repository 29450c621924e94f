#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "handlers/builtin.h"
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
/* The largest file of which there is a copy; output.h reads so much as well. */
#define COPY_MAX (64 << 10)
/* More than all fields of struct prepared take. */
#define LINES_SIZE 384

/*
 * What is known of the responses with a file, and where its content is.  The
 * same function responds with it, whether there is a copy of the file or not.
 */
struct prepared {
	uint64_t size;
	time_t modified;
	const char *type;
	const char *content; /* NULL: it is in the file */
	size_t etag_length;
	char etag[ETAG_SIZE];
	/* Header lines: those that a 304 has as well (RFC 9110, 15.4.5), and
	 * behind them those of all responses with content. */
	size_t validators_length;
	size_t lines_length;
	char lines[LINES_SIZE];
};

struct representation_copy {
	struct prepared prepared;
	int fd;			 /* not owned; -1: content has it all */
	struct timespec changed; /* the file's st_ctim */
	char content[];
};

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

static bool
representation_is_settled(const struct representation *f, time_t now)
{
	return time_of_change(&f->st)->tv_sec <= now - ETAG_SETTLED_SECONDS;
}

static void
add_etag(const struct representation *f, time_t now, struct buffer *out)
{
	const struct timespec *m = time_of_change(&f->st);

	if (!representation_is_settled(f, now))
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

static void
prepare_etag(struct prepared *p, const struct representation *f, time_t now)
{
	struct buffer etag = {.data = p->etag, .size = sizeof(p->etag)};

	add_etag(f, now, &etag);
	p->etag_length = etag.len;
}

static void
add_bytes(struct prepared *p, struct text bytes)
{
	assert(bytes.len <= sizeof(p->lines) - p->lines_length &&
	    "representation: longer header lines than there can be");
	memcpy(p->lines + p->lines_length, bytes.at, bytes.len);
	p->lines_length += bytes.len;
}

static void
representation_add_line(struct prepared *p, struct text name, struct text value)
{
	add_bytes(p, name);
	add_bytes(p, TEXT(": "));
	add_bytes(p, value);
	add_bytes(p, TEXT("\r\n"));
}

static void
prepare_validators(struct prepared *p, const struct representation *f)
{
	char date[DATE_SIZE], value[sizeof("max-age=") + 20];

	date_format(p->modified, date);
	representation_add_line(
	    p, TEXT("ETag"), (struct text){p->etag, p->etag_length});
	representation_add_line(p, TEXT("Last-Modified"), text_of(date));
	if (f->max_age >= 0) {
		snprintf(value, sizeof(value), "max-age=%lld",
		    (long long)(f->max_age / CLOCK_SECOND));
		representation_add_line(
		    p, TEXT("Cache-Control"), text_of(value));
	}
	if (f->varies)
		representation_add_line(
		    p, TEXT("Vary"), TEXT("Accept-Encoding"));
	p->validators_length = p->lines_length;
}

static void
representation_prepare(struct prepared *p, const struct representation *f)
{
	time_t now = time(NULL);

	p->size = (uint64_t)f->st.st_size;
	p->type = f->type;
	p->content = NULL;
	p->modified = time_of_change(&f->st)->tv_sec;
	if (p->modified > now)
		p->modified = now;
	p->lines_length = 0;
	prepare_etag(p, f, now);
	prepare_validators(p, f);
	representation_add_line(p, TEXT("Accept-Ranges"), TEXT("bytes"));
	representation_add_line(
	    p, TEXT("X-Content-Type-Options"), TEXT("nosniff"));
	if (f->coding != CONTENT_CODING_IDENTITY)
		representation_add_line(p, TEXT("Content-Encoding"),
		    content_coding_name(f->coding));
}

static void
add_region(struct tined_exchange *x, const struct prepared *p, uint64_t offset,
    uint64_t length)
{
	if (p->content != NULL)
		tined_add_bytes(x, p->content + offset, length);
	else
		tined_add_file(x, offset, length);
}

/*
 * The CRLF before the first boundary is not necessary, but all servers send it
 * (RFC 9110, 14.6), and zsync needs it.
 */
static void
add_part_head(struct tined_exchange *x, const char *boundary, const char *type,
    const struct range *r, uint64_t size)
{
	struct buffer *text = builtin_buffer(x);
	size_t offset = text->len;

	buffer_printf(text,
	    "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
	    boundary, type, (unsigned long long)r->first,
	    (unsigned long long)r->last, (unsigned long long)size);
	builtin_add_buffer(x, offset);
}

/* RFC 9110, 14.6 */
static void
add_multipart(struct tined_exchange *x, const struct ranges *ranges,
    const struct prepared *p)
{
	char boundary[2 * sizeof(uint64_t) + 1];
	struct buffer *text = builtin_buffer(x);
	size_t offset;

	/* Random, so that nobody can put it into a file. */
	snprintf(boundary, sizeof(boundary), "%016" PRIx64, random_number());
	tined_printf_field(
	    x, "Content-Type", "multipart/byteranges; boundary=%s", boundary);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *r = &ranges->at[i];

		add_part_head(x, boundary, p->type, r, p->size);
		add_region(x, p, r->first, r->last - r->first + 1);
	}
	offset = text->len;
	buffer_printf(text, "\r\n--%s--\r\n", boundary);
	builtin_add_buffer(x, offset);
}

static void
add_ranges(struct tined_exchange *x, const struct ranges *ranges,
    const struct prepared *p)
{
	const struct range *r = &ranges->at[0];

	tined_set_status(x, 206);
	if (ranges->count > 1) {
		add_multipart(x, ranges, p);
		return;
	}
	tined_add_field(x, TINED_TEXT("Content-Type"), tined_text_of(p->type));
	tined_printf_field(x, "Content-Range", "bytes %llu-%llu/%llu",
	    (unsigned long long)r->first, (unsigned long long)r->last,
	    (unsigned long long)p->size);
	add_region(x, p, r->first, r->last - r->first + 1);
}

/* Gets the ranges to send, if any; only for GET (RFC 9110, 14.2). */
static enum ranges_result
find_ranges(const struct tined_exchange *x, const struct validators *v,
    uint64_t size, struct ranges *ranges)
{
	const struct request *request = builtin_request(x);
	struct text value;

	if (request->method != METHOD_GET ||
	    !request_only_field(request, FIELD_RANGE, &value) ||
	    !conditional_range_applies(request, v))
		return RANGES_IGNORED;
	return ranges_parse(value, size, ranges);
}

static void
representation_add_content(struct tined_exchange *x, const struct validators *v,
    const struct prepared *p)
{
	struct ranges ranges;

	switch (find_ranges(x, v, p->size, &ranges)) {
	case RANGES_SATISFIABLE:
		add_ranges(x, &ranges, p);
		return;
	case RANGES_UNSATISFIABLE:
		tined_error(x, 416);
		tined_printf_field(x, "Content-Range", "bytes */%llu",
		    (unsigned long long)p->size);
		return;
	case RANGES_IGNORED:
		break;
	}
	tined_add_field(x, TINED_TEXT("Content-Type"), tined_text_of(p->type));
	add_region(x, p, 0, p->size);
}

static void
representation_respond(const struct prepared *p, struct tined_exchange *x)
{
	const struct validators v = {
	    .etag = {p->etag, p->etag_length},
	    .modified = p->modified,
	};
	struct text lines = {p->lines, p->lines_length};

	switch (conditional_check(builtin_request(x), &v, time(NULL))) {
	case 412:
		tined_error(x, 412);
		break;
	case 304:
		tined_set_status(x, 304);
		lines.len = p->validators_length;
		builtin_add_lines(x, lines);
		break;
	default:
		builtin_add_lines(x, lines);
		representation_add_content(x, &v, p);
	}
}

void
representation_answer(const struct representation *f, struct tined_exchange *x)
{
	struct prepared p;

	tined_set_file(x, f->fd);
	representation_prepare(&p, f);
	representation_respond(&p, x);
}

/*
 * A fresh file may change again without a new timestamp, and its weak ETag
 * becomes strong.  An empty one may be about to be written anew: while the
 * kernel truncates it, it has its old timestamp.
 */
size_t
representation_copy_size(const struct representation *f)
{
	size_t size = sizeof(struct representation_copy);

	if (f->st.st_size == 0 || !representation_is_settled(f, time(NULL)))
		return 0;
	return representation_is_large(f) ? size : size + (size_t)f->st.st_size;
}

bool
representation_is_large(const struct representation *f)
{
	return f->st.st_size > COPY_MAX;
}

/* False if somebody has written to it, removed it, or changed its mode. */
static bool
is_unchanged(int fd, uint64_t size, const struct timespec *then)
{
	struct stat now;

	return fstat(fd, &now) == 0 && (uint64_t)now.st_size == size &&
	    now.st_ctim.tv_sec == then->tv_sec &&
	    now.st_ctim.tv_nsec == then->tv_nsec;
}

int
representation_copy(
    const struct representation *f, struct representation_copy *copy)
{
	size_t size = (size_t)f->st.st_size, have = 0;

	representation_prepare(&copy->prepared, f);
	copy->changed = f->st.st_ctim;
	copy->fd = representation_is_large(f) ? f->fd : -1;
	if (copy->fd != -1)
		return 0;
	copy->prepared.content = copy->content;
	while (have < size) {
		ssize_t n = pread(
		    f->fd, copy->content + have, size - have, (off_t)have);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	return is_unchanged(f->fd, size, &copy->changed) ? 0 : -1;
}

bool
representation_copy_is_valid(const struct representation_copy *copy)
{
	return copy->fd == -1 ||
	    is_unchanged(copy->fd, copy->prepared.size, &copy->changed);
}

void
representation_answer_copy(
    const struct representation_copy *copy, struct tined_exchange *x)
{
	builtin_lend_file(x, copy->fd);
	representation_respond(&copy->prepared, x);
}
