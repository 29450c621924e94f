#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <string.h>

#include "guard.h"
#include "net/access.h"
#include "unit.h"

static struct access_list list;

void
unit_tear_down(void)
{
	access_free(&list);
}

static void
add(const char *range)
{
	ck_assert_msg(
	    access_add(&list, guard_string(range)), "%s is refused", range);
}

static bool
allows(const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return access_allows(&list, (struct sockaddr *)&v4);
	ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
	return access_allows(&list, (struct sockaddr *)&v6);
}

TEST(an_empty_list_allows_all)
{
	ck_assert(allows("192.0.2.1"));
	ck_assert(allows("2001:db8::1"));
}

TEST(an_address_allows_itself_alone)
{
	add("192.0.2.1");
	add("2001:db8::1");
	ck_assert(allows("192.0.2.1"));
	ck_assert(allows("2001:db8::1"));
	ck_assert(!allows("192.0.2.0"));
	ck_assert(!allows("192.0.3.1"));
	ck_assert(!allows("2001:db8::"));
	ck_assert(!allows("::1"));
}

TEST(an_ipv4_address_behind_ipv6_is_the_same_address)
{
	add("10.0.0.0/8");
	ck_assert(allows("::ffff:10.1.2.3"));
	ck_assert(!allows("::ffff:11.1.2.3"));
	ck_assert(!allows("::10.1.2.3"));
	access_free(&list);
	add("::ffff:10.0.0.0/104");
	ck_assert(allows("10.1.2.3"));
	ck_assert(!allows("11.1.2.3"));
}

TEST(all_of_ipv4_is_nothing_of_ipv6)
{
	add("0.0.0.0/0");
	ck_assert(allows("203.0.113.9"));
	ck_assert(!allows("2001:db8::1"));
	access_free(&list);
	add("::/0");
	ck_assert(allows("2001:db8::1"));
}

static bool
flipped_is_allowed(int bit)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	inet_pton(
	    AF_INET6, "2001:db8:55aa:55aa:55aa:55aa:55aa:55aa", &v6.sin6_addr);
	v6.sin6_addr.s6_addr[bit / 8] ^= (unsigned char)(0x80 >> bit % 8);
	return access_allows(&list, (struct sockaddr *)&v6);
}

TEST(exactly_the_leading_bits_count)
{
	struct buffer range = {0};

	for (int bits = 0; bits <= 128; bits++) {
		buffer_clear(&range);
		buffer_printf(
		    &range, "2001:db8:55aa:55aa:55aa:55aa:55aa:55aa/%d", bits);
		access_free(&list);
		add(buffer_string(&range));
		for (int bit = 0; bit < 128; bit++)
			ck_assert_msg(flipped_is_allowed(bit) == (bit >= bits),
			    "bit %d of /%d", bit, bits);
	}
	buffer_free(&range);
}

TEST(any_range_of_several_is_enough)
{
	add("192.0.2.0/25");
	add("198.51.100.7");
	add("2001:db8::/32");
	ck_assert(allows("192.0.2.127"));
	ck_assert(!allows("192.0.2.128"));
	ck_assert(allows("198.51.100.7"));
	ck_assert(allows("2001:db8:1::"));
	ck_assert(!allows("2001:db9::"));
}

TEST(what_is_no_address_is_refused_and_changes_nothing)
{
	static const char *const bad[] = {"", "/", "/8", "localhost", "10",
	    "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8",
	    "10.0.0.0/ 8", "10.0.0.0 ", "256.0.0.1", "::1/129", "[::1]",
	    "::1%lo", "::g", "::1/x",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!access_add(&list, guard_string(bad[i])),
		    "\"%s\" is taken", bad[i]);
	ck_assert_uint_eq(list.count, 0);
}

TEST(clients_of_a_unix_socket_are_always_allowed)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};

	add("192.0.2.1");
	ck_assert(access_allows(&list, (struct sockaddr *)&path));
}

TEST(a_family_that_is_not_known_is_not_allowed)
{
	struct sockaddr_storage other = {.ss_family = AF_APPLETALK};

	add("0.0.0.0/0");
	add("::/0");
	ck_assert(!access_allows(&list, (struct sockaddr *)&other));
}
