// SPDX-License-Identifier: GPL-2.0-or-later
/* act over a pool of plain files and a fake kernel behind its ops. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/tmp_pool.h"
#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define WRITES_MAX  64
#define PATIENCE_MS 5000 /* for a worker's outcome; it comes at once */
#define CHUNK_BYTES (4 * MIB)
#define DEADLINE_US (2 * US_PER_SEC)
#define HOME_HIGH   (400 * MIB)

struct fake_write {
	enum cg_knob knob;
	char value[48];
};

/* Shared by the loop and a worker, so under lock. */
struct fake {
	pthread_mutex_t lock;
	uint64_t value[CG_KNOB__COUNT];
	uint64_t now_us;
	struct fake_write write[WRITES_MAX];
	uint32_t write_count;
	int error[CG_KNOB__COUNT]; /* what a write returns */
	bool no_swappiness;
	uint64_t frees_bytes;   /* each chunk, when error[CG_RECLAIM] is -EAGAIN */
	uint64_t now_per_chunk; /* time a chunk takes */
	bool blocks;            /* a write by a worker stands until a signal */
	atomic_bool is_blocked;
	bool populated;
	struct ledger *ledger; /* looked at by each write: */
	uint32_t entered_at_freeze, entered_at_high;
	pthread_t loop;
};

struct fixture {
	struct tmp_pool pool;
	struct fake fake;
	struct act *act;
	struct ledger *ledger;
	uint64_t jobs, leaf;
	uint32_t marked_component;
	uint64_t marked_bytes;
};

/* ---- the fake kernel ---- */

static void block(struct fake *fake)
{
	pthread_mutex_unlock(&fake->lock);
	atomic_store(&fake->is_blocked, true);
	poll(NULL, 0, PATIENCE_MS); /* EINTR by the interruption */
	atomic_store(&fake->is_blocked, false);
	pthread_mutex_lock(&fake->lock);
}

static int do_reclaim(struct fake *fake, const char *text)
{
	uint64_t asked = strtoull(text, NULL, 10);
	uint64_t freed = fake->error[CG_RECLAIM] ? fake->frees_bytes : asked;

	if (strstr(text, "swappiness") && fake->no_swappiness)
		return -EINVAL;
	fake->now_us += fake->now_per_chunk;
	fake->value[CG_CURRENT] -= freed;
	return fake->error[CG_RECLAIM];
}

static int do_write(struct fake *fake, enum cg_knob knob, const char *text)
{
	struct ledger_entry entry;
	bool by_worker = !pthread_equal(pthread_self(), fake->loop);

	if (fake->write_count < WRITES_MAX) {
		fake->write[fake->write_count].knob = knob;
		text_copy(fake->write[fake->write_count++].value, 48, text);
	}
	for (uint32_t i = 0; knob == CG_FREEZE && i < LEDGER_ENTRIES; i++)
		fake->entered_at_freeze += ledger_read(fake->ledger, i, &entry);
	for (uint32_t i = 0; knob == CG_HIGH && i < LEDGER_ENTRIES; i++)
		fake->entered_at_high += ledger_read(fake->ledger, i, &entry);
	if (knob == CG_RECLAIM) {
		int rc = do_reclaim(fake, text);

		if (fake->blocks)
			block(fake);
		return rc;
	}
	if (!fake->error[knob])
		fake->value[knob] = strcmp(text, "max") ? strtoull(text, NULL, 10) : CG_MAX;
	if (fake->blocks && by_worker)
		block(fake);
	return fake->error[knob];
}

static int fake_write(void *data, const struct cg_group *group, enum cg_knob knob,
		      const char *value)
{
	struct fake *fake = data;
	int rc;

	(void)group;
	pthread_mutex_lock(&fake->lock);
	rc = do_write(fake, knob, value);
	pthread_mutex_unlock(&fake->lock);
	return rc;
}

static int fake_read(void *data, const struct cg_group *group, enum cg_knob knob,
		     uint64_t *ret_value)
{
	struct fake *fake = data;

	(void)group;
	pthread_mutex_lock(&fake->lock);
	*ret_value = fake->value[knob];
	pthread_mutex_unlock(&fake->lock);
	return 0;
}

static int fake_populated(void *data, const struct cg_group *group, bool *ret_populated)
{
	struct fake *fake = data;

	(void)group;
	*ret_populated = fake->populated;
	return 0;
}

static uint64_t fake_now(void *data)
{
	struct fake *fake = data;
	uint64_t now_us;

	pthread_mutex_lock(&fake->lock);
	now_us = fake->now_us;
	pthread_mutex_unlock(&fake->lock);
	return now_us;
}

static const struct act_ops fake_ops = {
	.write = fake_write,
	.read = fake_read,
	.populated = fake_populated,
	.now_us = fake_now,
};

static int arm_mark(void *data, uint32_t component, uint64_t bytes)
{
	struct fixture *f = data;

	f->marked_component = component;
	f->marked_bytes = bytes;
	return 0;
}

/* ---- the fixture ---- */

