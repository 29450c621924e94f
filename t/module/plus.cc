/*
 * plus: a module in C++, written from tined-module(3) alone.  It counts how often
 * each path was asked for, per worker.  /throw throws, and catches; /escape throws
 * what it does not catch.
 */
#include <map>
#include <stdexcept>
#include <string>

#include <tined.h>

namespace {

struct counter {
	std::string greeting;
	std::map<std::string, int> seen;
};

std::string
to_string(tined_text t)
{
	return std::string(t.at, t.len);
}

int
mount(tined_mount *m, void **state)
{
	const char *greeting = tined_argument(m, "greeting");
	auto c = new counter;

	c->greeting = greeting != nullptr ? greeting : "hello";
	*state = c;
	return 0;
}

void
serve(void *state, tined_exchange *x)
{
	auto c = static_cast<counter *>(state);
	auto path = to_string(tined_path_below(x));
	tined_text value;

	try {
		if (path == "/throw")
			throw std::runtime_error("thrown");
		if (path == "/escape")
			throw 1;
		if (tined_field(x, TINED_TEXT("X-Name"), &value))
			path += to_string(value);
		auto body = c->greeting + path + " " +
		    std::to_string(++c->seen[path]) + "\n";
		tined_set_field(
		    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/plain"));
		tined_printf_field(x, "X-Count", "%zu", c->seen.size());
		tined_add_copy(x, body.data(), body.size());
	} catch (const std::exception &e) {
		tined_log(x, TINED_WARNING, "%s", e.what());
		tined_error(x, 500);
	}
}

void
unmount(void *state)
{
	delete static_cast<counter *>(state);
}

} // namespace

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "plus",
    .mount = mount,
    .start = nullptr,
    .serve = serve,
    .stop = nullptr,
    .unmount = unmount,
    .dump = nullptr,
};
