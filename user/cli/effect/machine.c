// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets up a plant of the size of the recorded machine, lets the leaves come when they came, and
 * looks at it ten times a second.
 */
#include "user/cli/effect/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/policy/num.h"

#define LOOK_US (100 * US_PER_MS)

struct machine {
	const struct demand *demand;
	struct plant plant;
	uint64_t begin_us;
	struct plant_leaf *leaf[PLANT_LEAVES_MAX]; /* by index of the demand; NULL: not there */
};

static int component_here(const struct machine *machine, uint32_t component)
{
	return config_find(&machine->plant.config,
			   machine->demand->config.component[component].name);
}

static void add_leaf(struct machine *machine, uint32_t index)
{
	const struct demand_leaf *from = &machine->demand->leaf[index];
	int component = component_here(machine, from->component);
	struct plant_leaf *leaf;

	if (component < 0)
		return;
	leaf = plant_add_leaf(&machine->plant, (uint32_t)component, from->anon_bytes);
	if (!leaf)
		return;
	plant_add_cache(&machine->plant, leaf, from->file_bytes);
	leaf->program = from->phase;
	leaf->phase_count = from->phases;
	leaf->phase = from->phase[0];
	leaf->phase_began_us = machine->plant.now_us;
	machine->leaf[index] = leaf;
}

static void look_at_leaves(struct machine *machine, struct effect *effect)
{
	for (uint32_t i = 0; i < machine->demand->leaves; i++)
		if (machine->leaf[i] && machine->leaf[i]->frozen)
			effect->leaf[i].stood_us += LOOK_US;
}

static void look_at_components(struct machine *machine, struct effect *effect)
{
	for (uint32_t i = 0; i < machine->demand->config.component_count; i++) {
		struct effect_component *to = &effect->component[i];
		int here = component_here(machine, i);

		if (here < 0)
			continue;
		to->stalled_us = machine->plant.component[here].stall_some_us;
		to->swapped_bytes =
			max_u64(to->swapped_bytes, plant_swapped(&machine->plant, (uint32_t)here));
	}
}

static void end(const struct machine *machine, struct effect *effect)
{
	for (uint32_t i = 0; i < machine->demand->leaves; i++) {
		const struct plant_leaf *leaf = machine->leaf[i];
		struct effect_leaf *to = &effect->leaf[i];

		if (!leaf)
			continue;
		to->done_us = mul_div(leaf->touches, US_PER_SEC, DEMAND_TOUCHES_PER_S);
		to->ended_us = leaf->populated ? 0 : leaf->ended_us - machine->begin_us;
		to->killed = leaf->killed;
	}
}

static void pass_time(struct machine *machine, struct effect *effect)
{
	uint64_t end_us = machine->demand->last_us - machine->demand->first_us, at_us;
	uint32_t next = 0;

	for (at_us = 0; at_us < end_us; at_us += LOOK_US) {
		while (next < machine->demand->leaves &&
		       machine->demand->leaf[next].born_us <= at_us)
			add_leaf(machine, next++);
		plant_run(&machine->plant, LOOK_US);
		look_at_leaves(machine, effect);
		look_at_components(machine, effect);
	}
}

int machine_run(const struct demand *demand, const struct machine_options *options,
		struct effect *ret_effect, struct uw_err *err)
{
	AUTO_FREE struct machine *machine = calloc(1, sizeof(*machine));
	int rc;

	*ret_effect = (struct effect){0};
	if (!machine)
		return err_set(err, -ENOMEM, "out of memory");
	machine->demand = demand;
	rc = plant_init(&machine->plant, demand->total_bytes, demand->system_bytes,
			options->swap_bytes);
	if (rc)
		err_set(err, rc, "out of memory");
	machine->plant.config = *options->config;
	machine->begin_us = machine->plant.now_us;
	if (!rc && plant_start(&machine->plant, options->usable_bytes))
		rc = err_set(
			err, -EINVAL,
			"configuration: the components' budgets do not fit in what was usable");
	if (!rc) {
		pass_time(machine, ret_effect);
		end(machine, ret_effect);
	}
	plant_done(&machine->plant);
	return rc;
}
