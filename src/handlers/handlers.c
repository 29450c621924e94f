#include "handlers/builtin.h"

const struct tined_module *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_status,
    NULL,
};
