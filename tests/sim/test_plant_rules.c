// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the plant keeps to whatever the figures: who is killed and where, what protections hold,
 * what counts as a refault, and that a run repeats itself. How near its figures are to booted
 * kernels stands in test_plant.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/plant_fixture.h"
#include "user/plant/memory.h"
#include "user/policy/num.h"

static void test_shared_memory_is_not_paged_in_as_a_whole(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	leaf = plant_add_leaf(&plant, 0, 0);
	leaf->phase = (struct plant_phase){
		.target_bytes = 100 * MIB, .grow_per_s = 200 * MIB, .shared = true};
	plant_run(&plant, 2 * US_PER_SEC);
	freeze(&plant, leaf);
	assert_true(reclaim(&plant, 0, leaf, 100 * MIB) > 99 * MIB);
	plant_page_in(&plant, leaf);
	plant_run(&plant, 5 * US_PER_SEC);
	assert_false(leaf->paging_in);
	assert_true(leaf->swapped_bytes > 99 * MIB);
	plant_done(&plant);
}

static void test_no_memory_is_told_apart_from_the_ceiling_of_the_pool(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;

	(void)data;
	for (int host = 0; host < 2; host++) {
		guest(&plant, 64 * MIB, 1);
		plant.pool_max_bytes = host ? PLANT_ALL : 500 * MIB;
		leaf = plant_add_leaf(&plant, 0, 4 * MIB);
		leaf->phase.target_bytes = 2 * GIB;
		plant_run(&plant, 60 * US_PER_SEC);
		assert_true(leaf->killed);
		assert_int_equal(plant.counts.oom, host);
		assert_int_equal(plant.counts.oom_pool, !host);
		assert_int_equal(plant.pool_bytes, 0);
		assert_int_equal(plant.swapped_bytes, 0);
		plant_done(&plant);
	}
}

/* low holds while others have something, min to the end, mlock always. */
static void test_protection_holds_as_far_as_it_should(void **data)
{
	struct plant plant;
	struct plant_leaf *kept, *other, *locked;

	(void)data;
	guest(&plant, 512 * MIB, 3);
	kept = plant_add_leaf(&plant, 0, 300 * MIB);
	locked = plant_add_leaf(&plant, 2, 0);
	locked->phase = (struct plant_phase){
		.target_bytes = 100 * MIB, .grow_per_s = 200 * MIB, .lock_bytes = 100 * MIB};
	plant.component[0].low_bytes = 300 * MIB;
	plant.component[0].min_bytes = 200 * MIB;
	other = plant_add_leaf(&plant, 1, 4 * MIB);
	other->phase.target_bytes = 1100 * MIB;
	other->phase.grow_per_s = 200 * MIB;
	plant_run(&plant, 120 * US_PER_SEC);
	assert_int_equal(kept->swapped_bytes, 0);
	plant_exit_leaf(&plant, other);
	locked->phase.target_bytes = locked->phase.lock_bytes = 880 * MIB;
	plant_run(&plant, 30 * US_PER_SEC);
	say("given up of memory.low, MB", kept->swapped_bytes / MIB);
	assert_in_range(kept->swapped_bytes, 50 * MIB, 100 * MIB);
	assert_int_equal(plant.counts.oom, 0);
	locked->phase.target_bytes = locked->phase.lock_bytes = 1000 * MIB;
	plant_run(&plant, 30 * US_PER_SEC);
	assert_int_equal(plant.counts.oom, 1);
	assert_true(locked->killed);
	assert_true(kept->resident_bytes >= 200 * MIB);
	plant_done(&plant);
}

