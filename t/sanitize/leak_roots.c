/*
 * For LeakSanitizer, which searches all global data for pointers when a process
 * ends.  The sanitizers have eleven megabytes of that themselves, where nothing of
 * the program's is: to search them took half of what a process cost.  So global
 * data is left out, but for the program's, its libraries' and its modules'.
 */
#include <link.h>

#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

const char *__lsan_default_options(void);

const char *
__lsan_default_options(void)
{
	return "use_globals=0";
}

static bool
is_sanitizer(const char *path)
{
	return strstr(path, "/libasan.so") != NULL ||
	    strstr(path, "/libubsan.so") != NULL;
}

static int
add_data(struct dl_phdr_info *object, size_t size, void *unused)
{
	(void)size, (void)unused;
	if (is_sanitizer(object->dlpi_name))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0)
			__lsan_register_root_region(
			    (void *)(object->dlpi_addr + part->p_vaddr),
			    part->p_memsz);
	}
	return 0;
}

/* All modules have been loaded by then, and leaks are looked for after it. */
__attribute__((destructor)) static void
add_roots(void)
{
	(void)dl_iterate_phdr(add_data, NULL);
}
