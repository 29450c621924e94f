#include "base/clock.h"
#include "doctor_case.h"

void
unit_set_up(void)
{
	doctor_case_begin();
	config.keepalive_timeout = 75 * CLOCK_SECOND;
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(idle_connections_and_balancers)
{
	assert_fine(check_keepalive, "--keepalive 75s is longer than the 60 s");
	config.keepalive_timeout = 620 * CLOCK_SECOND;
	assert_fine(check_keepalive, "than the 600 s of Google Cloud's");
	config.keepalive_timeout = 60 * CLOCK_SECOND;
	config_add_string(&config.listen, ":80");
	assert_costs(
	    check_keepalive, "idle for 60 s", "tined --keepalive 75s ...");
	config.keepalive_timeout = 500 * CLOCK_MILLISECOND;
	assert_costs(
	    check_keepalive, "idle for 0.5 s", "tined --keepalive 75s ...");
	config.no_lot = true;
	config.keepalive_timeout = 5 * CLOCK_SECOND;
	assert_costs(check_keepalive, "idle for 5 s",
	    "tined --no-lot --keepalive 75s ...");
}

TEST(a_proxy_on_this_host)
{
	static const char *const local[] = {
	    "localhost:8080", "127.0.0.2:80", "[::1]:80", "unix:/run/x"};

	config.keepalive_timeout = 60 * CLOCK_SECOND;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		config_add_string(&config.listen, local[i]);
		assert_hurts(check_keepalive, "may get 502",
		    "tined --keepalive 75s ...");
		assert_unknown(
		    check_proxy, "only programs of this host can connect");
	}
	config.per_client = 3;
	assert_hurts(check_proxy, "share the 3 workers", "");
	config_add_string(&config.listen, "example.org:80");
	assert_costs(
	    check_keepalive, "may get 502", "tined --keepalive 75s ...");
	assert_unknown(check_proxy, "is not seen from here");
}
