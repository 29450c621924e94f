#include "doctor_case.h"

#define IDLE "net.ipv4.tcp_slow_start_after_idle"
#define CONTROL "net.ipv4.tcp_congestion_control"
#define SCALING "net.ipv4.tcp_window_scaling"
#define SACK "net.ipv4.tcp_sack"
#define TIMESTAMPS "net.ipv4.tcp_timestamps"

void
unit_set_up(void)
{
	doctor_case_begin();
	host_sets(IDLE, "1");
	host_sets(CONTROL, "cubic");
	host_sets(SCALING, "1");
	host_sets(SACK, "1");
	host_sets(TIMESTAMPS, "1");
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(idle_connections_begin_again)
{
	/* 10 + 20 + ... + 640 segments are the first to exceed 691. */
	assert_costs(check_idle_window, "up to 7 round trips",
	    "sysctl -w net.ipv4.tcp_slow_start_after_idle=0");
	host_sets(CONTROL, "bbr");
	assert_fine(check_idle_window, "bbr keeps its window");
	host_sets(CONTROL, "reno");
	host_sets(IDLE, "0");
	assert_fine(check_idle_window, "keeps its window");
}

TEST(algorithms)
{
	assert_fine(check_congestion_control, "cubic");
	host_sets(CONTROL, "bbr");
	assert_fine(check_congestion_control, "bbr");
	/* 625,000 bytes are 431 segments, and half of them 215 round trips. */
	host_sets(CONTROL, "reno");
	assert_costs(check_congestion_control, "needs 10 s",
	    "sysctl -w net.ipv4.tcp_congestion_control=cubic");
	host_sets(CONTROL, "dctcp");
	assert_hurts(check_congestion_control, "RFC 8257",
	    "sysctl -w net.ipv4.tcp_congestion_control=cubic");
	host_sets("net.ipv4.tcp_allowed_congestion_control", "reno bbr");
	assert_hurts(check_congestion_control, "RFC 8257",
	    "sysctl -w net.ipv4.tcp_congestion_control=bbr");
	host_sets(CONTROL, "vegas");
	assert_unknown(check_congestion_control, "vegas: ");
}

TEST(options_that_are_off)
{
	assert_fine(check_tcp_options, "window scaling");
	host_sets(TIMESTAMPS, "0");
	assert_costs(check_tcp_options, "without timestamps",
	    "sysctl -w net.ipv4.tcp_timestamps=1");
	host_sets(SACK, "0");
	assert_costs(check_tcp_options, "selective acknowledgements",
	    "sysctl -w net.ipv4.tcp_sack=1");
	host_sets(SCALING, "0");
	assert_hurts(check_tcp_options, "at most 1.3 MB/s",
	    "sysctl -w net.ipv4.tcp_window_scaling=1");
}
