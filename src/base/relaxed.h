/*
 * relaxed: loads and stores of what has one writer, and many readers who need
 * no order between it and anything else: plain ones, only never torn.
 */
#ifndef TINED_BASE_RELAXED_H
#define TINED_BASE_RELAXED_H

#include <stdatomic.h>

#define RELAXED_SET(object, value)                                             \
	atomic_store_explicit(&(object), (value), memory_order_relaxed)
#define RELAXED_GET(object)                                                    \
	atomic_load_explicit(&(object), memory_order_relaxed)

#endif
