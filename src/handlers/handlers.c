#include "handlers/builtin.h"
#include "handlers/module.h"

const struct tined_module *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_status,
    &handler_module,
    NULL,
};
