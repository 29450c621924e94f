#include "doctor_case.h"

#define LIMITS "/proc/self/limits"
#define HEAD "Limit              Soft Limit    Hard Limit    Units\n"

void
unit_set_up(void)
{
	doctor_case_begin();
	host_sets("fs.nr_open", "1048576");
	host_sets("kernel.pid_max", "4194304");
	host_has("/proc/meminfo",
	    "MemTotal:       24683808 kB\nMemAvailable:   8000000 kB\n");
	host_has(LIMITS,
	    HEAD "Max processes      96364    96364    processes\n"
		 "Max open files     1024     524288   files\n");
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(the_hard_limit_of_descriptors_counts)
{
	assert_fine(check_descriptors, "about 524224 clients");
	host_has(LIMITS, HEAD "Max open files  1024  unlimited  files\n");
	assert_fine(check_descriptors, "room for");
	host_has(LIMITS, HEAD "Max open files  1024  4096  files\n");
	assert_costs(
	    check_descriptors, "about 4032 clients", "ulimit -n 65536");
	host_has(LIMITS, HEAD "Max open files  256  256  files\n");
	assert_hurts(check_descriptors, "about 192 clients", "ulimit -n 65536");
	config.workers.max = 8;
	assert_costs(check_descriptors, "about 192 clients", "ulimit -n 65536");
	host_has(LIMITS, HEAD "Max open files  16  16  files\n");
	assert_hurts(check_descriptors, "about 0 clients", "ulimit -n 65536");
	config.no_lot = true;
	assert_fine(check_descriptors, "16 for each worker");
}

TEST(nobody_may_have_more_descriptors_than_the_kernel_allows)
{
	host_sets("fs.nr_open", "8192");
	host_has(LIMITS, HEAD "Max open files  1024  8192  files\n");
	assert_costs(check_descriptors, "about 8128 clients",
	    "sysctl -w fs.nr_open=1048576 && ulimit -n 65536");
}

TEST(limits_that_cannot_be_read_are_not_known)
{
	host_has(LIMITS, HEAD);
	assert_unknown(check_descriptors, "/proc/self/limits: No data");
	host_has(LIMITS, HEAD "Max open files  1024\n");
	assert_unknown(check_descriptors, "/proc/self/limits: No data");
	assert_unknown(check_processes, "/proc/self/limits: No data");
	assert_unknown(check_file_table, "fs.file-nr is not there");
	host_has("/proc/meminfo", "MemTotal: 5 kB\n");
	assert_unknown(check_memory, "/proc/meminfo: No data");
}

TEST(open_files_of_all)
{
	host_sets("fs.file-nr", "2179\t0\t2466160");
	assert_fine(check_file_table, "2179, of 2466160");
	host_sets("fs.file-nr", "9500\t0\t10000");
	assert_hurts(
	    check_file_table, "9500, of 10000", "sysctl -w fs.file-max=20000");
	host_sets("fs.file-nr", "1\t0\t9223372036854775807");
	assert_fine(check_file_table, "1, of");
}

TEST(processes_of_a_user)
{
	assert_fine(check_processes, "up to 260; the least limit, ulimit -u");
	host_has(LIMITS, HEAD "Max processes  100  200  processes\n");
	assert_hurts(
	    check_processes, "ulimit -u is 100", "tined --workers 4-96 ...");
	config.workers.min = config.workers.max = 97;
	assert_hurts(check_processes, "up to 101", "tined --workers 1-96 ...");
	host.is_root = true;
	assert_fine(check_processes, "kernel.pid_max");
	host_sets("kernel.pid_max", "3");
	assert_hurts(check_processes, "kernel.pid_max is 3", "");
}

TEST(processes_of_a_control_group)
{
	host_has("/proc/self/cgroup", "0::/web/tined\n");
	host_has("/sys/fs/cgroup/web/pids.max", "50\n");
	host_has("/sys/fs/cgroup/web/tined/pids.max", "max\n");
	assert_hurts(check_processes, "pids.max of the control group is 50",
	    "tined --workers 4-46 ...");
}

TEST(memory_that_is_available)
{
	assert_fine(check_memory,
	    "7812 MiB available: 256 workers of about 1 MiB each fit in");
	host_has("/proc/meminfo", "MemAvailable:   102400 kB\n");
	assert_hurts(check_memory,
	    "100 MiB available: of 256 workers of about 1 MiB each, 52 fit in",
	    "tined --workers 4-52 ...");
	config.no_lot = true;
	assert_hurts(check_memory, "84 fit in", "tined --workers 4-84 ...");
	config.max_worker_memory = 16 << 20;
	assert_hurts(check_memory, "of about 16 MiB each, 5 fit in",
	    "tined --workers 4-5 ...");
}

TEST(memory_of_a_control_group)
{
	host_has("/proc/self/cgroup", "0::/tined\n");
	host_has("/sys/fs/cgroup/tined/memory.max", "67108864\n");
	assert_fine(check_memory,
	    "64 MiB allowed by the control group: tined "
	    "runs up to 30 workers instead of 256");
	config.workers_said = true;
	assert_hurts(check_memory, "64 MiB allowed by the control group",
	    "tined --workers 4-30 ...");
	config.workers.max = 30;
	assert_fine(check_memory, "30 workers of about");
}

TEST(memory_of_a_control_group_of_version_1)
{
	host_has("/proc/self/cgroup", "4:memory:/tined\n0::/\n");
	host_has(
	    "/sys/fs/cgroup/memory/tined/memory.limit_in_bytes", "67108864\n");
	config.workers_said = true;
	assert_hurts(check_memory, "64 MiB allowed by the control group",
	    "tined --workers 4-30 ...");
}

TEST(memory_of_a_control_group_that_is_hidden)
{
	host_has("/proc/self/cgroup", "0::/tined\n");
	assert_unknown(check_memory, "7812 MiB available, but the limit");
	host_has("/sys/fs/cgroup/cgroup.controllers", "memory\n");
	assert_fine(check_memory, "7812 MiB available: 256 workers");
}