static void test_files_read_again_are_refaults_and_streams_are_not(void **data)
{
	struct plant plant;
	struct plant_leaf *reader, *stream;

	(void)data;
	guest(&plant, 256 * MIB, 2);
	reader = plant_add_leaf(&plant, 0, 0);
	reader->phase = (struct plant_phase){.file_bytes = 200 * MIB, .reads_per_s = 100000};
	stream = plant_add_leaf(&plant, 1, 0);
	stream->phase.stream_per_s = 50 * MIB;
	plant_run(&plant, 60 * US_PER_SEC);
	say("file refaults beside a stream", reader->refault_file);
	assert_int_equal(stream->refault_file, 0);
	assert_true(reader->refault_file < 200 * MIB / PLANT_PAGE / 10);
	assert_int_equal(plant.swapped_bytes, 0);
	assert_true(reclaim(&plant, 0, reader, 150 * MIB) > 100 * MIB);
	plant_run(&plant, 10 * US_PER_SEC);
	assert_true(reader->refault_file > 100 * MIB / PLANT_PAGE);
	plant_done(&plant);
}

static void test_a_tree_of_processes_grows_by_doubling(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf;

	(void)data;
	guest(&plant, 256 * MIB, 1);
	leaf = plant_add_leaf(&plant, 0, 0);
	leaf->phase = (struct plant_phase){
		.target_bytes = 4 * MIB, .grow_per_s = 100 * MIB, .processes = 64};
	plant_run(&plant, US_PER_SEC);
	assert_int_equal(leaf->processes, 64);
	assert_int_equal(leaf->resident_bytes, 256 * MIB);
	plant_exit_leaf(&plant, leaf);
	assert_int_equal(plant.pool_bytes, 0);
	plant_done(&plant);
}

/* Six components of three: hot services, jobs that come again, readers, leaks, with the policy. */
static void make_crowd(struct plant *plant)
{
	char name[16];

	plant_init(plant, 16 * GIB, GIB, 4 * GIB);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t index;

		snprintf(name, sizeof(name), "c%u", i);
		index = plant_add_component(plant, name, 1600, 9 - i,
					    i ? PROTECT_NONE : PROTECT_WORKING_SET);
		plant->config.component[index].freeze = i > 1;
		plant->config.component[index].borrow = true;
	}
	plant_start(plant, 14 * GIB);
	for (uint32_t i = 0; i < 18; i++) {
		struct plant_leaf *leaf = plant_add_leaf(plant, i / 3, 64 * MIB);

		leaf->phase.target_bytes = (400 + 40 * i) * MIB;
		leaf->phase.hot_bytes = 300 * MIB;
		leaf->phase.touches_per_s = TOUCHES_PER_S;
		if (i % 3 == 2) {
			leaf->phase.file_bytes = 200 * MIB;
			leaf->phase.reads_per_s = 1000;
		}
	}
}

static uint64_t crowd_hour(void)
{
	struct plant plant;
	uint64_t hash;

	make_crowd(&plant);
	for (uint32_t minute = 0; minute < 60; minute++) {
		struct plant_leaf *leaf = &plant.leaf[minute % 18];

		leaf->phase.target_bytes = (minute * 97 % 23) * 70 * MIB;
		leaf->phase.hot_bytes = leaf->phase.target_bytes / 2;
		plant_run(&plant, 60 * US_PER_SEC);
	}
	say("crowd, refaults", plant.component[1].refault_anon);
	say("crowd, swapped out, MB", plant.counts.swapped_out_bytes / MIB);
	say("crowd, frames", plant.counts.frames);
	say("crowd, oom", plant.counts.oom + plant.counts.oom_pool);
	hash = plant.counts.plan_hash ^ plant.counts.swapped_in_bytes;
	plant_done(&plant);
	return hash;
}

/* An hour of 18 leaves, twice, and nothing differs. */
static void test_an_hour_repeats_itself(void **data)
{
	(void)data;
	assert_true(crowd_hour() == crowd_hour());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared_memory_is_not_paged_in_as_a_whole),
		cmocka_unit_test(test_no_memory_is_told_apart_from_the_ceiling_of_the_pool),
		cmocka_unit_test(test_protection_holds_as_far_as_it_should),
		cmocka_unit_test(test_files_read_again_are_refaults_and_streams_are_not),
		cmocka_unit_test(test_a_tree_of_processes_grows_by_doubling),
		cmocka_unit_test(test_an_hour_repeats_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
