#include <link.h>
#include <string.h>

#include "os/symbols.h"

#define CLASS (__ELF_NATIVE_CLASS == 64 ? ELFCLASS64 : ELFCLASS32)
#define DATA (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
/* The same in both classes. */
#define TYPE(symbol) ELF64_ST_TYPE((symbol).st_info)

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Shdr) elf_section;
typedef ElfW(Sym) elf_symbol;

static bool
is_within(const struct symbols *s, uint64_t offset, uint64_t size)
{
	return offset <= s->size && size <= s->size - offset;
}

/* Copies, because offsets in a malformed file may be misaligned. */
static bool
symbols_copy(const struct symbols *s, uint64_t offset, void *to, size_t size)
{
	if (!is_within(s, offset, size))
		return false;
	memcpy(to, s->image + offset, size);
	return true;
}

static bool
copy_section(const struct symbols *s, const elf_header *file, size_t number,
    elf_section *section)
{
	return number < file->e_shnum &&
	    symbols_copy(s, file->e_shoff + number * sizeof(*section), section,
		sizeof(*section)) &&
	    is_within(s, section->sh_offset, section->sh_size);
}

static bool
is_ours(const elf_header *file)
{
	return memcmp(file->e_ident, ELFMAG, SELFMAG) == 0 &&
	    file->e_ident[EI_CLASS] == CLASS &&
	    file->e_ident[EI_DATA] == DATA &&
	    file->e_shentsize == sizeof(elf_section);
}

bool
symbols_find(struct symbols *s, const void *image, size_t size)
{
	elf_section table, names;
	elf_header file;

	*s = (struct symbols){.image = image, .size = size};
	if (!symbols_copy(s, 0, &file, sizeof(file)) || !is_ours(&file))
		return false;
	for (size_t i = 0; i < file.e_shnum; i++) {
		if (!copy_section(s, &file, i, &table) ||
		    table.sh_type != SHT_SYMTAB)
			continue;
		if (table.sh_entsize != sizeof(elf_symbol) ||
		    !copy_section(s, &file, table.sh_link, &names) ||
		    names.sh_type != SHT_STRTAB)
			return false;
		s->table = table.sh_offset;
		s->table_size = table.sh_size;
		s->names = names.sh_offset;
		s->names_size = names.sh_size;
		return true;
	}
	return false;
}

static bool
holds(const elf_symbol *symbol, uintptr_t address)
{
	return TYPE(*symbol) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
	    symbol->st_value <= address &&
	    address - symbol->st_value < symbol->st_size;
}

/* False if the name is empty, or has no NUL at its end. */
static bool
find_name(const struct symbols *s, size_t offset, struct text *name)
{
	const char *end;

	if (offset >= s->names_size)
		return false;
	name->at = s->image + s->names + offset;
	end = memchr(name->at, '\0', s->names_size - offset);
	if (end == NULL)
		return false;
	name->len = (size_t)(end - name->at);
	return name->len > 0;
}

bool
symbols_look_up(
    const struct symbols *s, uintptr_t address, struct symbol *found)
{
	elf_symbol symbol;

	for (size_t at = 0; s->table_size - at >= sizeof(symbol);
	     at += sizeof(symbol)) {
		memcpy(&symbol, s->image + s->table + at, sizeof(symbol));
		if (!holds(&symbol, address) ||
		    !find_name(s, symbol.st_name, &found->name))
			continue;
		found->start = symbol.st_value;
		return true;
	}
	return false;
}
