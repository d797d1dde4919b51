// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Simulated hours of hostile loads on random machines: sawtooth, step, fork tree, slow leak, cache
 * thrash, shared memory, mlock, hot jobs, beside services that stay within their budgets. Each hour
 * ends with ten steady minutes and a minute without anybody. What would be wrong only over hours is
 * looked for here: limits that swing, who stands still beside free memory, loans that are not paid
 * back, a pool that kills. LONG_HOURS=N runs more than the sample, LONG_FROM=N begins elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/plant_fixture.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "user/policy/debts.h"

#define HOURS_SAMPLE   12
#define HOUR_S         3600
#define STEADY_S       600
#define JOBS_MAX       48
#define IDLE_S         200 /* three terms of a freeze, where its budget of freezes is spent */
#define PAID_S         60  /* reclaim, a freeze after 8 s, and page-out of what stands still */
#define OWED_LEAST     (32 * MIB) /* less is what an owner that grows asks for all the time */
#define SWINGS_A_MIN   1
#define SWING_PART     10 /* of the budget: what is less is no change */
#define SWAP_FULL_PART 16
#define RAM_FULL_PART  32          /* of usable: the least margin of the policy */
#define CREEP_A_S      (128 * KIB) /* a batch of charges, and two seconds of sleep */
#define CREEP_LEAST    (4 * MIB)   /* until the first of them sleep */
#define HELD_S         60          /* who fills RAM and swap is stopped long before they are full */

/* What an hour is judged by. */
struct hour {
	struct plant plant;
	struct random random;
	struct plant_phase program[JOBS_MAX][4];
	uint32_t jobs;
	uint32_t idle_s[PLANT_LEAVES_MAX]; /* stood still beside free memory, in a row */
	uint64_t seen_touches[PLANT_LEAVES_MAX];
	uint32_t waits_s[PLANT_LEAVES_MAX]; /* stood still, in a row */
	uint32_t owes_s[UW_COMPONENTS_MAX];
	uint64_t turned_at[UW_COMPONENTS_MAX]; /* where a limit last changed direction */
	int direction[UW_COMPONENTS_MAX];
	uint32_t swings[UW_COMPONENTS_MAX];
	uint64_t ooms, ooms_early;
	uint32_t full_s;                              /* neither RAM nor swap had room, in a row */
	uint64_t full_bytes, held_bytes, creep_bytes; /* held when that began, and now; may creep */
	bool is_kind;                                 /* nobody may be killed */
};

/* Over all hours. */
static struct totals {
	uint64_t hours, freezes, reclaims, jobs_ended, jobs_left, ooms;
	uint32_t longest_wait_s, longest_owed_s, most_swings, standing_s;
	uint32_t idle, unpaid, swinging, killed, left;
} totals;

/* ---- machines ---- */

static void make_component(struct hour *hour, uint32_t i, uint32_t share)
{
	struct random *r = &hour->random;
	char name[16];
	struct component *c;

	snprintf(name, sizeof(name), "c%u", i);
	i = plant_add_component(&hour->plant, name, share, 1 + (uint32_t)roll(r, 10),
				i ? PROTECT_NONE : PROTECT_WORKING_SET);
	c = &hour->plant.config.component[i];
	c->freeze = i && roll(r, 8);
	c->lend = roll(r, 8) != 0;
	c->borrow = i && roll(r, 4);
	c->kill = hour->is_kind || roll(r, 2) ? KILL_NO : KILL_LAST_RESORT;
}

static void make_machine(struct hour *hour)
{
	struct random *r = &hour->random;
	uint64_t total = (1 + roll(r, 16)) * GIB;
	uint32_t count = 2 + (uint32_t)roll(r, 4), left = 9500;

	plant_init(&hour->plant, total, total / 16, roll(r, 8) ? total / (1 + roll(r, 8)) : 0);
	hour->plant.config.reserve_permyriad = 500;
	hour->is_kind = roll(r, 3) != 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t share = i + 1 == count ? left : left / 4 + (uint32_t)roll(r, left / 2);

		make_component(hour, i, share);
		left -= share;
	}
	plant_start(&hour->plant, total / 6 * 5);
	hour->plant.check = invariants_hold;
}

/* ---- loads ---- */

static struct plant_phase steady(uint64_t bytes)
{
	return (struct plant_phase){.target_bytes = bytes,
				    .grow_per_s = 100 * MIB,
				    .hot_bytes = bytes,
				    .touches_per_s = TOUCHES_PER_S};
}

