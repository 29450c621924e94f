#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/identity.h"
#include "unit.h"

/* Of this process, which needs no rights to stay what it is. */
static char user[32];
static struct config config = {.user = user};
static struct identity_opened opened;
static struct buffer why;

void
unit_set_up(void)
{
	static char group[32];

	snprintf(user, sizeof(user), "%u", (unsigned)getuid());
	snprintf(group, sizeof(group), "%u", (unsigned)getgid());
	config.group = group;
	opened = (struct identity_opened){.root = -1};
}

void
unit_tear_down(void)
{
	buffer_free(&opened.found);
	buffer_free(&why);
}

/* What is found by looking. */
static void
look_up(struct identity *id)
{
	ck_assert_int_eq(identity_init(id, &config, NULL, &why), 0);
	identity_tell(id, &opened.found);
}

static void
assert_refused(void)
{
	struct identity id;

	buffer_clear(&why);
	ck_assert_int_eq(identity_init(&id, &config, &opened, &why), -1);
	ck_assert_ptr_nonnull(
	    strstr(buffer_string(&why), ": it was not looked up"));
}

static void
assert_refused_with(char *at, const void *value, size_t len)
{
	char before[sizeof(uint32_t)];

	memcpy(before, at, len);
	memcpy(at, value, len);
	assert_refused();
	memcpy(at, before, len);
}

TEST(what_another_process_has_found_is_taken)
{
	struct identity first, second;

	look_up(&first);
	ck_assert_int_eq(identity_init(&second, &config, &opened, &why), 0);
	ck_assert_uint_eq(second.uid, getuid());
	ck_assert_uint_eq(second.gid, getgid());
	ck_assert_str_eq(second.user, first.user);
	ck_assert_str_eq(second.group, first.group);
	ck_assert_int_eq(second.group_count, first.group_count);
	ck_assert_mem_eq(second.groups, first.groups,
	    (size_t)first.group_count * sizeof(first.groups[0]));
	ck_assert(!second.changes);
	identity_free(&first);
	identity_free(&second);
}

TEST(less_or_more_than_that_is_refused)
{
	struct identity id;
	size_t whole;

	look_up(&id);
	identity_free(&id);
	whole = opened.found.len;
	for (opened.found.len = 0; opened.found.len < whole; opened.found.len++)
		assert_refused();
	buffer_add_char(&opened.found, '\0');
	assert_refused();
}

TEST(numbers_that_mean_something_else_are_refused)
{
	static const int counts[] = {0, -1, 65537, INT32_MAX};
	const uint32_t none = UINT32_MAX;
	struct identity id;
	char *found;

	look_up(&id);
	identity_free(&id);
	found = opened.found.data;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		assert_refused_with(found + sizeof(uid_t) + sizeof(gid_t),
		    &counts[i], sizeof(counts[i]));
	assert_refused_with(found, &none, sizeof(none));
	assert_refused_with(found + sizeof(uid_t), &none, sizeof(none));
}
