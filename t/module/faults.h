/*
 * faults: what modules can do wrong; faults.c.
 */
#ifndef TINED_FAULTS_H
#define TINED_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tined.h"

/* Does what the path below the mount names; false if it names nothing. */
bool faults_serve(struct tined_exchange *x);

void fault_segv(struct tined_exchange *x);
void fault_bus(struct tined_exchange *x);
void fault_abort(struct tined_exchange *x);
void fault_fpe(struct tined_exchange *x);
void fault_ill(struct tined_exchange *x);
void fault_call(struct tined_exchange *x);
size_t fault_stack(struct tined_exchange *x);
void fault_part(struct tined_exchange *x);
void fault_written(struct tined_exchange *x);
void fault_much(struct tined_exchange *x);
void fault_hang(struct tined_exchange *x);
void fault_stall(struct tined_exchange *x);
void fault_spin(struct tined_exchange *x);
void fault_deaf(struct tined_exchange *x);
void fault_reader(struct tined_exchange *x);
void fault_lose(struct tined_exchange *x);
void fault_leak(struct tined_exchange *x);

#endif
