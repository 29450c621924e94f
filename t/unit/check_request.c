#include <ctype.h>
#include <string.h>

#include "guard.h"
#include "http/request.h"
#include "unit.h"

/* Written down here once more: the module's own list is what is tested. */
static const char *const names[FIELD_IDS] = {
    [FIELD_ACCEPT] = "accept",
    [FIELD_ACCEPT_ENCODING] = "accept-encoding",
    [FIELD_CONNECTION] = "connection",
    [FIELD_CONTENT_LENGTH] = "content-length",
    [FIELD_CONTENT_TYPE] = "content-type",
    [FIELD_EXPECT] = "expect",
    [FIELD_HOST] = "host",
    [FIELD_IF_MATCH] = "if-match",
    [FIELD_IF_MODIFIED_SINCE] = "if-modified-since",
    [FIELD_IF_NONE_MATCH] = "if-none-match",
    [FIELD_IF_RANGE] = "if-range",
    [FIELD_IF_UNMODIFIED_SINCE] = "if-unmodified-since",
    [FIELD_RANGE] = "range",
    [FIELD_REFERER] = "referer",
    [FIELD_TRANSFER_ENCODING] = "transfer-encoding",
    [FIELD_USER_AGENT] = "user-agent",
};

#define NAME_MAX_LENGTH 32

static int
id_of(const char *name, size_t len)
{
	return (int)request_field_id(guard_text((struct text){name, len}));
}

TEST_TIMES(a_name_is_known_in_any_case, FIELD_IDS)
{
	char name[NAME_MAX_LENGTH];
	size_t len;

	if (nth == FIELD_OTHER)
		return;
	len = strlen(names[nth]);
	ck_assert_int_eq(id_of(names[nth], len), nth);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < len; i++)
			name[i] = unit_random_below(2) == 0
			    ? names[nth][i]
			    : (char)toupper((unsigned char)names[nth][i]);
		ck_assert_int_eq(id_of(name, len), nth);
	}
}

TEST_TIMES(a_name_that_differs_in_one_byte_is_another, FIELD_IDS)
{
	char name[NAME_MAX_LENGTH];
	size_t len;

	if (nth == FIELD_OTHER)
		return;
	len = strlen(names[nth]);
	for (size_t i = 0; i < len; i++) {
		memcpy(name, names[nth], len);
		for (int byte = 1; byte < 256; byte++) {
			name[i] = (char)byte;
			ck_assert_int_eq(id_of(name, len),
			    tolower(byte) == names[nth][i] ? nth : FIELD_OTHER);
		}
	}
}

TEST_TIMES(a_name_that_is_longer_or_shorter_is_another, FIELD_IDS)
{
	char name[NAME_MAX_LENGTH];
	size_t len;

	if (nth == FIELD_OTHER)
		return;
	len = strlen(names[nth]);
	memcpy(name, names[nth], len);
	for (size_t shorter = 1; shorter < len; shorter++)
		ck_assert_int_ne(id_of(name, shorter), nth);
	for (int byte = 1; byte < 256; byte++) {
		name[len] = (char)byte;
		ck_assert_int_eq(id_of(name, len + 1), FIELD_OTHER);
	}
}
