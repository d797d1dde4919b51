// SPDX-License-Identifier: GPL-2.0-or-later
/* Reclaim, who gives way to whom, and the end. */
#include "tests/unit/act_fixture.h"

/* ---- reclaim ---- */

static struct action reclaim_of(uint64_t bytes)
{
	return (struct action){.kind = ACTION_RECLAIM, .amount = bytes, .swappiness = -1};
}

static void test_reclaim_goes_in_chunks(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	plan(f, reclaim_of(10 * MIB));
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DONE);
	assert_int_equal(outcome.done, 10 * MIB);
	assert_int_equal(f->fake.write_count, 3);
	assert_string_equal(f->fake.write[0].value, "4194304");
	assert_string_equal(f->fake.write[2].value, "2097152");
}

static void test_reclaim_swappiness_is_dropped_where_refused(void **state)
{
	struct fixture *f = *state;
	struct action action = reclaim_of(8 * MIB);
	struct act_stats stats;

	action.swappiness = 60;
	plan(f, action);
	await(f);
	assert_string_equal(f->fake.write[0].value, "4194304 swappiness=60");
	f->fake.no_swappiness = true;
	f->fake.write_count = 0;
	plan(f, action);
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_string_equal(f->fake.write[0].value, "4194304 swappiness=60");
	assert_string_equal(f->fake.write[1].value, "4194304");
	assert_string_equal(f->fake.write[2].value, "4194304");
	act_read_stats(f->act, &stats);
	assert_false(stats.swappiness);
}

static void test_reclaim_ends_after_two_barren_chunks(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	f->fake.error[CG_RECLAIM] = -EAGAIN;
	plan(f, reclaim_of(100 * MIB));
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_SHORT);
	assert_int_equal(outcome.done, 0);
	assert_int_equal(f->fake.write_count, 2);
}

static void test_reclaim_short_chunks_count_what_they_freed(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	f->fake.error[CG_RECLAIM] = -EAGAIN;
	f->fake.frees_bytes = MIB;
	plan(f, reclaim_of(3 * MIB));
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DONE);
	assert_int_equal(outcome.done, 3 * MIB);
	assert_int_equal(f->fake.write_count, 3);
}

static void test_reclaim_stops_at_its_deadline(void **state)
{
	struct fixture *f = *state;
	struct action action = reclaim_of(100 * MIB);
	struct outcome outcome;

	f->fake.now_per_chunk = 600 * US_PER_MS;
	action.deadline_us = f->fake.now_us + US_PER_SEC;
	plan(f, action);
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DEADLINE);
	assert_int_equal(outcome.done, 8 * MIB);
	assert_int_equal(outcome.ended_us - outcome.began_us, 1200 * US_PER_MS);
}

static void test_reclaim_of_a_leaf_is_done_there(void **state)
{
	struct fixture *f = *state;
	struct action action = reclaim_of(MIB);

	action.leaf = f->leaf;
	plan(f, action);
	assert_int_equal(await(f).result, OUTCOME_DONE);
	action.leaf = f->leaf + 1;
	plan(f, action);
	assert_int_equal(await(f).result, OUTCOME_GONE);
}

static void test_reclaim_of_a_gone_group_is_told(void **state)
{
	struct fixture *f = *state;

	f->fake.error[CG_RECLAIM] = -ENODEV;
	plan(f, reclaim_of(MIB));
	assert_int_equal(await(f).result, OUTCOME_GONE);
}

/* ---- who gives way ---- */

/* The next write of the worker stands in the kernel until it is let go. */
static void hold(struct fixture *f)
{
	f->fake.blocks = true;
	atomic_store(&f->fake.holds, true);
}

static void let_go(struct fixture *f)
{
	f->fake.blocks = false;
	atomic_store(&f->fake.holds, false);
}

static void look_at_it(struct fixture *f, enum plan_pace pace)
{
	const struct plan nothing = {.pace = {pace}};

	act_plan(f->act, &nothing);
}

static void test_patient_reclaim_gives_way_until_it_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int before = atomic_load(&f->fake.niceness);

	hold(f);
	plan(f, reclaim_of(100 * MIB));
	await_blocked(f);
	assert_int_equal(atomic_load(&f->fake.niceness), before);
	look_at_it(f, PACE_PATIENT);
	assert_int_equal(atomic_load(&f->fake.niceness), 19);
	look_at_it(f, PACE_POLITE);
	assert_int_equal(atomic_load(&f->fake.niceness), 5);
	look_at_it(f, PACE_OWN);
	assert_int_equal(atomic_load(&f->fake.niceness), before);
	look_at_it(f, PACE_PATIENT);
	let_go(f);
	await(f);
	look_at_it(f, PACE_PATIENT); /* it has no reclaim any more */
	assert_int_equal(atomic_load(&f->fake.niceness), before);
}

