/*
 * hello: an example of a module, which answers each request with a greeting:
 *
 *	tined --mount /hello=module:hello.so,greeting=hi
 */
#include <stdlib.h>

#include <tined.h>

static int
hello_mount(struct tined_mount *m, void **state)
{
	const char *greeting = tined_argument(m, "greeting");

	*state = strdup(greeting != NULL ? greeting : "hello");
	return *state != NULL ? 0 : tined_mount_fail(m, "no memory");
}

static void
hello_serve(void *state, struct tined_exchange *x)
{
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	tined_add_constant(x, state, strlen(state));
	tined_add_constant(x, "\n", 1);
}

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "hello",
    .mount = hello_mount,
    .serve = hello_serve,
    .unmount = free,
};
