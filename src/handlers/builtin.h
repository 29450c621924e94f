/*
 * builtin: what the handlers of this server use besides tined.h.  They are
 * modules as any other, which are linked into it; nobody else may call these
 * functions, because they expect more of their callers.
 */
#ifndef TINED_HANDLERS_BUILTIN_H
#define TINED_HANDLERS_BUILTIN_H

#include "base/buffer.h"
#include "config/config.h"
#include "handlers/response_cache.h"
#include "http/media_type.h"
#include "http/request.h"
#include "net/peer.h"
#include "sandbox/privilege.h"
#include "status/snapshot.h"
#include "tined.h"

extern const struct tined_module handler_cgi;
extern const struct tined_module handler_echo;
extern const struct tined_module handler_fcgi;
extern const struct tined_module handler_file;
extern const struct tined_module handler_proxy;
extern const struct tined_module handler_status;

/* All handlers, each by its name, and NULL at the end: handlers.c. */
extern const struct tined_module *const handlers[];

/* struct text and struct tined_text are the same. */
static inline struct text
text_from(struct tined_text t)
{
	return (struct text){t.at, t.len};
}

static inline struct tined_text
tined_from(struct text t)
{
	return (struct tined_text){t.at, t.len};
}

/* ---- In a mount function: mount.c ---- */

/*
 * What a mount function can ask for.  All of it outlives the mount.
 *
 * In a reload, mount functions are called twice: first on trial, in a process that
 * may wait for file systems and name servers (master/site_opener.h), and then in
 * the master, which must not wait.  The last three members are what the first call
 * has found; the second uses them, and does not look again.
 */
struct builtin_setup {
	const struct config *config;
	const struct status_sources *server;
	const struct media_type *mime;
	struct response_cache *cache;
	const struct tined_mount *earlier; /* mounts, of the same reload */
	size_t earlier_count;
	/*
	 * The bytes of builtin_note_found: the mount function cuts what it uses off
	 * their beginning.  NULL in a first, or only, call.
	 */
	struct text *found;
	/*
	 * A descriptor of the directory that the argument names, or -1.
	 * builtin_serve_directory takes it over.
	 */
	int opened;
	/*
	 * The directories of builtin_need_directory, in the order of the calls.  The
	 * mount function takes over all of these descriptors, or none.
	 */
	struct privilege_needs *granted;
};

const struct builtin_setup *builtin_setup(const struct tined_mount *m);
/* Returns the text behind KIND: in --mount. */
const char *builtin_argument(const struct tined_mount *m);
/*
 * Splits the argument SUBJECT[,KEY=VALUE...], in whose parts "\," stands for a
 * comma, for tined_mount_subject and tined_argument.  -1 with an error message.
 */
int builtin_split_argument(struct tined_mount *m);
/* As tined_mount_fail, if the command line is wrong. */
int builtin_mount_usage(struct tined_mount *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * The mount serves the files below that directory, and keeps its descriptor open
 * until it is unmounted.
 */
void builtin_serve_directory(struct tined_mount *m, int directory);
/*
 * Adds bytes to setup.found of the second call: no pointers, as that is in another
 * process.
 */
void builtin_note_found(struct tined_mount *m, struct text bytes);
/*
 * As tined_need_directory, with needs of enum privilege_need.  The second call of
 * the mount function has the descriptor in setup.granted.
 */
void builtin_need_directory(
    struct tined_mount *m, int directory, unsigned needs);

/*
 * In a first, or only, call: true if builtin_need_directory has added that file or
 * directory already, with at least these needs, for this mount or an earlier one.
 * Workers have the needs of all mounts.
 */
bool builtin_is_needed(
    const struct tined_mount *m, int directory, unsigned needs);

/* The serve function will call builtin_spool_content. */
void builtin_spools(struct tined_mount *m);

/* ---- In a serve function: connection/tined_*.c ---- */

/* For functions of http/ that evaluate several fields of a request. */
const struct request *builtin_request(const struct tined_exchange *x);
const struct peer *builtin_peer(const struct tined_exchange *x);
/*
 * Adds complete header lines, which nobody checks: tined_add_field would accept
 * each field.
 */
void builtin_add_lines(struct tined_exchange *x, struct text lines);
/* Adds a Date, which nobody checks, in place of the server's own. */
void builtin_add_date(struct tined_exchange *x, struct text date);
/*
 * Sends an interim response, 102 to 199, before the response (RFC 9110, 15.2), if
 * the client understands that; lines as in builtin_add_lines.
 */
void builtin_add_interim(struct tined_exchange *x, int status,
    struct text reason, struct text lines);
/*
 * As tined_read_whole, but into a file on disk, if there is one: the descriptor is
 * at offset 0, and other bytes may follow behind that length.  It is for this
 * request only, and not to be sent to the client.
 */
int builtin_spool_content(struct tined_exchange *x, uint64_t *length);
/* The content of a request, for those who pass it on. */
struct builtin_content {
	uint64_t length; /* that is left, if it is in a file */
	int file; /* it is there from its offset on; -1: the client sends it */
};

/* As tined_read_now; reading a file fails with the errno of read(2). */
ssize_t builtin_read_content(
    struct tined_exchange *x, struct builtin_content *c, void *to, size_t size);
/* True if the client has nothing to wait for before this response. */
bool builtin_is_next(const struct tined_exchange *x);
/*
 * Called before a read from that descriptor which may block for longer than other
 * clients of this worker are to wait for it: connection/others.h.
 */
void builtin_wait_along(const struct tined_exchange *x, int fd);
/* True if the client waits for 100 Continue, and nobody has sent it yet. */
bool builtin_expects_continue(const struct tined_exchange *x);
/*
 * As tined_set_file, but the caller closes it: not before the next request, as
 * regions of it are sent, or copied, when serve has returned.
 */
void builtin_lend_file(struct tined_exchange *x, int fd);
/* Adds X-Content-Type-Options: nosniff (WHATWG Fetch). */
void builtin_no_sniffing(struct tined_exchange *x);
/*
 * builtin_buffer returns a buffer for content that is made for this response;
 * the server clears it afterwards.  builtin_add_buffer adds what is in the buffer
 * from the offset on, which must not change after that.
 */
struct buffer *builtin_buffer(struct tined_exchange *x);
void builtin_add_buffer(struct tined_exchange *x, size_t offset);
/*
 * As tined_error; but a stream that the client has a part of is cut off without a
 * word in the log, as the handler has said why; and a response that is wrong stays
 * that, with its 500 and its line in the log.
 */
void builtin_fail(struct tined_exchange *x, int status);
/* The sentence on the page of tined_error; it is not copied. */
void builtin_advise(struct tined_exchange *x, const char *sentence);
/*
 * When serve has returned, the request is answered as if it were a GET or HEAD
 * without content for that target, a path and perhaps a query (RFC 3875,
 * 6.2.2).  The handler makes no response, and has finished with the request.
 */
void builtin_redirect(struct tined_exchange *x, struct text target);
/* Asks for a reload after the response, which mounts everything again. */
void builtin_want_reload(struct tined_exchange *x);

#endif
