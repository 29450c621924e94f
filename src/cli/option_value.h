/*
 * option_value: values of options that have one of a few forms: a number, a time,
 * a size, a range of numbers of workers, the path of a socket.
 *
 * Each function stores the value in *to, and returns NULL; or it stores nothing
 * of use, and returns an error message that completes "--option VALUE: " and is
 * not freed.
 */
#ifndef TINED_CLI_OPTION_VALUE_H
#define TINED_CLI_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* Returns such a message; it is valid until the next call. */
const char *option_value_mistake(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* wanted is the message for what is no number from min to max. */
const char *option_value_int(
    const char *value, int min, int max, int *to, const char *wanted);
/* A time (units.h), in nanoseconds: 0, too. */
const char *option_value_time(const char *value, int64_t *to);
/* The same, but for 0. */
const char *option_value_time_above_0(const char *value, int64_t *to);
/* The same, or "off", which is 0. */
const char *option_value_time_or_off(const char *value, int64_t *to);
/* A size (units.h), in bytes. */
const char *option_value_size(const char *value, uint64_t *to);
/*
 * Two numbers of workers, MIN-MAX, or with one also a single number, which is
 * both.  wanted is the message for anything else.
 */
const char *option_value_range(
    const char *value, const char *wanted, bool one, struct config_range *to);
/* *to is replaced by a copy. */
const char *option_value_socket(const char *value, char **to);

#endif
