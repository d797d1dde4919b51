/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy between literal frames: two components, one leaf each, on a machine with room. A test
 * that needs somebody in the way adds a sibling, or has a component lack memory. */
#ifndef TESTS_UNIT_POLICY_FIXTURE_H
#define TESTS_UNIT_POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/policy/state.h"
#include "user/policy/step.h"

enum {
	REDIS, /* protected, priority 9, budget 400M */
	HOG,   /* priority 3, freezable, budget 600M */
	FIXTURE_COMPONENTS
};

#define HOG_EDGE           (600 * MIB / 100 * 95) /* where its emergency begins */
#define LEAF_OF(component) (100 + (uint64_t)(component))

struct fixture {
	struct config config;
	struct frame frame;
	struct plan plan;
	struct policy_state *state;
	uint64_t stalls_us[UW_COMPONENTS_MAX]; /* some task of it, in each full frame */
};

static inline void fixture_policy(struct policy_conf *conf)
{
	*conf = (struct policy_conf){
		.edge_pct = {0, 70, 80, 85, 90, 95},
		.hysteresis_pct = 3,
		.dwell_us = 10 * US_PER_SEC,
		.freeze_max_us = 60 * US_PER_SEC,
		.freeze_dwell_us = 2 * US_PER_SEC,
		.freeze_budget = 3,
		.freeze_window_us = 300 * US_PER_SEC,
		.kill_after_us = 10 * US_PER_SEC,
		.kill_delay_us = 15 * US_PER_SEC,
		.reclaim_chunk_bytes = 8 * MIB,
		.reclaim_deadline_us = 2 * US_PER_SEC,
		.clean_interval_us = 6 * US_PER_SEC,
		.clean_target_permyriad = 10,
		.stall_burst_us = 5 * US_PER_MS,
		.stall_window_us = 50 * US_PER_MS,
	};
}

static inline void fixture_component(struct fixture *f, uint32_t i, const char *name,
				     uint64_t budget, uint32_t priority)
{
	struct component *c = &f->config.component[i];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->budget_bytes = budget;
	c->priority = priority;
	f->frame.component[i] = (struct component_sample){
		.valid = SAMPLE_USAGE | SAMPLE_STAT | SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_SWAP |
			 SAMPLE_LIMITS,
		.current_bytes = 100 * MIB,
		.anon_bytes = 100 * MIB,
		.high_bytes = budget,
	};
	f->frame.leaf[i] = (struct leaf_sample){
		.cgid = LEAF_OF(i),
		.component = i,
		.populated = true,
		.current_bytes = 100 * MIB,
	};
}

static inline int fixture_setup(void **data)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->state = malloc(policy_state_size());
	if (!f->state)
		return -1;
	policy_init(f->state);
	f->config.usable_bytes = 1030 * MIB;
	f->config.reserve_permyriad = 291;
	f->config.rest_period_us = US_PER_SEC;
	f->config.pressed_period_us = 100 * US_PER_MS;
	f->config.component_count = FIXTURE_COMPONENTS;
	fixture_policy(&f->config.policy);
	fixture_component(f, REDIS, "redis", 400 * MIB, 9);
	fixture_component(f, HOG, "hog", 600 * MIB, 3);
	f->config.component[REDIS].protect = PROTECT_WORKING_SET;
	f->config.component[HOG].freeze = true;
	f->frame.now_us = 100 * US_PER_SEC;
	f->frame.kind = FRAME_FULL;
	f->frame.component_count = FIXTURE_COMPONENTS;
	f->frame.leaves_valid = true;
	f->frame.leaf_count = FIXTURE_COMPONENTS;
	f->frame.host = (struct host_sample){
		.valid = true,
		.total_bytes = 1300 * MIB,
		.available_bytes = 900 * MIB,
		.swap_total_bytes = 256 * MIB,
		.swap_free_bytes = 256 * MIB,
	};
	*data = f;
	return 0;
}

static inline int fixture_teardown(void **data)
{
	struct fixture *f = *data;

	free(f->state);
	free(f);
	return 0;
}

static inline struct leaf_sample *fixture_leaf(struct fixture *f, uint64_t cgid)
{
	for (uint32_t i = 0; i < f->frame.leaf_count; i++)
		if (f->frame.leaf[i].cgid == cgid)
			return &f->frame.leaf[i];
	return NULL;
}

