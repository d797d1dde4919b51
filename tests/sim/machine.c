// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/units.h"

#define FREEZE_TAKES_US (5 * US_PER_MS)
#define URGENT_AFTER_US SIM_STEP_US
#define CREEP_PER_S     (MIB / 2) /* growth over memory.high where nothing can be reclaimed */
#define RECLAIM_CHUNK   (8 * MIB)
#define RECLAIM_DEFAULT (100 * MIB)
#define HASH_PRIME      1099511628211ULL

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t sub64(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void sim_init(struct sim *sim, uint64_t total_bytes, uint64_t system_bytes, uint64_t swap_bytes)
{
	memset(sim, 0, sizeof(*sim));
	sim->total_bytes = total_bytes;
	sim->system_bytes = system_bytes;
	sim->swap_bytes = swap_bytes;
	sim->reclaim_per_s = RECLAIM_DEFAULT;
	sim->protected_component = COMPONENT_NONE;
	sim->now_us = 100 * US_PER_SEC;
	sim->state = malloc(policy_state_size());
	sim->frame = calloc(1, sizeof(*sim->frame));
	if (!sim->state || !sim->frame)
		abort();
	policy_init(sim->state);
	sim->config.reserve_permyriad = 300;
	sim->config.rest_period_us = US_PER_SEC;
	sim->config.pressed_period_us = 100 * US_PER_MS;
	sim->config.policy = (struct policy_conf){
		.edge_pct = {0, 70, 80, 85, 90, 95},
		.hysteresis_pct = 3,
		.dwell_us = 10 * US_PER_SEC,
		.freeze_max_us = 60 * US_PER_SEC,
		.freeze_dwell_us = 2 * US_PER_SEC,
		.freeze_budget = 6,
		.freeze_window_us = 300 * US_PER_SEC,
		.kill_after_us = 10 * US_PER_SEC,
		.kill_delay_us = 15 * US_PER_SEC,
		.reclaim_chunk_bytes = RECLAIM_CHUNK,
		.reclaim_deadline_us = 2 * US_PER_SEC,
		.stall_burst_us = 5 * US_PER_MS,
		.stall_window_us = 50 * US_PER_MS,
		.act_target_pct = 82,
	};
}

void sim_done(struct sim *sim)
{
	free(sim->state);
	free(sim->frame);
}

uint32_t sim_add_component(struct sim *sim, const char *name, uint32_t share_permyriad,
			   uint32_t priority, enum protect protect)
{
	struct component *c = &sim->config.component[sim->config.component_count];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->share_permyriad = share_permyriad;
	c->priority = priority;
	c->protect = protect;
	c->lend = true;
	return sim->config.component_count++;
}

void sim_start(struct sim *sim, uint64_t usable_bytes)
{
	if (config_resolve(&sim->config, usable_bytes))
		abort();
	for (uint32_t i = 0; i < sim->config.component_count; i++) {
		const struct component *c = &sim->config.component[i];

		sim->component[i].high_bytes = c->budget_bytes;
		sim->component[i].low_bytes = c->protect == PROTECT_NONE ? 0 : c->budget_bytes;
	}
	sim->next_full_us = sim->now_us;
}

struct sim_leaf *sim_add_leaf(struct sim *sim, uint32_t component, uint64_t bytes)
{
	struct sim_leaf *leaf = &sim->leaf[sim->leaf_count];

	if (sim->leaf_count >= SIM_LEAVES_MAX)
		abort();
	*leaf = (struct sim_leaf){
		.cgid = 1000 + sim->leaf_count++,
		.component = component,
		.populated = true,
		.born_us = sim->now_us,
		.resident_bytes = bytes,
		.target_bytes = bytes,
		.rate_per_s = 100 * MIB,
	};
	return leaf;
}

void sim_exit_leaf(struct sim *sim, struct sim_leaf *leaf)
{
	(void)sim;
	leaf->populated = false;
	leaf->resident_bytes = leaf->swapped_bytes = leaf->cache_bytes = 0;
	leaf->target_bytes = 0;
}

uint64_t sim_current(const struct sim *sim, uint32_t component)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < sim->leaf_count; i++)
		if (sim->leaf[i].component == component)
			sum += sim->leaf[i].resident_bytes + sim->leaf[i].cache_bytes;
	return sum;
}

