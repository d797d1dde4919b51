// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Somebody outside of the pool takes the memory of the host, while everybody inside stays within
 * the budget. Whoever matters least is stopped and paged out so that the protected one gets what is
 * its own, and goes on when the outsider has left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/invariants.h"
#include "tests/sim/plant_fixture.h"
#include "tests/sim/trace.h"

#define LEFT_BYTES (8 * MIB)

enum {
	SERVICE,
	BATCH,
	CRAWLER,
};

struct outsider {
	bool batch_froze, crawler_froze;
	struct why why; /* of the first freeze */
};

static void watch(struct plant *plant)
{
	struct outsider *seen = plant->data;

	invariants_hold(plant);
	for (uint32_t i = 0; i < plant->plan.action_count; i++) {
		const struct action *a = &plant->plan.action[i];

		if (a->kind != ACTION_FREEZE)
			continue;
		if (!seen->batch_froze && !seen->crawler_froze)
			seen->why = a->why;
		seen->batch_froze |= a->component == BATCH;
		seen->crawler_froze |= a->component == CRAWLER;
	}
}

static void machine(struct plant *plant, struct outsider *seen)
{
	plant_init(plant, 1217 * MIB, 90 * MIB, 512 * MIB);
	trace_by_env(plant);
	plant_add_component(plant, "service", 3500, 10, PROTECT_WORKING_SET);
	plant_add_component(plant, "batch", 3000, 3, PROTECT_NONE);
	plant_add_component(plant, "crawler", 3000, 5, PROTECT_NONE);
	plant->config.component[BATCH].freeze = plant->config.component[CRAWLER].freeze = true;
	plant->protected_component = SERVICE;
	plant_start(plant, 1014 * MIB);
	plant->check = watch;
	plant->data = seen;
}

/* Holds bytes and uses them all, growing no more. */
static struct plant_leaf *program(struct plant *plant, uint32_t component, uint64_t bytes)
{
	struct plant_leaf *leaf = plant_add_leaf(plant, component, 0);

	leaf->phase = (struct plant_phase){.target_bytes = bytes,
					   .grow_per_s = 200 * MIB,
					   .hot_bytes = bytes,
					   .touches_per_s = TOUCHES_PER_S / 20};
	plant_run(plant, 5 * US_PER_SEC);
	return leaf;
}

/* Takes all but little of what is available now, within some seconds, and holds it for so long. */
static void take_all(struct plant *plant, uint64_t us)
{
	uint64_t part = (plant_available(plant) - LEFT_BYTES) / 50;

	for (uint64_t t = 0; t < us; t += 100 * US_PER_MS) {
		if (t < 5 * US_PER_SEC)
			plant->system_bytes += part;
		plant_run(plant, 100 * US_PER_MS);
	}
}

static void test_least_important_stops_for_an_outsider_and_goes_on(void **state)
{
	struct outsider seen = {0};
	struct plant_leaf *service, *batch;
	struct plant plant;
	uint64_t touches;

	(void)state;
	machine(&plant, &seen);
	service = program(&plant, SERVICE, 150 * MIB);
	batch = program(&plant, BATCH, 250 * MIB);
	program(&plant, CRAWLER, 150 * MIB);
	service->phase.target_bytes = 300 * MIB;
	service->phase.grow_per_s = 2 * MIB;
	take_all(&plant, 60 * US_PER_SEC);
	say("batch in swap", batch->swapped_bytes / MIB);
	say("service in swap", service->swapped_bytes / MIB);
	say("service stalled ms", service->stalled_us / US_PER_MS);
	say("stopped with available", seen.why.observed / MIB);
	assert_true(seen.batch_froze);
	assert_int_equal(seen.why.reason, REASON_HOST_AVAILABLE);
	assert_true(seen.why.observed < seen.why.threshold);
	assert_int_equal(service->swapped_bytes, 0);
	assert_true(service->stalled_us < 100 * US_PER_MS); /* 2.8 s with the kernel alone */
	assert_int_equal(plant.counts.oom + plant.counts.oom_pool, 0);

	plant.system_bytes = 90 * MIB;
	touches = batch->touches;
	plant_run(&plant, 60 * US_PER_SEC);
	say("work of the batch after, in seconds", (batch->touches - touches) * 20 / TOUCHES_PER_S);
	assert_false(batch->frozen);
	assert_true(batch->touches - touches > 30 * TOUCHES_PER_S / 20);
	plant_done(&plant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least_important_stops_for_an_outsider_and_goes_on),
	};

	return cmocka_run_group_tests_name("outsider", tests, NULL, NULL);
}
