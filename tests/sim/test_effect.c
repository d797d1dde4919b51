// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an episode of one simulated machine recorded, put on another one. The first knows what its
 * leaves want; here it has to be found out from frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/plant_fixture.h"
#include "tests/sim/recorded.h"
#include "user/base/cleanup.h"
#include "user/cli/effect/machine.h"
#include "user/conf/conf.h"

static const char two[] = "[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n"
			  "[component ml]\nshare = 60%\npriority = 3\nfreeze = yes\nborrow = yes\n";
static const char never[] = "[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n"
			    "[component ml]\nshare = 60%\npriority = 3\nborrow = yes\n";

enum {
	SERVICE,
	HOG
};

/* A service, and a job that fills more than there is and does not return to it. */
static void run_episode(struct plant *plant)
{
	struct plant_leaf *service = plant_add_leaf(plant, 0, 0), *hog;

	service->phase = (struct plant_phase){.target_bytes = 274 * MIB,
					      .grow_per_s = 100 * MIB,
					      .hot_bytes = 274 * MIB,
					      .touches_per_s = TOUCHES_PER_S};
	plant_run(plant, 15 * US_PER_SEC);
	hog = plant_add_leaf(plant, 1, 4 * MIB);
	hog->phase = (struct plant_phase){.target_bytes = 1100 * MIB, .grow_per_s = 40 * MIB};
	plant_run(plant, 60 * US_PER_SEC);
}

struct told {
	struct recording *recording;
	struct demand *demand;
	void *bytes;
};

static struct told tell(uint64_t swap_bytes)
{
	struct told told = {malloc(sizeof(struct recording)), calloc(1, sizeof(struct demand)),
			    NULL};
	struct recorded recorded;
	struct uw_err err = {0};
	size_t size;

	recorded_init(&recorded);
	recorded_start(&recorded, two, swap_bytes);
	run_episode(&recorded.plant);
	recorded_stop(&recorded);
	told.bytes = recorded_export(&recorded, &size);
	recorded_done(&recorded);
	assert_int_equal(recording_open(told.recording, told.bytes, size, &err), 0);
	assert_int_equal(demand_read(told.demand, told.recording, &err), 0);
	return told;
}

static void forget(struct told *told)
{
	demand_done(told->demand);
	free(told->demand);
	free(told->recording);
	free(told->bytes);
}

static struct effect machine(const struct told *told, const char *text, uint64_t swap_bytes)
{
	AUTO_FREE struct config *config = calloc(1, sizeof(*config));
	struct machine_options options = {config, told->demand->usable_bytes, swap_bytes};
	struct uw_err err = {0};
	struct effect effect;

	assert_int_equal(conf_parse_text("test", text, strlen(text), config, &err), 0);
	assert_int_equal(machine_run(told->demand, &options, &effect, &err), 0);
	say("hog, of its own time, ms", effect.leaf[HOG].done_us / US_PER_MS);
	say("hog, frozen, ms", effect.leaf[HOG].stood_us / US_PER_MS);
	say("its component, waited, ms", effect.component[1].stalled_us / US_PER_MS);
	say("its component, in swap, MB", effect.component[1].swapped_bytes / MIB);
	return effect;
}

static void assert_near(uint64_t value, uint64_t recorded, uint64_t percent)
{
	assert_in_range(value, recorded - recorded * percent / 100,
			recorded + recorded * percent / 100);
}

/* By the same configuration the demand that was read leads to what it was read from. */
static void test_demand_comes_to_what_was_recorded(void **state)
{
	struct told told = tell(256 * MIB);
	const struct effect *came = &told.demand->came;
	struct effect again;

	(void)state;
	assert_int_equal(told.demand->leaves, 2);
	assert_true(came->leaf[HOG].stood_us > 10 * US_PER_SEC);
	say("recorded: own time, ms", came->leaf[HOG].done_us / US_PER_MS);
	say("recorded: frozen, ms", came->leaf[HOG].stood_us / US_PER_MS);
	say("recorded: waited, ms", came->component[1].stalled_us / US_PER_MS);
	say("recorded: in swap, MB", came->component[1].swapped_bytes / MIB);
	again = machine(&told, two, 256 * MIB);
	assert_near(again.leaf[SERVICE].done_us, came->leaf[SERVICE].done_us, 5);
	assert_near(again.leaf[HOG].done_us, came->leaf[HOG].done_us, 10);
	assert_near(again.leaf[HOG].stood_us, came->leaf[HOG].stood_us, 25);
	assert_near(again.component[1].swapped_bytes, came->component[1].swapped_bytes, 10);
	assert_int_equal(again.component[0].swapped_bytes, 0);
	forget(&told);
}

/* More swap holds all of what it came to: it does not have to stand still. */
static void test_more_swap_lets_the_job_go_on(void **state)
{
	struct told told = tell(256 * MIB);
	struct effect less = machine(&told, two, 256 * MIB), more = machine(&told, two, 1024 * MIB);

	(void)state;
	assert_true(more.component[1].swapped_bytes > less.component[1].swapped_bytes + 8 * MIB);
	assert_true(more.leaf[HOG].stood_us < less.leaf[HOG].stood_us / 4);
	assert_true(more.leaf[HOG].done_us > less.leaf[HOG].done_us);
	assert_int_equal(more.component[0].swapped_bytes, 0);
	forget(&told);
}

/* Who may not be frozen waits for memory instead, and the service keeps what it has. */
static void test_who_may_not_be_frozen_waits(void **state)
{
	struct told told = tell(256 * MIB);
	struct effect frozen = machine(&told, two, 256 * MIB),
		      never_frozen = machine(&told, never, 256 * MIB);

	(void)state;
	assert_int_equal(never_frozen.leaf[HOG].stood_us, 0);
	assert_true(never_frozen.component[1].stalled_us > frozen.component[1].stalled_us);
	assert_int_equal(never_frozen.component[0].swapped_bytes, 0);
	forget(&told);
}

/* Of a component that the other configuration has not, there is nothing. */
static void test_component_that_is_not_there_has_no_leaves(void **state)
{
	struct told told = tell(256 * MIB);
	struct effect effect = machine(&told, "[component cache]\nshare = 35%\n", 256 * MIB);

	(void)state;
	assert_int_equal(effect.leaf[HOG].done_us, 0);
	assert_near(effect.leaf[SERVICE].done_us, told.demand->came.leaf[SERVICE].done_us, 5);
	forget(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demand_comes_to_what_was_recorded),
		cmocka_unit_test(test_more_swap_lets_the_job_go_on),
		cmocka_unit_test(test_who_may_not_be_frozen_waits),
		cmocka_unit_test(test_component_that_is_not_there_has_no_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
