#include "doctor_case.h"

#define MAX "net.netfilter.nf_conntrack_max"
#define COUNT "net.netfilter.nf_conntrack_count"

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

TEST(no_table)
{
	assert_fine(check_conntrack, "no table");
	host_sets(MAX, "65536");
	assert_fine(check_conntrack, "no table");
}

TEST(a_table_with_room)
{
	host_sets(MAX, "262144");
	host_sets(COUNT, "1000");
	assert_fine(check_conntrack,
	    "1000 entries of 262144: enough for 2184 new connections");
	host_sets("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "30");
	assert_fine(check_conntrack, "enough for 8738 new");
	host_sets("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "0");
	assert_fine(check_conntrack, "1000 entries");
}

TEST(a_small_table)
{
	host_sets(MAX, "16384");
	host_sets(COUNT, "0");
	assert_hurts(check_conntrack, "136 new connections a second",
	    "sysctl -w net.netfilter.nf_conntrack_max=262144");
}

TEST(a_table_that_is_nearly_full)
{
	host_sets(MAX, "262144");
	host_sets(COUNT, "260000");
	assert_hurts(check_conntrack, "260000 entries of 262144",
	    "sysctl -w net.netfilter.nf_conntrack_max=524288");
}
