/*
 * fault: what goes wrong on purpose; handler_fault.c.
 */
#ifndef TINED_FAULT_H
#define TINED_FAULT_H

#include "handlers/handler.h"

extern const struct handler handler_intruder;
extern const struct handler handler_vandal;

void fault_segv(struct exchange *x);
void fault_bus(struct exchange *x);
void fault_abort(struct exchange *x);
void fault_fpe(struct exchange *x);
void fault_ill(struct exchange *x);
void fault_call(struct exchange *x);
size_t fault_stack(struct exchange *x);
void fault_part(struct exchange *x);
void fault_written(struct exchange *x);
void fault_much(struct exchange *x);
void fault_hang(struct exchange *x);
void fault_stall(struct exchange *x);
void fault_spin(struct exchange *x);
void fault_deaf(struct exchange *x);
void fault_reader(struct exchange *x);
void fault_lose(struct exchange *x);
void fault_leak(struct exchange *x);

#endif