static int setup(void **state)
{
	static const struct policy_conf conf = {.reclaim_chunk_bytes = CHUNK_BYTES,
						.reclaim_deadline_us = DEADLINE_US};
	static struct fixture f;
	struct act_setup act = {.ops = &fake_ops,
				.ops_data = &f.fake,
				.conf = &conf,
				.arm_mark = arm_mark,
				.arm_data = &f};

	memset(&f, 0, sizeof(f));
	tmp_pool_init(&f.pool);
	f.jobs = tmp_pool_group(&f.pool, "jobs");
	f.leaf = tmp_pool_group(&f.pool, "jobs/train");
	assert_int_equal(ledger_open(f.pool.ledger, true, &f.ledger, NULL), 0);
	assert_int_equal(ledger_take(f.ledger, LEDGER_UWD, 0), 0);
	pthread_mutex_init(&f.fake.lock, NULL);
	f.fake.value[CG_HIGH] = HOME_HIGH;
	f.fake.value[CG_CURRENT] = 350 * MIB;
	/* The deadline of a worker's timer is real, so the fake clock starts at the real one. */
	f.fake.now_us = clock_now_us();
	f.fake.populated = true;
	f.fake.ledger = act.ledger = f.ledger;
	f.fake.loop = pthread_self();
	act.pool_dirfd = f.pool.dirfd;
	assert_int_equal(act_open(&act, &f.act, NULL), 0);
	assert_int_equal(act_track_component(f.act, 0, "jobs"), 0);
	assert_int_equal(act_track_leaf(f.act, 0, "train", &f.leaf), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	act_close(f->act);
	ledger_close(f->ledger);
	tmp_pool_done(&f->pool);
	return 0;
}

static void plan(struct fixture *f, struct action action)
{
	static struct plan one;
	static uint32_t id;

	action.id = ++id;
	one.action_count = 1;
	one.action[0] = action;
	act_plan(f->act, &one);
}

static struct outcome await(struct fixture *f)
{
	struct pollfd fd = {.fd = act_outcomes_fd(f->act), .events = POLLIN};
	uint64_t until_us = clock_now_us() + PATIENCE_MS * US_PER_MS;
	struct outcome outcome;

	while (!act_outcomes_take(f->act, &outcome, 1)) {
		assert_true(clock_now_us() < until_us);
		poll(&fd, 1, PATIENCE_MS);
	}
	return outcome;
}

static void await_blocked(struct fixture *f)
{
	while (!atomic_load(&f->fake.is_blocked))
		sched_yield();
}

static bool has_entry(const struct fixture *f, enum ledger_kind kind, uint64_t cgid)
{
	struct ledger_entry entry;

	return ledger_find(f->ledger, kind, cgid, &entry);
}

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

static void test_leaf_gone_clears_its_entry(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_FREEZE, .leaf = f->leaf});
	act_untrack_leaf(f->act, f->leaf);
	assert_int_equal(ledger_count(f->ledger), 0);
	plan(f, (struct action){.kind = ACTION_THAW, .leaf = f->leaf});
	assert_int_equal(await(f).result, OUTCOME_DONE);
	assert_int_equal(await(f).result, OUTCOME_GONE);
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
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
	assert_int_equal(f->fake.value[CG_HIGH], HOME_HIGH);
	/* Whatever the order of the two before, the raise was written after the lowering. */
	assert_string_equal(f->fake.write[f->fake.write_count - 1].value, "419430400");
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

static void test_home_is_what_the_ledger_says_while_our_change_stands(void **state)
{
	struct fixture *f = *state;

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 500 * MIB});
	act_untrack_component(f->act, 0);
	assert_int_equal(act_track_component(f->act, 0, "jobs"), 0);
	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = HOME_HIGH});
	await(f);
	await(f);
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));

	plan(f, (struct action){.kind = ACTION_SET_HIGH, .amount = 500 * MIB});
	act_untrack_component(f->act, 0);
	f->fake.value[CG_HIGH] = 450 * MIB; /* a setup with another configuration */
	assert_int_equal(act_track_component(f->act, 0, "jobs"), 0);
	assert_false(has_entry(f, LEDGER_HIGH, f->jobs));
}

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
	assert_int_equal(act_track_component(act, 0, "jobs"), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_freeze_is_entered_before_it_is_written),
		TEST(test_freeze_of_whole_component_names_its_group),
		TEST(test_freeze_that_fails_leaves_no_entry),
		TEST(test_freeze_without_room_in_the_ledger_is_not_done),
		TEST(test_thaw_clears_the_entry),
		TEST(test_leaf_gone_clears_its_entry),
		TEST(test_kill_of_an_empty_leaf_is_not_written),
		TEST(test_mark_is_passed_on),
		TEST(test_untracked_component_is_gone),
		TEST(test_high_lowered_is_entered_and_written_by_the_worker),
		TEST(test_high_raised_home_ends_the_squeeze),
		TEST(test_high_raised_above_home_is_a_loan_on_record),
		TEST(test_high_by_configuration_is_the_new_home),
		TEST(test_raise_overtakes_a_lowering_under_way),
		TEST(test_limit_of_a_leaf_is_refused),
		TEST(test_protection_lowered_is_entered_and_raised_home_cleared),
		TEST(test_home_is_what_the_ledger_says_while_our_change_stands),
		TEST(test_reclaim_goes_in_chunks),
		TEST(test_reclaim_swappiness_is_dropped_where_refused),
		TEST(test_reclaim_ends_after_two_barren_chunks),
		TEST(test_reclaim_short_chunks_count_what_they_freed),
		TEST(test_reclaim_stops_at_its_deadline),
		TEST(test_reclaim_of_a_leaf_is_done_there),
		TEST(test_reclaim_of_a_gone_group_is_told),
		TEST(test_more_urgent_interrupts_what_is_at_work),
		TEST(test_less_urgent_does_not_push_out_what_waits),
		TEST(test_release_all_restores_and_thaws),
		TEST(test_dry_run_tells_and_does_not),
		TEST(test_open_without_the_ledger_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