/* Use of a component and its first leaf, all of it anonymous; siblings keep what they hold. */
static inline void fixture_use(struct fixture *f, uint32_t i, uint64_t bytes)
{
	uint64_t siblings = 0;

	for (uint32_t k = 0; k < f->frame.leaf_count; k++)
		if (k != i && f->frame.leaf[k].component == i)
			siblings += f->frame.leaf[k].current_bytes;
	f->frame.component[i].current_bytes = bytes;
	f->frame.component[i].anon_bytes = bytes;
	f->frame.leaf[i].current_bytes = bytes > siblings ? bytes - siblings : 0;
}

/* One more leaf of a component, which holds a part of what that uses. */
static inline struct leaf_sample *fixture_sibling(struct fixture *f, uint32_t i, uint64_t bytes)
{
	struct leaf_sample *leaf = &f->frame.leaf[f->frame.leaf_count];

	*leaf = (struct leaf_sample){
		.cgid = 900 + f->frame.leaf_count,
		.component = i,
		.populated = true,
		.current_bytes = bytes,
	};
	f->frame.leaf_count++;
	fixture_use(f, i, f->frame.component[i].current_bytes);
	return leaf;
}

/* A component that might borrow stands at its limit and tasks wait there: it lacks a piece of
 * memory, which somebody else's would be. */
static inline void fixture_lack(struct fixture *f, uint32_t i)
{
	f->config.component[i].borrow = true;
	fixture_use(f, i, f->config.component[i].budget_bytes - MIB);
	f->stalls_us[i] = 10 * US_PER_MS;
}

static inline void fixture_enforce(struct fixture *f, const struct action *a)
{
	struct component_sample *c = &f->frame.component[a->component];
	struct leaf_sample *leaf = a->leaf ? fixture_leaf(f, a->leaf) : NULL;

	if (a->kind == ACTION_SET_HIGH)
		c->high_bytes = a->amount;
	if (a->kind == ACTION_SET_MIN)
		c->min_bytes = a->amount;
	if (a->kind == ACTION_SET_LOW && !a->leaf)
		c->low_bytes = a->amount;
	if (leaf && (a->kind == ACTION_FREEZE || a->kind == ACTION_THAW))
		leaf->frozen = a->kind == ACTION_FREEZE;
}

/* One step; what was armed, limited and frozen shows in the next frame. */
static inline void fixture_step(struct fixture *f)
{
	policy_step(f->state, &f->config, &f->frame, &f->plan);
	f->frame.event_count = f->frame.request_count = f->frame.outcome_count = 0;
	for (uint32_t i = 0; i < f->plan.action_count; i++) {
		const struct action *a = &f->plan.action[i];

		fixture_enforce(f, a);
		f->frame.outcome[f->frame.outcome_count++] = (struct outcome){
			.id = a->id,
			.kind = a->kind,
			.tier = a->tier,
			.component = a->component,
			.leaf = a->leaf,
			.asked = a->amount,
			.done = a->amount,
			.began_us = f->frame.now_us,
			.ended_us = f->frame.now_us,
		};
	}
}

/* The frame of us later. */
static inline void fixture_next(struct fixture *f, uint64_t us)
{
	f->frame.now_us += us;
	f->frame.sequence++;
	f->frame.kind = FRAME_FULL;
	for (uint32_t i = 0; i < f->frame.component_count; i++)
		f->frame.component[i].psi_some_us += f->stalls_us[i];
	fixture_step(f);
}

/* Ticks of 100 ms. */
static inline void fixture_run(struct fixture *f, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS)
		fixture_next(f, 100 * US_PER_MS);
}

/* Grows from one use to another in ticks of 100 ms. */
static inline void fixture_grow(struct fixture *f, uint32_t i, uint64_t to, uint64_t per_s)
{
	while (f->frame.component[i].current_bytes + per_s / 10 < to) {
		fixture_use(f, i, f->frame.component[i].current_bytes + per_s / 10);
		fixture_next(f, 100 * US_PER_MS);
	}
	fixture_use(f, i, to);
	fixture_next(f, 100 * US_PER_MS);
}

