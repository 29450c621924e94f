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
#include "status/snapshot.h"
#include "tined.h"

extern const struct tined_module handler_echo;
extern const struct tined_module handler_file;
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

/* What a mount function can ask for.  All of it outlives the mount. */
struct builtin_setup {
	const struct config *config;
	const struct status_sources *server;
	const struct media_type *mime;
	struct response_cache *cache;
	/*
	 * A descriptor of the directory that the argument names, if another
	 * process has opened and checked it; else -1.  builtin_serve_directory
	 * takes it over.
	 */
	int opened;
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

/* ---- In a serve function: connection/builtin.c ---- */

/* For functions of http/ that evaluate several fields of a request. */
const struct request *builtin_request(const struct tined_exchange *x);
const struct peer *builtin_peer(const struct tined_exchange *x);
/*
 * Adds complete header lines, which nobody checks: tined_add_field would accept
 * each field.
 */
void builtin_add_lines(struct tined_exchange *x, struct text lines);
/* Adds X-Content-Type-Options: nosniff (WHATWG Fetch). */
void builtin_no_sniffing(struct tined_exchange *x);
/*
 * builtin_buffer returns a buffer for content that is made for this response;
 * the server clears it afterwards.  builtin_add_buffer adds what is in the buffer
 * from the offset on, which must not change after that.
 */
struct buffer *builtin_buffer(struct tined_exchange *x);
void builtin_add_buffer(struct tined_exchange *x, size_t offset);
/* The sentence on the page of tined_error; it is not copied. */
void builtin_advise(struct tined_exchange *x, const char *sentence);
/* Asks for a reload after the response, which mounts everything again. */
void builtin_want_reload(struct tined_exchange *x);

#endif