static uint32_t sawtooth(struct random *r, uint64_t size, struct plant_phase *p)
{
	for (uint32_t i = 0; i < 4; i++)
		p[i] = (struct plant_phase){.target_bytes = i % 2 ? size / 4 : size,
					    .grow_per_s = (20 + roll(r, 200)) * MIB};
	return 4;
}

static uint32_t step_up(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.target_bytes = size, .grow_per_s = 2 * GIB};
	p[1] = (struct plant_phase){.target_bytes = size, .us = (5 + roll(r, 60)) * US_PER_SEC};
	return 2;
}

static uint32_t fork_tree(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.target_bytes = size / 16,
				    .grow_per_s = 10 * MIB,
				    .processes = 16,
				    .us = (10 + roll(r, 60)) * US_PER_SEC};
	return 1;
}

static uint32_t slow_leak(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.target_bytes = size, .grow_per_s = (1 + roll(r, 4)) * MIB};
	return 1;
}

static uint32_t cache_thrash(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.file_bytes = 2 * size,
				    .reads_per_s = 5000,
				    .stream_per_s = 20 * MIB,
				    .us = (20 + roll(r, 200)) * US_PER_SEC};
	return 1;
}

static uint32_t shared(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.target_bytes = size,
				    .grow_per_s = 100 * MIB,
				    .shared = true,
				    .us = (20 + roll(r, 100)) * US_PER_SEC};
	return 1;
}

static uint32_t locked(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){.target_bytes = size / 4,
				    .grow_per_s = 50 * MIB,
				    .lock_bytes = size / 8,
				    .us = (20 + roll(r, 100)) * US_PER_SEC};
	return 1;
}

static uint32_t hot_job(struct random *r, uint64_t size, struct plant_phase *p)
{
	p[0] = (struct plant_phase){
		.target_bytes = size, .grow_per_s = (20 + roll(r, 200)) * MIB, .hot_bytes = size};
	p[1] = steady(size);
	p[1].touches = (10 + roll(r, 120)) * TOUCHES_PER_S;
	return 2;
}

static void add_job(struct hour *hour)
{
	static uint32_t (*const kinds[])(struct random * r, uint64_t size,
					 struct plant_phase * p) = {
		sawtooth, step_up, fork_tree, slow_leak, cache_thrash,
		shared,   locked,  hot_job,   hot_job,   hot_job,
	};
	struct random *r = &hour->random;
	uint32_t component = 1 + (uint32_t)roll(r, hour->plant.config.component_count - 1);
	uint64_t budget = hour->plant.config.component[component].budget_bytes;
	uint64_t size = budget / 8 + roll(r, budget * 5 / 4);
	struct plant_phase *program = hour->program[hour->jobs++];

	plant_add_job(&hour->plant, component, program,
		      kinds[roll(r, ROWS(kinds))](r, size, program));
}

/* ---- what is judged ---- */

static bool swap_is_full(const struct plant *plant)
{
	return plant_swap_free(plant) <= plant->swap_bytes / SWAP_FULL_PART;
}

static uint64_t left_of(const struct plant *plant, uint32_t i)
{
	uint64_t current = plant_current(plant, i);
	uint64_t budget = plant->config.component[i].budget_bytes;

	return budget > current ? budget - current : 0;
}

/* What its component may still take: all that is free, but for a margin and what others do not
 * lend, where it may borrow what can be taken back; else what is left of its budget. */
static uint64_t room_of(const struct plant *plant, uint32_t i)
{
	const struct component *c = &plant->config.component[i];
	uint64_t free = plant_free(plant), kept = plant->config.usable_bytes / 5;
	uint64_t own = left_of(plant, i);

	for (uint32_t k = 0; k < plant->config.component_count; k++)
		if (k != i && !plant->config.component[k].lend)
			kept += left_of(plant, k);
	free = free > kept ? free - kept : 0;
	if (c->borrow && !swap_is_full(plant))
		return free;
	return own < free ? own : free;
}

/* Twice what it has in swap, takes in a second, and must be left free below a limit. */
static bool has_room(const struct plant *plant, const struct plant_leaf *leaf)
{
	uint64_t limit = plant->component[leaf->component].high_bytes;

	return room_of(plant, leaf->component) >
	       2 * (leaf->swapped_bytes + leaf->phase.grow_per_s + limit / 20);
}

