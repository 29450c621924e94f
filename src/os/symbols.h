/*
 * symbols: the names of functions, static ones too, in the image of an ELF
 * file: elf(5).  Async-signal-safe, and whatever the image holds, nothing
 * beyond it is read.
 *
 * It is our own because Debian 12 has no libbacktrace, libdw allocates memory,
 * which who crashes may not, and libunwind opens the file again at the crash,
 * which a worker behind Landlock may not.
 */
#ifndef TINED_OS_SYMBOLS_H
#define TINED_OS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Whoever fills it in keeps the image. */
struct symbols {
	const char *image;
	size_t size;
	/* Offsets in it, and sizes, which are within it. */
	size_t table, table_size;
	size_t names, names_size;
};

struct symbol {
	struct text name; /* in the image */
	uintptr_t start;
};

/* False: the file is stripped, or none of this machine's kind, or odd. */
bool symbols_find(struct symbols *s, const void *image, size_t size);
/*
 * The function that holds the address, which is one of the file: without what
 * the loader has added.  False: there is none.
 */
bool symbols_look_up(
    const struct symbols *s, uintptr_t address, struct symbol *found);

#endif
