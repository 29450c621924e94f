/*
 * tined: the interface of modules.  A module serves requests below a path: it
 * tells the server what it needs, and makes a response for each request.
 *
 *	#include <tined.h>
 *
 *	static void
 *	serve(void *state, struct tined_exchange *x)
 *	{
 *		(void)state;
 *		tined_add_field(
 *		    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
 *		tined_add_copy(x, "hello\n", 6);
 *	}
 *
 *	const struct tined_module tined_module = {
 *	    TINED_MODULE_VERSION, .name = "hello", .serve = serve};
 *
 *	cc -shared -fPIC $(pkg-config --cflags tined) -o hello.so hello.c
 *	tined --mount /hello=module:hello.so
 *
 * A worker is a process that serves one request at a time, so a module may
 * block and needs no locks; what it keeps, each worker keeps for itself.
 *
 * Lengths are in bytes, times in milliseconds.  Unless its comment says
 * otherwise, a function does not block and copies what it is given.  All of
 * them are called by the thread that called the module, and those that take an
 * exchange only until serve returns.  Only tined_log may be called by any thread,
 * without an exchange.
 */
#ifndef TINED_TINED_H
#define TINED_TINED_H

#include <sys/socket.h>
#include <sys/types.h>

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tined_exchange; /* a request and its response */
struct tined_mount;    /* a module at a path, while its mount function runs */

/* Bytes with another owner, without a NUL at their end. */
struct tined_text {
	const char *at;
	size_t len;
};

#ifdef __cplusplus
#define TINED_TEXT(literal) (tined_text{(literal), sizeof(literal) - 1})
#else
#define TINED_TEXT(literal)                                                    \
	((struct tined_text){(literal), sizeof(literal) - 1})
#endif

static inline struct tined_text
tined_text_of(const char *string)
{
	struct tined_text t = {string, strlen(string)};

	return t;
}

/* ---- The module ---- */

#define TINED_ABI 1
/* The first two members of struct tined_module. */
#define TINED_MODULE_VERSION                                                   \
	.abi = TINED_ABI, .size = sizeof(struct tined_module)

/* A function that is NULL is not called; name and serve are needed. */
struct tined_module {
	uint32_t abi;  /* a module of another version is refused */
	uint32_t size; /* of this struct, which may grow at its end */
	const char *name;
	/*
	 * Called in the master, before it forks workers, at its start and at
	 * each reload; at a reload first in a child, on trial.  Stores what the
	 * other functions get as state.  -1: the server does not start, or goes
	 * on as it is; tined_mount_fail says why.  It must leave no thread
	 * behind: workers would not have it.
	 */
	int (*mount)(struct tined_mount *m, void **state);
	/*
	 * Called in each worker when it starts, confined as it will be when it
	 * serves.  May block for --start-timeout.  -1: the worker ends, and the
	 * master starts another one after a while.
	 */
	int (*start)(void *state);
	/*
	 * Called in a worker for each request.  May block; a worker that gives
	 * no sign of life for --request-timeout is ended, or for
	 * --stream-timeout once the client has been sent a part of the
	 * response.  Signs of life are tined_alive, tined_wait, tined_flush,
	 * what is sent by tined_write and tined_splice, and waits for content
	 * by tined_read.  So a stream may go on for hours.
	 */
	void (*serve)(void *state, struct tined_exchange *x);
	/* Called in a worker that ends in order. */
	void (*stop)(void *state);
	/* Called in the master, if mount has succeeded. */
	void (*unmount)(void *state);
	/*
	 * Called by a signal handler in a worker that has crashed or hangs, and
	 * is to end: writes lines to fd, for the error log, that say what the
	 * module was doing.  It may call async-signal-safe functions only.
	 */
	void (*dump)(void *state, int fd);
};

/* Each module defines this. */
extern const struct tined_module tined_module
    __attribute__((visibility("default")));

/* ---- What a mount function may ask and say ---- */

/* Returns the path without a slash at its end, "/hello"; "" for the root. */
const char *tined_mount_prefix(const struct tined_mount *m);
/*
 * Return the value of an argument of --mount PREFIX=KIND:...,KEY=VALUE, or NULL
 * if it was not given; of one that may be repeated, the i-th from 0.  Valid
 * until unmount returns.  An argument that mount has not asked for is a mistake
 * of the user, which the server reports.
 */
const char *tined_argument(struct tined_mount *m, const char *key);
const char *tined_argument_at(struct tined_mount *m, const char *key, size_t i);
/*
 * Returns what stands before the arguments, SUBJECT in KIND:SUBJECT,KEY=VALUE,
 * where KIND is a module that was installed beside the server; "" for module:.
 */
const char *tined_mount_subject(struct tined_mount *m);
/*
 * Sets the methods that the module implements: "GET, POST", or "*" for any but
 * CONNECT and TRACE (RFC 9110, 9.1).  Without it: "GET".  HEAD comes with GET:
 * the server sends the head alone.  TRACE, which repeats what the client and
 * proxies have sent, secrets too, is only for those who name it: "*, TRACE".
 * Requests with other methods are answered 405.  -1 if the server does not know
 * one of them, which only "*" includes.
 */
