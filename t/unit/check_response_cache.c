#include <sys/mman.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "guard.h"
#include "handlers/response_cache.h"
#include "unit.h"

#define MEMORY (64 << 10)
#define NOW (1000 * CLOCK_SECOND)
#define KEYS 5000
#define PAGES_MAX 64
#define FILE_NUMBERS 100

static struct response_cache cache;
static unsigned char bytes[MEMORY + UCHAR_MAX];

void
unit_set_up(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	response_cache_init(&cache, CLOCK_SECOND, MEMORY);
}

void
unit_tear_down(void)
{
	response_cache_free(&cache);
}

static struct text
key_of(unsigned n)
{
	static char key[64];
	int len = snprintf(key, sizeof(key), "/some/name/%u", n);

	return (struct text){key, (size_t)len};
}

/* Neighbours begin with other bytes. */
static const unsigned char *
bytes_of(unsigned n)
{
	return bytes + n * 31 % UCHAR_MAX;
}

static bool
add_with_file(unsigned n, size_t size, int file, int64_t now)
{
	unsigned char *to = response_cache_reserve(&cache, key_of(n), size);

	if (to == NULL)
		return false;
	memcpy(to, bytes_of(n), size);
	response_cache_add(&cache, file, now);
	return true;
}

static bool
add(unsigned n, size_t size, int64_t now)
{
	return add_with_file(n, size, -1, now);
}

/* Each has a number of its own, also when others are closed. */
static int
add_file(unsigned n, int64_t now)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int file = fcntl(null, F_DUPFD_CLOEXEC, FILE_NUMBERS + (int)n);

	close(null);
	ck_assert_int_ne(file, -1);
	ck_assert(add_with_file(n, 10, file, now));
	return file;
}

static bool
is_open(int file)
{
	return fcntl(file, F_GETFD) != -1;
}

/* If it is there, it is whole. */
static bool
is_there(unsigned n, size_t size, int64_t now)
{
	const unsigned char *r = response_cache_find(&cache, key_of(n), now);

	assert_quick(r == NULL || memcmp(r, bytes_of(n), size) == 0);
	return r != NULL;
}

TEST(a_response_is_found_until_its_time_is_over)
{
	ck_assert(!is_there(1, 100, NOW));
	ck_assert(add(1, 100, NOW));
	ck_assert(is_there(1, 100, NOW));
	ck_assert(!is_there(2, 100, NOW));
	ck_assert(is_there(1, 100, NOW + CLOCK_SECOND - 1));
	ck_assert(!is_there(1, 100, NOW + CLOCK_SECOND));
	ck_assert(!is_there(1, 100, NOW));
}

TEST(each_has_a_time_of_its_own)
{
	ck_assert(add(1, 10, NOW));
	ck_assert(add(2, 10, NOW + 5));
	ck_assert(!is_there(1, 10, NOW + CLOCK_SECOND));
	ck_assert(is_there(2, 10, NOW + CLOCK_SECOND));
	ck_assert(add(1, 10, NOW + CLOCK_SECOND));
	ck_assert(!is_there(2, 10, NOW + CLOCK_SECOND + 5));
	ck_assert(is_there(1, 10, NOW + CLOCK_SECOND + 5));
}

TEST(a_key_is_wanted_when_it_is_looked_for_again_within_the_time)
{
	ck_assert(!response_cache_wants(&cache, key_of(1), NOW));
	ck_assert(response_cache_wants(&cache, key_of(1), NOW));
	ck_assert(response_cache_wants(
	    &cache, key_of(1), NOW + CLOCK_SECOND - CLOCK_MILLISECOND));
	ck_assert(
	    !response_cache_wants(&cache, key_of(1), NOW + 3 * CLOCK_SECOND));
	ck_assert(!response_cache_wants(&cache, key_of(2), NOW));
}

TEST(without_a_time_none_is_wanted)
{
	response_cache_free(&cache);
	response_cache_init(&cache, 0, MEMORY);
	for (int i = 0; i < 3; i++) {
		ck_assert(!is_there(1, 10, NOW));
		ck_assert(!response_cache_wants(&cache, key_of(1), NOW));
	}
	ck_assert_ptr_null(cache.ring);
}

TEST(a_key_is_compared_whole_and_read_no_further)
{
	struct text key = guard_text(TEXT("abcdefghijk"));
	struct text shorter = {key.at, key.len - 1};

	ck_assert_ptr_nonnull(response_cache_reserve(&cache, key, 1));
	response_cache_add(&cache, -1, NOW);
	ck_assert_ptr_nonnull(response_cache_find(&cache, key, NOW));
	ck_assert_ptr_null(response_cache_find(&cache, shorter, NOW));
	ck_assert_ptr_null(
	    response_cache_find(&cache, TEXT("abcdefghijK"), NOW));
	ck_assert_ptr_null(
	    response_cache_find(&cache, TEXT("abcdefghijk\0"), NOW));
}

