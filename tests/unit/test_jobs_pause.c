// SPDX-License-Identifier: GPL-2.0-or-later
/* Jobs that stand still for another: asked for, kept up, given back, and ended by somebody else. */
#include "tests/unit/jobs_fixture.h"
#include "user/jobs/supply.h"

#define MIB (1ULL << 20)

static int setup(void **state)
{
	static struct jobs_fixture f;

	jobs_fixture_init(&f);
	f.preempt = true;
	f.swap_free_bytes = 4 * JOBS_BUDGET;
	f.config.policy.freeze_max_us = 60 * US_PER_SEC;
	*state = &f;
	return jobs_fixture_begin(&f);
}

static int teardown(void **state)
{
	struct jobs_fixture *f = *state;

	for (const struct job *job = jobs_next(f->jobs, NULL); job; job = jobs_next(f->jobs, job))
		jobs_cancel(f->jobs, job->id, getuid(), 0, NULL, NULL);
	f->frozen = 0;
	JOBS_UNTIL(f, !jobs_count(f->jobs));
	jobs_fixture_done(f);
	return 0;
}

static uint64_t sleeper(struct jobs_fixture *f, uint32_t priority, uint64_t time_us, uint64_t bytes)
{
	char buf[64];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));

	item.spec.priority = (uint8_t)priority;
	item.spec.time_us = time_us;
	item.spec.memory_bytes = bytes;
	item.spec.flags = JOB_FREEZABLE;
	submit(f, &item, 1);
	return f->first_id;
}

/* A deferred job that runs for an hour stands in the way of a critical one. */
static void preempt(struct jobs_fixture *f, uint64_t *ret_victim, uint64_t *ret_urgent)
{
	f->current_bytes = JOBS_BUDGET / 2;
	*ret_victim = sleeper(f, 1, 3600 * US_PER_SEC, JOBS_BUDGET / 4 * 3);
	JOBS_UNTIL(f, state_of(f, *ret_victim) == JOB_RUNNING);
	jobs_fixture_tick(f);
	*ret_urgent = sleeper(f, 10, US_PER_SEC, JOBS_BUDGET / 4 * 3);
	JOBS_UNTIL(f, f->frozen == *ret_victim);
}

/* The victim's memory goes, the other starts, and nothing is decided after that. */
static void give_memory(struct jobs_fixture *f, uint64_t urgent, uint64_t left_bytes)
{
	f->current_bytes = left_bytes;
	JOBS_UNTIL(f, state_of(f, urgent) != JOB_QUEUED);
	f->no_ticks = true;
	JOBS_UNTIL(f, state_of(f, urgent) == JOB_RUNNING);
	f->no_ticks = false;
}

