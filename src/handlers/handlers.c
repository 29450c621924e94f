#include "handlers/handler.h"

const struct handler *const handlers[] = {
    &handler_file,
    &handler_echo,
    &handler_status,
    NULL,
};
