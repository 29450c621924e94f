#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "guard.h"
#include "unit.h"

TEST(all_zeroes_is_an_empty_buffer)
{
	struct buffer b = {0};

	ck_assert_uint_eq(buffer_text(&b).len, 0);
	ck_assert_str_eq(buffer_string(&b), "");
	ck_assert_uint_eq(b.len, 0);
	buffer_free(&b);
	buffer_free(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.size, 0);
}

TEST(bytes_are_kept_as_it_grows)
{
	struct buffer b = {0};

	for (unsigned i = 0; i < 100000; i++)
		buffer_add_char(&b, (char)(i % 251));
	ck_assert_uint_eq(b.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_int_eq((unsigned char)b.data[i], i % 251);
	buffer_free(&b);
}

TEST(adding_reads_only_what_is_added)
{
	struct buffer b = {0};

	buffer_add(&b, guard_copy("a\0b", 3), 3);
	buffer_add(&b, NULL, 0);
	buffer_add_text(&b, (struct text){NULL, 0});
	buffer_add_text(&b, guard_text(TEXT("cd")));
	buffer_add_string(&b, guard_string("ef"));
	assert_string_eq(&b, "a\0bcdef");
	buffer_free(&b);
}

TEST(reserve_gives_as_much_room_as_was_asked)
{
	struct buffer b = {0};

	for (size_t room = 1; room < 5000; room += 37) {
		char *to = buffer_reserve(&b, room);

		ck_assert_uint_ge(b.size - b.len, room);
		ck_assert_ptr_eq(to, b.data + b.len);
		memset(to, 'x', room);
		b.len += room / 2;
	}
	for (size_t i = 0; i < b.len; i++)
		ck_assert_int_eq(b.data[i], 'x');
	buffer_free(&b);
}

TEST(clear_keeps_the_memory)
{
	struct buffer b = {0};
	size_t size;

	buffer_add_string(&b, "abc");
	size = b.size;
	buffer_clear(&b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_uint_eq(b.size, size);
	buffer_add_string(&b, "d");
	assert_string_eq(&b, "d");
	buffer_free(&b);
}

TEST(shrink_frees_what_is_more_than_is_kept)
{
	struct buffer b = {0};

	buffer_reserve(&b, 1000);
	buffer_add_string(&b, "abc");
	buffer_shrink(&b, b.size);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_uint_ge(b.size, 1000);
	buffer_shrink(&b, b.size - 1);
	ck_assert_uint_eq(b.size, 0);
	ck_assert_ptr_null(b.data);
	buffer_add_string(&b, "d");
	assert_string_eq(&b, "d");
	buffer_free(&b);
}

TEST(numbers_are_added_in_decimal)
{
	static const uint64_t numbers[] = {
	    0, 9, 10, 4294967296, INT64_MAX, UINT64_MAX};
	struct buffer b = {0};
	char wanted[32];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(wanted, sizeof(wanted), "%" PRIu64, numbers[i]);
		buffer_clear(&b);
		buffer_add_number(&b, numbers[i]);
		ck_assert_str_eq(buffer_string(&b), wanted);
	}
	buffer_free(&b);
}

TEST(numbers_are_added_in_hexadecimal)
{
	struct buffer b = {0};
	char wanted[32];

	for (int shift = 0; shift < 64; shift++)
		for (int less = 0; less < 3; less++) {
			uint64_t n = (UINT64_C(0x9d) << shift) - (unsigned)less;

			snprintf(wanted, sizeof(wanted), "%" PRIx64, n);
			buffer_clear(&b);
			buffer_add_hex(&b, n);
			ck_assert_str_eq(buffer_string(&b), wanted);
		}
	buffer_clear(&b);
	buffer_add_hex(&b, 0);
	ck_assert_str_eq(buffer_string(&b), "0");
	buffer_free(&b);
}

TEST(printf_is_whole_whatever_room_there_was)
{
	char letters[600];

	memset(letters, 'y', sizeof(letters));
	for (int before = 0; before < 300; before++)
		for (int len = 200; len < 520; len += 13) {
			struct buffer b = {0};

			buffer_printf(&b, "%.*s", before, letters);
			buffer_printf(&b, "<%.*s>", len, letters);
			ck_assert_uint_eq(b.len, (size_t)(before + len + 2));
			ck_assert_int_eq(b.data[before], '<');
			ck_assert_int_eq(b.data[b.len - 1], '>');
			buffer_free(&b);
		}
}

TEST(the_nul_of_a_string_is_not_counted)
{
	struct buffer b = {0};

	/* Just full: the NUL needs room of its own. */
	while (b.len == 0 || b.len < b.size)
		buffer_add_char(&b, 'z');
	ck_assert_uint_eq(strlen(buffer_string(&b)), b.len);
	buffer_add_char(&b, '!');
	ck_assert_int_eq(buffer_string(&b)[b.len - 1], '!');
	buffer_free(&b);
}
