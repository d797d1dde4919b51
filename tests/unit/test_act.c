// SPDX-License-Identifier: GPL-2.0-or-later
/* Freezes, kills, marks and limits. */
#include "tests/unit/act_fixture.h"

/* ---- freeze, thaw, kill, mark ---- */

static void test_freeze_is_entered_before_it_is_written(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf, .deadline_us = 77});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(f->fake.entered_at_freeze, 1);
	assert_int_equal(f->fake.value[CG_FREEZE], 1);
	assert_true(ledger_find(f->ledger, LEDGER_FREEZE, f->leaf, &entry));
	assert_int_equal(entry.deadline_us, 77);
	assert_string_equal(entry.path, "jobs/train");
}

static void test_freeze_of_whole_component_names_its_group(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;

	plan(f, (struct action){.kind = ACTION_FREEZE});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_true(ledger_find(f->ledger, LEDGER_FREEZE, f->jobs, &entry));
	assert_string_equal(entry.path, "jobs");
}

static void test_freeze_that_fails_leaves_no_entry(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	f->fake.error[CG_FREEZE] = -ENODEV;
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_GONE);
	assert_int_equal(outcome.error, ENODEV);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void test_freeze_without_room_in_the_ledger_is_not_done(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry = {.kind = LEDGER_LOW, .path = "x"};

	for (entry.cgid = 1; !ledger_enter(f->ledger, &entry); entry.cgid++)
		;
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	assert_int_equal(await(f).error, ENOSPC);
	assert_int_equal(f->fake.value[CG_FREEZE], 0);
}

static void test_thaw_clears_the_entry(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	plan(f, (struct action){.kind = ACTION_THAW, .leaf = f->leaf});
	assert_int_equal(f->fake.value[CG_FREEZE], 0);
	assert_int_equal(ledger_count(f->ledger), 0);
}

/* To the next uwd with its freezes, and with who had asked for them; limits go home. */
static void test_hand_over_leaves_freezes_alone(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;

	plan(f, (struct action){.kind = ACTION_FREEZE,
				.leaf = f->leaf,
				.deadline_us = f->fake.now_us + 60 * US_PER_SEC,
				.why = {.reason = REASON_REQUEST}});
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	await(f);
	/* What the fake only notes. */
	tmp_pool_write(&f->pool, "jobs", "memory.high", "314572800");
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	assert_int_equal(act_hand_over(f->act, 30 * US_PER_SEC), 0);
	assert_true(ledger_is_handed_over(f->ledger, f->fake.now_us));
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
	assert_true(ledger_find(f->ledger, LEDGER_FREEZE, f->leaf, &entry));
	assert_int_equal(entry.new_value, LEDGER_FREEZE_ASKED);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 1);
}

static void test_leaf_gone_clears_its_entry(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	f->fake.gone = true;
	act_untrack_leaf(f->act, f->leaf);
	f->fake.gone = false;
	assert_int_equal(ledger_count(f->ledger), 0);
	plan(f, (struct action){.kind = ACTION_THAW, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(await(f).result, OUTCOME_GONE);
}

/* Its component was lost from sight and found again: the freeze stood all the time. */
static void test_leaf_out_of_sight_keeps_its_entry(void **state)
{
	struct fixture *f = *state;
	uint64_t again;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	act_untrack_leaf(f->act, f->leaf);
	assert_int_equal(ledger_count(f->ledger), 1);
	assert_int_equal(act_track_leaf(f->act, 0, "train", &again), 0);
	assert_int_equal(again, f->leaf);
	plan(f, (struct action){.kind = ACTION_THAW, .leaf = f->leaf});
	assert_int_equal(ledger_count(f->ledger), 0);
}

/* Many come and go; each is acted upon by its own id, and by no other's place. */
static void test_each_of_many_leaves_is_told_apart(void **state)
{
	enum {
		MANY = 300
	};
	struct fixture *f = *state;
	uint64_t cgid[MANY];
	char name[48];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "jobs/leaf%d.%d", round, i);
			tmp_pool_group(&f->pool, name);
			assert_int_equal(act_track_leaf(f->act, 0, name + 5, &cgid[i]), 0);
		}
		for (int i = 0; i < MANY; i += 60)
			plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = cgid[i]});
		for (int i = 0; i < MANY; i += 60)
			assert_int_equal(await(f).result, OUTCOME_DONE);
		assert_int_equal(ledger_count(f->ledger), MANY / 60);
		f->fake.gone = true;
		for (int i = 0; i < MANY; i++)
			act_untrack_leaf(f->act, cgid[i]);
		f->fake.gone = false;
		assert_int_equal(ledger_count(f->ledger), 0);
		plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = cgid[60]});
		assert_int_equal(await(f).result, OUTCOME_GONE);
	}
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
}

