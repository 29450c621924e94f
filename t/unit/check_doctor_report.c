#include <stdlib.h>

#include "doctor/report.h"
#include "unit.h"

static struct buffer out;

void
unit_tear_down(void)
{
	buffer_free(&out);
}

static struct finding
make(
    const char *name, enum verdict verdict, const char *words, const char *mend)
{
	struct finding f = {.name = name};

	finding_say(&f, verdict, "%s", words);
	finding_mend(&f, "%s", mend);
	return f;
}

TEST(what_weighs_more_comes_first)
{
	struct finding all[] = {
	    make("a", VERDICT_FINE, "well", ""),
	    make("b", VERDICT_COSTS, "slow", "tined --backlog 9 ..."),
	    make("c", VERDICT_HURTS, "bad", ""),
	    make("d", VERDICT_UNKNOWN, "hidden", ""),
	    make("e", VERDICT_HURTS, "worse", ""),
	};

	report_add(&out, all, 5);
	assert_string_eq(&out,
	    "hurts      c: bad\n"
	    "hurts      e: worse\n"
	    "costs      b: slow\n"
	    "           # tined --backlog 9 ...\n"
	    "not known  d: hidden\n"
	    "fine       a: well\n"
	    "\n"
	    "hurts: 2, costs: 1, not known: 1, fine: 1\n");
	for (size_t i = 0; i < 5; i++)
		finding_free(&all[i]);
}

TEST(words_are_wrapped_and_commands_are_not)
{
	struct finding f = make("queue", VERDICT_COSTS,
	    "0123456789 0123456789 0123456789 0123456789 0123456789 01234 "
	    "0123456789 0123456789 0123456789 0123456789 0123456789 012345 "
	    "end",
	    "sysctl -w a.b.c.d=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,"
	    "19,20");

	report_add(&out, &f, 1);
	assert_string_eq(&out,
	    "costs      queue: 0123456789 0123456789 0123456789 0123456789 "
	    "0123456789 01234\n"
	    "           0123456789 0123456789 0123456789 0123456789 0123456789 "
	    "012345 end\n"
	    "           # sysctl -w a.b.c.d=1,2,3,4,5,6,7,8,9,10,11,12,13,14,"
	    "15,16,17,18,19,20\n"
	    "\n"
	    "sysctl -w holds until the next boot; to keep a setting, write its "
	    "NAME=VALUE\n"
	    "into /etc/sysctl.d/tined.conf.\n"
	    "\n"
	    "hurts: 0, costs: 1, not known: 0, fine: 0\n");
	finding_free(&f);
}
