#include <string.h>

#include "base/iovec.h"
#include "unit.h"

static char bytes[] = "abcdefgh";

/* abc, nothing, defg, h */
static void
fill(struct iovec parts[4])
{
	parts[0] = (struct iovec){bytes, 3};
	parts[1] = (struct iovec){bytes + 3, 0};
	parts[2] = (struct iovec){bytes + 3, 4};
	parts[3] = (struct iovec){bytes + 7, 1};
}

/* The bytes that writev(2) would still write. */
static void
assert_left(const struct iovec *parts, int count, const char *wanted)
{
	char left[sizeof(bytes)] = "";

	for (int i = 0; i < count; i++)
		strncat(left, parts[i].iov_base, parts[i].iov_len);
	ck_assert_str_eq(left, wanted);
}

TEST(what_is_left_is_behind_what_was_written)
{
	struct iovec parts[4];

	for (size_t n = 0; n < sizeof(bytes); n++) {
		int first;

		fill(parts);
		first = iovec_skip(parts, 4, n);
		assert_left(parts, 4, bytes + n);
		assert_left(parts + first, 4 - first, bytes + n);
	}
}

TEST(the_first_part_that_has_bytes_left_is_told)
{
	struct iovec parts[4];

	fill(parts);
	ck_assert_int_eq(iovec_skip(parts, 4, 2), 0);
	fill(parts);
	ck_assert_int_eq(iovec_skip(parts, 4, 3), 2);
	fill(parts);
	ck_assert_int_eq(iovec_skip(parts, 4, 7), 3);
	fill(parts);
	ck_assert_int_eq(iovec_skip(parts, 4, 8), 4);
}