uint64_t sim_swapped(const struct sim *sim, uint32_t component)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < sim->leaf_count; i++)
		if (sim->leaf[i].component == component)
			sum += sim->leaf[i].swapped_bytes;
	return sum;
}

uint64_t sim_free(const struct sim *sim)
{
	uint64_t used = sim->system_bytes;

	for (uint32_t i = 0; i < sim->leaf_count; i++)
		used += sim->leaf[i].resident_bytes + sim->leaf[i].cache_bytes;
	return sub64(sim->total_bytes, used);
}

uint64_t sim_swap_free(const struct sim *sim)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < sim->leaf_count; i++)
		used += sim->leaf[i].swapped_bytes;
	return sub64(sim->swap_bytes, used);
}

/* ---- memory moves ---- */

static uint64_t take_from_leaf(struct sim *sim, struct sim_leaf *leaf, uint64_t bytes, bool anon)
{
	uint64_t cache = min64(bytes, leaf->cache_bytes), out = 0;

	leaf->cache_bytes -= cache;
	if (anon)
		out = min64(min64(bytes - cache, leaf->resident_bytes), sim_swap_free(sim));
	leaf->resident_bytes -= out;
	leaf->swapped_bytes += out;
	return cache + out;
}

static uint64_t take_from_component(struct sim *sim, uint32_t component, uint64_t bytes, bool anon)
{
	uint64_t took = 0;

	for (uint32_t i = 0; i < sim->leaf_count && took < bytes; i++)
		if (sim->leaf[i].component == component)
			took += take_from_leaf(sim, &sim->leaf[i], bytes - took, anon);
	sim->component[component].pgscan += bytes / 4096;
	sim->component[component].pgsteal += took / 4096;
	return took;
}

/* The kernel's own answer when memory is gone: what memory.min does not protect, by size. */
static uint64_t global_reclaim(struct sim *sim, uint64_t bytes)
{
	uint64_t took = 0;

	for (uint32_t i = 0; i < sim->config.component_count && took < bytes; i++) {
		uint64_t spare = sub64(sim_current(sim, i), sim->component[i].min_bytes);

		took += take_from_component(sim, i, min64(spare, bytes - took), true);
	}
	return took;
}

static void stall(struct sim *sim, uint32_t component)
{
	sim->component[component].stall_some_us += SIM_STEP_US;
	sim->component[component].stall_full_us += SIM_STEP_US;
	if (component == sim->protected_component && !sim->counts.first_stall_us)
		sim->counts.first_stall_us = sim->now_us;
}

static void out_of_memory(struct sim *sim)
{
	struct sim_leaf *victim = &sim->leaf[0];

	for (uint32_t i = 1; i < sim->leaf_count; i++)
		if (sim->leaf[i].resident_bytes > victim->resident_bytes)
			victim = &sim->leaf[i];
	sim->counts.oom++;
	sim_exit_leaf(sim, victim);
}

/* One charge; at memory.high the component pays by reclaim from itself, or creeps. */
static void charge(struct sim *sim, struct sim_leaf *leaf, uint64_t bytes)
{
	struct sim_component *c = &sim->component[leaf->component];
	uint64_t room = sub64(c->high_bytes, sim_current(sim, leaf->component));
	uint64_t over = sub64(bytes, room);
	uint64_t lacking;

	if (over) {
		uint64_t took = take_from_component(sim, leaf->component, over, true);

		c->ev_high++;
		stall(sim, leaf->component);
		bytes -= over;
		bytes += took ? took : min64(over, CREEP_PER_S / (US_PER_SEC / SIM_STEP_US));
	}
	lacking = sub64(bytes, sim_free(sim));
	if (lacking) {
		stall(sim, leaf->component);
		if (global_reclaim(sim, lacking) < lacking) {
			out_of_memory(sim);
			return;
		}
	}
	leaf->resident_bytes += bytes;
}