static void test_patience_is_not_for_limits(void **state)
{
	struct fixture *f = *state;
	int before = atomic_load(&f->fake.niceness);

	hold(f);
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH / 2});
	await_blocked(f);
	look_at_it(f, PACE_PATIENT);
	assert_int_equal(atomic_load(&f->fake.niceness), before);
	let_go(f);
	await(f);
}

/* What it could not take back it does not give. */
static void test_who_may_not_take_a_niceness_back_keeps_it(void **state)
{
	struct fixture *f = *state;

	hold(f);
	plan(f, reclaim_of(100 * MIB));
	await_blocked(f);
	look_at_it(f, PACE_PATIENT);
	assert_int_equal(atomic_load(&f->fake.niceness), 0);
	let_go(f);
	await(f);
}

static void test_more_urgent_interrupts_what_is_at_work(void **state)
{
	struct fixture *f = *state;
	struct action urgent = reclaim_of(MIB);
	struct outcome first, second;

	f->fake.blocks = true;
	plan(f, reclaim_of(100 * MIB));
	await_blocked(f);
	f->fake.blocks = false;
	urgent.tier = TIER_EMERGENCY;
	plan(f, urgent);
	first = await(f);
	second = await(f);
	assert_int_equal(first.result, OUTCOME_SHORT);
	assert_int_equal(first.error, ECANCELED);
	assert_int_equal(first.done, CHUNK_BYTES);
	assert_int_equal(second.tier, TIER_EMERGENCY);
	assert_int_equal(second.result, OUTCOME_DONE);
}

/* Written while the page-out is in the kernel; what the leaf has then is not taken from it. */
static void test_thaw_does_not_wait_for_a_page_out_and_ends_it(void **state)
{
	struct fixture *f = *state;
	struct action reclaim = reclaim_of(100 * MIB), waiting = reclaim_of(MIB);
	struct action thaw = {.kind = ACTION_THAW, .leaf = f->leaf};
	struct outcome outcome;

	f->fake.value[CG_FREEZE] = 1;
	reclaim.leaf = waiting.leaf = f->leaf;
	f->fake.blocks = true;
	atomic_store(&f->fake.holds, true);
	plan(f, reclaim);
	await_blocked(f);
	plan(f, waiting);
	plan(f, thaw);
	assert_int_equal(f->fake.value[CG_FREEZE], 0);
	outcome = await(f);
	assert_int_equal(outcome.kind, ACTION_RECLAIM);
	assert_int_equal(outcome.result, OUTCOME_FAILED);
	assert_int_equal(outcome.error, ECANCELED);
	outcome = await(f);
	assert_int_equal(outcome.kind, ACTION_THAW);
	assert_int_equal(outcome.result, OUTCOME_DONE);
	f->fake.blocks = false;
	atomic_store(&f->fake.holds, false);
	outcome = await(f);
	assert_int_equal(outcome.kind, ACTION_RECLAIM);
	assert_int_equal(outcome.result, OUTCOME_SHORT);
	assert_int_equal(outcome.error, ECANCELED);
	assert_int_equal(outcome.done, CHUNK_BYTES);
}

/* What goes on keeps its pages: those of who stands still are there to be had. */
static void test_freeze_ends_a_reclaim_of_the_component(void **state)
{
	struct fixture *f = *state;
	struct action page_out = reclaim_of(MIB);
	struct outcome outcome;

	f->fake.blocks = true;
	plan(f, reclaim_of(100 * MIB));
	await_blocked(f);
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	outcome = await(f);
	if (outcome.kind == ACTION_FREEZE) /* the worker may be the first to tell */
		outcome = await(f);
	else
		assert_int_equal(await(f).kind, ACTION_FREEZE);
	assert_int_equal(outcome.kind, ACTION_RECLAIM);
	assert_int_equal(outcome.error, ECANCELED);
	assert_int_equal(outcome.done, CHUNK_BYTES);

	page_out.leaf = f->leaf;
	atomic_store(&f->fake.holds, true);
	plan(f, page_out);
	await_blocked(f);
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	assert_int_equal(await(f).kind, ACTION_FREEZE);
	f->fake.blocks = false;
	atomic_store(&f->fake.holds, false);
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DONE); /* its own goes on */
}

