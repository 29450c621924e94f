/*
 * listing: a folder as a page.
 */
#ifndef TINED_HANDLERS_LISTING_H
#define TINED_HANDLERS_LISTING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "handlers/directory.h"

/* Entries, and bytes of their rows, that a page has at the most. */
#define LISTING_ENTRIES_MAX 20000
#define LISTING_BYTES_MAX (3 << 20)

/*
 * Adds an HTML page of the folder's entries: folders first, by name, each a
 * link relative to the page.  fd is the open folder, which is closed; path is
 * its decoded path for people; dotfiles says whether their names are shown.
 * What cannot be opened below the root is left out.  A page ends, and says so,
 * before it is too large to be deferred (output.h).  -1 with errno.
 */
int listing_add(struct buffer *page, const struct directory *root,
    const char *name, int fd, struct text path, bool dotfiles);

#endif