static void leaf_run(struct sim *sim, struct sim_leaf *leaf)
{
	uint64_t step = leaf->rate_per_s / (US_PER_SEC / SIM_STEP_US);
	uint64_t holds = leaf->resident_bytes + leaf->swapped_bytes;

	if (!leaf->populated || (leaf->frozen && sim->now_us >= leaf->freeze_done_us))
		return;
	if (leaf->sweeps && leaf->swapped_bytes) {
		uint64_t back = min64(leaf->swapped_bytes, step);

		leaf->swapped_bytes -= back;
		charge(sim, leaf, back);
	}
	if (holds < leaf->target_bytes)
		charge(sim, leaf, min64(step, leaf->target_bytes - holds));
	else if (holds > leaf->target_bytes)
		leaf->resident_bytes -=
			min64(min64(step, holds - leaf->target_bytes), leaf->resident_bytes);
}

/* ---- carrying out a plan ---- */

static struct sim_leaf *find_leaf(struct sim *sim, uint64_t cgid)
{
	for (uint32_t i = 0; i < sim->leaf_count; i++)
		if (sim->leaf[i].cgid == cgid)
			return &sim->leaf[i];
	return NULL;
}

static void report(struct sim *sim, const struct action *a, enum outcome_result result,
		   uint64_t done, uint64_t began_us)
{
	if (sim->outcome_count >= FRAME_OUTCOMES_MAX)
		abort();
	sim->outcome[sim->outcome_count++] = (struct outcome){
		.id = a->id,
		.kind = a->kind,
		.tier = a->tier,
		.component = a->component,
		.leaf = a->leaf,
		.result = result,
		.asked = a->amount,
		.done = done,
		.began_us = began_us,
		.ended_us = sim->now_us,
	};
}

static bool has_active_leaf(const struct sim *sim, uint32_t component)
{
	for (uint32_t i = 0; i < sim->leaf_count; i++)
		if (sim->leaf[i].component == component && sim->leaf[i].populated &&
		    !sim->leaf[i].frozen)
			return true;
	return false;
}

static void do_high(struct sim *sim, const struct action *a)
{
	struct sim_component *c = &sim->component[a->component];

	if (a->amount < c->high_bytes && a->amount < sim_current(sim, a->component) &&
	    has_active_leaf(sim, a->component))
		sim->counts.lowered_under_growth++;
	c->high_bytes = a->amount;
}

static void do_freeze(struct sim *sim, const struct action *a)
{
	struct sim_leaf *leaf = find_leaf(sim, a->leaf);

	if (!leaf || !leaf->populated) {
		report(sim, a, OUTCOME_GONE, 0, sim->now_us);
		return;
	}
	if (!sim->counts.first_freeze_us)
		sim->counts.first_freeze_us = sim->now_us;
	leaf->frozen = true;
	leaf->frozen_us = sim->now_us;
	leaf->freeze_done_us = sim->now_us + FREEZE_TAKES_US;
	report(sim, a, OUTCOME_DONE, 0, sim->now_us);
}

static void do_thaw(struct sim *sim, const struct action *a)
{
	struct sim_leaf *leaf = find_leaf(sim, a->leaf);

	if (leaf)
		leaf->frozen = false;
	report(sim, a, leaf ? OUTCOME_DONE : OUTCOME_GONE, 0, sim->now_us);
}

static void do_reclaim(struct sim *sim, const struct action *a)
{
	struct sim_component *c = &sim->component[a->component];

	if (c->reclaiming) {
		sim->counts.second_reclaim++;
		return;
	}
	c->reclaim = *a;
	c->reclaiming = true;
	c->reclaim_began_us = sim->now_us;
	c->reclaimed_bytes = 0;
}

