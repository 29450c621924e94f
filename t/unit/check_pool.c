#include "master/pool.h"
#include "unit.h"

#define MS CLOCK_MILLISECOND
#define START_TIME (2 * MS) /* of a worker */
#define LOADS 2000
#define STARTS_MAX 64 /* steps of growth that are under way at a time */

/*
 * A server on a simulated clock: clients who want a worker each, workers who
 * take a while to start, and a master who sleeps until the plan or a worker
 * that was the last idle one wakes it.
 */
struct world {
	struct pool_limits limits;
	struct pool_history history;
	int64_t now;
	int64_t next;
	int running;
	int started; /* of them, those that can serve */
	struct {
		int64_t at;
		int count;
	} starts[STARTS_MAX];
	int clients;
	int spawned, retired, looks;
};

static struct world w;

static int
lesser(int a, int b)
{
	return a < b ? a : b;
}

static int
busy(void)
{
	return lesser(w.clients, w.started);
}

static void
start_workers(void)
{
	for (int i = 0; i < STARTS_MAX; i++) {
		if (w.starts[i].count == 0 || w.starts[i].at > w.now)
			continue;
		w.started += w.starts[i].count;
		w.starts[i].count = 0;
	}
}

static void
spawn(int count)
{
	int i = 0;

	w.running += count;
	w.spawned += count;
	while (w.starts[i].count != 0)
		i++;
	assert_quick(i < STARTS_MAX);
	w.starts[i].at = w.now + START_TIME;
	w.starts[i].count = count;
}

static void
look(void)
{
	const struct pool_counts counts = {
	    .running = w.running,
	    .available = w.running - busy(),
	    .idle = w.started - busy(),
	    .waiting = w.clients - busy(),
	};
	struct pool_plan plan =
	    pool_plan(&w.limits, &counts, &w.history, w.now);

	assert_quick(plan.spawn >= 0 && plan.retire >= 0);
	assert_quick(plan.spawn == 0 || plan.retire == 0);
	assert_quick(plan.next > w.now);
	assert_quick(plan.retire <= counts.idle);
	if (plan.spawn > 0)
		spawn(plan.spawn);
	w.running -= plan.retire;
	w.started -= plan.retire;
	w.retired += plan.retire;
	w.next = plan.next;
	w.looks++;
	assert_quick(w.running >= w.limits.min);
	assert_quick(w.running <= w.limits.max);
}

/* A millisecond. */
static void
tick(int clients)
{
	int wanted = pool_wanted_idle(&w.limits);
	bool had_enough = w.started - busy() >= wanted;

	w.now += MS;
	start_workers();
	w.clients = clients;
	if (w.now >= w.next || (had_enough && w.started - busy() < wanted))
		look();
}

/* When nothing but the next look is to happen, on to it. */
static void
skip(int64_t end)
{
	int64_t next = w.next < end ? w.next : end;

	if (w.started == w.running && next - MS > w.now)
		w.now = next - MS;
}

static void
run(int clients, int64_t time)
{
	for (int64_t end = w.now + time; w.now < end;) {
		tick(clients);
		skip(end);
	}
}

static void
begin(int min, int max, int spare_min, int spare_max)
{
	w = (struct world){
	    .limits = {min, max, spare_min, spare_max},
	    .now = CLOCK_SECOND,
	};
	look();
	ck_assert_int_eq(w.running, min);
	run(0, 10 * MS);
}

/* Milliseconds until so many are served. */
static int
time_to_serve(int clients)
{
	int ms = 0;

	while (busy() < clients && ms < 10000) {
		tick(clients);
		ms++;
	}
	return ms;
}

TEST(missing_workers_are_spawned_at_once)
{
	for (int wanted = 1; wanted < 40; wanted++)
		for (int running = 0; running < 80; running++) {
			const struct pool_limits limits = {
			    wanted, wanted, 2, 8};
			const struct pool_counts counts = {.running = running,
			    .available = running,
			    .idle = running};
			struct pool_history history = {0};
			struct pool_plan plan =
			    pool_plan(&limits, &counts, &history, 1);

			ck_assert_int_eq(
			    running + plan.spawn - plan.retire, wanted);
		}
}

TEST(an_idle_pool_is_not_looked_at)
{
	begin(4, 256, 2, 8);
	run(0, 20 * MS);
	ck_assert_int_eq(w.next, CLOCK_NEVER);
	begin(8, 8, 2, 8);
	run(0, 20 * MS);
	ck_assert_int_eq(w.next, CLOCK_NEVER);
}

TEST(steps_double_up_to_a_bound)
{
	const int steps[] = {1, 2, 4, 8, 16, 32, 32, 32};
	int64_t before = 0;

	begin(1, 1000, 1, 8);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int spawned = w.spawned;

		while (w.spawned == spawned)
			tick(900);
		ck_assert_int_eq(w.spawned - spawned, steps[i]);
		if (before != 0)
			ck_assert_int_eq(w.now - before, POOL_STEP);
		before = w.now;
	}
}

