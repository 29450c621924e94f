#include <string.h>

#include "handlers/fcgi_record.h"

#define VERSION 1
#define REQUEST_ID 1
#define RESPONDER 1
#define KEEP_CONNECTION 1
#define BEGIN_CONTENT 8
#define SHORT_LENGTH_MAX 127
#define LONG_LENGTH 0x80000000u /* this bit says that it has four bytes */

/* Offsets in a header, and in the content of FCGI_RECORD_END_REQUEST. */
#define AT_TYPE 1
#define AT_ID 2
#define AT_LENGTH 4
#define AT_PADDING 6
#define AT_STATUS 4

static void
put16(char *to, size_t number)
{
	to[0] = (char)(number >> 8 & 0xff);
	to[1] = (char)(number & 0xff);
}

static void
put32(char *to, size_t number)
{
	put16(to, number >> 16);
	put16(to + 2, number);
}

static unsigned
get16(const unsigned char *from)
{
	return (unsigned)from[0] << 8 | from[1];
}

static uint32_t
get32(const unsigned char *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

void
fcgi_record_header(char *to, enum fcgi_record_type type, size_t length)
{
	memset(to, 0, FCGI_RECORD_HEADER);
	to[0] = VERSION;
	to[AT_TYPE] = (char)type;
	put16(to + AT_ID, REQUEST_ID);
	put16(to + AT_LENGTH, length);
}

static void
fcgi_record_add_header(
    struct buffer *b, enum fcgi_record_type type, size_t length)
{
	fcgi_record_header(buffer_reserve(b, FCGI_RECORD_HEADER), type, length);
	b->len += FCGI_RECORD_HEADER;
}

void
fcgi_record_add_begin(struct buffer *b, bool keep)
{
	char content[BEGIN_CONTENT] = {0};

	put16(content, RESPONDER);
	content[2] = keep ? KEEP_CONNECTION : 0;
	fcgi_record_add_header(b, FCGI_RECORD_BEGIN_REQUEST, sizeof(content));
	buffer_add(b, content, sizeof(content));
}

static void
add_length(struct buffer *pairs, size_t length)
{
	char bytes[4];

	if (length <= SHORT_LENGTH_MAX) {
		buffer_add_char(pairs, (char)length);
		return;
	}
	put32(bytes, length | LONG_LENGTH);
	buffer_add(pairs, bytes, sizeof(bytes));
}

void
fcgi_record_add_pair(struct buffer *pairs, struct text name, struct text value)
{
	add_length(pairs, name.len);
	add_length(pairs, value.len);
	buffer_add_text(pairs, name);
	buffer_add_text(pairs, value);
}

void
fcgi_record_add_content(
    struct buffer *b, enum fcgi_record_type type, struct text content)
{
	while (content.len > 0) {
		size_t n = content.len < FCGI_RECORD_CONTENT_MAX
		    ? content.len
		    : FCGI_RECORD_CONTENT_MAX;

		fcgi_record_add_header(b, type, n);
		buffer_add(b, content.at, n);
		content.at += n;
		content.len -= n;
	}
}

void
fcgi_record_add_end(struct buffer *b, enum fcgi_record_type type)
{
	fcgi_record_add_header(b, type, 0);
}

/* Cuts off the first bytes, at most that many. */
static struct text
fcgi_record_cut(struct text *bytes, size_t max)
{
	struct text piece = {bytes->at, bytes->len < max ? bytes->len : max};

	bytes->at += piece.len;
	bytes->len -= piece.len;
	return piece;
}

/* Copies what is still missing to a part of size bytes. */
static void
fcgi_record_gather(
    unsigned char *part, size_t *have, size_t size, struct text *bytes)
{
	struct text piece = fcgi_record_cut(bytes, size - *have);

	if (piece.len > 0)
		memcpy(part + *have, piece.at, piece.len);
	*have += piece.len;
}

/* A stream ends with its first record that is empty. */
static const char *
check_stream(bool *ended, size_t length)
{
	if (*ended)
		return "a record of a stream that has ended";
	*ended = length == 0;
	return NULL;
}

/* The header is complete.  Returns what is wrong with it, or NULL. */
static const char *
begin_record(struct fcgi_record_reader *r)
{
	r->content_left = get16(r->header + AT_LENGTH);
	r->padding_left = r->header[AT_PADDING];
	if (r->header[0] != VERSION)
		return "a record of another version than 1";
	if (get16(r->header + AT_ID) != REQUEST_ID)
		return "a record of a request that was not made";
	switch (r->header[AT_TYPE]) {
	case FCGI_RECORD_STDOUT:
		return check_stream(&r->stdout_ended, r->content_left);
	case FCGI_RECORD_STDERR:
		return check_stream(&r->stderr_ended, r->content_left);
	case FCGI_RECORD_END_REQUEST:
		return r->content_left == FCGI_RECORD_END_CONTENT
		    ? NULL
		    : "an FCGI_END_REQUEST that has not 8 bytes";
	default:
		return "a record of a type that no application sends here";
	}
}

/* The record, with its padding, is complete. */
static const char *
end_record(struct fcgi_record_reader *r)
{
	r->header_read = 0;
	if (r->header[AT_TYPE] != FCGI_RECORD_END_REQUEST)
		return NULL;
	r->ended = true;
	r->exit_status = get32(r->end);
	r->status = r->end[AT_STATUS];
	return r->end[AT_STATUS] <= FCGI_RECORD_UNKNOWN_ROLE
	    ? NULL
	    : "an FCGI_END_REQUEST with an unknown status";
}

static void
read_header(struct fcgi_record_reader *r, struct text *bytes)
{
	if (r->ended) {
		r->mistake = "bytes behind FCGI_END_REQUEST";
		return;
	}
	fcgi_record_gather(
	    r->header, &r->header_read, FCGI_RECORD_HEADER, bytes);
	if (r->header_read == FCGI_RECORD_HEADER)
		r->mistake = begin_record(r);
}

/* There is content left, and there are bytes. */
static enum fcgi_record_event
fcgi_record_read_content(
    struct fcgi_record_reader *r, struct text *bytes, struct text *piece)
{
	size_t before = bytes->len;

	if (r->header[AT_TYPE] == FCGI_RECORD_END_REQUEST) {
		fcgi_record_gather(
		    r->end, &r->end_read, FCGI_RECORD_END_CONTENT, bytes);
		r->content_left -= before - bytes->len;
		return FCGI_RECORD_MORE;
	}
	*piece = fcgi_record_cut(bytes, r->content_left);
	r->content_left -= piece->len;
	return r->header[AT_TYPE] == FCGI_RECORD_STDOUT ? FCGI_RECORD_OUT
							: FCGI_RECORD_ERR;
}

/* Reads one part of a record: FCGI_RECORD_MORE if there is nothing to tell. */
static enum fcgi_record_event
read_part(struct fcgi_record_reader *r, struct text *bytes, struct text *piece)
{
	enum fcgi_record_event event = FCGI_RECORD_MORE;

	if (r->header_read < FCGI_RECORD_HEADER)
		read_header(r, bytes);
	else if (r->content_left > 0)
		event = fcgi_record_read_content(r, bytes, piece);
	else
		r->padding_left -= fcgi_record_cut(bytes, r->padding_left).len;
	if (r->mistake == NULL && r->header_read == FCGI_RECORD_HEADER &&
	    r->content_left == 0 && r->padding_left == 0) {
		r->mistake = end_record(r);
		if (r->ended)
			event = FCGI_RECORD_ENDED;
	}
	return r->mistake == NULL ? event : FCGI_RECORD_WRONG;
}

enum fcgi_record_event
fcgi_record_read(
    struct fcgi_record_reader *r, struct text *bytes, struct text *piece)
{
	enum fcgi_record_event event = FCGI_RECORD_MORE;

	if (r->mistake != NULL)
		return FCGI_RECORD_WRONG;
	while (bytes->len > 0 && event == FCGI_RECORD_MORE)
		event = read_part(r, bytes, piece);
	return event;
}
