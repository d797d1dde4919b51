/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A toy machine in steps of 10 ms: components with leaves that want memory, one pool of memory and
 * swap, limits that throttle, a reclaim that takes time, and a freezer. It closes the loop around
 * policy_step: plans are carried out, frames are made of what came of it. Not a model of the
 * kernel's page aging; what it keeps is accounting, delays and who is stopped by what.
 */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"
#include "user/policy/step.h"

#define SIM_STEP_US    10000ULL
#define SIM_LEAVES_MAX 64

/* What a leaf wants: it grows (or shrinks) toward target at rate while it runs. */
struct sim_leaf {
	uint64_t cgid;
	uint32_t component;
	bool populated, frozen;
	uint64_t born_us, frozen_us, freeze_done_us;
	uint64_t resident_bytes, swapped_bytes, cache_bytes;
	uint64_t target_bytes;
	uint64_t rate_per_s;
	bool sweeps; /* touches what it has: swapped pages come back */
	bool thrown_out;
};

struct sim_component {
	uint64_t min_bytes, low_bytes, high_bytes;
	uint64_t mark_bytes;
	bool mark_armed;
	uint64_t stall_some_us, stall_full_us;
	uint64_t ev_high;
	uint64_t pgscan, pgsteal;
	uint32_t leaf_frozen_by_config; /* freezes seen though the configuration forbids them */
	/* one reclaim at a time */
	struct action reclaim;
	bool reclaiming;
	uint64_t reclaim_began_us, reclaimed_bytes;
};

struct sim_counts {
	uint64_t actions[ACTION__COUNT];
	uint64_t dropped;
	uint64_t oom;
	uint64_t frames, urgent_frames;
	uint64_t lowered_under_growth; /* memory.high lowered below use of an active component */
	uint64_t second_reclaim;       /* a reclaim begun beside one that was outstanding */
	uint64_t longest_freeze_us;
	uint64_t first_freeze_us, first_stall_us;
	uint64_t plan_hash;
};

struct sim {
	struct config config;
	uint64_t now_us, next_full_us;
	uint64_t total_bytes, system_bytes, swap_bytes, reclaim_per_s;
	uint32_t protected_component; /* whose first stall is noted */
	struct sim_component component[UW_COMPONENTS_MAX];
	uint32_t leaf_count;
	struct sim_leaf leaf[SIM_LEAVES_MAX];
	struct policy_state *state;
	struct frame *frame;
	struct plan plan;
	struct outcome outcome[FRAME_OUTCOMES_MAX];
	uint32_t outcome_count;
	struct sim_counts counts;
	bool trace;
	/* called after each step of the policy */
	void (*check)(struct sim *sim);
};

/* A machine with an empty configuration and the defaults of the policy. */
void sim_init(struct sim *sim, uint64_t total_bytes, uint64_t system_bytes, uint64_t swap_bytes);
void sim_done(struct sim *sim);

/* Adds a component; call sim_start after the last one. Returns its index. */
uint32_t sim_add_component(struct sim *sim, const char *name, uint32_t share_permyriad,
			   uint32_t priority, enum protect protect);
void sim_start(struct sim *sim, uint64_t usable_bytes);

/* Adds a running leaf that holds bytes already. */
struct sim_leaf *sim_add_leaf(struct sim *sim, uint32_t component, uint64_t bytes);
void sim_exit_leaf(struct sim *sim, struct sim_leaf *leaf);

/* Lets us pass. */
void sim_run(struct sim *sim, uint64_t us);

uint64_t sim_current(const struct sim *sim, uint32_t component);
uint64_t sim_swapped(const struct sim *sim, uint32_t component);
uint64_t sim_free(const struct sim *sim);
uint64_t sim_swap_free(const struct sim *sim);

#endif