TEST(what_is_reserved_and_not_added_is_not_found)
{
	ck_assert_ptr_nonnull(response_cache_reserve(&cache, key_of(1), 100));
	ck_assert(!is_there(1, 100, NOW));
	ck_assert(add(2, 100, NOW));
	ck_assert(!is_there(1, 100, NOW));
	ck_assert(is_there(2, 100, NOW));
}

TEST(what_is_too_large_for_its_part_is_not_kept)
{
	ck_assert(add(1, MEMORY / RESPONSE_CACHE_PART - 100, NOW));
	ck_assert(!add(2, MEMORY / RESPONSE_CACHE_PART, NOW));
	ck_assert(!add(3, SIZE_MAX, NOW));
	ck_assert(is_there(1, MEMORY / RESPONSE_CACHE_PART - 100, NOW));
	response_cache_free(&cache);
	response_cache_init(&cache, CLOCK_SECOND, 0);
	ck_assert(!add(1, 0, NOW));
}

TEST(an_empty_response_has_a_place)
{
	ck_assert(add(1, 0, NOW));
	ck_assert_ptr_nonnull(response_cache_find(&cache, key_of(1), NOW));
}

TEST(the_newest_take_the_place_of_the_oldest)
{
	unsigned n = 0, kept = 0;

	for (; n < 1000; n++)
		ck_assert(add(n, 1000, NOW));
	while (kept < n && is_there(n - 1 - kept, 1000, NOW))
		kept++;
	ck_assert_uint_ge(kept, MEMORY / 1100 - 1);
	ck_assert_uint_le(kept, MEMORY / 1000);
	for (unsigned i = 0; i < n - kept; i++)
		ck_assert(!is_there(i, 1000, NOW));
}

TEST(their_number_is_bounded)
{
	response_cache_free(&cache);
	response_cache_init(&cache, CLOCK_SECOND, 1 << 20);
	for (unsigned n = 0; n < 3 * RESPONSE_CACHE_MAX; n++)
		ck_assert(add(n, 1, NOW));
	ck_assert_uint_eq(cache.count, RESPONSE_CACHE_MAX);
	ck_assert(is_there(3 * RESPONSE_CACHE_MAX - 1, 1, NOW));
	ck_assert(is_there(2 * RESPONSE_CACHE_MAX, 1, NOW));
	ck_assert(!is_there(2 * RESPONSE_CACHE_MAX - 1, 1, NOW));
}

/* Compares with a list of what was added, the newest of each key. */
TEST_TIMES(any_order_of_sizes_and_times_keeps_what_is_there_whole, 20)
{
	static int64_t until[KEYS];
	static size_t size[KEYS];
	static bool dropped[KEYS];
	int64_t now = NOW;
	unsigned found = 0;

	for (unsigned n = 0; n < KEYS; n++) {
		now += (int64_t)unit_random_below(40) * CLOCK_MILLISECOND;
		size[n] = unit_random_below(
		    unit_random_below(4) == 0 ? MEMORY / 5 : 300);
		ck_assert(add(n, size[n], now));
		until[n] = now + CLOCK_SECOND;
		for (unsigned back = 0; back < 60 && back <= n; back++) {
			unsigned k = n - back;
			bool there = is_there(k, size[k], now);

			found += there;
			assert_quick(!there || (now < until[k] && !dropped[k]));
			/* Whatever is older is gone as well. */
			if (now < until[k])
				dropped[k] = !there;
			assert_quick(back > 0 || there);
		}
	}
	ck_assert_uint_gt(found, KEYS);
}

static size_t
resident_pages(void)
{
	unsigned char in[PAGES_MAX];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 0;

	ck_assert_int_eq(mincore(cache.ring, MEMORY, in), 0);
	for (size_t i = 0; i < MEMORY / page; i++)
		pages += in[i] & 1;
	return pages;
}

