/*
 * hello: an example of a module, which answers each request with a greeting:
 *
 *	tined --mount /hello=module:hello.so,greeting=hi
 */
#include <stdlib.h>

#include <tined.h>

/* It is ready before the first request, so that a request costs nothing more. */
struct hello {
	size_t len;
	char line[];
};

static int
hello_mount(struct tined_mount *m, void **state)
{
	const char *given = tined_argument(m, "greeting");
	const char *greeting = given != NULL ? given : "hello";
	size_t len = strlen(greeting);
	struct hello *h = malloc(sizeof(*h) + len + 1);

	if (h == NULL)
		return tined_mount_fail(m, "no memory");
	memcpy(h->line, greeting, len + 1);
	h->line[len] = '\n'; /* in place of the NUL */
	h->len = len + 1;
	*state = h;
	return 0;
}

static void
hello_serve(void *state, struct tined_exchange *x)
{
	const struct hello *h = state;

	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	tined_add_constant(x, h->line, h->len);
}

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "hello",
    .mount = hello_mount,
    .serve = hello_serve,
    .unmount = free,
};