TEST(a_burst_is_served_within_tens_of_milliseconds)
{
	begin(4, 256, 2, 8);
	ck_assert_int_le(time_to_serve(200), 80);
	ck_assert_int_le(w.running, 202);
	begin(4, 32, 1, 2);
	ck_assert_int_le(time_to_serve(32), 40);
	begin(4, 256, 2, 8);
	run(4, 5 * CLOCK_SECOND);
	ck_assert_int_le(time_to_serve(40), 60);
}

TEST(a_quiet_pool_returns_to_its_minimum_slowly)
{
	int before;

	begin(4, 256, 2, 8);
	time_to_serve(250);
	before = w.retired;
	run(0, 950 * MS);
	ck_assert_int_eq(w.retired, before);
	for (int second = 0; second < 20; second++) {
		before = w.retired;
		run(0, CLOCK_SECOND);
		ck_assert_int_le(w.retired - before, 256 / 4);
	}
	ck_assert_int_le(w.running, 8);
	run(0, 60 * CLOCK_SECOND);
	ck_assert_int_eq(w.running, 4);
	ck_assert_int_eq(w.next, CLOCK_NEVER);
}

TEST(a_steady_load_moves_nothing)
{
	for (int clients = 0; clients < 300; clients += 7) {
		int spawned, retired;

		begin(4, 256, 2, 8);
		run(clients, 60 * CLOCK_SECOND);
		spawned = w.spawned;
		retired = w.retired;
		run(clients, 120 * CLOCK_SECOND);
		ck_assert_int_eq(w.spawned, spawned);
		ck_assert_int_eq(w.retired, retired);
	}
}

/* Clients come and go all the time, about as many as before. */
TEST(a_load_that_trembles_moves_next_to_nothing)
{
	for (int clients = 10; clients < 200; clients += 37) {
		int before;

		begin(4, 256, 2, 8);
		for (int ms = 0; ms < 20000; ms++)
			tick(clients + (int)unit_random_below(6));
		before = w.spawned + w.retired;
		for (int ms = 0; ms < 60000; ms++)
			tick(clients + (int)unit_random_below(6));
		ck_assert_int_le(w.spawned + w.retired - before, 3);
	}
}

/* Who was needed within the last second stays. */
TEST(bursts_that_come_again_find_their_workers)
{
	int before;

	begin(4, 256, 2, 8);
	for (int i = 0; i < 10; i++) {
		run(100, 200 * MS);
		run(0, 600 * MS);
	}
	before = w.spawned + w.retired;
	for (int i = 0; i < 100; i++) {
		run(100, 200 * MS);
		run(0, 600 * MS);
	}
	ck_assert_int_eq(w.spawned + w.retired, before);
}

TEST(a_full_pool_is_not_looked_at_too_often)
{
	begin(4, 16, 2, 8);
	time_to_serve(16);
	run(40, 100 * MS);
	w.looks = 0;
	run(40, CLOCK_SECOND);
	ck_assert_int_le(w.looks, 26);
	ck_assert_int_eq(w.running, 16);
}

TEST(limits_that_change_are_followed)
{
	begin(4, 64, 1, 2);
	run(0, CLOCK_SECOND);
	w.limits.min = 10;
	w.next = 0;
	run(0, 10 * MS);
	ck_assert_int_eq(w.running, 10);
	w.limits.min = 2;
	w.next = 0;
	run(0, 60 * CLOCK_SECOND);
	ck_assert_int_eq(w.running, 2);
}

static void
one_random_load(void)
{
	int min = 1 + (int)unit_random_below(20);
	int max = min + (int)unit_random_below(200);
	int spare_min = 1 + (int)unit_random_below(8);
	int clients = 0;

	begin(min, max, spare_min, spare_min + (int)unit_random_below(10));
	for (int part = 0; part < 20; part++) {
		clients = (int)unit_random_below(2 * (size_t)max);
		if (unit_random_below(3) == 0)
			clients = 0;
		run(clients, (int64_t)unit_random_below(400) * MS);
	}
	/* Whatever was: all are served soon, or as many as may be. */
	run(clients, 200 * MS);
	assert_quick(busy() == lesser(clients, max));
	/* Steps of 32, and 250 workers: longer for the very last spares. */
	assert_quick(w.running >= lesser(clients + spare_min, max));
	run(0, 120 * CLOCK_SECOND);
	assert_quick(w.running <=
	    (min > spare_min ? min : spare_min)); /* and then they go */
	assert_quick(w.running >= min);
}

TEST(no_load_gets_it_out_of_its_limits)
{
	for (int i = 0; i < LOADS; i++)
		one_random_load();
}
