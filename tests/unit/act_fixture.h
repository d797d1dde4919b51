/* SPDX-License-Identifier: GPL-2.0-or-later */
/* act over a pool of plain files and a fake kernel behind its ops, for the tests of act. */
#ifndef UW_TESTS_ACT_FIXTURE_H
#define UW_TESTS_ACT_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/units.h"

#define WRITES_MAX  64
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
	bool gone;                                     /* reads say that the group was removed */
	uint64_t pool_min;                             /* the pool's own memory.min, */
	uint64_t pool_current, pool_max;               /* use, and memory.max */
	uint64_t pool_min_at_write, min_at_pool_write; /* the other's, when either was written */
	uint64_t now_us;
	struct fake_write write[WRITES_MAX];
	uint32_t write_count;
	int error[CG_KNOB__COUNT]; /* what a write returns */
	bool no_swappiness;
	uint64_t frees_bytes;   /* each chunk, when error[CG_RECLAIM] is -EAGAIN */
	uint64_t now_per_chunk; /* time a chunk takes */
	bool blocks;            /* a write by a worker stands until a signal */
	atomic_bool is_blocked;
	atomic_bool holds; /* and signals do not end that either */
	bool populated;
	bool no_niceness; /* may not be set */
	atomic_int niceness;
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

static inline void block(struct fake *fake)
{
	pthread_mutex_unlock(&fake->lock);
	atomic_store(&fake->is_blocked, true);
	if (!atomic_load(&fake->holds))
		poll(NULL, 0, HANG_GUARD_MS); /* EINTR by the interruption, which is repeated */
	while (atomic_load(&fake->holds))
		poll(NULL, 0, 1);
	atomic_store(&fake->is_blocked, false);
	pthread_mutex_lock(&fake->lock);
}

static inline int do_reclaim(struct fake *fake, const char *text)
{
	uint64_t asked = strtoull(text, NULL, 10);
	uint64_t freed = fake->error[CG_RECLAIM] ? fake->frees_bytes : asked;

	if (strstr(text, "swappiness") && fake->no_swappiness)
		return -EINVAL;
	fake->now_us += fake->now_per_chunk;
	fake->value[CG_CURRENT] -= freed;
	return fake->error[CG_RECLAIM];
}