static void do_action(struct sim *sim, const struct action *a)
{
	struct sim_component *c = &sim->component[a->component];

	switch (a->kind) {
	case ACTION_SET_MIN:
		c->min_bytes = a->amount;
		break;
	case ACTION_SET_LOW:
		c->low_bytes = a->amount;
		break;
	case ACTION_SET_HIGH:
		do_high(sim, a);
		break;
	case ACTION_RECLAIM:
		do_reclaim(sim, a);
		return;
	case ACTION_FREEZE:
		do_freeze(sim, a);
		return;
	case ACTION_THAW:
		do_thaw(sim, a);
		return;
	case ACTION_KILL:
		if (find_leaf(sim, a->leaf))
			sim_exit_leaf(sim, find_leaf(sim, a->leaf));
		break;
	case ACTION_ARM_MARK:
		c->mark_bytes = a->amount;
		c->mark_armed = a->amount != 0;
		break;
	case ACTION_NOTICE:
	case ACTION__COUNT:
		break;
	}
	report(sim, a, OUTCOME_DONE, 0, sim->now_us);
}

static void trace_action(const struct sim *sim, const struct action *a)
{
	char why[128];

	printf("%8.2f %-12s %-9s leaf %-5llu %6lluM  %s\n",
	       (double)(sim->now_us - 100 * US_PER_SEC) / 1e6,
	       sim->config.component[a->component].name, action_name(a->kind),
	       (unsigned long long)a->leaf, (unsigned long long)(a->amount / MIB),
	       reason_text(&a->why, why, sizeof(why)));
}

static void hash_word(struct sim *sim, uint64_t word)
{
	sim->counts.plan_hash = (sim->counts.plan_hash ^ word) * HASH_PRIME;
}

static void do_plan(struct sim *sim)
{
	sim->counts.dropped += sim->plan.actions_dropped;
	for (uint32_t i = 0; i < sim->plan.action_count; i++) {
		const struct action *a = &sim->plan.action[i];

		sim->counts.actions[a->kind]++;
		hash_word(sim, a->kind);
		hash_word(sim, a->component);
		hash_word(sim, a->leaf);
		hash_word(sim, a->amount);
		if (sim->trace && a->kind != ACTION_ARM_MARK)
			trace_action(sim, a);
		do_action(sim, a);
	}
}

/* ---- frames ---- */

static void sample_component(struct sim *sim, uint32_t i, bool full)
{
	struct component_sample *s = &sim->frame->component[i];
	const struct sim_component *c = &sim->component[i];

	*s = (struct component_sample){.valid = SAMPLE_USAGE, .current_bytes = sim_current(sim, i)};
	if (!full)
		return;
	s->valid |= SAMPLE_STAT | SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_SWAP | SAMPLE_LIMITS;
	for (uint32_t k = 0; k < sim->leaf_count; k++)
		if (sim->leaf[k].component == i) {
			s->inactive_file_bytes += sim->leaf[k].cache_bytes;
			s->anon_bytes += sim->leaf[k].resident_bytes;
		}
	s->swap_bytes = sim_swapped(sim, i);
	s->pgscan = c->pgscan;
	s->pgsteal = c->pgsteal;
	s->ev_high = c->ev_high;
	s->psi_some_us = c->stall_some_us;
	s->psi_full_us = c->stall_full_us;
	s->high_bytes = c->high_bytes;
	s->low_bytes = c->low_bytes;
	s->min_bytes = c->min_bytes;
}

static void sample_leaves(struct sim *sim)
{
	struct frame *f = sim->frame;

	f->leaves_valid = true;
	f->leaf_count = 0;
	for (uint32_t i = 0; i < sim->leaf_count; i++) {
		const struct sim_leaf *leaf = &sim->leaf[i];

		if (leaf->thrown_out)
			continue;
		f->leaf[f->leaf_count++] = (struct leaf_sample){
			.cgid = leaf->cgid,
			.component = leaf->component,
			.populated = leaf->populated,
			.frozen = leaf->frozen,
			.born_us = leaf->born_us,
			.current_bytes = leaf->resident_bytes + leaf->cache_bytes,
			.swap_bytes = leaf->swapped_bytes,
		};
	}
}

