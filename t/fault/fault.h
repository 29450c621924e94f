/*
 * fault: what goes wrong on purpose; handler_fault.c.
 */
#ifndef TINED_FAULT_H
#define TINED_FAULT_H

#include "handlers/handler.h"

extern const struct handler handler_intruder;
extern const struct handler handler_vandal;

void fault_segv(struct request *request, struct response *response);
void fault_bus(struct request *request, struct response *response);
void fault_abort(struct request *request, struct response *response);
void fault_fpe(struct request *request, struct response *response);
void fault_ill(struct request *request, struct response *response);
void fault_call(struct request *request, struct response *response);
size_t fault_stack(struct request *request, struct response *response);
void fault_part(struct request *request, struct response *response);
void fault_written(struct request *request, struct response *response);
void fault_much(struct request *request, struct response *response);
void fault_hang(struct request *request, struct response *response);
void fault_stall(struct request *request, struct response *response);
void fault_spin(struct request *request, struct response *response);
void fault_deaf(struct request *request, struct response *response);
void fault_reader(struct request *request, struct response *response);
void fault_lose(struct request *request, struct response *response);
void fault_leak(struct request *request, struct response *response);

#endif
