#include <sys/timex.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <string.h>

#include "doctor_case.h"

static struct statfs disk;
static char asked[64];

static int
made_up_disk(const char *directory, struct statfs *out)
{
	strlcpy(asked, directory, sizeof(asked));
	*out = disk;
	if (disk.f_bsize > 0)
		return 0;
	errno = ENOENT;
	return -1;
}

void
unit_set_up(void)
{
	doctor_case_begin();
	host.disk = made_up_disk;
	host.landlock = 6;
	host.seccomp = true;
	disk = (struct statfs){
	    .f_bsize = 4096,
	    .f_bavail = 10000000,
	    .f_files = 1000,
	    .f_ffree = 500,
	};
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(clocks)
{
	host.clock.state = TIME_OK;
	host.clock.uncertain = 12345;
	assert_fine(check_clock, "less than 13 ms wrong");
	host.clock.state = TIME_ERROR;
	assert_costs(
	    check_clock, "is not synchronised", "timedatectl set-ntp true");
	host.clock.state = -1;
	host.clock.error = EPERM;
	assert_unknown(check_clock, "Operation not permitted");
}

TEST(sandboxes)
{
	assert_fine(check_sandbox, "Landlock (version 6) and seccomp");
	host.landlock = 3;
	assert_fine(check_sandbox, "does not restrict ports");
	host.seccomp = false;
	assert_hurts(check_sandbox, "no seccomp", "");
	host.landlock = 0;
	assert_hurts(check_sandbox, "no Landlock", "");
	config.no_sandbox = true;
	assert_hurts(check_sandbox, "--no-sandbox",
	    "tined ...   (without --no-sandbox)");
}

TEST(logs_that_are_no_files)
{
	static const char *const none[] = {"-", "syslog", "off"};

	assert_fine(check_log_disk, "no log is a file");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		config_set_string(&config.access_log, none[i]);
		config_set_string(&config.error_log, none[i]);
		assert_fine(check_log_disk, "no log is a file");
	}
	config_set_string(&config.error_log, "/var/log/error.log");
	assert_fine(check_log_disk, "/var/log/error.log: ");
}

TEST(disks_of_logs)
{
	config_set_string(&config.access_log, "/var/log/www/access.log");
	assert_fine(check_log_disk,
	    "/var/log/www/access.log: the disk has 40960 MB, enough for 204 "
	    "million lines");
	ck_assert_str_eq(asked, "/var/log/www");
	disk.f_bavail = 100000;
	assert_costs(check_log_disk,
	    "409 MB, which 100 requests a second fill "
	    "in 5 h",
	    "");
	disk.f_bavail = 25000;
	assert_hurts(check_log_disk, "the disk has 102 MB; when it is full",
	    "df -h /var/log/www/access.log; df -i /var/log/www/access.log");
}

TEST(a_disk_that_takes_no_more_files)
{
	config_set_string(&config.access_log, "/a");
	disk.f_ffree = 0;
	assert_hurts(
	    check_log_disk, "no room for another file", "df -h /a; df -i /a");
	ck_assert_str_eq(asked, "/");
	disk.f_files = 0; /* it does not count them */
	assert_fine(check_log_disk, "40960 MB");
}

TEST(kinds_of_disks)
{
	config_set_string(&config.access_log, "a.log");
	disk.f_type = NFS_SUPER_MAGIC;
	assert_costs(check_log_disk, "is on another machine", "");
	ck_assert_str_eq(asked, ".");
	disk.f_type = TMPFS_MAGIC;
	assert_costs(check_log_disk, "is in memory", "");
	disk.f_bsize = 0;
	assert_unknown(check_log_disk, ".: No such file");
}
