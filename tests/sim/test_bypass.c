// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How far a head lets itself be overtaken, under seeded load whose predictions fail and whose
 * limits are kept. A task that became the head of its component must have started by the start it
 * was promised, or when its patience is over, of ten minutes or of half the wait that it was
 * promised, by the limits of what ran then: whatever was let past it, and for as long as no earlier
 * turn comes in.
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

#define TASKS     600
#define KEYS      8
#define BUDGET    GIB
#define TICK_US   (10 * US_PER_SEC)
#define BYPASS_US (600 * US_PER_SEC)

struct run {
	uint64_t bytes, limit_us, run_us, submit_us;
	uint64_t start_us, end_us; /* 0: not yet */
};

struct load {
	struct admit *admit;
	struct run run[TASKS + 1]; /* by id */
	uint32_t submitted;
	uint64_t now_us;
	struct random random;
	uint64_t head, promised_us, patience_us, latest_us; /* latest 0: it is still patient */
	uint32_t overtaken_late; /* starts while a head was not patient */
	uint32_t heads_late;
};

static void load_init(struct load *load, uint64_t seed)
{
	const struct admit_limits limits = {.tasks = TASKS, .keys = KEYS};
	struct admit_config config = {.component_count = 1, .bypass_us = BYPASS_US};
	struct admit_supply supply = {.component[0].budget_bytes = BUDGET};

	*load = (struct load){.random = {seed * 7919}, .now_us = US_PER_SEC};
	load->admit = malloc(admit_size(&limits));
	assert_non_null(load->admit);
	assert_int_equal(admit_init(load->admit, &limits, &config), 0);
	admit_supply(load->admit, &supply, load->now_us);
}

/* Most take a hundredth to a fifth of their limit and some all of it, so that predictions fail. */
static void submit(struct load *load)
{
	uint64_t id = ++load->submitted, limit = (60 + roll(&load->random, 3600)) * US_PER_SEC;
	uint64_t share = roll(&load->random, 4) ? 1 + roll(&load->random, 20) : 100;
	struct run *run = &load->run[id];
	struct admit_task task = {
		.id = id,
		.key = 1 + roll(&load->random, KEYS),
		.submit_us = load->now_us,
		.declared_us = limit,
		.limit_us = limit,
		.priority = 5,
	};

	run->bytes = (16 + roll(&load->random, roll(&load->random, 8) ? 100 : 900)) * MIB;
	run->limit_us = limit;
	run->submit_us = load->now_us;
	run->run_us = limit * share / 100;
	task.request_bytes = run->bytes;
	assert_int_equal(admit_submit(load->admit, &task, load->now_us), 0);
}

/* By the limits of what runs, when is there room for so much? */
static uint64_t room_by_limits(const struct load *load, uint64_t bytes)
{
	uint64_t at = load->now_us, free = 0;

	while (free < bytes) {
		uint64_t next = UINT64_MAX;

		free = BUDGET;
		for (uint32_t id = 1; id <= load->submitted; id++) {
			const struct run *run = &load->run[id];
			uint64_t end = run->start_us + run->limit_us;

			if (!run->start_us || run->end_us || end <= at)
				continue;
			free -= run->bytes;
			next = end < next ? end : next;
		}
		if (free < bytes)
			at = next;
	}
	return at;
}

static void end_those_due(struct load *load)
{
	for (uint32_t id = 1; id <= load->submitted; id++) {
		struct run *run = &load->run[id];

		if (!run->start_us || run->end_us || run->start_us + run->run_us > load->now_us)
			continue;
		run->end_us = load->now_us;
		admit_exit(load->admit, id, ADMIT_EXIT_DONE, run->bytes, load->now_us);
	}
}

/* Who is the head, and since when; a head that was replaced by an earlier turn begins anew. */
static void see_head(struct load *load, uint64_t head, uint64_t start_us)
{
	if (head == load->head)
		return;
	load->head = head;
	load->promised_us = start_us ?: load->now_us;
	load->patience_us = (load->promised_us - load->run[head].submit_us) / 2;
	if (load->patience_us < BYPASS_US)
		load->patience_us = BYPASS_US;
	load->latest_us = 0;
}

/* One that starts in turn had an earlier one than the head, which begins anew. */
static void on_start(struct load *load, uint64_t id, enum admit_reason why)
{
	load->run[id].start_us = load->now_us;
	admit_started(load->admit, id, 0, load->now_us);
	if (why != ADMIT_WHY_ENDS_BEFORE && why != ADMIT_WHY_BESIDE)
		load->head = 0;
	else if (load->latest_us)
		load->overtaken_late++;
}

static void decide(struct load *load)
{
	struct admit_decisions got;
	struct admit_summary summary;

	do {
		admit_decide(load->admit, load->now_us, &got);
		for (uint32_t i = 0; i < got.count; i++)
			if (got.decision[i].verdict == ADMIT_START)
				on_start(load, got.decision[i].id, got.decision[i].why.reason);
	} while (got.more);
	admit_summary(load->admit, load->now_us, &summary);
	see_head(load, summary.head_id, summary.head_start_us);
}

/* From the tick on in which its patience is over, nothing may make it later. */
static void check_bound(struct load *load)
{
	if (!load->head)
		return;
	if (!load->latest_us && load->now_us >= load->promised_us + load->patience_us) {
		load->latest_us = room_by_limits(load, load->run[load->head].bytes);
		load->heads_late++;
	}
	if (load->latest_us)
		assert_true(load->now_us <= load->latest_us + TICK_US);
}

static void play(struct load *load, uint64_t seed)
{
	load_init(load, seed);
	for (uint32_t ended = 0; ended < TASKS; load->now_us += TICK_US) {
		while (load->submitted < TASKS && !roll(&load->random, 8))
			submit(load);
		end_those_due(load);
		decide(load);
		check_bound(load);
		ended = 0;
		for (uint32_t id = 1; id <= load->submitted; id++)
			ended += load->run[id].end_us != 0;
		assert_true(load->now_us < 10000000 * US_PER_SEC);
	}
	free(load->admit);
}

static void test_a_head_starts_by_the_limits_of_what_ran(void **data)
{
	static struct load load;
	uint32_t late = 0, past = 0;

	(void)data;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		play(&load, seed);
		late += load.heads_late;
		past += load.overtaken_late;
	}
	/* Or nobody's patience ended, or nothing was let past, and nothing was tested. */
	assert_true(late > 30);
	assert_true(past > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_head_starts_by_the_limits_of_what_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
