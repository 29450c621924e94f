/*
 * site: all that is served: the mounts, the fields that every response gets,
 * and the error pages of its own.  Made by the master before it forks, and
 * only read after that.
 */
#ifndef TINED_HANDLERS_SITE_H
#define TINED_HANDLERS_SITE_H

#include "handlers/handler.h"

struct site_mount {
	char *prefix; /* "/bench"; "" for the root; owned */
	size_t index; /* in the configuration */
	size_t length;
	const struct handler *handler;
	struct handler_mounted mounted;
};

struct site_page {
	int status;
	struct buffer bytes;
	const char *type;
};

struct site {
	struct site_mount *mounts; /* the longest prefix first */
	size_t mount_count;
	struct site_page *pages;
	size_t page_count;
	struct buffer fields; /* complete lines */
	struct media_type mime;
	struct status_sources server;
};

/*
 * What another process has opened, in the order of the configuration: with it
 * nothing is opened, and no file system can hold us up.
 */
struct site_opened {
	int *directories; /* of mounts; -1: taken, or it has none; owned */
	size_t directory_count; /* mounts of the configuration */
	struct buffer *pages;	/* owned */
	size_t page_count;	/* error pages of the configuration */
	int root;		/* --chroot; -1: taken, or there is none */
};

/* How a site is opened. */
struct site_source {
	struct site_opened *opened;	/* or NULL: here and now */
	void (*tell)(const char *path); /* or NULL: before each is opened */
};

void site_opened_init(struct site_opened *o, const struct config *c);
/* With what nobody has taken. */
void site_opened_free(struct site_opened *o);

/* -1 with words in why; errno is EINVAL if the command line is wrong. */
int site_init(struct site *s, const struct config *c,
    const struct status_sources *server, const struct site_source *from,
    struct buffer *why);
void site_free(struct site *s);
/*
 * The mount whose prefix is the longest that the decoded path begins with, at
 * the bounds of segments; NULL if there is none.  rest is the path behind it.
 */
const struct site_mount *site_route(
    const struct site *s, struct text path, struct text *rest);
/* What the handlers that are mounted need. */
void site_add_needs(const struct site *s, struct privilege_needs *needs);
/* For a response that wants a page: the site's own, or the standard one. */
void site_add_page(const struct site *s, struct response *r);

#endif
