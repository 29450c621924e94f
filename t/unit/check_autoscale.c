#include "master/autoscale.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "unit.h"

#define MEGA (UINT64_C(1) << 20)
#define LATER (10 * CLOCK_MILLISECOND)

static struct config config;
static struct buffer words;
static struct scoreboard *board;

void
unit_set_up(void)
{
	config_init(&config);
	buffer_clear(&words);
	board = scoreboard_create(1);
}

void
unit_tear_down(void)
{
	config_free(&config);
	buffer_free(&words);
	scoreboard_free(board);
}

TEST(enough_memory_changes_nothing)
{
	ck_assert(!autoscale_fit(&config, UINT64_MAX, &words));
	ck_assert(!autoscale_fit(&config, 426 * MEGA, &words));
	ck_assert_int_eq(config.workers.min, 4);
	ck_assert_int_eq(config.workers.max, 256);
	ck_assert_uint_eq(words.len, 0);
}

TEST(a_default_is_lowered)
{
	ck_assert(!autoscale_fit(&config, 424 * MEGA, &words));
	ck_assert_int_eq(config.workers.max, 255);
	ck_assert_uint_gt(words.len, 0);
	ck_assert(!autoscale_fit(&config, 20 * MEGA, &words));
	ck_assert_int_eq(config.workers.min, 2);
	ck_assert_int_eq(config.workers.max, 2);
	ck_assert(!autoscale_fit(&config, MEGA, &words));
	ck_assert_int_eq(config.workers.max, 1);
}

TEST(what_was_said_stays_with_a_warning)
{
	config.workers_said = true;
	ck_assert(autoscale_fit(&config, 32 * MEGA, &words));
	ck_assert_int_eq(config.workers.max, 256);
	ck_assert_uint_gt(words.len, 0);
}

static void
assert_again(struct autoscale *s, uint64_t memory, const char *said)
{
	buffer_clear(&words);
	ck_assert_int_eq(
	    autoscale_fit_again(s, &config, memory, &words), said != NULL);
	if (said != NULL)
		ck_assert_str_eq(buffer_string(&words), said);
}

TEST(a_default_follows_the_memory)
{
	struct autoscale s = {.limits = autoscale_limits(&config)};

	assert_again(&s, UINT64_MAX, NULL);
	assert_again(&s, 48 * MEGA,
	    "the memory of this control group, 48 MiB, has room for 20 workers "
	    "of 1 MiB: now 4 to 20 workers");
	ck_assert_int_eq(s.limits.max, 20);
	assert_again(&s, 48 * MEGA, NULL);
	assert_again(&s, 20 * MEGA,
	    "the memory of this control group, 20 MiB, has room for 2 workers "
	    "of 1 MiB: now 2 workers");
	ck_assert_int_eq(s.limits.min, 2);
	assert_again(&s, UINT64_MAX, "now 4 to 256 workers");
	ck_assert_int_eq(s.limits.min, 4);
	s.by_hand = true;
	assert_again(&s, 18 * MEGA, NULL);
	s.by_hand = false;
	config.workers_said = true;
	assert_again(&s, 18 * MEGA, NULL);
	ck_assert_int_eq(s.limits.max, 256);
}

TEST(larger_workers_are_fewer)
{
	config.max_worker_memory = 10 * MEGA;
	ck_assert(!autoscale_fit(&config, 176 * MEGA, &words));
	ck_assert_int_eq(config.workers.max, 10);
}

TEST(a_cache_larger_than_the_default_makes_workers_larger)
{
	config.cache_size = (uint32_t)(9 * MEGA) + CONFIG_CACHE_SIZE;
	ck_assert(!autoscale_fit(&config, 176 * MEGA, &words));
	ck_assert_int_eq(config.workers.max, 10);
	config.cache_time = 0;
	ck_assert(!autoscale_fit(&config, 176 * MEGA, &words));
	ck_assert_int_gt(config.workers.max, 10);
}