static void judge_waits(struct hour *hour)
{
	for (uint32_t i = 0; i < hour->plant.leaf_count; i++) {
		const struct plant_leaf *leaf = &hour->plant.leaf[i];
		bool stands = leaf->populated && leaf->frozen;

		hour->waits_s[i] = stands ? hour->waits_s[i] + 1 : 0;
		hour->idle_s[i] = stands && has_room(&hour->plant, leaf) ? hour->idle_s[i] + 1 : 0;
		if (hour->waits_s[i] > totals.longest_wait_s)
			totals.longest_wait_s = hour->waits_s[i];
		if (hour->idle_s[i] == IDLE_S) {
			totals.idle++;
			fprintf(stderr,
				"hour %llu: leaf %llu stands beside free memory at %llu s\n",
				(unsigned long long)totals.hours, (unsigned long long)leaf->cgid,
				(unsigned long long)(hour->plant.now_us / US_PER_SEC));
		}
	}
}

static void judge_debts(struct hour *hour)
{
	const struct plant *plant = &hour->plant;

	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct debt_view debt;

		policy_debt(plant->state, &plant->config, i, &debt);
		if (debt.owed_bytes < OWED_LEAST || !debt.freeze_at_us || swap_is_full(plant))
			hour->owes_s[i] = 0;
		else
			hour->owes_s[i]++;
		if (hour->owes_s[i] > totals.longest_owed_s)
			totals.longest_owed_s = hour->owes_s[i];
		if (hour->owes_s[i] == PAID_S) {
			totals.unpaid++;
			fprintf(stderr, "hour %llu: component %u has not paid back at %llu s\n",
				(unsigned long long)totals.hours, i,
				(unsigned long long)(plant->now_us / US_PER_SEC));
		}
	}
}

static bool ram_is_full(const struct plant *plant)
{
	return plant->pool_bytes + plant->config.usable_bytes / RAM_FULL_PART >=
	       plant->config.usable_bytes;
}

/* What the kernel lets those take that may neither be frozen nor killed, however far they are over
 * memory.high: eight of them fill the least margin of 853 MB in 25 s. */
static uint64_t creep_of(const struct plant *plant)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];

		if (leaf->populated && leaf->component &&
		    !plant->config.component[leaf->component].freeze)
			bytes += CREEP_A_S;
	}
	return bytes;
}

static void follow_full(struct hour *hour)
{
	const struct plant *plant = &hour->plant;
	bool is_full = ram_is_full(plant) && swap_is_full(plant);

	if (is_full && !hour->full_s) {
		hour->full_bytes = plant->pool_bytes;
		hour->creep_bytes = CREEP_LEAST;
	}
	hour->full_s = is_full ? hour->full_s + 1 : 0;
	hour->held_bytes = plant->pool_bytes;
	hour->creep_bytes += creep_of(plant);
}

/* Since it was full nobody has grown but who crept. */
static bool was_held(const struct hour *hour)
{
	return hour->full_s >= HELD_S || (hour->full_s && creep_of(&hour->plant) &&
					  hour->held_bytes <= hour->full_bytes + hour->creep_bytes);
}

/* Nobody may be killed, and RAM and swap held all: swap would have held more, or both were full for
 * so short that somebody must have grown until the end. What newcomers and breaths take of a full
 * machine, page by page, is nobody's fault. */
static void judge_kills(struct hour *hour)
{
	const struct plant_counts *counts = &hour->plant.counts;
	uint64_t ooms = counts->oom + counts->oom_pool;
	bool early = counts->oom_early > hour->ooms_early;

	if (hour->is_kind && ooms > hour->ooms && (early || !was_held(hour))) {
		totals.killed++;
		fprintf(stderr, "hour %llu: the kernel killed at %llu s\n",
			(unsigned long long)totals.hours,
			(unsigned long long)(hour->plant.now_us / US_PER_SEC));
	}
	follow_full(hour);
	hour->ooms = ooms;
	hour->ooms_early = counts->oom_early;
}

static void judge_swings(struct hour *hour)
{
	for (uint32_t i = 0; i < hour->plant.config.component_count; i++) {
		uint64_t step = hour->plant.config.component[i].budget_bytes / SWING_PART;
		uint64_t high = hour->plant.component[i].high_bytes, last = hour->turned_at[i];
		int direction = high > last + step ? 1 : high + step < last ? -1 : 0;

		if (!direction)
			continue;
		hour->swings[i] += hour->direction[i] && direction != hour->direction[i];
		hour->direction[i] = direction;
		hour->turned_at[i] = high;
	}
}

/* Jobs are there, and none of them runs. */
static void count_standing(const struct plant *plant)
{
	bool any = false;

	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];

		if (!leaf->populated || !leaf->component)
			continue;
		if (!leaf->frozen)
			return;
		any = true;
	}
	totals.standing_s += any;
}

