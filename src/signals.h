/*
 * signals: how signals are set up.  A handler sets a flag named for its
 * intent; the loop that the flag belongs to acts on it.  System calls are not
 * restarted, so that a loop sees its flags soon.
 */
#ifndef TINED_SIGNALS_H
#define TINED_SIGNALS_H

#include <signal.h>

/* The lists end with 0. */
void signals_handle(const int *list, void (*handler)(int));
/* The same, for a handler that sets no flag: what it interrupts goes on. */
void signals_handle_quietly(const int *list, void (*handler)(int));
/* On the stack of sigaltstack(2), for when the other one is full or broken. */
void signals_handle_on_own_stack(
    const int *list, void (*handler)(int, siginfo_t *, void *));
void signals_ignore(const int *list);
void signals_default(const int *list);
/* Blocks them; the mask from before is what ppoll needs to let them in. */
void signals_block(const int *list, sigset_t *before);
void signals_set_mask(const sigset_t *mask);

#endif
