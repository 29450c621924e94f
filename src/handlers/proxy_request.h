/*
 * proxy_request: the head of a request that is passed on (RFC 9110, 7.6).
 */
#ifndef TINED_HANDLERS_PROXY_REQUEST_H
#define TINED_HANDLERS_PROXY_REQUEST_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"
#include "handlers/proxy_target.h"
#include "http/request.h"

/* What becomes of the fields that tell of the client. */
enum proxy_forwarded {
	PROXY_FORWARDED_REPLACE, /* the client's are not believed */
	PROXY_FORWARDED_APPEND,	 /* they are: it is a proxy itself */
	PROXY_FORWARDED_NONE, /* there are none, and the client's are removed */
};

struct proxy_request {
	const struct request *request;
	const struct proxy_paths *paths;
	struct text below;  /* the decoded path below the mount */
	struct text host;   /* what Host says */
	struct text client; /* its address; empty: it has none */
	struct text scheme;
	enum proxy_forwarded forwarded;
	bool expects_continue; /* the client waits before its content */
	bool closes;	       /* the connection is not to be kept */
};

/* Adds the head; false if the request is a 400: proxy_target_add. */
bool proxy_request_add(struct buffer *out, const struct proxy_request *p);

/*
 * Gets how often an OPTIONS request may be passed on (RFC 9110, 7.6.2), for the
 * last time if it is 1; false if that is not limited.
 */
bool proxy_request_max_forwards(const struct request *r, uint64_t *count);

#endif
