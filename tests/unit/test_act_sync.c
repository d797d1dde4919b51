// SPDX-License-Identifier: GPL-2.0-or-later
/* Components that come, go, move, and are made anew under their names. */
#include <sys/stat.h>

#include "tests/unit/act_fixture.h"

static struct action lower(uint32_t component)
{
	return (struct action){
		.kind = ACTION_SET_HIGH, .component = component, .amount = 300 * MIB};
}

static void test_component_that_stays_keeps_what_its_worker_does(void **state)
{
	struct fixture *f = *state;
	struct act_stats stats;

	tmp_pool_group(&f->pool, "late");
	f->fake.blocks = true;
	plan(f, lower(0));
	await_blocked(f);
	sync_names(f->act, "late", "jobs");
	assert_true(atomic_load(&f->fake.is_blocked));
	act_read_stats(f->act, &stats);
	assert_int_equal(stats.workers_busy, 1);
	assert_int_equal(act_component_cgid(f->act, 1), f->jobs);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	f->fake.blocks = false;
	/* Its leaf came along, and so did its name in the ledger. */
	plan(f, (struct action){.kind = ACTION_FREEZE, .component = 1, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	/* The end of the block: a raise, to the component under its new index. */
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .component = 1, .amount = HOME_HIGH});
	await(f);
	await(f);
	assert_int_equal(f->fake.value[CG_HIGH], HOME_HIGH);
}

static void test_dropped_component_is_thawed_and_restored(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	await(f);
	plan(f, lower(0));
	await(f);
	f->fake.value[CG_MIN] = f->fake.value[CG_LOW] = 50 * MIB;
	/* The ledger undoes through the files themselves, not through ops. */
	tmp_pool_write(&f->pool, "jobs/train", "cgroup.freeze", "1");
	tmp_pool_write(&f->pool, "jobs", "memory.high", "314572800");
	tmp_pool_group(&f->pool, "late");
	sync_names(f->act, "late", NULL);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"), 0);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "memory.high"), HOME_HIGH);
	assert_int_equal(f->fake.value[CG_MIN], 0);
	assert_int_equal(f->fake.value[CG_LOW], 0);
	/* Its entries go with its worker. */
	UNTIL((settle(f), !ledger_count(f->ledger)));
}

/* A name that another one begins with is another component. */
static void test_dropping_a_component_leaves_its_namesakes_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t more = tmp_pool_group(&f->pool, "jobs-more");
	struct ledger_entry entry = {
		.kind = LEDGER_HIGH, .cgid = more, .old_value = LEDGER_MAX, .path = "jobs-more"};

	sync_names(f->act, "jobs", "jobs-more");
	assert_int_equal(ledger_enter(f->ledger, &entry), 0);
	tmp_pool_write(&f->pool, "jobs-more", "memory.high", "4096");
	f->fake.value[CG_HIGH] = 4096;
	sync_names(f->act, "jobs-more", NULL);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs-more", "memory.high"), 4096);
	assert_true(has_entry(f, LEDGER_HIGH, more));
}

static void test_drop_does_not_wait_for_a_worker_in_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	tmp_pool_group(&f->pool, "late");
	f->fake.blocks = true;
	atomic_store(&f->fake.holds, true); /* it cannot come back */
	plan(f, (struct action){.kind = ACTION_RECLAIM, .amount = MIB, .swappiness = -1});
	await_blocked(f);
	f->fake.blocks = false;
	sync_names(f->act, "late", NULL);
	assert_true(atomic_load(&f->fake.is_blocked));
	atomic_store(&f->fake.holds, false);
	outcome = await(f);
	assert_int_equal(outcome.result, OUTCOME_DONE); /* one chunk was all that was asked */
	plan(f, lower(0));
	assert_int_equal(await(f).result, OUTCOME_SHORT); /* the other is acted upon */
}

