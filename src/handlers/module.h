/*
 * module: loads modules (tined.h).  One is mounted by --mount PREFIX=module:FILE,
 * or, if it is installed beside the server, by its name in place of a kind.
 */
#ifndef TINED_HANDLERS_MODULE_H
#define TINED_HANDLERS_MODULE_H

#include "handlers/mount.h"

/*
 * Its mount function loads the module, which takes its place in m->module, and
 * calls the module's own.
 */
extern const struct tined_module handler_module;

/* True if a module of that name is installed: ../lib/tined/NAME.so. */
bool module_is_installed(const char *name);

#endif
