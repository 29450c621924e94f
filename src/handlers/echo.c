/*
 * echo:BYTES responds with that number of asterisks, as text/plain.  This costs
 * the handler nothing, so it measures the server.  echo:body responds with the
 * content of the request, as it arrives.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/units.h"
#include "handlers/builtin.h"

#define ECHO_MAX (UINT64_C(1) << 30)
#define ECHO_PIECE (16 << 10)

struct echo {
	char *stars; /* NULL: the body */
	size_t count;
};

static int
echo_mount(struct tined_mount *m, void **state)
{
	const char *argument = builtin_argument(m);
	struct echo *echo;
	uint64_t count = 0;
	bool body = strcmp(argument, "body") == 0;

	if (!body && (!units_size(argument, &count) || count > ECHO_MAX))
		return builtin_mount_usage(m,
		    "echo:%s: expected a number of bytes (at most 1G) or "
		    "\"body\"",
		    argument);
	if (body) {
		tined_take_methods(m, "GET, POST, PUT, PATCH, DELETE");
		tined_take_content(m);
	}
	echo = memory_get_array(1, sizeof(*echo));
	if (!body) {
		echo->count = (size_t)count;
		echo->stars = memory_get(echo->count);
		memset(echo->stars, '*', echo->count);
	}
	*state = echo;
	return 0;
}

static void
echo_unmount(void *state)
{
	struct echo *echo = state;

	free(echo->stars);
	free(echo);
}

static void
stream_body(struct tined_exchange *x)
{
	uint64_t length;
	struct tined_text type = TINED_TEXT("application/octet-stream");
	char piece[ECHO_PIECE];
	ssize_t n;

	(void)tined_field(x, TINED_TEXT("Content-Type"), &type);
	tined_add_field(x, TINED_TEXT("Content-Type"), type);
	builtin_no_sniffing(x);
	if (tined_content_length(x, &length))
		tined_declare_length(x, length);
	while ((n = tined_read(x, piece, sizeof(piece))) > 0)
		if (tined_write(x, piece, (size_t)n) == -1)
			return;
}

static void
echo_serve(void *state, struct tined_exchange *x)
{
	const struct echo *echo = state;

	if (echo->stars == NULL) {
		stream_body(x);
		return;
	}
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
	tined_add_constant(x, echo->stars, echo->count);
}

const struct tined_module handler_echo = {
    TINED_MODULE_VERSION,
    .name = "echo",
    .mount = echo_mount,
    .unmount = echo_unmount,
    .serve = echo_serve,
};
