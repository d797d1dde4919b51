// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/ledger/ledger.h"

struct fixture {
	struct tmp_pool pool;
	struct ledger *ledger;
	uint64_t jobs, leaf; /* cgids */
};

static int setup(void **state)
{
	static struct fixture fixture;

	tmp_pool_init(&fixture.pool);
	fixture.jobs = tmp_pool_group(&fixture.pool, "jobs");
	fixture.leaf = tmp_pool_group(&fixture.pool, "jobs/train");
	assert_int_equal(ledger_open(fixture.pool.ledger, true, &fixture.ledger, NULL), 0);
	assert_int_equal(ledger_take(fixture.ledger, LEDGER_UWD, 0), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ledger_close(fixture->ledger);
	tmp_pool_done(&fixture->pool);
	return 0;
}

static void enter(struct fixture *f, enum ledger_kind kind, const char *path, uint64_t cgid,
		  uint64_t old_value, uint64_t deadline_us)
{
	struct ledger_entry entry = {
		.kind = kind, .cgid = cgid, .old_value = old_value, .deadline_us = deadline_us};

	text_copy(entry.path, sizeof(entry.path), path);
	assert_int_equal(ledger_enter(f->ledger, &entry), 0);
}

static struct ledger_undone undo(struct fixture *f, enum ledger_undo how)
{
	struct ledger_undone undone;

	ledger_undo(f->ledger, f->pool.dirfd, how, LEDGER_KINDS_ALL, UINT64_MAX, &undone);
	return undone;
}

static void test_undo_frozen_leaf_is_thawed_and_cleared(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf, 0, 0);
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	undone = undo(f, LEDGER_UNDO_CLEAR);
	assert_int_equal(undone.changed, 1);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 0);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void test_undo_entered_but_not_done_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf, 0, 0);
	enter(f, LEDGER_HIGH, "jobs", f->jobs, LEDGER_MAX, 0);
	undone = undo(f, LEDGER_UNDO_CLEAR);
	assert_int_equal(undone.changed, 0);
	assert_int_equal(undone.failed, 0);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void test_undo_limits_by_table(void **state)
{
	static const struct {
		enum ledger_kind kind;
		const char *in_force, *current;
		uint64_t old_value, want;
		uint32_t left; /* entries */
	} rows[] = {
		{LEDGER_HIGH, "300000000", "200000000", 400000000, 400000000, 0}, /* squeezed */
		{LEDGER_HIGH, "300000000", "500000000", 400000000, 400000000, 0}, /* use above */
		{LEDGER_HIGH, "300000000", "200000000", LEDGER_MAX, LEDGER_MAX, 0},
		{LEDGER_HIGH, "400000000", "500000000", 400000000, 400000000, 0}, /* as it was */
		{LEDGER_HIGH, "500000000", "200000000", 400000000, 500000000, 1}, /* a loan */
		{LEDGER_HIGH, "max", "200000000", 400000000, LEDGER_MAX, 1},
		{LEDGER_LOW, "0", "200000000", 100000000, 100000000, 0},
		{LEDGER_LOW, "200000000", "200000000", 100000000, 200000000, 1},
		{LEDGER_MIN, "50000000", "200000000", 0, 50000000, 1},
		{LEDGER_MIN, "0", "200000000", 50000000, 50000000, 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *file = ledger_kind_name(rows[i].kind);

		tmp_pool_write(&f->pool, "jobs", file, rows[i].in_force);
		tmp_pool_write(&f->pool, "jobs", "memory.current", rows[i].current);
		enter(f, rows[i].kind, "jobs", f->jobs, rows[i].old_value, 0);
		undo(f, LEDGER_UNDO_CLEAR);
		assert_int_equal(tmp_pool_read(&f->pool, "jobs", file), rows[i].want);
		assert_int_equal(ledger_count(f->ledger), rows[i].left);
		ledger_clear(f->ledger, rows[i].kind, f->jobs);
	}
}

static void test_undo_keep_leaves_entries_and_may_be_repeated(void **state)
{
	struct fixture *f = *state;

	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf, 0, 0);
	for (int i = 0; i < 2; i++) {
		tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
		assert_int_equal(undo(f, LEDGER_UNDO_KEEP).changed, 1);
		assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 0);
		assert_int_equal(ledger_count(f->ledger), 1);
	}
}

static void test_undo_removed_group_is_cleared(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	enter(f, LEDGER_FREEZE, "jobs/gone", 4711, 0, 0);
	undone = undo(f, LEDGER_UNDO_CLEAR);
	assert_int_equal(undone.gone, 1);
	assert_int_equal(ledger_count(f->ledger), 0);
}

static void test_undo_group_with_another_id_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf + 1000, 0, 0);
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	undone = undo(f, LEDGER_UNDO_CLEAR);
	assert_int_equal(undone.gone, 1);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 1);
}

static void test_undo_link_out_of_the_pool_is_not_followed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlinkat("train", f->pool.dirfd, "jobs/link"), 0);
	enter(f, LEDGER_FREEZE, "jobs/link", f->leaf, 0, 0);
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	assert_int_equal(undo(f, LEDGER_UNDO_CLEAR).changed, 0);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 1);
}

static void test_undo_failed_write_keeps_the_entry(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf, 0, 0);
	assert_int_equal(unlinkat(f->pool.dirfd, "jobs/train/cgroup.freeze", 0), 0);
	assert_int_equal(mkdirat(f->pool.dirfd, "jobs/train/cgroup.freeze", 0700), 0);
	undone = undo(f, LEDGER_UNDO_CLEAR);
	assert_int_equal(undone.failed, 1);
	assert_int_equal(undone.error, -EISDIR);
	assert_int_equal(ledger_count(f->ledger), 1);
}

static void test_undo_by_deadline_and_kind_takes_only_those(void **state)
{
	struct fixture *f = *state;
	struct ledger_undone undone;

	tmp_pool_write(&f->pool, "jobs", "cgroup.freeze", "1");
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	tmp_pool_write(&f->pool, "jobs", "memory.high", "5");
	enter(f, LEDGER_FREEZE, "jobs", f->jobs, 0, 200);
	enter(f, LEDGER_FREEZE, "jobs/train", f->leaf, 0, 100);
	enter(f, LEDGER_HIGH, "jobs", f->jobs, 400, 100);
	ledger_undo(f->ledger, f->pool.dirfd, LEDGER_UNDO_KEEP, 1U << LEDGER_FREEZE, 150, &undone);
	assert_int_equal(undone.changed, 1);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 0);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "cgroup.freeze"), 1);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "memory.high"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_undo_frozen_leaf_is_thawed_and_cleared),
		TEST(test_undo_entered_but_not_done_changes_nothing),
		TEST(test_undo_limits_by_table),
		TEST(test_undo_keep_leaves_entries_and_may_be_repeated),
		TEST(test_undo_removed_group_is_cleared),
		TEST(test_undo_group_with_another_id_is_left_alone),
		TEST(test_undo_link_out_of_the_pool_is_not_followed),
		TEST(test_undo_failed_write_keeps_the_entry),
		TEST(test_undo_by_deadline_and_kind_takes_only_those),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
