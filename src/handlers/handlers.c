#include "handlers/builtin.h"
#include "handlers/module.h"

const struct tined_module *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_fcgi,
    &handler_status,
    &handler_cgi,
    &handler_proxy,
    &handler_module,
    NULL,
};