static inline int do_write(struct fake *fake, enum cg_knob knob, const char *text)
{
	struct ledger_entry entry;
	bool by_worker = !pthread_equal(pthread_self(), fake->loop);

	if (fake->write_count < WRITES_MAX) {
		fake->write[fake->write_count].knob = knob;
		text_copy(fake->write[fake->write_count++].value, 48, text);
	}
	for (uint32_t i = 0; knob == CG_FREEZE && i < ledger_slots(fake->ledger); i++)
		fake->entered_at_freeze += ledger_read(fake->ledger, i, &entry);
	for (uint32_t i = 0; knob == CG_HIGH && i < ledger_slots(fake->ledger); i++)
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

static inline bool is_pool(const struct cg_group *group)
{
	return !strcmp(group->name, ".");
}

static inline int write_pool(struct fake *fake, enum cg_knob knob, const char *value)
{
	*(knob == CG_LIMIT ? &fake->pool_max : &fake->pool_min) = strtoull(value, NULL, 10);
	fake->min_at_pool_write = fake->value[CG_MIN];
	return 0;
}

static inline int fake_write(void *data, const struct cg_group *group, enum cg_knob knob,
			     const char *value)
{
	struct fake *fake = data;
	int rc;

	pthread_mutex_lock(&fake->lock);
	if (knob == CG_MIN && !is_pool(group))
		fake->pool_min_at_write = fake->pool_min;
	rc = is_pool(group) ? write_pool(fake, knob, value) : do_write(fake, knob, value);
	pthread_mutex_unlock(&fake->lock);
	return rc;
}

static inline int fake_read(void *data, const struct cg_group *group, enum cg_knob knob,
			    uint64_t *ret_value)
{
	struct fake *fake = data;

	pthread_mutex_lock(&fake->lock);
	if (is_pool(group))
		*ret_value = knob == CG_CURRENT ? fake->pool_current : fake->pool_min;
	else
		*ret_value = fake->value[knob];
	pthread_mutex_unlock(&fake->lock);
	return fake->gone ? -ENODEV : 0;
}

static inline int fake_populated(void *data, const struct cg_group *group, bool *ret_populated)
{
	struct fake *fake = data;

	(void)group;
	*ret_populated = fake->populated;
	return 0;
}

static inline uint64_t fake_now(void *data)
{
	struct fake *fake = data;
	uint64_t now_us;

	pthread_mutex_lock(&fake->lock);
	now_us = fake->now_us;
	pthread_mutex_unlock(&fake->lock);
	return now_us;
}

static inline int fake_set_niceness(void *data, pid_t tid, int niceness)
{
	struct fake *fake = data;

	if (fake->no_niceness)
		return -EACCES;
	assert_int_not_equal(tid, 0);
	atomic_store(&fake->niceness, niceness);
	return 0;
}

static const struct act_ops fake_ops = {
	.write = fake_write,
	.read = fake_read,
	.populated = fake_populated,
	.now_us = fake_now,
	.set_niceness = fake_set_niceness,
};

static inline int arm_mark(void *data, uint32_t component, uint64_t bytes)
{
	struct fixture *f = data;

	f->marked_component = component;
	f->marked_bytes = bytes;
	return 0;
}

/* ---- the fixture ---- */

/* The configuration names these, in this order, with HOME_HIGH each; second may be NULL. */
static inline void sync_names(struct act *act, const char *first, const char *second)
{
	static struct config config;

	config.component_count = second ? 2 : 1;
	config.component[0].budget_bytes = config.component[1].budget_bytes = HOME_HIGH;
	text_copy(config.component[0].name, UW_NAME_LEN, first);
	text_copy(config.component[1].name, UW_NAME_LEN, second ? second : "");
	assert_int_equal(act_sync(act, &config, NULL), 0);
}

static inline int setup_as(void **state, bool no_niceness)
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
	/* A worker's timer is real: by this clock's deadlines it goes off in an hour. */
	f.fake.now_us = clock_now_us() + 3600 * US_PER_SEC;
	f.fake.populated = true;
	f.fake.no_niceness = no_niceness;
	f.fake.ledger = act.ledger = f.ledger;
	f.fake.loop = pthread_self();
	act.pool_dirfd = f.pool.dirfd;
	assert_int_equal(act_open(&act, &f.act, NULL), 0);
	sync_names(f.act, "jobs", NULL);
	assert_int_equal(act_track_leaf(f.act, 0, "train", &f.leaf), 0);
	*state = &f;
	return 0;
}

static inline int setup(void **state)
{
	return setup_as(state, false);
}

static inline int setup_without_niceness(void **state)
{
	return setup_as(state, true);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	act_close(f->act);
	ledger_close(f->ledger);
	tmp_pool_done(&f->pool);
	return 0;
}

static inline void plan(struct fixture *f, struct action action)
{
	static struct plan one;
	static uint32_t id;

	action.id = ++id;
	one.action_count = 1;
	one.action[0] = action;
	act_plan(f->act, &one);
}

static inline struct outcome await(struct fixture *f)
{
	struct outcome outcome;

	while (!act_outcomes_take(f->act, &outcome, 1))
		await_readable(act_outcomes_fd(f->act));
	return outcome;
}

/* What a plan without an action does: what was waiting for a worker is cleared. */
static inline void settle(struct fixture *f)
{
	static const struct plan nothing;

	act_plan(f->act, &nothing);
}

static inline void await_blocked(struct fixture *f)
{
	UNTIL(atomic_load(&f->fake.is_blocked));
}

static inline bool has_entry(const struct fixture *f, enum ledger_kind kind, uint64_t cgid)
{
	struct ledger_entry entry;

	return ledger_find(f->ledger, kind, cgid, &entry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
