#include "guard.h"
#include "http/method.h"
#include "unit.h"

TEST(methods_are_told_by_their_names)
{
	ck_assert_int_eq(method_of(guard_text(TEXT("GET"))), METHOD_GET);
	ck_assert_int_eq(method_of(guard_text(TEXT("HEAD"))), METHOD_HEAD);
	ck_assert_int_eq(
	    method_of(guard_text(TEXT("OPTIONS"))), METHOD_OPTIONS);
	ck_assert_int_eq(method_of(guard_text(TEXT("POST"))), METHOD_POST);
	ck_assert_int_eq(method_of(guard_text(TEXT("PUT"))), METHOD_PUT);
	ck_assert_int_eq(method_of(guard_text(TEXT("PATCH"))), METHOD_PATCH);
	ck_assert_int_eq(method_of(guard_text(TEXT("DELETE"))), METHOD_DELETE);
	ck_assert_int_eq(method_of(guard_text(TEXT("TRACE"))), METHOD_TRACE);
}

TEST(case_counts_and_so_does_every_byte)
{
	ck_assert_int_eq(method_of(guard_text(TEXT("get"))), METHOD_UNKNOWN);
	ck_assert_int_eq(method_of(guard_text(TEXT("Get"))), METHOD_UNKNOWN);
	ck_assert_int_eq(method_of(guard_text(TEXT("GE"))), METHOD_UNKNOWN);
	ck_assert_int_eq(method_of(guard_text(TEXT("GETS"))), METHOD_UNKNOWN);
	ck_assert_int_eq(method_of(guard_text(TEXT("GET\0"))), METHOD_UNKNOWN);
	ck_assert_int_eq(method_of(guard_text(TEXT(""))), METHOD_UNKNOWN);
	ck_assert_int_eq(
	    method_of(guard_text(TEXT("CONNECT"))), METHOD_UNKNOWN);
}

TEST(a_list_names_the_methods_of_a_set)
{
	struct buffer b = {0};

	method_list(&b, 0);
	assert_string_eq(&b, "");
	method_list(&b, METHOD_HEAD);
	assert_string_eq(&b, "HEAD");
	buffer_clear(&b);
	method_list(&b, METHOD_GET | METHOD_HEAD | METHOD_DELETE);
	assert_string_eq(&b, "GET, HEAD, DELETE");
	buffer_clear(&b);
	method_list(&b, METHOD_GET | METHOD_TRACE | METHOD_OTHER);
	assert_string_eq(&b, "GET, TRACE");
	buffer_free(&b);
}

TEST(every_set_can_be_read_back_from_its_list)
{
	struct buffer b = {0};

	for (unsigned set = 0; set <= METHODS_ALL; set++) {
		struct text list, name;
		unsigned back = 0;

		buffer_clear(&b);
		method_list(&b, set);
		list = buffer_text(&b);
		while (text_next_element(&list, &name))
			back |= method_of(name);
		ck_assert_uint_eq(back, set);
	}
	buffer_free(&b);
}

TEST(methods_that_may_be_sent_twice)
{
	ck_assert(method_is_idempotent(METHOD_GET));
	ck_assert(method_is_idempotent(METHOD_HEAD));
	ck_assert(method_is_idempotent(METHOD_OPTIONS));
	ck_assert(method_is_idempotent(METHOD_PUT));
	ck_assert(method_is_idempotent(METHOD_DELETE));
	ck_assert(method_is_idempotent(METHOD_TRACE));
	ck_assert(!method_is_idempotent(METHOD_POST));
	ck_assert(!method_is_idempotent(METHOD_PATCH));
	ck_assert(!method_is_idempotent(METHOD_OTHER));
	ck_assert(!method_is_idempotent(METHOD_UNKNOWN));
}
