/*
 * fuzz: what the targets share.  libFuzzer, AFL++ or replay.c has the main().
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif

#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
/* From here on the bytes may not be looked at; and now they may. */
#define FUZZ_HIDE(at, len) ASAN_POISON_MEMORY_REGION((at), (len))
#define FUZZ_SHOW(at, len) ASAN_UNPOISON_MEMORY_REGION((at), (len))
#else
#define FUZZ_HIDE(at, len) ((void)(at), (void)(len))
#define FUZZ_SHOW(at, len) ((void)(at), (void)(len))
#endif

/* A finding is a crash, with words. */
#define FUZZ_CHECK(condition, ...)                                             \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "finding: %s:%d: %s: ", __FILE__,      \
			    __LINE__, #condition);                             \
			fprintf(stderr, __VA_ARGS__);                          \
			fputc('\n', stderr);                                   \
			abort();                                               \
		}                                                              \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* FNV-1a: where an input is split depends on nothing but the input. */
static inline uint32_t
fuzz_hash(const uint8_t *data, size_t size)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}

/* A number below n, and the next seed. */
static inline size_t
fuzz_below(uint32_t *seed, size_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return n == 0 ? 0 : (*seed >> 8) % n;
}

/* A copy of exactly that size, so that no byte behind it can be read. */
static inline char *
fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	for (size_t i = 0; i < size; i++)
		copy[i] = ((const char *)data)[i];
	if (size == 0)
		FUZZ_HIDE(copy, 1);
	return copy;
}

#endif
