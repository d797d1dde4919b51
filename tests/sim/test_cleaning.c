// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two programs alike, in a pool that is filling while nobody lacks memory: what is cleaned of each
 * is what its type says, they go on as fast as if nothing were, and who works on all that it has is
 * left alone soon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/plant_fixture.h"
#include "tests/sim/trace.h"

#define MINUTE      (60 * US_PER_SEC)
#define HOT_BYTES   (60 * MIB)
#define COLD_BYTES  (210 * MIB)
#define CACHE_BYTES (150 * MIB)

static void machine(struct plant *plant, enum component_type a, enum component_type b)
{
	plant_init(plant, 1217 * MIB, 90 * MIB, 512 * MIB);
	trace_by_env(plant);
	plant_add_component(plant, "a", 4500, 5, PROTECT_NONE);
	plant_add_component(plant, "b", 4500, 5, PROTECT_NONE);
	plant->config.component[0].type = a;
	plant->config.component[1].type = b;
	plant_start(plant, 1014 * MIB);
	plant->check = invariants_hold;
}

/* Touches a part of what it holds, and has read files once. */
static struct plant_leaf *worker(struct plant *plant, uint32_t component, uint64_t hot_bytes)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, component, 0);

	leaf->phase = (struct plant_phase){.target_bytes = HOT_BYTES + COLD_BYTES,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = hot_bytes,
					   .touches_per_s = TOUCHES_PER_S / 10};
	plant_run(plant, 5 * US_PER_SEC);
	plant_add_cache(plant, leaf, CACHE_BYTES);
	return leaf;
}

static uint64_t files_of(const struct plant_leaf *leaf)
{
	return leaf->part[PART_FILE].resident + leaf->part[PART_FILE_HOT].resident;
}

static void test_each_type_loses_what_it_can_spare(void **state)
{
	struct plant plant;
	struct plant_leaf *feed, *models;
	uint64_t feed_files, models_files;

	(void)state;
	machine(&plant, TYPE_FEED, TYPE_MODELS);
	feed = worker(&plant, 0, HOT_BYTES);
	models = worker(&plant, 1, HOT_BYTES);
	feed_files = files_of(feed);
	models_files = files_of(models);
	plant_run(&plant, 5 * MINUTE);
	say("feed: files that are left", files_of(feed) / MIB);
	say("feed: in swap", feed->swapped_bytes / MIB);
	say("models: files that are left", files_of(models) / MIB);
	say("models: in swap", models->swapped_bytes / MIB);
	assert_int_equal(feed->swapped_bytes, 0);
	assert_true(files_of(feed) + 15 * MIB < feed_files);
	assert_true(models->swapped_bytes > 15 * MIB);
	assert_true(models->swapped_bytes > models_files - files_of(models));
	assert_true(plant_free(&plant) > 1014 * MIB / 4); /* then there is room enough */
	assert_true(models->part[PART_HOT].out < HOT_BYTES / 20);
	assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
	plant_done(&plant);
}

static void test_what_is_of_no_type_is_left_alone(void **state)
{
	struct plant plant;
	struct plant_leaf *a, *b;
	uint64_t files;

	(void)state;
	machine(&plant, TYPE_OTHER, TYPE_DATABASE);
	a = worker(&plant, 0, HOT_BYTES);
	b = worker(&plant, 1, HOT_BYTES);
	files = files_of(a) + files_of(b);
	plant_run(&plant, 5 * MINUTE);
	assert_int_equal(plant.counts.actions[ACTION_RECLAIM], 0);
	assert_int_equal(files_of(a) + files_of(b), files);
	plant_done(&plant);
}

/* Work in ten minutes, with what it has to spare taken or not. */
static uint64_t work_of(enum clean_rule clean, uint64_t hot_bytes, uint64_t *ret_swapped)
{
	struct plant plant;
	struct plant_leaf *leaf;
	uint64_t touches;

	machine(&plant, TYPE_MODELS, TYPE_MODELS);
	plant.config.component[0].clean = plant.config.component[1].clean = clean;
	leaf = worker(&plant, 0, hot_bytes);
	worker(&plant, 1, hot_bytes);
	touches = leaf->touches;
	plant_run(&plant, 10 * MINUTE);
	touches = leaf->touches - touches;
	*ret_swapped = plant.counts.swapped_out_bytes;
	plant_done(&plant);
	return touches;
}

static void test_cleaning_costs_no_work(void **state)
{
	uint64_t swapped, none, with, without;

	(void)state;
	with = work_of(CLEAN_YES, HOT_BYTES, &swapped);
	without = work_of(CLEAN_NO, HOT_BYTES, &none);
	say("swapped out", swapped / MIB);
	say("work in permyriad of that without", with * 10000 / without);
	assert_int_equal(none, 0);
	assert_true(swapped > 200 * MIB);
	assert_true(with >= without - without / 200);
}

/* All that it holds is in use: it is found out at once, and asked ever more seldom. */
static void test_who_uses_all_is_soon_left_alone(void **state)
{
	uint64_t swapped, none, with, without;

	(void)state;
	with = work_of(CLEAN_YES, HOT_BYTES + COLD_BYTES, &swapped);
	without = work_of(CLEAN_NO, HOT_BYTES + COLD_BYTES, &none);
	say("hot: swapped out", swapped / MIB);
	say("hot: work in permyriad of that without", with * 10000 / without);
	assert_true(swapped < 2 * (HOT_BYTES + COLD_BYTES) / 4);
	assert_true(with >= without - without / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_loses_what_it_can_spare),
		cmocka_unit_test(test_what_is_of_no_type_is_left_alone),
		cmocka_unit_test(test_cleaning_costs_no_work),
		cmocka_unit_test(test_who_uses_all_is_soon_left_alone),
	};

	return cmocka_run_group_tests_name("cleaning", tests, NULL, NULL);
}
