// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who has waited for long enough goes before all who have not, in the order of submits. For twelve
 * days tasks of all classes come at twice the rate at which they can run, a few of them long, so
 * that the brief ones go before these for days; then the rest is run.
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

#define TASKS   4000
#define BUDGET  GIB
#define TICK_US (60 * US_PER_SEC)
#define LOAD_US (12 * 24 * 3600 * US_PER_SEC)
#define EVERY   10 /* ticks, in the mean */

struct waiting {
	uint64_t submit_us, run_us, bytes, end_us;
	bool runs, ended;
};

struct flood {
	struct admit *admit;
	struct waiting task[TASKS + 1]; /* by id, which is the order of submits */
	uint64_t submitted, ended, now_us;
	struct random random;
	uint64_t eldest; /* no task before it waits */
	uint32_t overdue_starts;
};

static void flood_init(struct flood *flood, uint64_t seed)
{
	const struct admit_limits limits = {.tasks = TASKS, .keys = 1};
	struct admit_config config = {.component_count = 1};
	struct admit_supply supply = {.component[0].budget_bytes = BUDGET};

	*flood = (struct flood){.random = {seed * 7919}, .now_us = US_PER_SEC, .eldest = 1};
	flood->admit = malloc(admit_size(&limits));
	assert_non_null(flood->admit);
	assert_int_equal(admit_init(flood->admit, &limits, &config), 0);
	admit_supply(flood->admit, &supply, flood->now_us);
}

/* An eighth to a half of the memory for half an hour; of each eight one of 4 to 28 h, and less. */
static void submit(struct flood *flood)
{
	uint64_t id = ++flood->submitted;
	bool is_long = !roll(&flood->random, 8);
	struct waiting *waiting = &flood->task[id];
	struct admit_task task;

	*waiting = (struct waiting){
		.submit_us = flood->now_us,
		.run_us = (is_long ? 4 * 3600 + roll(&flood->random, 24 * 3600)
				   : 60 + roll(&flood->random, 3480)) *
			  US_PER_SEC,
		.bytes = BUDGET / 8 + roll(&flood->random, 384) * MIB,
	};
	if (is_long)
		waiting->bytes /= 8;
	task = (struct admit_task){
		.id = id,
		.submit_us = flood->now_us,
		.request_bytes = waiting->bytes,
		.declared_us = waiting->run_us,
		.limit_us = waiting->run_us,
		.priority = (uint8_t)(1 + roll(&flood->random, 10)),
	};
	assert_int_equal(admit_submit(flood->admit, &task, flood->now_us), 0);
}

static void end_those_due(struct flood *flood)
{
	for (uint64_t id = flood->eldest; id <= flood->submitted; id++) {
		struct waiting *waiting = &flood->task[id];

		if (!waiting->runs || waiting->ended || waiting->end_us > flood->now_us)
			continue;
		waiting->ended = true;
		flood->ended++;
		admit_exit(flood->admit, id, ADMIT_EXIT_DONE, waiting->bytes, flood->now_us);
	}
	while (flood->eldest <= flood->submitted && flood->task[flood->eldest].ended)
		flood->eldest++;
}

/* Of the tasks that wait the one that was submitted first. */
static uint64_t eldest_that_waits(const struct flood *flood)
{
	uint64_t id = flood->eldest;

	while (id <= flood->submitted && flood->task[id].runs)
		id++;
	return id;
}

/* Who starts in turn is the eldest, once that is overdue. */
static void on_start(struct flood *flood, const struct admit_decision *start)
{
	struct waiting *waiting = &flood->task[start->id];
	uint64_t eldest = eldest_that_waits(flood);
	bool in_turn = start->why.reason == ADMIT_WHY_FITS || start->why.reason == ADMIT_WHY_CANARY;

	if (in_turn && flood->now_us >= flood->task[eldest].submit_us + ADMIT_OVERDUE_US) {
		assert_int_equal(start->id, eldest);
		flood->overdue_starts++;
	}
	waiting->runs = true;
	waiting->end_us = flood->now_us + waiting->run_us;
}

static void decide(struct flood *flood)
{
	struct admit_decisions got;

	do {
		admit_decide(flood->admit, flood->now_us, &got);
		for (uint32_t i = 0; i < got.count; i++)
			if (got.decision[i].verdict == ADMIT_START)
				on_start(flood, &got.decision[i]);
	} while (got.more);
}

static void play(struct flood *flood, uint64_t seed)
{
	flood_init(flood, seed);
	while (flood->now_us < LOAD_US || flood->ended < flood->submitted) {
		end_those_due(flood);
		if (flood->now_us < LOAD_US && flood->submitted < TASKS &&
		    !roll(&flood->random, EVERY))
			submit(flood);
		decide(flood);
		flood->now_us += TICK_US;
	}
	free(flood->admit);
}

static void test_who_is_overdue_goes_first_in_the_order_of_submits(void **data)
{
	static struct flood flood;
	uint32_t overdue = 0;

	(void)data;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		play(&flood, seed);
		overdue += flood.overdue_starts;
	}
	/* Or nobody waited for so long, and nothing was tested. */
	assert_true(overdue > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_overdue_goes_first_in_the_order_of_submits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
