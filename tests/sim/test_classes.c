// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a class is worth when there is more to do than can run. Tasks of all classes are alike but
 * for that, and come for twelve hours at one and a half to three times the rate at which they can
 * run. In turn alone the classes are told apart by a bound; here is what becomes of it with all
 * that starts out of turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/random.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/policy/admit/admit.h"

#define TASKS   2000
#define BUDGET  GIB
#define TICK_US (10 * US_PER_SEC)
#define LOAD_US (12 * 3600 * US_PER_SEC)

struct timed {
	uint64_t submit_us, run_us, bytes, end_us;
	enum admit_class class;
	bool runs, ended;
};

struct rush {
	struct admit *admit;
	struct timed task[TASKS + 1]; /* by id */
	uint64_t submitted, ended, now_us;
	struct random random;
	uint64_t wait_us[ADMIT_CLASS__COUNT], count[ADMIT_CLASS__COUNT];
};

static void rush_init(struct rush *rush, uint64_t seed)
{
	const struct admit_limits limits = {.tasks = TASKS, .keys = 1};
	struct admit_config config = {.component_count = 1};
	struct admit_supply supply = {.component[0].budget_bytes = BUDGET};

	*rush = (struct rush){.random = {seed * 7919}, .now_us = US_PER_SEC};
	rush->admit = malloc(admit_size(&limits));
	assert_non_null(rush->admit);
	assert_int_equal(admit_init(rush->admit, &limits, &config), 0);
	admit_supply(rush->admit, &supply, rush->now_us);
}

/* An eighth to a half of the memory, two to sixty minutes: the mean is 10 min of all of it. */
static void submit(struct rush *rush)
{
	uint64_t id = ++rush->submitted;
	struct timed *timed = &rush->task[id];
	uint32_t priority = (uint32_t)(PRIORITY_MIN + roll(&rush->random, PRIORITY_MAX));
	struct admit_task task;

	*timed = (struct timed){
		.submit_us = rush->now_us,
		.run_us = (120 + roll(&rush->random, 3480)) * US_PER_SEC,
		.bytes = BUDGET / 8 + roll(&rush->random, 384) * MIB,
		.class = admit_class_of(priority),
	};
	task = (struct admit_task){
		.id = id,
		.submit_us = rush->now_us,
		.request_bytes = timed->bytes,
		.declared_us = timed->run_us,
		.limit_us = timed->run_us,
		.priority = (uint8_t)priority,
	};
	assert_int_equal(admit_submit(rush->admit, &task, rush->now_us), 0);
}

static void end_those_due(struct rush *rush)
{
	for (uint64_t id = 1; id <= rush->submitted; id++) {
		struct timed *timed = &rush->task[id];

		if (!timed->runs || timed->ended || timed->end_us > rush->now_us)
			continue;
		timed->ended = true;
		rush->ended++;
		admit_exit(rush->admit, id, ADMIT_EXIT_DONE, timed->bytes, rush->now_us);
	}
}

static void decide(struct rush *rush)
{
	struct admit_decisions got;

	do {
		admit_decide(rush->admit, rush->now_us, &got);
		for (uint32_t i = 0; i < got.count; i++) {
			struct timed *timed = &rush->task[got.decision[i].id];

			if (got.decision[i].verdict != ADMIT_START)
				continue;
			timed->runs = true;
			timed->end_us = rush->now_us + timed->run_us;
			rush->wait_us[timed->class] += rush->now_us - timed->submit_us;
			rush->count[timed->class]++;
		}
	} while (got.more);
}

static void play(struct rush *rush, uint64_t seed, uint32_t every_ticks)
{
	rush_init(rush, seed);
	while (rush->now_us < LOAD_US || rush->ended < rush->submitted) {
		end_those_due(rush);
		if (rush->now_us < LOAD_US && rush->submitted < TASKS &&
		    !roll(&rush->random, every_ticks))
			submit(rush);
		decide(rush);
		rush->now_us += TICK_US;
	}
	free(rush->admit);
	for (int i = 0; i < ADMIT_CLASS__COUNT; i++)
		rush->wait_us[i] /= rush->count[i];
}

static void test_classes_hold_under_load(void **data)
{
	static const uint32_t every_ticks[] = {40, 28, 20};
	static struct rush rush;

	(void)data;
	for (size_t load = 0; load < sizeof(every_ticks) / sizeof(every_ticks[0]); load++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			play(&rush, seed, every_ticks[load]);
			/* Or nobody waited, and nothing was tested. */
			assert_true(rush.wait_us[ADMIT_DEFERRED] > 3600 * US_PER_SEC);
			assert_true(3 * rush.wait_us[ADMIT_CRITICAL] <
				    rush.wait_us[ADMIT_DEFERRED]);
			assert_true(rush.wait_us[ADMIT_CRITICAL] < rush.wait_us[ADMIT_NORMAL]);
			assert_true(rush.wait_us[ADMIT_NORMAL] < rush.wait_us[ADMIT_DEFERRED]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes_hold_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
