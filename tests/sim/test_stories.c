// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What users of a loaded machine went through, told on the simulated one: whoever works beside free
 * memory ends as if nothing watched it, nobody is starved for somebody who is not hurt, and a
 * minute after all is over nothing is left frozen or squeezed.
 */
#include "tests/sim/story.h"
#include "tests/sim/trace.h"

/* 913 MB of a machine of 1217, and nothing else on it. */
static void test_job_alone_runs_as_if_nothing_watched_it(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *job;

	(void)data;
	stack(&plant, 256 * MIB);
	job_of(program, 913 * MIB, 60);
	job = plant_add_job(&plant, ML, program, ROWS(program));
	assert_true(plant_run_until_end(&plant, job, 600 * US_PER_SEC));
	say("alone, % of no limits", took_percent(job, alone_us(913 * MIB, 60)));
	assert_in_range(took_percent(job, alone_us(913 * MIB, 60)), 99, 105);
	assert_int_equal(plant.counts.swapped_out_bytes, 0);
	assert_int_equal(plant.counts.actions[ACTION_RECLAIM], 0);
	assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* Beside a service that is within its right, while both fit. */
static void test_job_beside_free_memory_is_left_alone(void **data)
{
	static const uint64_t sizes[] = {444 * MIB, 547 * MIB, 730 * MIB};

	(void)data;
	for (unsigned int k = 0; k < ROWS(sizes); k++) {
		struct plant plant;
		struct plant_phase program[2];
		struct plant_leaf *job;

		stack(&plant, 256 * MIB);
		service(&plant);
		job_of(program, sizes[k], 60);
		job = plant_add_job(&plant, ML, program, ROWS(program));
		assert_true(plant_run_until_end(&plant, job, 600 * US_PER_SEC));
		say("beside a service, % of alone", took_percent(job, alone_us(sizes[k], 60)));
		assert_in_range(took_percent(job, alone_us(sizes[k], 60)), 99, 105);
		assert_int_equal(plant.counts.swapped_out_bytes, 0);
		assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
		assert_nothing_was_hurt(&plant);
		assert_nothing_is_left(&plant);
		plant_done(&plant);
	}
}

/* A leak of 60 MB/s and who works in 100 MB, in one component. */
static void test_leak_does_not_cost_its_sibling(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *sibling, *leak;

	(void)data;
	stack(&plant, 256 * MIB);
	service(&plant);
	job_of(program, 100 * MIB, 120);
	sibling = plant_add_job(&plant, ML, program, ROWS(program));
	plant_run(&plant, 20 * US_PER_SEC);
	leak = plant_add_leaf(&plant, ML, 4 * MIB);
	leak->phase.target_bytes = 4 * GIB;
	leak->phase.grow_per_s = 60 * MIB;
	assert_true(plant_run_until_end(&plant, sibling, 600 * US_PER_SEC));
	say("sibling of a leak, % of alone", took_percent(sibling, alone_us(100 * MIB, 120)));
	say("sibling of a leak, faults", sibling->faults);
	assert_in_range(took_percent(sibling, alone_us(100 * MIB, 120)), 99, 120);
	assert_int_equal(sibling->faults, 0);
	assert_true(leak->populated);
	assert_nothing_was_hurt(&plant);
	plant_exit_leaf(&plant, leak);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* Ramps of 60 MB/s to 300 MB, one every ten seconds, each working 20 s on what it has. */
static void test_ramps_one_after_another_all_end(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *job[12];

	(void)data;
	stack(&plant, 256 * MIB);
	service(&plant);
	job_of(program, 300 * MIB, 20);
	program[0].grow_per_s = 60 * MIB;
	for (unsigned int i = 0; i < ROWS(job); i++) {
		job[i] = plant_add_job(&plant, ML, program, ROWS(program));
		plant_run(&plant, 10 * US_PER_SEC);
	}
	for (unsigned int i = 0; i < ROWS(job); i++)
		assert_true(plant_run_until_end(&plant, job[i], 900 * US_PER_SEC));
	say("ramps, s", (plant.now_us - job[0]->born_us) / US_PER_SEC);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* Of 55 % of the machine each, begun together. */
static void test_two_hot_jobs_take_turns(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *first, *second;
	uint64_t serial_us = 2 * alone_us(669 * MIB, 60), ended_us;

	(void)data;
	stack(&plant, 256 * MIB);
	job_of(program, 669 * MIB, 60);
	first = plant_add_job(&plant, ML, program, ROWS(program));
	second = plant_add_job(&plant, ML, program, ROWS(program));
	assert_true(plant_run_until_end(&plant, first, 1200 * US_PER_SEC));
	assert_true(plant_run_until_end(&plant, second, 1200 * US_PER_SEC));
	ended_us = first->ended_us > second->ended_us ? first->ended_us : second->ended_us;
	say("two hot jobs, % of serial", (ended_us - first->born_us) * 100 / serial_us);
	assert_in_range((ended_us - first->born_us) * 100 / serial_us, 50, 105);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* What ends soon is not worth a change of places: the second is stopped before it has grown. */
static void test_two_short_hot_jobs_run_one_after_the_other(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *first, *second;
	uint64_t serial_us = 2 * alone_us(669 * MIB, 1), ended_us;

	(void)data;
	stack(&plant, 256 * MIB);
	job_of(program, 669 * MIB, 1);
	first = plant_add_job(&plant, ML, program, ROWS(program));
	second = plant_add_job(&plant, ML, program, ROWS(program));
	assert_true(plant_run_until_end(&plant, first, 60 * US_PER_SEC));
	assert_true(plant_run_until_end(&plant, second, 60 * US_PER_SEC));
	ended_us = first->ended_us > second->ended_us ? first->ended_us : second->ended_us;
	say("two short hot jobs, % of serial", (ended_us - first->born_us) * 100 / serial_us);
	say("two short hot jobs, swapped MiB", plant.counts.swapped_out_bytes / MIB);
	assert_in_range((ended_us - first->born_us) * 100 / serial_us, 50, 105);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* Of 40 % each: the third waits until one has ended. */
static void test_three_hot_jobs_take_turns(void **data)
{
	struct plant plant;
	struct plant_phase program[2];
	struct plant_leaf *job[3];
	uint64_t serial_us = ROWS(job) * alone_us(487 * MIB, 60);

	(void)data;
	stack(&plant, 256 * MIB);
	job_of(program, 487 * MIB, 60);
	for (unsigned int i = 0; i < ROWS(job); i++)
		job[i] = plant_add_job(&plant, ML, program, ROWS(program));
	for (unsigned int i = 0; i < ROWS(job); i++)
		assert_true(plant_run_until_end(&plant, job[i], 1200 * US_PER_SEC));
	say("three hot jobs, % of serial", (plant.now_us - job[0]->born_us) * 100 / serial_us);
	assert_in_range((plant.now_us - job[0]->born_us) * 100 / serial_us, 30, 115);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* How long a leaf has stood still at the longest, but for breaths, over a time. */
static uint64_t longest_wait(struct plant *plant, struct plant_leaf *leaf[], unsigned int count,
			     uint64_t us)
{
	uint64_t since_us[8] = {0}, touches[8] = {0}, longest = 0, end_us = plant->now_us + us;

	for (unsigned int i = 0; i < count; i++)
		since_us[i] = plant->now_us;
	while (plant->now_us < end_us) {
		plant_run(plant, US_PER_SEC);
		for (unsigned int i = 0; i < count; i++) {
			uint64_t done = leaf[i]->touches - touches[i];

			touches[i] = leaf[i]->touches;
			if (done > TOUCHES_PER_S / 2)
				since_us[i] = plant->now_us;
			if (plant->now_us - since_us[i] > longest)
				longest = plant->now_us - since_us[i];
		}
	}
	return longest;
}

/* Who never ends gives way after its quantum, and nobody waits for ever. */
static void test_hot_services_change_places(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf[3];
	uint64_t touches = 0, longest;

	(void)data;
	stack(&plant, 2 * GIB);
	for (unsigned int i = 0; i < ROWS(leaf); i++) {
		leaf[i] = plant_add_leaf(&plant, ML, 0);
		leaf[i]->phase = (struct plant_phase){.target_bytes = 600 * MIB,
						      .grow_per_s = 200 * MIB,
						      .hot_bytes = 600 * MIB,
						      .touches_per_s = TOUCHES_PER_S};
	}
	longest = longest_wait(&plant, leaf, ROWS(leaf), 3600 * US_PER_SEC);
	say("three that never end, longest wait, s", longest / US_PER_SEC);
	for (unsigned int i = 0; i < ROWS(leaf); i++) {
		say("  share of the time, %", leaf[i]->touches / (36 * TOUCHES_PER_S));
		touches += leaf[i]->touches;
		assert_in_range(leaf[i]->touches / (36 * TOUCHES_PER_S), 20, 60);
	}
	say("  all, %", touches / (36 * TOUCHES_PER_S));
	assert_true(touches / (36 * TOUCHES_PER_S) >= 90);
	assert_true(longest <= 600 * US_PER_SEC);
	assert_nothing_was_hurt(&plant);
	for (unsigned int i = 0; i < ROWS(leaf); i++)
		plant_exit_leaf(&plant, leaf[i]);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/*
 * A borrower of 800 MB works on 300 MB of them and had the host to itself; the owner comes back for
 * 300 MB. What is cold pays for all of it: not a page that is in use is taken, and the borrower
 * never stands still. Without ages it is frozen, and has 11,000 of its pages to wait for.
 */
static void test_donor_gives_what_is_cold_and_nothing_else(void **data)
{
	struct plant plant;
	struct plant_leaf *borrower, *owner;
	uint64_t began_us, lag_ms;

	(void)data;
	stack(&plant, GIB);
	borrower = plant_add_leaf(&plant, ML, 0);
	borrower->phase = (struct plant_phase){.target_bytes = 800 * MIB,
					       .grow_per_s = 200 * MIB,
					       .hot_bytes = 300 * MIB,
					       .touches_per_s = TOUCHES_PER_S};
	plant_run(&plant, 60 * US_PER_SEC);
	owner = plant_add_leaf(&plant, TRADING, 0);
	began_us = plant.now_us;
	owner->phase = (struct plant_phase){.target_bytes = 300 * MIB,
					    .grow_per_s = 100 * MIB,
					    .hot_bytes = 300 * MIB,
					    .touches_per_s = TOUCHES_PER_S};
	while (owner->resident_bytes < 300 * MIB && plant.now_us < began_us + 60 * US_PER_SEC)
		plant_run(&plant, PLANT_STEP_US);
	lag_ms = (plant.now_us - began_us - 3000 * US_PER_MS) / US_PER_MS;
	say("owner beside cold memory, lag, ms", lag_ms);
	plant_run(&plant, 60 * US_PER_SEC);
	say("cold donor, faults", borrower->faults);
	say("cold donor, freezes", plant.counts.actions[ACTION_FREEZE]);
	say("cold donor, swapped out, MB", plant.counts.swapped_out_bytes / MIB);
	say("cold donor, agings", plant.counts.agings);
	say("cold donor, aging, ms", plant.counts.aging_us / US_PER_MS);
	assert_true(borrower->populated && !borrower->frozen);
	assert_nothing_was_hurt(&plant);
	if (!without_ages) {
		assert_int_equal(borrower->faults, 0);
		assert_int_equal(plant.counts.actions[ACTION_FREEZE], 0);
		assert_true(plant.counts.aging_us <= (plant.now_us - began_us) / 100);
	}
	plant_exit_leaf(&plant, owner);
	plant_exit_leaf(&plant, borrower);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* A service that holds 60 MB, and works only while the other runs, but for alone_us. */
static struct plant_leaf *dependent(struct plant *plant, const struct plant_leaf *other,
				    uint64_t alone_us, bool by_lock)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, TRADING, 0);

	leaf->phase = (struct plant_phase){.target_bytes = 60 * MIB,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = 60 * MIB,
					   .touches_per_s = TOUCHES_PER_S};
	leaf->depends_on = other;
	leaf->alone_us = alone_us;
	leaf->by_lock = by_lock;
	return leaf;
}

/*
 * A job grows beside a sibling until it is stopped, and a service waits for it: for a lock, which
 * is seen at once, or for an answer, which is told by its CPU time. Most of what the job has is
 * cold, so it can go on to its end while that is paged out.
 */
static void test_freeze_does_not_stop_who_waits_for_the_frozen(void **data)
{
	static const struct {
		bool by_lock;
		uint64_t alone_us, longest_us;
	} rows[] = {
		{true, 0, US_PER_SEC},
		{true, 250 * US_PER_MS, US_PER_SEC},
		{false, 0, 1500 * US_PER_MS},
		{false, 250 * US_PER_MS, 1500 * US_PER_MS},
	};

	(void)data;
	for (unsigned int k = 0; k < ROWS(rows); k++) {
		struct plant plant;
		struct plant_phase program[2];
		struct plant_leaf *job, *sibling, *waits;

		stack(&plant, 256 * MIB);
		job_of(program, 1000 * MIB, 30);
		program[0].grow_per_s = 60 * MIB;
		program[0].hot_bytes = program[1].hot_bytes = 40 * MIB;
		sibling = plant_add_leaf(&plant, ML, 4 * MIB);
		job = plant_add_job(&plant, ML, program, ROWS(program));
		waits = dependent(&plant, job, rows[k].alone_us, rows[k].by_lock);
		assert_true(plant_run_until_end(&plant, job, 300 * US_PER_SEC));
		say("who waits for the frozen, longest ms", waits->longest_wait_us / US_PER_MS);
		say("and the job's end, s", (job->ended_us - job->born_us) / US_PER_SEC);
		assert_in_range(took_percent(job, 1000 * US_PER_SEC / 60 + 30 * US_PER_SEC), 99,
				110);
		assert_true(plant.counts.actions[ACTION_FREEZE] > 0);
		assert_true(waits->longest_wait_us > 0);
		assert_true(waits->longest_wait_us <= rows[k].longest_us);
		assert_int_equal(sibling->faults, 0);
		assert_nothing_was_hurt(&plant);
		assert_nothing_is_left(&plant);
		plant_done(&plant);
	}
}

/* Three that want more than RAM and swap hold. Nobody may be killed, so they stand still in the
 * end, and who comes after meets what is left: each gets a leaf in, and none takes the last. */
static void test_growers_fill_ram_and_swap_and_nobody_is_killed(void **data)
{
	static const struct plant_phase wants[] = {
		{.target_bytes = 2 * GIB, .grow_per_s = 60 * MIB},
		{.target_bytes = 2 * GIB, .grow_per_s = 400 * MIB},
		{.target_bytes = 2 * GIB, .grow_per_s = 2 * GIB, .shared = true},
	};

	(void)data;
	for (uint64_t swap_bytes = 0; swap_bytes <= 256 * MIB; swap_bytes += 256 * MIB) {
		struct plant plant;

		stack(&plant, swap_bytes);
		service(&plant);
		for (size_t i = 0; i < 9; i++) {
			plant_add_job(&plant, i % 2 ? CACHE : ML, &wants[i % 3], 1);
			plant_run(&plant, 40 * US_PER_SEC);
		}
		say("full of growers: free on the host, MB", plant_free(&plant) / MIB);
		assert_nothing_was_hurt(&plant);
		for (uint32_t i = 1; i < plant.leaf_count; i++)
			plant_exit_leaf(&plant, &plant.leaf[i]);
		assert_nothing_is_left(&plant);
		plant_done(&plant);
	}
}

/* They grow too slowly for a trend that is called growth, one in each component, beside growers
 * that filled RAM and swap. They are stopped before the last is gone, and nobody is killed. */
static void test_slow_leaks_of_a_full_machine_do_not_take_the_last(void **data)
{
	static const struct plant_phase grower = {.target_bytes = 2 * GIB, .grow_per_s = 60 * MIB};
	static const struct plant_phase leak = {.target_bytes = 2 * GIB, .grow_per_s = MIB};

	(void)data;
	for (uint64_t swap_bytes = 0; swap_bytes <= 256 * MIB; swap_bytes += 256 * MIB) {
		struct plant plant;

		stack(&plant, swap_bytes);
		service(&plant);
		plant_add_job(&plant, ML, &leak, 1);
		plant_add_job(&plant, CACHE, &leak, 1);
		plant_add_job(&plant, ML, &grower, 1);
		plant_run(&plant, 900 * US_PER_SEC);
		say("full of leaks: free on the host, MB", plant_free(&plant) / MIB);
		assert_nothing_was_hurt(&plant);
		for (uint32_t i = 1; i < plant.leaf_count; i++)
			plant_exit_leaf(&plant, &plant.leaf[i]);
		assert_nothing_is_left(&plant);
		plant_done(&plant);
	}
}

/* Two in components of their own fill a machine without swap and are stopped, then want no more.
 * Neither could make room for the other: each goes on with what it has, not in breaths alone. */
static void test_single_leaves_of_a_full_machine_get_quanta(void **data)
{
	struct plant plant;
	struct plant_leaf *leaf[2];
	uint64_t touches[2], longest;

	(void)data;
	stack(&plant, 0);
	service(&plant);
	for (unsigned int i = 0; i < ROWS(leaf); i++) {
		leaf[i] = plant_add_leaf(&plant, i ? CACHE : ML, 0);
		leaf[i]->phase = (struct plant_phase){.target_bytes = 600 * MIB,
						      .grow_per_s = 60 * MIB,
						      .hot_bytes = 600 * MIB,
						      .touches_per_s = TOUCHES_PER_S};
	}
	plant_run(&plant, 60 * US_PER_SEC);
	assert_true(plant.counts.actions[ACTION_FREEZE] >= ROWS(leaf));
	for (unsigned int i = 0; i < ROWS(leaf); i++) {
		touches[i] = leaf[i]->touches;
		leaf[i]->phase.target_bytes = leaf[i]->phase.hot_bytes = leaf[i]->resident_bytes;
	}
	longest = longest_wait(&plant, leaf, ROWS(leaf), 600 * US_PER_SEC);
	say("single leaves without swap, longest wait, s", longest / US_PER_SEC);
	for (unsigned int i = 0; i < ROWS(leaf); i++) {
		touches[i] = (leaf[i]->touches - touches[i]) / (6 * TOUCHES_PER_S);
		say("  share of the time, %", touches[i]);
		assert_true(touches[i] >= 30);
	}
	assert_true(longest <= 30 * US_PER_SEC);
	assert_nothing_was_hurt(&plant);
	for (unsigned int i = 0; i < ROWS(leaf); i++)
		plant_exit_leaf(&plant, leaf[i]);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* Who reads files once fills all that is free with pages that nobody misses: others need not stand
 * still for those, and lose nothing to them. */
static void test_batch_beside_a_backup_ends(void **data)
{
	static const uint64_t hot[] = {330 * MIB, 330 * MIB, 100 * MIB};
	struct plant_phase backup = {.stream_per_s = 100 * MIB, .us = 60 * US_PER_SEC};
	struct plant_phase leak[] = {{.target_bytes = 380 * MIB, .grow_per_s = 40 * MIB},
				     {.target_bytes = 380 * MIB, .us = 2 * US_PER_SEC}};
	struct plant_phase program[ROWS(hot)][2];
	struct plant_leaf *job[ROWS(hot) + 1];
	uint64_t serial_us = 12 * US_PER_SEC, ended_us = 0;
	struct plant plant;

	(void)data;
	stack(&plant, 256 * MIB);
	service(&plant);
	plant_add_job(&plant, ML, &backup, 1);
	for (unsigned int i = 0; i < ROWS(hot); i++) {
		job_of(program[i], hot[i], 5);
		job[i] = plant_add_job(&plant, ML, program[i], ROWS(program[i]));
		serial_us += alone_us(hot[i], 5);
	}
	job[ROWS(hot)] = plant_add_job(&plant, ML, leak, ROWS(leak));
	for (unsigned int i = 0; i < ROWS(job); i++) {
		assert_true(plant_run_until_end(&plant, job[i], 600 * US_PER_SEC));
		ended_us = job[i]->ended_us > ended_us ? job[i]->ended_us : ended_us;
	}
	say("batch beside a backup, % of serial", (ended_us - job[0]->born_us) * 100 / serial_us);
	assert_in_range((ended_us - job[0]->born_us) * 100 / serial_us, 20, 105);
	assert_nothing_was_hurt(&plant);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

static void serve(struct plant *plant, uint32_t component, uint64_t bytes)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, component, 0);

	leaf->phase = (struct plant_phase){.target_bytes = bytes,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = bytes,
					   .touches_per_s = TOUCHES_PER_S / 10};
}

/* The batch of bench-mix: three services, and beside them at once what RAM and swap do not hold
 * together, though one after the other it is done in half a minute. */
static void test_batch_that_does_not_fit_is_done_one_by_one(void **data)
{
	static const uint64_t hot[] = {330 * MIB, 330 * MIB, 100 * MIB, 100 * MIB};
	struct plant_phase backup = {.stream_per_s = 100 * MIB, .us = 20 * US_PER_SEC};
	struct plant_phase leak[] = {{.target_bytes = 380 * MIB, .grow_per_s = 40 * MIB},
				     {.target_bytes = 380 * MIB, .us = 2 * US_PER_SEC}};
	struct plant_phase program[ROWS(hot)][2];
	struct plant_leaf *job[ROWS(hot) + 1];
	uint64_t serial_us = 12 * US_PER_SEC, ended_us = 0;
	struct plant plant;

	(void)data;
	plant_init(&plant, 1217 * MIB, 90 * MIB, 256 * MIB);
	trace_by_env(&plant);
	plant.config.reserve_permyriad = 500;
	plant_add_component(&plant, "trading_data", 1000, 10, PROTECT_WORKING_SET);
	plant_add_component(&plant, "ml_models", 5500, 4, PROTECT_NONE);
	plant_add_component(&plant, "database", 1000, 8, PROTECT_WORKING_SET);
	plant_add_component(&plant, "cache", 2000, 9, PROTECT_WORKING_SET);
	plant.config.component[ML].freeze = plant.config.component[ML].borrow = true;
	plant.protected_component = CACHE;
	plant_start(&plant, 1014 * MIB);
	plant.check = invariants_hold;
	plant.without_ages = without_ages;
	serve(&plant, TRADING, 51 * MIB);
	serve(&plant, DATABASE, 33 * MIB);
	serve(&plant, CACHE, 141 * MIB);
	plant_run(&plant, 10 * US_PER_SEC);
	for (unsigned int i = 0; i < ROWS(hot); i++) {
		job_of(program[i], hot[i], 5);
		program[i][0].grow_per_s = 100 * MIB;
		job[i] = plant_add_job(&plant, ML, program[i], ROWS(program[i]));
		serial_us += hot[i] / (100 * MIB) * US_PER_SEC + 5 * US_PER_SEC;
	}
	job[ROWS(hot)] = plant_add_job(&plant, ML, leak, ROWS(leak));
	plant_add_job(&plant, ML, &backup, 1);
	for (unsigned int i = 0; i < ROWS(job); i++) {
		assert_true(plant_run_until_end(&plant, job[i], 600 * US_PER_SEC));
		ended_us = job[i]->ended_us > ended_us ? job[i]->ended_us : ended_us;
	}
	say("batch that does not fit, % of serial", (ended_us - job[0]->born_us) * 100 / serial_us);
	assert_in_range((ended_us - job[0]->born_us) * 100 / serial_us, 20, 105);
	for (uint32_t i = 0; i < plant.config.component_count; i++)
		assert_true(i == ML || !plant_swapped(&plant, i));
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);
	assert_int_equal(plant.counts.actions[ACTION_KILL], 0);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

/* A ramp that was stopped beside services, and is behind its schedule when they leave: nobody else
 * wants what they leave, and it ends, though it takes it faster than it could be given a second of
 * its growth at once and swap is full of its own pages. */
static void test_ramp_ends_when_the_services_leave(void **data)
{
	static const struct plant_phase leaves = {.grow_per_s = 1500 * MIB};
	static const struct plant_phase ramp[] = {
		{.target_bytes = 950 * MIB, .grow_per_s = 60 * MIB},
		{.target_bytes = 950 * MIB,
		 .hot_bytes = 20 * MIB,
		 .touches_per_s = TOUCHES_PER_S,
		 .touches = 5 * TOUCHES_PER_S},
	};
	struct plant plant;
	struct plant_leaf *services[2], *job;
	uint64_t left_us;

	(void)data;
	stack(&plant, 256 * MIB);
	services[0] = service(&plant);
	services[1] = plant_add_leaf(&plant, DATABASE, 0);
	services[1]->phase = services[0]->phase;
	plant_run(&plant, 10 * US_PER_SEC);
	job = plant_add_job(&plant, ML, ramp, ROWS(ramp));
	plant_run(&plant, 40 * US_PER_SEC);
	assert_true(job->populated);
	assert_nothing_was_hurt(&plant);
	job->phase.grow_per_s = 450 * MIB;
	services[0]->phase = services[1]->phase = leaves;
	plant_run(&plant, 200 * US_PER_MS);
	plant_exit_leaf(&plant, services[0]);
	plant_exit_leaf(&plant, services[1]);
	left_us = plant.now_us;
	assert_true(plant_run_until_end(&plant, job, 120 * US_PER_SEC));
	say("a ramp after its services, s", (job->ended_us - left_us) / US_PER_SEC);
	assert_true(job->ended_us - left_us <= 15 * US_PER_SEC);
	assert_nothing_is_left(&plant);
	plant_done(&plant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_alone_runs_as_if_nothing_watched_it),
		cmocka_unit_test(test_job_beside_free_memory_is_left_alone),
		cmocka_unit_test(test_leak_does_not_cost_its_sibling),
		cmocka_unit_test(test_ramps_one_after_another_all_end),
		cmocka_unit_test(test_two_hot_jobs_take_turns),
		cmocka_unit_test(test_two_short_hot_jobs_run_one_after_the_other),
		cmocka_unit_test(test_three_hot_jobs_take_turns),
		cmocka_unit_test(test_hot_services_change_places),
		cmocka_unit_test(test_donor_gives_what_is_cold_and_nothing_else),
		cmocka_unit_test(test_freeze_does_not_stop_who_waits_for_the_frozen),
		cmocka_unit_test(test_growers_fill_ram_and_swap_and_nobody_is_killed),
		cmocka_unit_test(test_slow_leaks_of_a_full_machine_do_not_take_the_last),
		cmocka_unit_test(test_single_leaves_of_a_full_machine_get_quanta),
		cmocka_unit_test(test_batch_beside_a_backup_ends),
		cmocka_unit_test(test_batch_that_does_not_fit_is_done_one_by_one),
		cmocka_unit_test(test_ramp_ends_when_the_services_leave),
	};

	int failed = cmocka_run_group_tests_name("stories with ages", tests, NULL, NULL);

	without_ages = true;
	return failed + cmocka_run_group_tests_name("stories without ages", tests, NULL, NULL);
}