static void test_kill_of_an_empty_leaf_is_not_written(void **state)
{
	struct fixture *f = *state;

	f->fake.populated = false;
	plan(f, (struct action){.kind = ACTION_KILL, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_GONE);
	assert_int_equal(f->fake.write_count, 0);
	f->fake.populated = true;
	plan(f, (struct action){.kind = ACTION_KILL, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(f->fake.write[0].knob, CG_KILL);
}

static void test_mark_is_passed_on(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_ARM_MARK, .amount = 5 * MIB});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(f->marked_bytes, 5 * MIB);
}

static void test_untracked_component_is_gone(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .component = 7});
	assert_int_equal(await(f).result, OUTCOME_GONE);
}

/* ---- limits ---- */

static void test_high_lowered_is_entered_and_written_by_the_worker(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;
	struct outcome outcome;

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_SHORT); /* the fake does not reclaim for it */
	assert_int_equal(f->fake.entered_at_high, 1);
	assert_int_equal(f->fake.value[CG_HIGH], 300 * MIB);
	assert_true(ledger_find(f->ledger, LEDGER_HIGH, f->jobs, &entry));
	assert_int_equal(entry.old_value, HOME_HIGH);
	assert_int_equal(entry.new_value, 300 * MIB);
}

static void test_high_raised_home_ends_the_squeeze(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	await(f);
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 350 * MIB});
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH + 1});
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
}

static void test_high_raised_above_home_is_a_loan_on_record(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = CG_MAX});
	assert_int_equal(f->fake.value[CG_HIGH], CG_MAX);
	assert_true(ledger_find(f->ledger, LEDGER_HIGH, f->jobs, &entry));
	assert_int_equal(entry.old_value, HOME_HIGH);
	assert_int_equal(entry.new_value, LEDGER_MAX);
}

static void test_high_by_configuration_is_the_new_home(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){
			.kind = ACTION_SET_HIGH, .amount = 300 * MIB, .why.reason = REASON_BUDGET});
	await(f);
	assert_int_equal(f->fake.value[CG_HIGH], 300 * MIB);
	assert_int_equal(ledger_count(f->ledger), 0);
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 310 * MIB});
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
}

static void test_raise_overtakes_a_lowering_under_way(void **state)
{
	struct fixture *f = *state;

	f->fake.blocks = true;
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	await_blocked(f);
	f->fake.blocks = false;
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH});
	await(f);
	await(f);
	settle(f);
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
	assert_int_equal(f->fake.value[CG_HIGH], HOME_HIGH);
	/* Whatever the order of the two before, the raise was written after the lowering. */
	assert_string_equal(f->fake.write[f->fake.write_count - 1].value, "419430400");
}

/* Nothing is to be reclaimed for it: it need not wait behind what the worker does. */
static void test_high_lowered_above_use_does_not_wait_for_the_worker(void **state)
{
	struct fixture *f = *state;

	f->fake.value[CG_CURRENT] = 100 * MIB;
	f->fake.blocks = true;
	atomic_store(&f->fake.holds, true);
	plan(f, (struct action){.kind = ACTION_RECLAIM, .amount = 10 * MIB, .swappiness = -1});
	await_blocked(f);
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB, .tier = TIER_FREEZE});
	assert_int_equal(f->fake.value[CG_HIGH], 300 * MIB);
	assert_int_equal(f->fake.entered_at_high, 1);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	await(f);
	f->fake.blocks = false;
	atomic_store(&f->fake.holds, false);
	assert_int_equal(await(f).result, OUTCOME_DONE); /* the reclaim goes on */

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH + 1});
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH});
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
}

static void test_limit_of_a_leaf_is_refused(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .leaf = f->leaf, .amount = MIB});
	assert_int_equal(await(f).error, EINVAL);
}

static void test_protection_lowered_is_entered_and_raised_home_cleared(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){
			.kind = ACTION_SET_LOW, .amount = 100 * MIB, .why.reason = REASON_BUDGET});
	assert_int_equal(ledger_count(f->ledger), 0);
	plan(f, (struct action){.kind = ACTION_SET_LOW, .amount = 50 * MIB});
	assert_true(has_entry(f, LEDGER_LOW, f->jobs));
	plan(f, (struct action){.kind = ACTION_SET_LOW, .amount = 100 * MIB});
	assert_false(has_entry(f, LEDGER_LOW, f->jobs));
	plan(f, (struct action){.kind = ACTION_SET_MIN, .amount = 20 * MIB});
	assert_true(has_entry(f, LEDGER_MIN, f->jobs));
}

