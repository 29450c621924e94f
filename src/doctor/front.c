#include <string.h>

#include "base/clock.h"
#include "doctor/checks.h"
#include "net/listen_address.h"

/*
 * For how many seconds idle connections are kept by nginx's upstream module
 * (keepalive_timeout) and by AWS's Application Load Balancer, if nothing else is
 * set; and by Google Cloud's Application Load Balancers, whose documentation
 * asks for a longer time at the server.
 */
#define BALANCERS 60
#define LONGEST_BALANCER 600

/* Addresses that only programs of this host can connect to. */
static bool
is_local(const char *address)
{
	struct listen_address a;

	if (listen_address_parse(address, &a) != NULL)
		return false;
	return a.path != NULL || strcmp(a.host, "localhost") == 0 ||
	    strcmp(a.host, "::1") == 0 ||
	    strncmp(a.host, "127.", strlen("127.")) == 0;
}

static bool
is_all_local(const struct config *c)
{
	for (size_t i = 0; i < c->listen.count; i++)
		if (!is_local(c->listen.at[i]))
			return false;
	return c->listen.count > 0;
}

static double
keepalive_seconds(const struct config *c)
{
	return (double)c->keepalive_timeout / CLOCK_SECOND;
}

/*
 * A server may close an idle connection while a request is on its way to it (RFC
 * 9112, 9.5); the proxy cannot always send that request once more.
 */
void
check_keepalive(const struct host *h, const struct config *c, struct finding *f)
{
	double seconds = keepalive_seconds(c);

	(void)h;
	if (seconds > BALANCERS) {
		finding_say(f, VERDICT_FINE,
		    "--keepalive %gs is longer than the %d s of nginx and of "
		    "AWS's balancers%s",
		    seconds, BALANCERS,
		    seconds > LONGEST_BALANCER
			? ", and than the 600 s of Google Cloud's"
			: "; Google Cloud's keep connections for 600 s");
		return;
	}
	finding_say(f, is_all_local(c) ? VERDICT_HURTS : VERDICT_COSTS,
	    "tined closes connections that are idle for %g s: a proxy that "
	    "keeps them for %d s, as nginx and AWS's balancers do, sends some "
	    "requests too late, and their clients may get 502",
	    seconds, BALANCERS);
	finding_mend(
	    f, "tined%s --keepalive 75s ...", c->no_lot ? " --no-lot" : "");
}

/* The command line tells who can connect, and not who does. */
void
check_proxy(const struct host *h, const struct config *c, struct finding *f)
{
	(void)h;
	if (!is_all_local(c))
		finding_say(f, VERDICT_UNKNOWN,
		    "whether a proxy or balancer stands before tined is not "
		    "seen from here; one must keep idle connections for less "
		    "than %g s (--keepalive)",
		    keepalive_seconds(c));
	else if (c->per_client > 0)
		finding_say(f, VERDICT_HURTS,
		    "only programs of this host can connect, such as a proxy: "
		    "all its clients have its address, and share the %d "
		    "workers of --per-client",
		    c->per_client);
	else
		finding_say(f, VERDICT_UNKNOWN,
		    "only programs of this host can connect: if one is a "
		    "proxy, its own configuration must make it keep idle "
		    "connections for less than %g s (--keepalive)",
		    keepalive_seconds(c));
}