static void test_pause_takes_the_memory_it_is_for(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;

	preempt(f, &victim, &urgent);
	assert_int_equal(state_of(f, victim), JOB_FROZEN);
	assert_int_equal(f->reclaimed_bytes, JOBS_BUDGET / 2);
	jobs_fixture_tick(f);
	assert_int_equal(state_of(f, urgent), JOB_QUEUED); /* nothing was given back yet */
	give_memory(f, urgent, MIB);
	assert_int_equal(state_of(f, victim), JOB_FROZEN);
	assert_int_equal(jobs_cancel(f->jobs, urgent, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, state_of(f, victim) == JOB_RUNNING);
	assert_int_equal(f->frozen, 0);
}

/* Policy ends any freeze after freeze-max. */
static void test_pause_is_asked_for_again_in_time(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;
	uint32_t before;

	preempt(f, &victim, &urgent);
	before = f->freezes;
	jobs_look(f->jobs);
	assert_int_equal(f->freezes, before);
	run_of(f, victim)->freeze.asked_us -= f->config.policy.freeze_max_us / 2;
	jobs_look(f->jobs);
	assert_int_equal(f->freezes, before + 1);
	jobs_look(f->jobs);
	assert_int_equal(f->freezes, before + 1);
}

static void test_pause_that_a_person_ends_is_over(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;
	struct admit_view view;
	uint32_t before;

	preempt(f, &victim, &urgent);
	before = f->freezes;
	f->frozen = 0;
	jobs_look(f->jobs); /* the freezer may only be slow */
	assert_int_equal(state_of(f, victim), JOB_FROZEN);
	run_of(f, victim)->freeze.asked_us -= 3 * US_PER_SEC;
	jobs_look(f->jobs);
	assert_int_equal(state_of(f, victim), JOB_RUNNING);
	assert_int_equal(f->freezes, before);
	assert_int_equal(admit_view(jobs_admit(f->jobs), victim, jobs_now_us(f->jobs), &view), 0);
	assert_int_equal(view.state, ADMIT_RUNNING);
	assert_int_equal(view.footprint_bytes, JOBS_BUDGET / 4 * 3); /* it may grow back to that */
	for (int i = 0; i < 3; i++)
		jobs_fixture_tick(f); /* and the other waits all the same */
	assert_int_equal(f->freezes, before);
	assert_int_equal(state_of(f, victim), JOB_RUNNING);
}

/* Somebody else froze it, or all of it is locked: the other would wait for nothing. */
static void test_pause_that_gives_nothing_is_over(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;

	preempt(f, &victim, &urgent);
	for (int i = 0; i < 5; i++) {
		run_of(f, victim)->freeze.reclaim_us -= 5 * US_PER_SEC;
		jobs_look(f->jobs);
	}
	assert_int_equal(state_of(f, victim), JOB_FROZEN);
	run_of(f, victim)->freeze.reclaim_us -= 5 * US_PER_SEC;
	jobs_look(f->jobs);
	assert_int_equal(state_of(f, victim), JOB_RUNNING);
	assert_int_equal(f->frozen, 0);
	jobs_fixture_tick(f);
	assert_int_equal(f->frozen, 0);
}

static void test_pause_asks_for_no_more_than_it_takes(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;

	preempt(f, &victim, &urgent);
	give_memory(f, urgent, 100 * MIB);
	f->reclaimed_bytes = 0;
	run_of(f, victim)->freeze.reclaim_us -= 5 * US_PER_SEC;
	jobs_look(f->jobs);
	assert_int_equal(f->reclaimed_bytes, 0);
	assert_int_equal(state_of(f, victim), JOB_FROZEN);
}

/* Only so many requests fit in a tick of policy. */
static void test_pause_and_thaw_are_asked_for_until_they_are_taken(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent;

	f->current_bytes = JOBS_BUDGET / 2;
	victim = sleeper(f, 1, 3600 * US_PER_SEC, JOBS_BUDGET / 4 * 3);
	JOBS_UNTIL(f, state_of(f, victim) == JOB_RUNNING);
	jobs_fixture_tick(f);
	f->busy = true;
	urgent = sleeper(f, 10, US_PER_SEC, JOBS_BUDGET / 4 * 3);
	JOBS_UNTIL(f, state_of(f, victim) == JOB_FROZEN);
	assert_int_equal(f->frozen, 0);
	f->busy = false;
	JOBS_UNTIL(f, f->frozen == victim);
	f->busy = true;
	assert_int_equal(jobs_cancel(f->jobs, urgent, getuid(), 0, NULL, NULL), 0);
	JOBS_UNTIL(f, !run_of(f, victim)->freeze.paused);
	assert_int_equal(f->frozen, victim);
	f->busy = false;
	JOBS_UNTIL(f, f->frozen == 0);
	JOBS_UNTIL(f, state_of(f, victim) == JOB_RUNNING);
}

/* A core that is begun anew knows of no pause, and would never end it. */
static void test_pause_ends_when_the_queue_is_sorted_anew(void **state)
{
	struct jobs_fixture *f = *state;
	struct admit_config admit = {.component_count = 3};
	uint64_t victim, urgent;
	struct uw_err err = {0};

	preempt(f, &victim, &urgent);
	f->config.component_count = 3;
	strcpy(f->config.component[2].name, "database");
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	assert_int_equal(f->frozen, 0);
	JOBS_UNTIL(f, state_of(f, victim) == JOB_RUNNING);
}

static void test_pause_measures_how_fast_swap_is(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t victim, urgent, before = supply_swap_speed(f->jobs);
	struct run *run;

	assert_int_equal(before, 50 * MIB);
	preempt(f, &victim, &urgent);
	run = run_of(f, victim);
	run->looked_us = clock_now_us() - US_PER_SEC;
	f->current_bytes -= 250 * MIB;
	jobs_look(f->jobs);
	assert_true(f->jobs->swapped_us >= US_PER_SEC);
	f->jobs->swapped_us = US_PER_SEC; /* without what this test took */
	assert_int_equal(supply_swap_speed(f->jobs), 150 * MIB);
	jobs_look(f->jobs); /* a look that finds no change says nothing */
	assert_int_equal(supply_swap_speed(f->jobs), 150 * MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pause_takes_the_memory_it_is_for),
		TEST(test_pause_is_asked_for_again_in_time),
		TEST(test_pause_that_a_person_ends_is_over),
		TEST(test_pause_that_gives_nothing_is_over),
		TEST(test_pause_asks_for_no_more_than_it_takes),
		TEST(test_pause_and_thaw_are_asked_for_until_they_are_taken),
		TEST(test_pause_ends_when_the_queue_is_sorted_anew),
		TEST(test_pause_measures_how_fast_swap_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