int tined_take_methods(struct tined_mount *m, const char *methods);
/* The module reads the content of requests; else the server discards it. */
void tined_take_content(struct tined_mount *m);

/*
 * What a worker may do besides using what is open already (tined(8), SECURITY).
 */
enum tined_need {
	TINED_NEED_READ = 1,	/* read any file that its user may read */
	TINED_NEED_WRITE = 2,	/* create and change files, too */
	TINED_NEED_EXEC = 4,	/* run programs; fork */
	TINED_NEED_CONNECT = 8, /* have sockets of its own, and connect them */
};

/* Adds needs of enum tined_need. */
void tined_need(struct tined_mount *m, unsigned needs);
/*
 * Adds needs for the files below a directory only; 0 is to read them.  The
 * module keeps the descriptor open until unmount.
 */
void tined_need_directory(struct tined_mount *m, int directory, unsigned needs);
/* Sets the message for a mount that fails, without a newline; returns -1. */
int tined_mount_fail(struct tined_mount *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- The request: texts are valid until serve returns ---- */

/* The method, a token as the client sent it (RFC 9110, 9.1). */
struct tined_text tined_method(const struct tined_exchange *x);
bool tined_is_method(const struct tined_exchange *x, const char *method);
/* The request target as the client sent it (RFC 9112, 3.2). */
struct tined_text tined_target(const struct tined_exchange *x);
/*
 * The path of the target, decoded and without dot segments (RFC 3986, 5.2.4).
 */
struct tined_text tined_path(const struct tined_exchange *x);
/* Its two parts: the prefix of the mount, and the rest: "" or "/...". */
struct tined_text tined_prefix(const struct tined_exchange *x);
struct tined_text tined_path_below(const struct tined_exchange *x);
/* True if the path contained an encoded "/" or NUL. */
bool tined_path_is_ambiguous(const struct tined_exchange *x);
/* Gets the query without its "?", still encoded; false if there is no "?". */
bool tined_query(const struct tined_exchange *x, struct tined_text *query);
/* 0 for HTTP/1.0, 1 for HTTP/1.1. */
int tined_minor_version(const struct tined_exchange *x);
/* "http" or "https". */
struct tined_text tined_scheme(const struct tined_exchange *x);
/*
 * The requested authority (RFC 9112, 3.3); "" if an HTTP/1.0 client sent none.
 */
struct tined_text tined_host(const struct tined_exchange *x);

/* The client's address as text: "127.0.0.1", "::1" or "unix". */
struct tined_text tined_peer_name(const struct tined_exchange *x);
/* The addresses of the client and of the server's end of the connection. */
const struct sockaddr *tined_peer_address(
    const struct tined_exchange *x, socklen_t *length);
const struct sockaddr *tined_local_address(
    struct tined_exchange *x, socklen_t *length);

/*
 * Gets the first header field of that name, in any case, without whitespace
 * around its value (RFC 9110, 5.1); false if there is none.
 */
bool tined_field(const struct tined_exchange *x, struct tined_text name,
    struct tined_text *value);
/*
 * Gets the i-th header field, from 0, in the client's order and spelling; false
 * after the last.
 */
bool tined_field_at(const struct tined_exchange *x, size_t i,
    struct tined_text *name, struct tined_text *value);

/* ---- The content of the request, after tined_take_content ---- */

/* Gets its length; false if only its end will tell (chunked). */
bool tined_content_length(const struct tined_exchange *x, uint64_t *length);
/*
 * Reads up to size bytes; waits for the first of them, for --body-timeout.
 * Returns their number, 0 at the end, or -1 if the client has failed to send
 * them: then the module returns from serve, and the server answers.
 */
ssize_t tined_read(struct tined_exchange *x, void *to, size_t size);
/* The same, but does not wait for the client: -1 with errno EAGAIN. */
ssize_t tined_read_now(struct tined_exchange *x, void *to, size_t size);
/*
 * Reads all that is left into a file in memory (memfd_create), and returns its
 * descriptor, at offset 0, and its length.  A module may map it.  The server closes
 * it after serve, which gives the memory back.  -1 as tined_read, or with errno if
 * there is no memory.
 *
 * The bound is --max-body: the client gets 413 when more comes.  All workers
 * together may need --max-body times --workers; a module that expects large
 * content had better use tined_read, which keeps none of it.  It is memory because
 * by default the sandbox lets a module write no file.
 */
int tined_read_whole(struct tined_exchange *x, uint64_t *length);

/*
 * ---- The response ----
 *
 * The server adds the header fields of the connection and of the message's
 * framing: Connection, Content-Length, Date, Server and Transfer-Encoding; and
 * sends no content with a 204, 205 or 304, or in answer to HEAD.
 *
 * It does not send a response that is wrong: a bad status or field, other
 * content than was declared.  The client gets 500 instead, and the error log
 * says why.  If the client has a part of it already, the connection is cut off.
 */

/*
 * Sets the status code, 200 to 599 (RFC 9110, 15); without it: 200.  Those of
 * interim responses, 1xx, are no response's: the server sends 100 (Continue)
 * itself, when content is read, and never switches protocols.
 */
void tined_set_status(struct tined_exchange *x, int status);
/* The same, with another reason phrase than the usual (RFC 9112, 4). */
void tined_set_status_reason(
    struct tined_exchange *x, int status, struct tined_text reason);
/*
 * Adds a header field.  -1, and the response is wrong: the name is no token,
 * the value has a control byte (RFC 9110, 5.1, 5.5), or only the server sets
 * that field: those above, Keep-Alive, Proxy-Connection, TE, Trailer and
 * Upgrade.
 */
int tined_add_field(
    struct tined_exchange *x, struct tined_text name, struct tined_text value);
/* The same, in place of all fields of that name that were added before. */
int tined_set_field(
    struct tined_exchange *x, struct tined_text name, struct tined_text value);
/* As tined_add_field, for a value that is to be formatted. */
int tined_printf_field(struct tined_exchange *x, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The content is either a number of pieces, which the server sends together
 * with the head when serve has returned, or a stream.
 *
 * These add a piece, at most 512.  tined_add_bytes does not copy the bytes:
 * they must stay as they are until the worker calls the module again; nor does
 * tined_add_constant: they must never change until unmount.
 */
void tined_add_copy(struct tined_exchange *x, const void *bytes, size_t len);
void tined_add_bytes(struct tined_exchange *x, const void *bytes, size_t len);
void tined_add_constant(
    struct tined_exchange *x, const void *bytes, size_t len);
/*
 * tined_set_file sets the file of the response, which the server closes, and
 * tined_add_file adds a region of it.  A file that is shorter, or is none that
 * pread(2) can read, is a wrong response.
 */
void tined_set_file(struct tined_exchange *x, int fd);
void tined_add_file(struct tined_exchange *x, uint64_t offset, uint64_t length);

/*
 * Writes content as a stream (RFC 9112, 7.1).  The server sends it when it is
 * much.  It keeps up to 16 MiB for a client that is slow, all responses together
 * within --response-memory, and goes on to send them when serve has returned.
 * Beyond that, this waits for the client, for --send-timeout.  -1: the response
 * cannot be sent, and the module returns from serve.
 */
int tined_write(struct tined_exchange *x, const void *bytes, size_t len);
/*
 * Sends the head and what was written at once: it waits for a client that is slow,
 * and returns as above.
 */
int tined_flush(struct tined_exchange *x);
/*
 * Writes up to length bytes that it reads from a file, pipe or socket.  Returns
 * their number, 0 at the end, or -1: with the errno of read(2), EAGAIN for one
 * that does not block; or with EPIPE if the response cannot be sent.
 */
ssize_t tined_splice(struct tined_exchange *x, int fd, size_t length);
/*
 * Declares the length of the stream, before it is written.  In answer to HEAD the
 * stream may be left out.
 */
void tined_declare_length(struct tined_exchange *x, uint64_t length);

/*
 * Replaces the response by an error, or a redirect, with that status code and
 * the server's page for it.  Header fields may be added afterwards.  A stream
 * that the client has a part of cannot be replaced: it is cut off.
 */
void tined_error(struct tined_exchange *x, int status);

/* ---- Waiting ---- */

enum tined_event {
	/*
	 * It has closed the connection, or its half of it: nobody can tell
	 * which, before something is sent.
	 */
	TINED_CLIENT_GONE = 1,
	TINED_STOPPING = 2, /* the server, or this worker, is to end */
	TINED_CONTENT = 4,  /* tined_read_now would not be EAGAIN */
};

/*
 * Sends what was written, and waits until one of the descriptors is ready
 * (poll(2); count may be 0), the time has passed (-1: for ever), or one of
 * *events, a set of enum tined_event, has happened.  What the client has no room
 * for, up to 16 MiB, it gets during the wait or later.  Sets *events to those that
 * have.  Returns the number of descriptors that are ready; 0 if there are none;
 * or -1 if the response cannot be sent: the module returns from serve.  The
 * wait does not count towards --request-timeout and --stream-timeout.
 */
int tined_wait(struct tined_exchange *x, struct pollfd *fds, size_t count,
    int milliseconds, unsigned *events);
/*
 * Begins --request-timeout or --stream-timeout anew, for a module that is busy for
 * long, or has nothing to send for long.
 */
void tined_alive(struct tined_exchange *x);

/* ---- The error log ---- */

enum tined_level {
	TINED_ERROR,   /* something has failed: somebody must act */
	TINED_WARNING, /* something may fail soon */
	TINED_NOTICE,
	TINED_INFO,
	TINED_DEBUG,
};

/*
 * Writes a line to the error log, if that level is logged (--verbose,
 * --quiet); with the request before it, unless x is NULL.
 */
void tined_log(const struct tined_exchange *x, enum tined_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