static void test_dropped_and_named_again_has_one_worker_and_no_old_entry(void **state)
{
	struct fixture *f = *state;
	struct act_stats stats;

	tmp_pool_group(&f->pool, "late");
	f->fake.blocks = true;
	plan(f, lower(0));
	await_blocked(f);
	f->fake.blocks = false;
	tmp_pool_write(&f->pool, "jobs", "memory.high", "314572800");
	sync_names(f->act, "late", NULL);
	sync_names(f->act, "late", "jobs");
	assert_int_equal(act_component_cgid(f->act, 1), f->jobs);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "memory.high"), HOME_HIGH);
	assert_int_equal(ledger_count(f->ledger), 0);
	act_read_stats(f->act, &stats);
	assert_int_equal(stats.workers_busy, 0);
	assert_int_equal(await(f).error, ECANCELED);
	f->fake.value[CG_HIGH] = HOME_HIGH;
	plan(f, lower(1));
	assert_int_equal(await(f).result, OUTCOME_SHORT);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
}

/* Under the same name, with another id: removed and made anew. */
static uint64_t make_anew(struct fixture *f)
{
	char old[128], new[128];

	/* An inode number is used again on a plain file system, so the old one is kept. */
	snprintf(old, sizeof(old), "%s/pool/jobs", f->pool.path);
	snprintf(new, sizeof(new), "%s/removed", f->pool.path);
	assert_int_equal(rename(old, new), 0);
	return tmp_pool_group(&f->pool, "jobs");
}

static void test_component_made_anew_is_acted_upon(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry entry;
	uint64_t jobs, leaf;

	plan(f, lower(0));
	await(f);
	assert_true(has_entry(f, LEDGER_HIGH, f->jobs));
	jobs = make_anew(f);
	assert_int_not_equal(jobs, f->jobs);
	f->fake.value[CG_HIGH] = HOME_HIGH; /* as a setup made it */
	sync_names(f->act, "jobs", NULL);
	assert_int_equal(act_component_cgid(f->act, 0), jobs);
	assert_int_equal(ledger_count(f->ledger), 0);

	leaf = tmp_pool_group(&f->pool, "jobs/again");
	assert_int_equal(act_track_leaf(f->act, 0, "again", &leaf), 0);
	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	plan(f, (struct action){.kind = ACTION_RECLAIM, .leaf = leaf, .amount = MIB});
	assert_int_equal(await(f).result, OUTCOME_DONE); /* the worker was moved too */
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = MIB});
	await(f);
	assert_true(ledger_find(f->ledger, LEDGER_HIGH, jobs, &entry));
	assert_int_equal(entry.old_value, HOME_HIGH);
}

static void test_component_without_a_cgroup_is_passed_over_until_there_is_one(void **state)
{
	struct fixture *f = *state;

	sync_names(f->act, "jobs", "late");
	assert_int_equal(act_component_cgid(f->act, 1), 0);
	plan(f, lower(1));
	assert_int_equal(await(f).result, OUTCOME_GONE);
	tmp_pool_group(&f->pool, "late");
	sync_names(f->act, "jobs", "late");
	plan(f, lower(1));
	assert_int_equal(await(f).result, OUTCOME_SHORT);
}

static void test_pool_made_anew_is_acted_upon(void **state)
{
	struct fixture *f = *state;
	char path[96];
	int pool;

	snprintf(path, sizeof(path), "%s/anew", f->pool.path);
	assert_int_equal(mkdir(path, 0700), 0);
	pool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(f->pool.dirfd);
	f->pool.dirfd = pool;
	f->jobs = tmp_pool_group(&f->pool, "jobs");
	act_set_pool(f->act, pool);
	sync_names(f->act, "jobs", NULL);
	assert_int_equal(act_component_cgid(f->act, 0), f->jobs);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_component_that_stays_keeps_what_its_worker_does),
		TEST(test_dropped_component_is_thawed_and_restored),
		TEST(test_dropping_a_component_leaves_its_namesakes_alone),
		TEST(test_drop_does_not_wait_for_a_worker_in_the_kernel),
		TEST(test_dropped_and_named_again_has_one_worker_and_no_old_entry),
		TEST(test_component_made_anew_is_acted_upon),
		TEST(test_component_without_a_cgroup_is_passed_over_until_there_is_one),
		TEST(test_pool_made_anew_is_acted_upon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
