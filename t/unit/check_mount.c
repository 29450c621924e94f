#include <sys/mman.h>

#include <unistd.h>

#include "handlers/mount.h"
#include "unit.h"

/* A mount whose module serves by another, or by none. */
struct served {
	const char *name;
	const struct tined_mount *by;
};

static int file;

static void
serve(void *state, struct tined_exchange *x)
{
	const struct served *s = state;

	mount_dump(file);
	if (s->by == NULL)
		return;
	mount_serve(s->by, x);
	mount_dump(file);
}

static void
dump(void *state, int fd)
{
	const struct served *s = state;

	ck_assert_int_eq(write(fd, s->name, 1), 1);
}

static const struct tined_module module = {
    TINED_MODULE_VERSION,
    .name = "served",
    .serve = serve,
    .dump = dump,
};

void
unit_set_up(void)
{
	file = memfd_create("dump", MFD_CLOEXEC);
}

void
unit_tear_down(void)
{
	close(file);
}

TEST(a_mount_that_serves_by_another_goes_on_itself_afterwards)
{
	struct served b = {.name = "b"};
	const struct tined_mount inner = {.module = &module, .state = &b};
	struct served a = {.name = "a", .by = &inner};
	const struct tined_mount outer = {.module = &module, .state = &a};
	char said[8] = "";

	mount_serve(&outer, NULL);
	mount_dump(file); /* of none any more */
	ck_assert_int_eq(pread(file, said, sizeof(said) - 1, 0), 3);
	ck_assert_str_eq(said, "aba");
}
