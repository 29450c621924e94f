/*
 * redirect: responses that lead to another path of the same mount.
 */
#ifndef TINED_HANDLERS_REDIRECT_H
#define TINED_HANDLERS_REDIRECT_H

#include "tined.h"

/* Redirects to the path with a final slash, so that relative links work. */
void redirect_to_directory(struct tined_exchange *x);

#endif