TEST(the_shares_are_not_more_than_all_of_it)
{
	for (uint64_t memory = 0; memory < 2000 * MEGA; memory += MEGA) {
		struct autoscale_memory m = autoscale_divide(&config, memory);
		uint64_t sum = m.lot + m.deferred + m.workers;

		ck_assert_uint_ge(m.lot, AUTOSCALE_LOT_MIN);
		ck_assert_uint_le(m.lot, AUTOSCALE_LOT_MAX);
		ck_assert_uint_le(m.deferred, AUTOSCALE_DEFERRED_MAX);
		ck_assert_uint_gt(m.client, 0);
		if (memory >= AUTOSCALE_OTHER_MEMORY)
			ck_assert_uint_eq(sum,
			    memory - AUTOSCALE_OTHER_MEMORY +
				AUTOSCALE_LOT_MIN);
	}
}

TEST(without_a_limit_each_has_what_it_needs)
{
	struct autoscale_memory m = autoscale_divide(&config, UINT64_MAX);

	ck_assert_uint_eq(m.lot, AUTOSCALE_LOT_MAX);
	ck_assert_uint_le(m.deferred, AUTOSCALE_DEFERRED_MAX);
	ck_assert_uint_ge(m.deferred, 8 * MEGA); /* of this machine's */
	ck_assert_uint_eq(m.client, 0);
	config.response_memory = 5 * MEGA;
	m = autoscale_divide(&config, UINT64_MAX);
	ck_assert_uint_eq(m.deferred, 5 * MEGA);
	config.response_memory = 500 * MEGA;
	m = autoscale_divide(&config, 48 * MEGA);
	ck_assert_uint_eq(m.deferred, 24 * MEGA);
	config.no_lot = true;
	m = autoscale_divide(&config, 48 * MEGA);
	ck_assert_uint_eq(m.lot + m.deferred, 0);
	ck_assert_uint_eq(m.workers, 32 * MEGA);
}

TEST(there_is_a_slot_for_each_and_its_successor)
{
	ck_assert_uint_ge(autoscale_slots(&config), 2 * 256);
	config.workers.max = 2; /* for now */
	ck_assert_uint_ge(autoscale_slots(&config), 2 * 256);
	config.workers_said = true;
	ck_assert_uint_lt(autoscale_slots(&config), 2 * 256);
	config.workers.max = SCOREBOARD_WORKERS_MAX;
	ck_assert_uint_eq(autoscale_slots(&config), SCOREBOARD_SLOTS_MAX);
}

TEST(a_size_in_words)
{
	const struct pool_limits one = {1, 1, 2, 8};
	const struct pool_limits range = {1, 9, 2, 8};

	autoscale_describe(&words, &one);
	ck_assert_str_eq(buffer_string(&words), "1 worker");
	buffer_clear(&words);
	autoscale_describe(&words, &range);
	ck_assert_str_eq(buffer_string(&words), "1 to 9 workers");
}

/* A worker that has just begun with a request. */
static struct score *
busy_worker(void)
{
	struct score *s = scoreboard_slot(board, 0);

	score_start(s, 7);
	score_connection(s, TEXT("192.0.2.1"));
	score_enter(s, SCORE_READING);
	score_begin(s, TEXT("GET / HTTP/1.1"));
	return s;
}

TEST(who_waits_for_a_client_is_not_occupied)
{
	struct score *s = busy_worker();

	ck_assert(!autoscale_is_occupied(&config, s, clock_now()));
	ck_assert(autoscale_is_occupied(&config, s, clock_now() + LATER));
	config.no_lot = true;
	score_enter(s, SCORE_IDLE);
	ck_assert(!autoscale_is_occupied(&config, s, clock_now() + LATER));
}

/* Its request is new, and its client is not. */
TEST(who_keeps_its_client_is_occupied_without_a_lot)
{
	struct score *s = busy_worker();
	int64_t now = clock_now();

	s->came = now - LATER;
	s->began = now;
	ck_assert(!autoscale_is_occupied(&config, s, now));
	config.no_lot = true;
	ck_assert(autoscale_is_occupied(&config, s, now));
	score_connection(s, TEXT("192.0.2.2"));
	ck_assert(!autoscale_is_occupied(&config, s, clock_now()));
}
