/*
 * status: shows the server's status as a page, text, JSON or metrics, as Accept
 * or the path behind the prefix says.  It contains the requests and addresses
 * of other clients, so only clients on this machine get it, unless status:all
 * says otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "net/peer.h"
#include "status/forms.h"
#include "status/negotiate.h"

struct status_mount {
	const struct status_sources *server;
	const char *prefix; /* without a slash at its end */
	bool all;	    /* all clients may see it */
	bool logged;	    /* the hint at that, once per worker */
};

static int
status_mount(struct tined_mount *m, void **state)
{
	const char *argument = builtin_argument(m);
	struct status_mount *s;

	if (*argument != '\0' && strcmp(argument, "all") != 0)
		return builtin_mount_usage(m,
		    "status:%s: expected nothing after the colon, or \"all\"",
		    argument);
	s = memory_get_array(1, sizeof(*s));
	s->server = builtin_setup(m)->server;
	s->all = *argument != '\0';
	s->prefix = tined_mount_prefix(m);
	*state = s;
	return 0;
}

static void
status_unmount(void *state)
{
	free(state);
}

/* Proxies add these fields: then the client is not on this machine. */
static bool
came_by_proxy(const struct tined_exchange *x)
{
	static const char *const names[] = {
	    "Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"};
	struct tined_text value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (tined_field(x, tined_text_of(names[i]), &value))
			return true;
	return false;
}

/*
 * A foreign page in a browser on this machine could make a name of its own lead
 * here (DNS rebinding), and read the response: so the name must be ours.
 */
static bool
names_this_machine(struct text host)
{
	static const struct text names[] = {
	    {"localhost", 9}, {"127.", 4}, {"[::1]", 5}};

	if (host.len == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct text name = names[i];
		bool whole = name.at[name.len - 1] != '.';

		if (host.len < name.len ||
		    !text_equal_nocase((struct text){host.at, name.len}, name))
			continue;
		if (!whole)
			return strspn(host.at, "0123456789.:") >= host.len;
		if (host.len == name.len || host.at[name.len] == ':')
			return true;
	}
	return false;
}

static bool
may_look(const struct status_mount *m, const struct tined_exchange *x)
{
	const struct peer *peer = builtin_peer(x);

	if (m->all)
		return true;
	if (came_by_proxy(x))
		return false;
	return peer_is_unix(peer) ||
	    (peer_is_loopback(peer) &&
		names_this_machine(text_from(tined_host(x))));
}

static void
refuse_stranger(struct status_mount *m, struct tined_exchange *x)
{
	if (!m->logged)
		log_notice("%s is shown to this machine only; "
			   "--mount %s=status:all shows it to all",
		    m->prefix, m->prefix);
	m->logged = true;
	tined_error(x, 403);
}

/* False when no form has that name. */
static bool
choose_form(const struct tined_exchange *x, enum status_form *form)
{
	static const char *const names[FORMS] = {
	    [FORM_TEXT] = "/text",
	    [FORM_PAGE] = "/html",
	    [FORM_JSON] = "/json",
	    [FORM_METRICS] = "/metrics",
	};
	struct text rest = text_from(tined_path_below(x));

	if (rest.len <= 1) {
		*form = status_wanted_form(builtin_request(x));
		return true;
	}
	for (int f = 0; f < FORMS; f++) {
		if (names[f] == NULL || !text_equal(rest, text_of(names[f])))
			continue;
		*form = f == FORM_METRICS
		    ? status_wanted_metrics(builtin_request(x))
		    : (enum status_form)f;
		return true;
	}
	return false;
}

static void
render(const struct status_mount *m, enum status_form form,
    const struct status_snapshot *s, struct tined_exchange *x)
{
	struct buffer *out = builtin_buffer(x);

	switch (form) {
	case FORM_TEXT:
		status_add_text(out, s);
		break;
	case FORM_PAGE:
		status_add_page(out, s, text_of(m->prefix));
		tined_add_field(x, TINED_TEXT("Content-Security-Policy"),
		    tined_text_of(status_page_policy));
		break;
	case FORM_JSON:
		status_add_json(out, s);
		break;
	case FORM_METRICS:
	case FORM_OPEN_METRICS:
	case FORMS:
		status_add_metrics(out, s, form);
	}
	tined_add_field(x, TINED_TEXT("Content-Type"),
	    tined_text_of(status_form_type(form)));
}

static void
status_serve(void *state, struct tined_exchange *x)
{
	struct status_mount *m = state;
	struct status_snapshot now;
	enum status_form form;

	if (!may_look(m, x)) {
		refuse_stranger(m, x);
		return;
	}
	if (!choose_form(x, &form)) {
		tined_error(x, 404);
		return;
	}
	status_take(&now, m->server, getppid());
	render(m, form, &now, x);
	status_release(&now);
	tined_add_field(x, TINED_TEXT("Cache-Control"), TINED_TEXT("no-store"));
	builtin_no_sniffing(x);
	builtin_add_buffer(x, 0);
}

const struct tined_module handler_status = {
    TINED_MODULE_VERSION,
    .name = "status",
    .mount = status_mount,
    .unmount = status_unmount,
    .serve = status_serve,
};