static void judge(struct hour *hour)
{
	count_standing(&hour->plant);
	judge_waits(hour);
	judge_debts(hour);
	judge_kills(hour);
}

/* ---- an hour ---- */

static void run_busy(struct hour *hour)
{
	for (uint32_t s = 0; s < HOUR_S - STEADY_S; s++) {
		if (hour->jobs < JOBS_MAX && !roll(&hour->random, 50))
			add_job(hour);
		plant_run(&hour->plant, US_PER_SEC);
		judge(hour);
	}
}

/* Nobody comes, and who does not end goes on as it is. */
static void run_steady(struct hour *hour)
{
	for (uint32_t i = 0; i < hour->plant.config.component_count; i++) {
		hour->swings[i] = 0;
		hour->direction[i] = 0;
		hour->turned_at[i] = hour->plant.component[i].high_bytes;
	}
	for (uint32_t i = 0; i < hour->plant.leaf_count; i++) {
		struct plant_leaf *leaf = &hour->plant.leaf[i];

		if (leaf->populated && leaf->program) {
			leaf->program = NULL;
			leaf->phase.grow_per_s = 0;
			leaf->phase.stream_per_s = 0;
		}
	}
	for (uint32_t s = 0; s < STEADY_S; s++) {
		plant_run(&hour->plant, US_PER_SEC);
		judge(hour);
		if (s >= 60)
			judge_swings(hour);
	}
	for (uint32_t i = 0; i < hour->plant.config.component_count; i++) {
		if (hour->swings[i] > totals.most_swings)
			totals.most_swings = hour->swings[i];
		if (hour->swings[i] <= (STEADY_S - 60) / 60 * SWINGS_A_MIN)
			continue;
		totals.swinging++;
		fprintf(stderr, "hour %llu: component %u changes direction %u times\n",
			(unsigned long long)totals.hours, i, hour->swings[i]);
	}
}

static void run_alone(struct hour *hour)
{
	struct plant *plant = &hour->plant;

	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		totals.jobs_ended += !plant->leaf[i].populated;
		totals.jobs_left += plant->leaf[i].populated;
		if (plant->leaf[i].populated)
			plant_exit_leaf(plant, &plant->leaf[i]);
	}
	plant_run(plant, 60 * US_PER_SEC);
	for (uint32_t i = 0; i < plant->config.component_count; i++) {
		struct component_view view;

		policy_view(plant->state, i, &view);
		totals.left += view.frozen_leaves || view.squeezed;
	}
}

static void run_hour(uint64_t seed)
{
	static struct hour hour;

	hour = (struct hour){.random = {seed * 2654435761U + 1}};
	totals.hours = seed;
	make_machine(&hour);
	trace_by_env(&hour.plant);
	plant_add_leaf(&hour.plant, 0, 0)->phase =
		steady(hour.plant.config.component[0].budget_bytes / 10 * 8);
	run_busy(&hour);
	run_steady(&hour);
	run_alone(&hour);
	totals.freezes += hour.plant.counts.actions[ACTION_FREEZE];
	totals.reclaims += hour.plant.counts.actions[ACTION_RECLAIM];
	totals.ooms += hour.plant.counts.oom + hour.plant.counts.oom_pool;
	plant_done(&hour.plant);
}

static void test_hours_of_hostile_load(void **data)
{
	uint64_t from = number_of("LONG_FROM", 1), hours = number_of("LONG_HOURS", HOURS_SAMPLE);

	(void)data;
	for (uint64_t seed = from; seed < from + hours; seed++)
		run_hour(seed);
	fprintf(stderr,
		"%llu hours: %llu jobs ended, %llu were left; %llu freezes, %llu reclaims; "
		"longest wait %u s, all stood still for %u s, longest debt %u s, most swings %u in 9 minutes; "
		"%llu killed by the kernel with RAM and swap full\n",
		(unsigned long long)hours, (unsigned long long)totals.jobs_ended,
		(unsigned long long)totals.jobs_left, (unsigned long long)totals.freezes,
		(unsigned long long)totals.reclaims, totals.longest_wait_s, totals.standing_s,
		totals.longest_owed_s, totals.most_swings,
		(unsigned long long)(totals.ooms - totals.killed));
	assert_int_equal(totals.idle, 0);
	assert_int_equal(totals.unpaid, 0);
	assert_int_equal(totals.swinging, 0);
	assert_int_equal(totals.killed, 0);
	assert_int_equal(totals.left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hours_of_hostile_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
