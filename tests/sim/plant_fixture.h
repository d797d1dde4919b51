/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest of the measurements on the plant, without a policy, and what its tests do to leaves. */
#ifndef TESTS_SIM_PLANT_FIXTURE_H
#define TESTS_SIM_PLANT_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/plant/plant.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define TOUCHES_PER_S 200000ULL
#define ROWS(a)       (sizeof(a) / sizeof((a)[0]))

/* Figures on stderr with PLANT_VERBOSE set, for who compares them with a recording. */
static inline void say(const char *what, uint64_t value)
{
	if (getenv("PLANT_VERBOSE"))
		fprintf(stderr, "%-48s %llu\n", what, (unsigned long long)value);
}

/* The guest of the measurements: 1217 MB, the kernel and its services hold some 90. */
static inline void guest(struct plant *plant, uint64_t swap_bytes, uint32_t components)
{
	plant_init(plant, 1217 * MIB, 90 * MIB, swap_bytes);
	plant->without_policy = true;
	for (uint32_t i = 0; i < components; i++)
		plant_add_component(plant, i ? "b" : "a", 5000, 5, PROTECT_NONE);
	plant_start(plant, 1014 * MIB);
}

/* Who has grown to bytes and touches them for ever, for a while now. */
static inline struct plant_leaf *busy_leaf(struct plant *plant, uint32_t component, uint64_t bytes,
					   uint64_t touches_per_s)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, component, 0);

	leaf->phase = (struct plant_phase){.target_bytes = bytes,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = bytes,
					   .touches_per_s = touches_per_s};
	plant_run(plant, bytes / (200 * MIB) * US_PER_SEC + 2 * US_PER_SEC);
	return leaf;
}

static inline void freeze(struct plant *plant, struct plant_leaf *leaf)
{
	leaf->frozen = true;
	leaf->frozen_us = plant->now_us;
	leaf->freeze_done_us = plant->now_us;
}

/* memory.reclaim by a worker, to its end; returns what it took. */
static inline uint64_t reclaim(struct plant *plant, uint32_t component,
			       const struct plant_leaf *leaf, uint64_t bytes)
{
	struct plant_component *c = &plant->component[component];

	c->reclaim = (struct action){.kind = ACTION_RECLAIM,
				     .component = component,
				     .leaf = leaf ? leaf->cgid : 0,
				     .amount = bytes,
				     .swappiness = -1,
				     .deadline_us = plant->now_us + 60 * US_PER_SEC};
	c->reclaiming = true;
	c->reclaimed_bytes = 0;
	while (c->reclaiming)
		plant_run(plant, PLANT_STEP_US);
	plant->outcome_count = 0;
	return c->reclaimed_bytes;
}

#endif