/* The kernel kills for a memory.max below what is in use. */
static void test_ceiling_of_the_pool_stays_above_its_use(void **state)
{
	struct fixture *f = *state;

	f->fake.pool_current = 900 * MIB;
	plan(f, (struct action){.kind = ACTION_SET_MAX, .amount = 1100 * MIB});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(f->fake.pool_max, 1100 * MIB);
	f->fake.pool_current = 1000 * MIB;
	plan(f, (struct action){.kind = ACTION_SET_MAX, .amount = 1010 * MIB});
	assert_int_equal(await(f).result, OUTCOME_FAILED);
	assert_int_equal(f->fake.pool_max, 1100 * MIB);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void sync_budget(struct fixture *f, uint64_t budget_bytes)
{
	static struct config config = {.component_count = 1, .component[0].name = "jobs"};

	config.component[0].budget_bytes = budget_bytes;
	assert_int_equal(act_sync(f->act, &config, NULL), 0);
}

static void test_home_is_what_is_configured(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;

	/* A loan, and then a reload whose setup wrote the new budget. */
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 500 * MIB});
	await(f);
	f->fake.value[CG_HIGH] = 450 * MIB;
	sync_budget(f, 450 * MIB);
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 420 * MIB});
	await(f);
	assert_true(ledger_find(f->ledger, LEDGER_HIGH, f->jobs, &entry));
	assert_int_equal(entry.old_value, 450 * MIB);

	/* One that setup could not write, since use is above it: still a squeeze, and on record. */
	sync_budget(f, 440 * MIB);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 440 * MIB});
	await(f);
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
}

static void test_lowering_under_way_is_on_record_after_a_reload(void **state)
{
	struct fixture *f = *state;

	f->fake.blocks = true;
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 300 * MIB});
	await_blocked(f);
	f->fake.value[CG_HIGH] = HOME_HIGH; /* as before the worker's write */
	sync_budget(f, HOME_HIGH);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	f->fake.blocks = false;
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH});
	await(f);
	await(f);
}

static void test_freeze_anew_that_fails_keeps_the_entry(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	f->fake.error[CG_FREEZE] = -EIO;
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_FAILED);
	assert_true(has_entry(f, LEDGER_FREEZE, f->leaf)); /* it stands still as before */
}

static void test_protection_that_cannot_be_changed_keeps_its_entry(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_SET_MIN, .amount = 50 * MIB});
	await(f);
	f->fake.error[CG_MIN] = f->fake.error[CG_LOW] = -EIO;
	plan(f, (struct action){.kind = ACTION_SET_MIN});
	assert_int_equal(await(f).result, OUTCOME_FAILED);
	assert_true(has_entry(f, LEDGER_MIN, f->jobs));
	f->fake.error[CG_LOW] = 0;
	plan(f, (struct action){.kind = ACTION_SET_LOW, .leaf = f->leaf, .amount = 10 * MIB});
	await(f);
	f->fake.error[CG_LOW] = -EIO;
	plan(f, (struct action){.kind = ACTION_SET_LOW, .leaf = f->leaf, .amount = 20 * MIB});
	await(f);
	plan(f, (struct action){.kind = ACTION_SET_LOW, .leaf = f->leaf});
	await(f);
	assert_true(has_entry(f, LEDGER_LOW, f->leaf));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_freeze_is_entered_before_it_is_written),
		TEST(test_freeze_of_whole_component_names_its_group),
		TEST(test_freeze_that_fails_leaves_no_entry),
		TEST(test_freeze_without_room_in_the_ledger_is_not_done),
		TEST(test_thaw_clears_the_entry),
		TEST(test_hand_over_leaves_freezes_alone),
		TEST(test_leaf_gone_clears_its_entry),
		TEST(test_leaf_out_of_sight_keeps_its_entry),
		TEST(test_each_of_many_leaves_is_told_apart),
		TEST(test_kill_of_an_empty_leaf_is_not_written),
		TEST(test_mark_is_passed_on),
		TEST(test_untracked_component_is_gone),
		TEST(test_high_lowered_is_entered_and_written_by_the_worker),
		TEST(test_high_raised_home_ends_the_squeeze),
		TEST(test_high_raised_above_home_is_a_loan_on_record),
		TEST(test_high_by_configuration_is_the_new_home),
		TEST(test_raise_overtakes_a_lowering_under_way),
		TEST(test_high_lowered_above_use_does_not_wait_for_the_worker),
		TEST(test_limit_of_a_leaf_is_refused),
		TEST(test_protection_lowered_is_entered_and_raised_home_cleared),
		TEST(test_ceiling_of_the_pool_stays_above_its_use),
		TEST(test_home_is_what_is_configured),
		TEST(test_lowering_under_way_is_on_record_after_a_reload),
		TEST(test_freeze_anew_that_fails_keeps_the_entry),
		TEST(test_protection_that_cannot_be_changed_keeps_its_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
