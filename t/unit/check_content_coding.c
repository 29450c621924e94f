#include "heads.h"
#include "http/content_coding.h"

#define BR (1u << CONTENT_CODING_BR)
#define ZSTD (1u << CONTENT_CODING_ZSTD)
#define GZIP (1u << CONTENT_CODING_GZIP)
#define PLAIN (1u << CONTENT_CODING_IDENTITY)
#define ALL (BR | ZSTD | GZIP | PLAIN)

static struct content_coding_wish wish;

static enum content_coding
choose_of(const char *lines, unsigned available)
{
	content_coding_read_wish(heads_request_with("GET", lines), &wish);
	return content_coding_choose(&wish, available);
}

#define assert_chosen(wanted, value, available)                                \
	ck_assert_int_eq(                                                      \
	    choose_of("Accept-Encoding: " value "\r\n", available), wanted)

TEST(names_and_suffixes_belong_together)
{
	assert_text_eq(content_coding_name(CONTENT_CODING_BR), "br");
	assert_text_eq(content_coding_name(CONTENT_CODING_ZSTD), "zstd");
	assert_text_eq(content_coding_name(CONTENT_CODING_GZIP), "gzip");
	ck_assert_str_eq(content_coding_suffix(CONTENT_CODING_BR), ".br");
	ck_assert_str_eq(content_coding_suffix(CONTENT_CODING_ZSTD), ".zst");
	ck_assert_str_eq(content_coding_suffix(CONTENT_CODING_GZIP), ".gz");
	ck_assert_str_eq(content_coding_suffix(CONTENT_CODING_IDENTITY), "");
}

TEST(who_says_nothing_gets_identity)
{
	ck_assert_int_eq(choose_of("", ALL), CONTENT_CODING_IDENTITY);
	assert_chosen(CONTENT_CODING_IDENTITY, "", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "deflate, x", ALL);
}

TEST(of_equal_qualities_the_servers_order_decides)
{
	assert_chosen(CONTENT_CODING_BR, "gzip, zstd, br", ALL);
	assert_chosen(CONTENT_CODING_ZSTD, "gzip, zstd, br", ALL & ~BR);
	assert_chosen(CONTENT_CODING_GZIP, "gzip, zstd, br", GZIP | PLAIN);
	assert_chosen(CONTENT_CODING_IDENTITY, "gzip, zstd, br", PLAIN);
}

TEST(the_highest_quality_wins)
{
	assert_chosen(CONTENT_CODING_GZIP, "br;q=0.5, gzip;q=0.501", ALL);
	assert_chosen(CONTENT_CODING_BR, "br;q=1.0, gzip;q=0.999", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=0.5, identity;q=0.6", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "gzip;q=0.5, identity", ALL);
	assert_chosen(CONTENT_CODING_GZIP, "gzip;q=0.001", ALL);
}

TEST(a_quality_of_nothing_refuses)
{
	assert_chosen(CONTENT_CODING_GZIP, "br;q=0, gzip;q=0.1", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "gzip;q=0", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "gzip;q=0.000", GZIP | PLAIN);
	assert_chosen(CONTENT_CODING_IDENTITY, "*;q=0", ALL);
	assert_chosen(CONTENT_CODING_GZIP, "identity;q=0, gzip;q=0.2", ALL);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_IDENTITY], 0);
}

TEST(an_asterisk_is_for_what_is_not_named)
{
	assert_chosen(CONTENT_CODING_BR, "*", ALL);
	assert_chosen(CONTENT_CODING_ZSTD, "*;q=0.5, br;q=0.1", ALL);
	assert_chosen(CONTENT_CODING_GZIP, "gzip, *;q=0", ALL);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_BR], 0);
	assert_chosen(CONTENT_CODING_ZSTD, "br;q=0, *", ALL);
}

TEST(names_compare_without_case_and_x_gzip_is_gzip)
{
	assert_chosen(CONTENT_CODING_GZIP, "GZip", ALL);
	assert_chosen(CONTENT_CODING_GZIP, "x-gzip", ALL);
	assert_chosen(CONTENT_CODING_BR, "bR ; Q=0.3", ALL);
}

TEST(a_weight_that_is_none_refuses_its_coding)
{
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=2", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=1.001", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=0.5555", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=.5", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=-1", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=x", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;q=0,5", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;", ALL);
	assert_chosen(CONTENT_CODING_IDENTITY, "br;a=b", ALL);
}

TEST(qualities_are_thousandths)
{
	choose_of("Accept-Encoding: br;q=0.123, zstd;q=1., gzip;q=0.9\r\n", 0);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_BR], 123);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_ZSTD], 1000);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_GZIP], 900);
}

TEST(several_fields_are_one_list)
{
	ck_assert_int_eq(choose_of("Accept-Encoding: gzip;q=0.5\r\n"
				   "Accept-Encoding: br;q=0.4\r\n",
			     ALL),
	    CONTENT_CODING_GZIP);
	ck_assert_int_eq(wish.quality[CONTENT_CODING_BR], 400);
}

TEST(what_is_not_there_is_never_chosen)
{
	for (unsigned available = PLAIN; available <= ALL; available++) {
		enum content_coding c;

		if ((available & PLAIN) == 0)
			continue;
		c = choose_of("Accept-Encoding: *\r\n", available);
		ck_assert_uint_ne(available & 1u << c, 0);
	}
}
