#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "os/symbols.h"
#include "unit.h"

#define CLASS (__ELF_NATIVE_CLASS == 64 ? ELFCLASS64 : ELFCLASS32)
#define DATA (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
#define FUNCTION ELF64_ST_INFO(STB_LOCAL, STT_FUNC)
#define VARIABLE ELF64_ST_INFO(STB_LOCAL, STT_OBJECT)
#define CODE 1 /* the number of some section */

/* The table of sections is last, as linkers have it. */
struct file {
	ElfW(Ehdr) header;
	char names[25];
	ElfW(Sym) table[6];
	ElfW(Shdr) sections[3];
};

static const struct file whole = {
    .header =
	{
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, CLASS, DATA},
	    .e_shoff = offsetof(struct file, sections),
	    .e_shentsize = sizeof(ElfW(Shdr)),
	    .e_shnum = 3,
	},
    .names = "\0elsewhere\0one\0two\0three",
    .table =
	{
	    {.st_name = 1,
		.st_value = 0x100,
		.st_size = 64,
		.st_info = FUNCTION},
	    {1, .st_value = 0x100, .st_size = 16, .st_info = VARIABLE,
		.st_shndx = CODE},
	    {0, .st_value = 0x100, .st_size = 16, .st_info = FUNCTION,
		.st_shndx = CODE},
	    {11, .st_value = 0x100, .st_size = 16, .st_info = FUNCTION,
		.st_shndx = CODE},
	    {15, .st_value = 0x110, .st_size = 1, .st_info = FUNCTION,
		.st_shndx = CODE},
	    {19, .st_value = 0x120, .st_size = 16, .st_info = FUNCTION,
		.st_shndx = CODE},
	},
    .sections =
	{
	    {.sh_type = SHT_NOBITS, .sh_offset = 1, .sh_size = 1 << 20},
	    {.sh_type = SHT_SYMTAB,
		.sh_link = 2,
		.sh_offset = offsetof(struct file, table),
		.sh_size = sizeof(whole.table),
		.sh_entsize = sizeof(ElfW(Sym))},
	    {.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct file, names),
		.sh_size = sizeof(whole.names)},
	},
};

static bool
find(struct symbols *s, const struct file *f, size_t len)
{
	return symbols_find(s, guard_copy(f, len), len);
}

static void
assert_name(const struct symbols *s, uintptr_t address, const char *name,
    uintptr_t start)
{
	struct symbol found;

	ck_assert(symbols_look_up(s, address, &found));
	ck_assert_str_eq(unit_show(found.name.at, found.name.len), name);
	ck_assert_uint_eq(found.start, start);
}

/* What it says does not matter, but it is there to be read. */
static void
look_up_all(const struct symbols *s)
{
	static volatile char last;
	struct symbol found;

	for (uintptr_t address = 0xf0; address < 0x140; address += 8)
		if (symbols_look_up(s, address, &found)) {
			assert_quick(found.name.len > 0);
			last = found.name.at[found.name.len];
			assert_quick(last == '\0');
		}
}

TEST(functions_have_names)
{
	struct symbols s;
	struct symbol found;

	ck_assert(find(&s, &whole, sizeof(whole)));
	assert_name(&s, 0x100, "one", 0x100);
	assert_name(&s, 0x10f, "one", 0x100);
	assert_name(&s, 0x110, "two", 0x110);
	assert_name(&s, 0x12f, "three", 0x120);
	ck_assert(!symbols_look_up(&s, 0xff, &found));
	ck_assert(!symbols_look_up(&s, 0x111, &found));
	ck_assert(!symbols_look_up(&s, 0x130, &found));
	ck_assert(!symbols_look_up(&s, 0, &found));
	ck_assert(!symbols_look_up(&s, UINTPTR_MAX, &found));
}

TEST(one_that_is_cut_off)
{
	struct symbols s;

	for (size_t len = 0; len < sizeof(whole); len++)
		if (find(&s, &whole, len))
			look_up_all(&s);
	/* The last section is that of the names. */
	ck_assert(!find(&s, &whole, sizeof(whole) - 1));
}

