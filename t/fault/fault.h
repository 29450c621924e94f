/*
 * fault: what goes wrong on purpose; handler_fault.c.
 */
#ifndef TINED_FAULT_H
#define TINED_FAULT_H

#include "handlers/builtin.h"

extern const struct tined_module handler_intruder;
extern const struct tined_module handler_vandal;

#endif
