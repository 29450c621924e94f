#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "handlers/module.h"

/* Where they are, from the program's directory: installed, or just built. */
static const char *const directories[] = {"../lib/tined", "modules"};

/* Returns the path of an installed module, or NULL; the caller frees it. */
static char *
find_installed(const char *name)
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (len <= 0 || strchr(name, '/') != NULL)
		return NULL;
	program[len] = '\0';
	dirname(program);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]);
	     i++) {
		char *path =
		    memory_printf("%s/%s/%s.so", program, directories[i], name);

		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

bool
module_is_installed(const char *name)
{
	char *path = find_installed(name);

	free(path);
	return path != NULL;
}

/*
 * dlopen(3) knows what is loaded already by its path, and then does not look at
 * the file, which may be another one since the last reload.  So each load has a
 * path of its own, with "/" and "./" before the name as the bits of a number.  An
 * unchanged file is recognized all the same, by its inode.
 */
static void
add_distinct_path(struct buffer *b, const char *path)
{
	static unsigned loads;
	const char *name = strrchr(path, '/') + 1;

	buffer_add(b, path, (size_t)(name - path));
	for (unsigned bits = ++loads; bits > 1; bits >>= 1)
		buffer_add_string(b, (bits & 1) != 0 ? "./" : "/");
	buffer_add_string(b, name);
}

/* dlerror(3) names the distinct path first, and then the reason. */
static int
refuse_library(struct tined_mount *m, const char *path)
{
	const char *words = dlerror();
	const char *reason = words != NULL ? strstr(words, ": ") : NULL;

	return tined_mount_fail(m, "cannot load %s: %s", path,
	    reason != NULL	? reason + 2
		: words != NULL ? words
				: "dlopen(3) does not say why");
}

static int
module_load(struct tined_mount *m, const char *path)
{
	struct buffer distinct = {0};

	if (access(path, R_OK) == -1)
		return tined_mount_fail(
		    m, "cannot load %s: %s", path, strerror(errno));
	add_distinct_path(&distinct, path);
	m->library = dlopen(buffer_string(&distinct), RTLD_NOW | RTLD_LOCAL);
	buffer_free(&distinct);
	return m->library != NULL ? 0 : refuse_library(m, path);
}

static int
check_module(
    struct tined_mount *m, const struct tined_module *module, const char *path)
{
	if (module == NULL)
		return tined_mount_fail(m,
		    "%s is no module: it does not define tined_module", path);
	if (module->abi != TINED_ABI || module->size != sizeof(*module))
		return tined_mount_fail(m,
		    "%s was built for version %u.%u of tined.h, and this is "
		    "version %u.%zu: build it again",
		    path, module->abi, module->size, TINED_ABI,
		    sizeof(*module));
	if (module->name == NULL || module->serve == NULL)
		return tined_mount_fail(m,
		    "%s: its tined_module has no name, or no serve function",
		    path);
	return 0;
}

/* Puts the module in place of this handler; mount_begin uses it from then on. */
static int
mount_file(struct tined_mount *m, const char *path, void **state)
{
	const struct tined_module *module;

	if (module_load(m, path) == -1)
		return -1;
	module = dlsym(m->library, "tined_module");
	if (check_module(m, module, path) == -1)
		return -1;
	m->module = module;
	return module->mount != NULL ? module->mount(m, state) : 0;
}

static int
module_mount(struct tined_mount *m, void **state)
{
	char *path;
	int result;

	if (builtin_split_argument(m) == -1)
		return -1;
	if (strcmp(m->kind, handler_module.name) != 0) {
		path = find_installed(m->kind);
		if (path == NULL) /* it has just gone */
			return tined_mount_fail(
			    m, "the module %s is not installed", m->kind);
	} else if (*m->subject == '\0') {
		return builtin_mount_usage(
		    m, "module: needs a file, as in module:/srv/hello.so");
	} else {
		path = path_absolute(m->subject);
		*m->subject = '\0';
	}
	result = mount_file(m, path, state);
	free(path);
	return result;
}

const struct tined_module handler_module = {
    TINED_MODULE_VERSION,
    .name = "module",
    .mount = module_mount,
};
