#include "pool.h"
#include "unit.h"

START_TEST(missing_workers_are_spawned_and_surplus_ones_retired)
{
	for (int wanted = 0; wanted < 40; wanted++)
		for (int running = 0; running < 40; running++) {
			const struct pool_limits limits = {.workers = wanted};
			const struct pool_counts counts = {.running = running};
			struct pool_plan plan = pool_plan(&limits, &counts);

			ck_assert_int_eq(
			    running + plan.spawn - plan.retire, wanted);
			ck_assert_int_ge(plan.spawn, 0);
			ck_assert_int_ge(plan.retire, 0);
			ck_assert(plan.spawn == 0 || plan.retire == 0);
		}
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("pool");

	tcase_add_test(
	    tests, missing_workers_are_spawned_and_surplus_ones_retired);
	return unit_run();
}
