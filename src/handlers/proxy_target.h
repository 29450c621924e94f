/*
 * proxy_target: the target of a request that is passed on (RFC 9112, 3.2.1).  What
 * the client sent stays as it is; but tined finds the mount by the decoded path
 * without dot segments, and the server must not read another path from it.
 */
#ifndef TINED_HANDLERS_PROXY_TARGET_H
#define TINED_HANDLERS_PROXY_TARGET_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"
#include "http/request.h"

struct proxy_paths {
	struct text prefix; /* of the mount, "" for the root */
	/* What takes its place; without a slash at the end. */
	bool has_base;
	struct text base;
};

/*
 * Adds the target.  below is the decoded path below the prefix.  False, and
 * nothing is added, if the path has no certain meaning: the request is a 400.
 */
bool proxy_target_add(struct buffer *out, const struct proxy_paths *paths,
    const struct request *r, struct text below);
/*
 * Rewrites the value of a Location field (RFC 9110, 10.2.2), so that the client
 * finds the same through tined: *out gets the path on this server.  own are the
 * authorities that the server may know itself by.  False if the value stays as it
 * is.
 */
bool proxy_target_rewrite(struct buffer *out, const struct proxy_paths *paths,
    struct text location, const struct text own[], size_t own_count);

#endif
