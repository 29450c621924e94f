/*
 * listing: an HTML page that lists a directory.
 */
#ifndef TINED_HANDLERS_LISTING_H
#define TINED_HANDLERS_LISTING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "handlers/directory.h"

/* The largest page: entries, and bytes of their rows. */
#define LISTING_ENTRIES_MAX 20000
#define LISTING_BYTES_MAX (3 << 20)

/*
 * Adds an HTML page with the entries of a directory, directories first, by
 * name, each a link relative to the page.  Closes fd, the open directory.  name
 * is its name below root, and path its decoded path, for people.  Omits
 * dotfiles unless dotfiles is true, and entries that cannot be opened below
 * root.  Ends the page, and says so, before it is too large to be deferred
 * (output.h).  -1 with errno.
 */
int listing_add(struct buffer *page, const struct directory *root,
    const char *name, int fd, struct text path, bool dotfiles);

#endif
