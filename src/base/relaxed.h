/*
 * relaxed: atomic loads and stores without memory ordering, for values with one
 * writer whose readers do not relate them to other values.
 */
#ifndef TINED_BASE_RELAXED_H
#define TINED_BASE_RELAXED_H

#include <stdatomic.h>

#define RELAXED_SET(object, value)                                             \
	atomic_store_explicit(&(object), (value), memory_order_relaxed)
#define RELAXED_GET(object)                                                    \
	atomic_load_explicit(&(object), memory_order_relaxed)

#endif