/* Of the component, or of another leaf, it goes on. */
static void test_thaw_ends_no_page_out_of_others(void **state)
{
	struct fixture *f = *state;
	struct action thaw = {.kind = ACTION_THAW, .leaf = f->leaf};
	struct outcome outcome;

	f->fake.blocks = true;
	atomic_store(&f->fake.holds, true);
	plan(f, reclaim_of(10 * MIB));
	await_blocked(f);
	plan(f, thaw);
	assert_int_equal(await(f).kind, ACTION_THAW);
	f->fake.blocks = false;
	atomic_store(&f->fake.holds, false);
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DONE);
	assert_int_equal(outcome.done, 10 * MIB);
}

static void test_less_urgent_does_not_push_out_what_waits(void **state)
{
	struct fixture *f = *state;
	struct action urgent = reclaim_of(MIB), light = reclaim_of(MIB);
	struct outcome outcome;

	urgent.tier = TIER_AGGRESSIVE;
	f->fake.blocks = true;
	plan(f, urgent);
	await_blocked(f);
	plan(f, urgent);
	plan(f, light);
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_FAILED);
	assert_int_equal(outcome.error, EBUSY);
	assert_int_equal(outcome.tier, TIER_NONE);
	plan(f, urgent);
	outcome = await(f);
	assert_int_equal(outcome.error, ECANCELED);
	f->fake.blocks = false;
	urgent.tier = TIER_KILL;
	plan(f, urgent); /* and ends the block */
}

static void test_release_all_restores_and_thaws(void **state)
{
	struct fixture *f = *state;

	/* The ledger undoes through the files themselves, not through ops. */
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	tmp_pool_write(&f->pool, "jobs", "memory.high", "314572800");
	assert_int_equal(act_release_all(f->act), 0);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 0);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "memory.high"), HOME_HIGH);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void note(void *data, const char *verb, const char *path, const char *value)
{
	snprintf(data, 128, "%s %s %s", verb, path, value);
}

static void test_dry_run_tells_and_does_not(void **state)
{
	struct fixture *f = *state;
	char told[128] = "";
	struct act_dry dry = {.note = note, .data = told};
	static const struct policy_conf conf = {.reclaim_chunk_bytes = CHUNK_BYTES,
						.reclaim_deadline_us = DEADLINE_US};
	struct act_setup setup_dry = {.ops = &act_ops_dry_run,
				      .ops_data = &dry,
				      .pool_dirfd = f->pool.dirfd,
				      .conf = &conf};
	struct act *act;
	struct plan one = {.action_count = 1};

	assert_int_equal(act_open(&setup_dry, &act, NULL), 0);
	sync_names(act, "jobs", NULL);
	one.action[0] = (struct action){.kind = ACTION_FREEZE};
	act_plan(act, &one);
	assert_string_equal(told, "write jobs/cgroup.freeze 1");
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "cgroup.freeze"), 0);
	act_close(act);
}

static void test_open_without_the_ledger_is_refused(void **state)
{
	static const struct policy_conf conf;
	struct act_setup none = {.ops = &act_ops_real, .conf = &conf};
	struct act *act = NULL;

	(void)state;
	assert_int_equal(act_open(&none, &act, NULL), -EPERM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_reclaim_goes_in_chunks),
		TEST(test_reclaim_swappiness_is_dropped_where_refused),
		TEST(test_reclaim_ends_after_two_barren_chunks),
		TEST(test_reclaim_short_chunks_count_what_they_freed),
		TEST(test_reclaim_stops_at_its_deadline),
		TEST(test_reclaim_of_a_leaf_is_done_there),
		TEST(test_reclaim_of_a_gone_group_is_told),
		TEST(test_patient_reclaim_gives_way_until_it_is_waited_for),
		TEST(test_patience_is_not_for_limits),
		cmocka_unit_test_setup_teardown(test_who_may_not_take_a_niceness_back_keeps_it,
						setup_without_niceness, teardown),
		TEST(test_more_urgent_interrupts_what_is_at_work),
		TEST(test_thaw_does_not_wait_for_a_page_out_and_ends_it),
		TEST(test_freeze_ends_a_reclaim_of_the_component),
		TEST(test_thaw_ends_no_page_out_of_others),
		TEST(test_less_urgent_does_not_push_out_what_waits),
		TEST(test_release_all_restores_and_thaws),
		TEST(test_dry_run_tells_and_does_not),
		TEST(test_open_without_the_ledger_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
