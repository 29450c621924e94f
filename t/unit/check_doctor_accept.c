#include "doctor_case.h"

#define QUEUE "net.core.somaxconn"
#define COOKIES "net.ipv4.tcp_syncookies"
#define SYN_BACKLOG "net.ipv4.tcp_max_syn_backlog"
#define FAST_OPEN "net.ipv4.tcp_fastopen"

void
unit_set_up(void)
{
	doctor_case_begin();
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(the_queue_is_as_long_as_the_kernel_allows)
{
	host_sets(QUEUE, "4096");
	assert_fine(check_accept_queue, "4096 clients");
	host_sets(QUEUE, "128");
	assert_hurts(check_accept_queue, "128 clients",
	    "sysctl -w net.core.somaxconn=4096");
	config.workers.max = 8;
	assert_costs(check_accept_queue, "128 clients",
	    "sysctl -w net.core.somaxconn=4096");
}

TEST(a_backlog_is_cut_or_too_short)
{
	host_sets(QUEUE, "4096");
	config.backlog = 512;
	assert_fine(check_accept_queue, "512 clients");
	config.backlog = 4096;
	assert_fine(check_accept_queue, "4096 clients");
	config.backlog = 10000;
	assert_costs(check_accept_queue, "--backlog 10000 is cut to 4096",
	    "sysctl -w net.core.somaxconn=10000");
	config.backlog = 100;
	assert_hurts(check_accept_queue,
	    "100 clients wait for a listener, "
	    "fewer than the 256 workers",
	    "tined --backlog 4096 ...");
}

TEST(what_cannot_be_read_is_not_known)
{
	assert_unknown(check_accept_queue, "net.core.somaxconn is not there");
	assert_unknown(check_syn_queue, "net.ipv4.tcp_syncookies is not there");
	assert_unknown(check_queue_overflow, "is not there");
	assert_unknown(check_fast_open, "is not there");
	host_sets(QUEUE, "many");
	assert_unknown(check_accept_queue, "is not a number: many");
	host_sets(QUEUE, "");
	assert_unknown(check_accept_queue, "is not a number");
	host_has("/proc/sys/net/ipv4/tcp_fastopen/file", "");
	assert_unknown(check_fast_open, "Is a directory");
}

TEST(handshakes_without_cookies)
{
	host_sets(SYN_BACKLOG, "128");
	host_sets(COOKIES, "1");
	assert_fine(check_syn_queue, "tcp_max_syn_backlog 128 does not count");
	host_sets(COOKIES, "0");
	assert_hurts(check_syn_queue, "96 handshakes",
	    "sysctl -w net.ipv4.tcp_syncookies=1");
	host_sets(COOKIES, "2");
	assert_costs(check_syn_queue, "to all clients",
	    "sysctl -w net.ipv4.tcp_syncookies=1");
}

TEST(a_full_queue_resets)
{
	host_sets("net.ipv4.tcp_abort_on_overflow", "0");
	assert_fine(check_queue_overflow, "try again");
	host_sets("net.ipv4.tcp_abort_on_overflow", "1");
	assert_hurts(check_queue_overflow, "are reset",
	    "sysctl -w net.ipv4.tcp_abort_on_overflow=0");
}

TEST(fast_open_for_listeners_that_do_not_ask)
{
	static const char *const off[] = {"0", "1", "2", "3", "1025"};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		host_sets(FAST_OPEN, off[i]);
		assert_fine(check_fast_open, "off for tined");
	}
	host_sets(FAST_OPEN, "1027");
	assert_fine(check_fast_open, "tcp_fastopen 0x403");
	config_add_mount(&config, "/", "file", "/srv");
	assert_fine(check_fast_open, "on for all listeners");
	host_sets(FAST_OPEN, "1539");
	assert_hurts(check_fast_open, "without cookies",
	    "sysctl -w net.ipv4.tcp_fastopen=1");
}

TEST(fast_open_and_code_that_acts_twice)
{
	host_sets(FAST_OPEN, "1027");
	config_add_mount(&config, "/pay", "wsgi", "shop:application");
	assert_hurts(check_fast_open, "is processed twice",
	    "sysctl -w net.ipv4.tcp_fastopen=1");
}