static void make_frame(struct sim *sim, bool full)
{
	struct frame *f = sim->frame;

	f->now_us = sim->now_us;
	f->sequence++;
	f->kind = full ? FRAME_FULL : FRAME_URGENT;
	f->component_count = sim->config.component_count;
	f->host = (struct host_sample){
		.valid = true,
		.total_bytes = sim->total_bytes,
		.swap_total_bytes = sim->swap_bytes,
		.swap_free_bytes = sim_swap_free(sim),
		.available_bytes = sim_free(sim),
	};
	for (uint32_t i = 0; i < sim->leaf_count; i++)
		f->host.available_bytes += sim->leaf[i].cache_bytes;
	for (uint32_t i = 0; i < f->component_count; i++)
		sample_component(sim, i, full);
	f->leaves_valid = false;
	f->leaf_count = 0;
	if (full)
		sample_leaves(sim);
	memcpy(f->outcome, sim->outcome, sizeof(f->outcome));
	f->outcome_count = sim->outcome_count;
	sim->outcome_count = 0;
}

static void decide(struct sim *sim, bool full)
{
	make_frame(sim, full);
	policy_step(sim->state, &sim->config, sim->frame, &sim->plan);
	sim->frame->event_count = 0;
	sim->frame->request_count = 0;
	sim->counts.frames++;
	sim->counts.urgent_frames += !full;
	sim->next_full_us = sim->plan.next_us;
	do_plan(sim);
	if (sim->check)
		sim->check(sim);
}

/* ---- time ---- */

static void reclaim_run(struct sim *sim, uint32_t component)
{
	struct sim_component *c = &sim->component[component];
	uint64_t step = sim->reclaim_per_s / (US_PER_SEC / SIM_STEP_US), took;
	bool anon = c->reclaim.swappiness != 0;
	struct sim_leaf *leaf = c->reclaim.leaf ? find_leaf(sim, c->reclaim.leaf) : NULL;

	if (!c->reclaiming)
		return;
	step = min64(step, c->reclaim.amount - c->reclaimed_bytes);
	took = leaf ? take_from_leaf(sim, leaf, step, anon)
		    : take_from_component(sim, component, step, anon);
	c->reclaimed_bytes += took;
	if (took >= step && c->reclaimed_bytes < c->reclaim.amount &&
	    sim->now_us < c->reclaim.deadline_us)
		return;
	c->reclaiming = false;
	report(sim, &c->reclaim,
	       c->reclaimed_bytes >= c->reclaim.amount ? OUTCOME_DONE : OUTCOME_SHORT,
	       c->reclaimed_bytes, c->reclaim_began_us);
}

static void note_freezes(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->leaf_count; i++) {
		const struct sim_leaf *leaf = &sim->leaf[i];
		uint64_t age = sim->now_us - leaf->frozen_us;

		if (leaf->frozen && age > sim->counts.longest_freeze_us)
			sim->counts.longest_freeze_us = age;
	}
}

static bool take_marks(struct sim *sim)
{
	bool fired = false;

	for (uint32_t i = 0; i < sim->config.component_count; i++) {
		struct sim_component *c = &sim->component[i];
		struct frame *f = sim->frame;

		if (!c->mark_armed || sim_current(sim, i) < c->mark_bytes)
			continue;
		c->mark_armed = false;
		fired = true;
		f->event[f->event_count++] = (struct frame_event){
			.kind = EVENT_USAGE_MARK,
			.component = i,
			.at_us = sim->now_us,
			.observed = sim_current(sim, i),
			.threshold = c->mark_bytes,
		};
	}
	return fired;
}

void sim_run(struct sim *sim, uint64_t us)
{
	uint64_t end_us = sim->now_us + us;

	while (sim->now_us < end_us) {
		for (uint32_t i = 0; i < sim->leaf_count; i++)
			leaf_run(sim, &sim->leaf[i]);
		for (uint32_t i = 0; i < sim->config.component_count; i++)
			reclaim_run(sim, i);
		sim->now_us += SIM_STEP_US;
		note_freezes(sim);
		if (sim->now_us >= sim->next_full_us)
			decide(sim, true);
		else if (take_marks(sim))
			decide(sim, false);
	}
}