TEST(an_idle_process_releases_the_memory_when_all_have_expired)
{
	int64_t later = NOW + CLOCK_SECOND / 2;

	ck_assert_int_eq(response_cache_settle(&cache, NOW), CLOCK_NEVER);
	for (unsigned n = 0; n < 100; n++)
		ck_assert(add(n, 1000, NOW));
	ck_assert(add(100, 10, later));
	ck_assert_int_eq(
	    response_cache_settle(&cache, NOW), later + CLOCK_SECOND);
	ck_assert(is_there(100, 10, later));
	ck_assert_uint_gt(resident_pages(), 0);
	ck_assert_int_eq(
	    response_cache_settle(&cache, later + CLOCK_SECOND), CLOCK_NEVER);
	ck_assert_uint_eq(resident_pages(), 0);
	ck_assert(!is_there(100, 10, later));
	ck_assert(add(1, 10, later));
	ck_assert(is_there(1, 10, later));
}

TEST(a_file_is_closed_when_its_response_expires)
{
	int file, other;

	cache.files_max = 4;
	file = add_file(1, NOW);
	ck_assert(add(2, 10, NOW));
	other = add_file(3, NOW + 5);
	ck_assert(is_there(1, 10, NOW + CLOCK_SECOND - 1));
	ck_assert(is_open(file));
	ck_assert(!is_there(1, 10, NOW + CLOCK_SECOND));
	ck_assert(!is_open(file));
	ck_assert(is_there(3, 10, NOW + CLOCK_SECOND));
	ck_assert(is_open(other));
	response_cache_free(&cache);
	ck_assert(!is_open(other));
}

TEST(a_response_with_a_file_is_kept_for_a_second_at_most)
{
	int file;

	response_cache_init(&cache, 10 * CLOCK_SECOND, MEMORY);
	cache.files_max = 4;
	ck_assert(add(1, 10, NOW));
	file = add_file(2, NOW);
	ck_assert(add(3, 10, NOW));
	ck_assert(is_there(2, 10, NOW + RESPONSE_CACHE_FILE_TIME - 1));
	ck_assert(!is_there(2, 10, NOW + RESPONSE_CACHE_FILE_TIME));
	ck_assert(!is_open(file));
	ck_assert(is_there(1, 10, NOW + 2 * CLOCK_SECOND));
	ck_assert(is_there(3, 10, NOW + 2 * CLOCK_SECOND));
	ck_assert(!is_there(2, 10, NOW));
	ck_assert(!is_there(1, 10, NOW + 10 * CLOCK_SECOND));
	ck_assert_uint_eq(cache.count, 0);
}

TEST(a_newer_file_takes_the_place_of_the_oldest)
{
	int file[5];

	cache.files_max = 3;
	ck_assert(add(100, 10, NOW));
	for (unsigned n = 0; n < 5; n++)
		file[n] = add_file(n, NOW);
	for (unsigned n = 0; n < 5; n++) {
		ck_assert_int_eq(is_open(file[n]), n >= 2);
		ck_assert_int_eq(is_there(n, 10, NOW), n >= 2);
	}
	ck_assert(is_there(100, 10, NOW));
	ck_assert_uint_eq(cache.files, 3);
}

TEST(a_file_goes_with_its_place_in_memory)
{
	int file;

	cache.files_max = 3;
	file = add_file(1, NOW);
	for (unsigned n = 2; n < 200; n++)
		ck_assert(add(n, 1000, NOW));
	ck_assert(!is_there(1, 10, NOW));
	ck_assert(!is_open(file));
	ck_assert_uint_eq(cache.files, 0);
}

TEST(all_files_are_closed_at_once)
{
	int file;

	cache.files_max = 3;
	ck_assert(!response_cache_close_files(&cache));
	file = add_file(1, NOW);
	ck_assert(add(2, 10, NOW));
	ck_assert(response_cache_close_files(&cache));
	ck_assert(!is_open(file));
	ck_assert(!is_there(1, 10, NOW));
	ck_assert(is_there(2, 10, NOW));
	file = add_file(1, NOW);
	ck_assert(is_there(1, 10, NOW));
	ck_assert(is_open(file));
}

/* It wakes once for the files, and once for the memory. */
TEST(an_idle_process_closes_all_files_when_the_first_expires)
{
	int64_t later = NOW + CLOCK_SECOND / 2;
	int file, other;

	cache.files_max = 3;
	file = add_file(1, NOW);
	other = add_file(2, later);
	ck_assert_int_eq(
	    response_cache_settle(&cache, later), NOW + CLOCK_SECOND);
	ck_assert(is_open(file));
	ck_assert_int_eq(response_cache_settle(&cache, NOW + CLOCK_SECOND),
	    later + CLOCK_SECOND);
	ck_assert(!is_open(file));
	ck_assert(!is_open(other));
	ck_assert(!is_there(2, 10, later));
	ck_assert_int_eq(
	    response_cache_settle(&cache, later + CLOCK_SECOND), CLOCK_NEVER);
}
