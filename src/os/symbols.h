/*
 * symbols: the names of functions, static ones too, from the table of symbols in
 * the image of an ELF file (elf(5)).  Async-signal-safe; whatever the image
 * contains, nothing outside of it is read.
 *
 * The program exports the functions of tined.h alone, so that its other names do
 * not take the place of the same names in the libraries of modules.  So dladdr(3)
 * does not know them, and the libraries that do allocate memory or open the file,
 * which a worker that crashes may not do.
 */
#ifndef TINED_OS_SYMBOLS_H
#define TINED_OS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The image is not owned. */
struct symbols {
	const char *image;
	size_t size;
	/* Offsets and sizes, which are inside of the image. */
	size_t table, table_size;
	size_t names, names_size;
};

struct symbol {
	struct text name; /* in the image */
	uintptr_t start;
};

/* False if the file is stripped, malformed, or for another machine. */
bool symbols_find(struct symbols *s, const void *image, size_t size);
/*
 * Gets the function that contains an address of the file, to which the loader has
 * added nothing; false if there is none.
 */
bool symbols_look_up(
    const struct symbols *s, uintptr_t address, struct symbol *found);

#endif