TEST(any_byte_may_be_wrong)
{
	struct file f = whole;
	unsigned char *bytes = (unsigned char *)&f;
	struct symbols s;

	for (size_t i = 0; i < sizeof(f); i++) {
		unsigned char was = bytes[i];

		for (int now = 0; now <= UINT8_MAX; now++) {
			bytes[i] = (unsigned char)now;
			if (find(&s, &f, sizeof(f)))
				look_up_all(&s);
		}
		bytes[i] = was;
	}
}

TEST(so_may_any_bytes)
{
	struct symbols s;

	for (int round = 0; round < 200000; round++) {
		struct file f = whole;

		for (size_t i = unit_random_below(8) + 1; i > 0; i--)
			((unsigned char *)&f)[unit_random_below(sizeof(f))] =
			    (unsigned char)unit_random();
		if (find(&s, &f, sizeof(f)))
			look_up_all(&s);
	}
}

/* Numbers that wrap around when others are added. */
TEST(offsets_beyond_the_file)
{
	static const uint64_t numbers[] = {sizeof(whole), sizeof(whole) + 1,
	    INT32_MAX, UINT32_MAX, UINT32_MAX - 63, INT64_MAX, UINT64_MAX,
	    UINT64_MAX - 63, UINT64_MAX - sizeof(whole) + 1};
	struct symbols s;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct file f = whole;

		f.header.e_shoff = (ElfW(Off))numbers[i];
		ck_assert(!find(&s, &f, sizeof(f)));
		for (int n = 1; n <= 2; n++) {
			f = whole;
			f.sections[n].sh_offset = (ElfW(Off))numbers[i];
			ck_assert(!find(&s, &f, sizeof(f)));
			f = whole;
			f.sections[n].sh_size = (ElfW(Off))numbers[i];
			ck_assert(!find(&s, &f, sizeof(f)));
		}
	}
}

TEST(what_is_no_table)
{
	struct symbols s;
	struct file f = whole;

	f.sections[1].sh_type = SHT_DYNSYM;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "stripped");
	f = whole;
	f.sections[1].sh_link = 1;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "names that are no names");
	f.sections[1].sh_link = 3;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "no such section");
	f = whole;
	f.header.e_shnum = 2;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "nor that");
	f = whole;
	f.sections[1].sh_entsize--;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "other entries");
	f = whole;
	f.header.e_shentsize++;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "other sections");
	f = whole;
	f.header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "other widths");
	f = whole;
	f.header.e_ident[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
	ck_assert_msg(!find(&s, &f, sizeof(f)), "another order of bytes");
	f = whole;
	f.header.e_ident[0] = '#';
	ck_assert_msg(!find(&s, &f, sizeof(f)), "no ELF file");
}

/* The last symbol of such a file is lost, and no other. */
static void
assert_last_is_lost(const struct file *f)
{
	struct symbols s;
	struct symbol found;

	ck_assert(find(&s, f, sizeof(*f)));
	assert_name(&s, 0x110, "two", 0x110);
	ck_assert(!symbols_look_up(&s, 0x120, &found));
}

TEST(a_name_without_an_end)
{
	struct file f = whole;

	/* Without its NUL, and so on to no byte of it. */
	for (size_t len = sizeof(f.names) - 1; len >= 19; len--) {
		f.sections[2].sh_size = len;
		assert_last_is_lost(&f);
	}
}

TEST(half_a_symbol_is_none)
{
	struct file f = whole;

	f.sections[1].sh_size--;
	assert_last_is_lost(&f);
}

/* As a linker makes it: a static function, and one that is not. */
TEST(this_program)
{
	struct link_map *map;
	struct symbols s;
	struct stat status;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *image;

	ck_assert_int_eq(fstat(fd, &status), 0);
	image =
	    mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	ck_assert_ptr_ne(image, MAP_FAILED);
	map = _r_debug.r_map; /* its own is the first */
	ck_assert(symbols_find(&s, image, (size_t)status.st_size));
	assert_name(&s, (uintptr_t)look_up_all - map->l_addr, "look_up_all",
	    (uintptr_t)look_up_all - map->l_addr);
	assert_name(&s, (uintptr_t)symbols_find - map->l_addr + 1,
	    "symbols_find", (uintptr_t)symbols_find - map->l_addr);
	munmap(image, (size_t)status.st_size);
}
