/*
 * site: everything that is served: the mounts, the header fields of all
 * responses, and the custom error pages.  The master creates it before it
 * forks; after that it is only read, but for the cache, of which each worker
 * has its own.
 */
#ifndef TINED_HANDLERS_SITE_H
#define TINED_HANDLERS_SITE_H

#include "handlers/mount.h"
#include "http/media_type.h"
#include "http/response.h"

struct site_page {
	int status;
	struct buffer bytes;
	const char *type;
};

struct site {
	bool takes_any_method;	    /* a mount does: request.takes_any_method */
	struct tined_mount *mounts; /* the longest prefix first */
	size_t mount_count;
	struct site_page *pages;
	size_t page_count;
	struct buffer fields; /* complete header lines */
	struct media_type mime;
	struct status_sources server;
	struct response_cache cache;
};

/*
 * The files that another process has opened, and the hosts that it has looked up,
 * in the order of the configuration.  With them site_init does neither itself, so
 * no file system and no name server can block it.
 */
struct site_opened {
	size_t mount_count;   /* of the configuration */
	int *directories;     /* of mounts; -1: taken or none; owned */
	struct buffer *found; /* by mounts: builtin_note_found; owned */
	/* Of mounts: builtin_need_directory; the descriptors are owned. */
	struct privilege_needs *granted;
	struct buffer *pages; /* owned */
	size_t page_count;    /* error pages of the configuration */
	struct buffer types;  /* of /etc/mime.types, or empty; owned */
	struct identity_opened identity;
};

/* How a site is opened. */
struct site_source {
	struct site_opened *opened;	/* NULL: site_init opens the files */
	void (*tell)(const char *path); /* called before each open; or NULL */
	struct buffer *types; /* gets what mime.types has; empty; or NULL */
};

void site_opened_init(struct site_opened *o, const struct config *c);
/* Closes what was not taken. */
void site_opened_free(struct site_opened *o);

/*
 * -1 with an error message in *why; errno is EINVAL if the command line is
 * wrong.
 */
int site_init(struct site *s, const struct config *c,
    const struct status_sources *server, const struct site_source *from,
    struct buffer *why);
void site_free(struct site *s);
/*
 * Called by a worker when it starts and, if that has succeeded, when it ends.  -1
 * if a module cannot work; the log says why.
 */
int site_start(const struct site *s);
void site_stop(const struct site *s);
/*
 * Returns the mount with the longest prefix of the decoded path, in whole
 * segments, or NULL.  Sets *rest to the path after the prefix.
 */
const struct tined_mount *site_route(
    const struct site *s, struct text path, struct text *rest);
/*
 * Closes the mounted directories, in a child that opens no files below them:
 * it would keep their file systems from being unmounted.
 */
void site_close_directories(struct site *s);
/* True if a mounted handler has called builtin_spools. */
bool site_spools(const struct site *s);
/* Adds the needs of all mounted handlers. */
void site_add_needs(const struct site *s, struct privilege_needs *needs);
/* Adds the error page that a response wants: a custom or the built-in one. */
void site_add_page(const struct site *s, struct response *r);

#endif