/* The fast lane: a mark fired at bytes. */
static inline void fixture_mark(struct fixture *f, uint32_t i, uint64_t bytes)
{
	f->frame.event[f->frame.event_count++] = (struct frame_event){
		.kind = EVENT_USAGE_MARK,
		.component = i,
		.at_us = f->frame.now_us,
		.observed = bytes,
		.threshold = bytes,
	};
}

static inline void fixture_urgent(struct fixture *f, uint64_t us)
{
	struct frame kept = f->frame;

	f->frame.now_us += us;
	f->frame.sequence++;
	f->frame.kind = FRAME_URGENT;
	f->frame.leaves_valid = false;
	for (uint32_t i = 0; i < f->frame.component_count; i++)
		f->frame.component[i].valid = SAMPLE_USAGE;
	fixture_step(f);
	f->frame.leaves_valid = true;
	for (uint32_t i = 0; i < f->frame.component_count; i++)
		f->frame.component[i].valid = kept.component[i].valid;
}

/* A breath belongs to its freeze: fixture_breath finds it, and what looks for actions does not. */
static inline bool fixture_is_breath(const struct action *a)
{
	return a->why.reason == REASON_BREATH;
}

static inline const struct action *fixture_breath(const struct fixture *f, enum action_kind kind,
						  uint64_t cgid)
{
	for (uint32_t i = 0; i < f->plan.action_count; i++)
		if (f->plan.action[i].kind == kind && f->plan.action[i].leaf == cgid &&
		    fixture_is_breath(&f->plan.action[i]))
			return &f->plan.action[i];
	return NULL;
}

static inline const struct action *fixture_find(const struct fixture *f, enum action_kind kind,
						uint32_t component)
{
	for (uint32_t i = 0; i < f->plan.action_count; i++)
		if (f->plan.action[i].kind == kind && f->plan.action[i].component == component &&
		    !fixture_is_breath(&f->plan.action[i]))
			return &f->plan.action[i];
	return NULL;
}

static inline const struct action *fixture_find_leaf(const struct fixture *f, enum action_kind kind,
						     uint64_t cgid)
{
	for (uint32_t i = 0; i < f->plan.action_count; i++)
		if (f->plan.action[i].kind == kind && f->plan.action[i].leaf == cgid &&
		    !fixture_is_breath(&f->plan.action[i]))
			return &f->plan.action[i];
	return NULL;
}

/* To ask a part of the policy directly, between steps. */
static inline struct step fixture_ask(struct fixture *f)
{
	return (struct step){.state = f->state,
			     .config = &f->config,
			     .frame = &f->frame,
			     .plan = &f->plan,
			     .now_us = f->frame.now_us};
}

/* Up to the emergency edge at 60 MiB/s, of which the hog's own leaf does the growing; the last plan
 * is that of the crossing. */
static inline void fixture_to_the_edge(struct fixture *f)
{
	fixture_step(f);
	fixture_grow(f, HOG, HOG_EDGE + MIB, 60 * MIB);
}

/* The same beside a sibling that stands still: somebody would pay for more. */
static inline struct leaf_sample *fixture_freeze(struct fixture *f)
{
	struct leaf_sample *sibling = fixture_sibling(f, HOG, 20 * MIB);

	fixture_to_the_edge(f);
	assert_non_null(fixture_find_leaf(f, ACTION_FREEZE, LEAF_OF(HOG)));
	return sibling;
}

static inline struct component_view fixture_view(const struct fixture *f, uint32_t i)
{
	struct component_view view;

	policy_view(f->state, i, &view);
	return view;
}

/* Runs until a leaf of the hog is thawed; returns the time of it, 0 for none within us. */
static inline uint64_t fixture_run_to_thaw(struct fixture *f, uint64_t us)
{
	uint64_t end_us = f->frame.now_us + us;

	while (f->frame.now_us < end_us) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_THAW, HOG))
			return f->frame.now_us;
	}
	return 0;
}

/* The first reclaim that is asked of a component within us. */
static inline const struct action *fixture_first_reclaim(struct fixture *f, uint32_t i, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		fixture_next(f, 100 * US_PER_MS);
		if (fixture_find(f, ACTION_RECLAIM, i))
			return fixture_find(f, ACTION_RECLAIM, i);
	}
	return NULL;
}

#endif
