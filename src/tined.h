/*
 * tined: what a handler sees of an exchange, that is, of a request and of the
 * response that the handler makes.  struct tined_exchange is opaque: these functions
 * are all that there is.  Their definitions are in connection/tined.c.
 *
 * Lengths and sizes are in bytes.  A struct text of the request is a view, valid
 * until serve (handlers/handler.h) returns.  A handler only describes its
 * response; the server sends it after serve has returned, or from tined_write
 * and tined_flush on.  The server adds the header fields that concern the
 * connection and the message: Connection, Content-Length, Date, Server and
 * Transfer-Encoding.
 *
 * Only tined_read, tined_write and tined_flush wait for the client, each for as
 * long as --body-timeout or --send-timeout allows.
 *
 * A response that must not be sent is replaced by a 500, and the log says why: a
 * status that is none of 200 to 599, a field that was refused, fewer bytes than
 * tined_declare_length has announced.  If the client has its head already, it is
 * cut off instead.
 */
#ifndef TINED_TINED_H
#define TINED_TINED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "http/method.h"

struct buffer;
struct tined_exchange;
struct peer;
struct request;

/* The request line (RFC 9112, 3); the target as the client sent it. */
enum method tined_method(const struct tined_exchange *x);
struct text tined_target(const struct tined_exchange *x);
/* Returns the path, decoded and without dot segments (RFC 3986, 5.2.4). */
struct text tined_path(const struct tined_exchange *x);
/*
 * Returns the path after the prefix of the mount: it is empty or begins with
 * "/".
 */
struct text tined_path_below(const struct tined_exchange *x);
/* True if the path contained an encoded "/" or NUL. */
bool tined_path_is_ambiguous(const struct tined_exchange *x);
/* Gets the query without its "?", still encoded; false if there is no "?". */
bool tined_query(const struct tined_exchange *x, struct text *query);
/* Returns the requested authority (RFC 9112, 3.3); empty if there is none. */
struct text tined_host(const struct tined_exchange *x);
/* Returns the client's address. */
const struct peer *tined_peer(const struct tined_exchange *x);

/*
 * Gets the first header field of that name, in any case (RFC 9110, 5.1), without
 * whitespace around its value; false if there is none.
 */
bool tined_field(
    const struct tined_exchange *x, struct text name, struct text *value);
/* Gets the i-th header field, from 0, in the client's order and spelling. */
bool tined_field_at(const struct tined_exchange *x, size_t i, struct text *name,
    struct text *value);
/* For functions of http/ that evaluate several fields of a request. */
const struct request *tined_request(const struct tined_exchange *x);

/* Gets the length of the content; false if only its end will tell (chunked). */
bool tined_content_length(const struct tined_exchange *x, uint64_t *length);
/*
 * Reads up to size bytes of content.  Returns their number, or 0 at the end, or
 * -1 if the client has failed to send it: the handler returns, and the server
 * answers.  The method must be in handler_mounted.reads.
 */
ssize_t tined_read(struct tined_exchange *x, char *to, size_t size);

/* Sets the status code; without that it is 200. */
void tined_set_status(struct tined_exchange *x, int status);
/*
 * Adds a header field.  Returns -1 and adds nothing if the name is not a token,
 * the value has a control byte (RFC 9110, 5.1, 5.5), or only the server may set
 * the field.
 */
int tined_add_field(
    struct tined_exchange *x, struct text name, struct text value);
/* The same for a value of at most 255 bytes that is to be formatted. */
int tined_printf_field(struct tined_exchange *x, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds X-Content-Type-Options: nosniff (WHATWG Fetch). */
void tined_no_sniffing(struct tined_exchange *x);
/*
 * Adds complete header lines, which nobody checks.  Only for handlers of this
 * server, which know that tined_add_field would accept each field.
 */
void tined_add_lines(struct tined_exchange *x, struct text lines);

/*
 * Content consists of at most 513 pieces; each of the next four functions adds
 * one.  The caller of tined_add_bytes keeps the bytes until it is unmounted, the
 * caller of tined_add_copy only until it serves the next request.
 */
void tined_add_bytes(struct tined_exchange *x, const char *bytes, size_t len);
void tined_add_copy(struct tined_exchange *x, const char *bytes, size_t len);
/*
 * tined_text returns a buffer for content that is made for this response; the
 * server clears it afterwards.  tined_add_text adds what is in the buffer from
 * the offset on, which must not change after that.
 */
struct buffer *tined_text(struct tined_exchange *x);
void tined_add_text(struct tined_exchange *x, size_t offset);
/*
 * Sets the file of the response, which the server closes.  tined_add_file adds a
 * region of it; if the file turns out to be shorter, the response is cut off.
 */
void tined_set_file(struct tined_exchange *x, int fd);
void tined_add_file(struct tined_exchange *x, uint64_t offset, uint64_t length);

/*
 * Writes content as a stream, whose length need not be known (RFC 9112, 7.1).
 * Copies the bytes, and sends them when they are many.  -1: the response cannot
 * be sent, so the handler returns.
 */
int tined_write(struct tined_exchange *x, const char *bytes, size_t len);
/* Sends what was written at once.  -1 as above. */
int tined_flush(struct tined_exchange *x);
/* Declares the length of the stream, before anything is written. */
void tined_declare_length(struct tined_exchange *x, uint64_t length);

/*
 * Replaces the response by an error, or a redirect, with that status code.  The
 * handler may still add header fields; the server adds a page.  A stream of which
 * something was sent cannot be replaced, and is cut off.
 */
void tined_error(struct tined_exchange *x, int status);
/* The sentence on that page, in place of the usual one; it is not copied. */
void tined_advise(struct tined_exchange *x, const char *sentence);
/* Asks for a reload after the response, which mounts everything again. */
void tined_want_reload(struct tined_exchange *x);

#endif
