// SPDX-License-Identifier: GPL-2.0-or-later
/* Who wants more than there is for it, and who stands in the way: literal states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/contention.h"

/* One component's state in numbers of MiB, and of MiB a second. */
struct want {
	uint64_t holds, high, in_force;
	int64_t slope, step;
	uint64_t some_permyriad;
	uint32_t active_leaves;
};

static void set(struct fixture *f, uint32_t i, struct want w)
{
	struct component_state *cs = &f->state->component[i];

	cs->used = true;
	cs->active_leaves = w.active_leaves;
	cs->in_force_bytes = w.in_force * MIB;
	cs->limit[LIMIT_HIGH] =
		(struct limit_state){.known = w.high > 0, .kernel_bytes = w.high * MIB};
	cs->signal = (struct signal){
		.seen = true,
		.usage_at_us = f->frame.now_us,
		.current_bytes = w.holds * MIB,
		.held_bytes = w.holds * MIB,
		.slope_per_s = w.slope * (int64_t)MIB,
		.step_per_s = w.step * (int64_t)MIB,
		.some_permyriad = w.some_permyriad,
	};
}

/* Who may not borrow lacks what it has lent, and at its wall nothing that others have. */
static uint64_t of_its_own(const struct want *w, uint64_t lacks)
{
	uint64_t left = w->holds < 600 ? 600 - w->holds : 0;

	return w->in_force >= 600 ? 0 : lacks < left ? lacks : left;
}

static void test_what_is_lacking_is_growth_that_meets_its_limit(void **data)
{
	static const struct {
		struct want want;
		enum frame_kind kind;
		uint64_t ahead, lacks;
	} rows[] = {
		/* its trend: */
		{{500, 600, 600, 60, 0, 0, 1}, FRAME_FULL, 60, 0},
		{{540, 600, 600, 60, 0, 0, 1}, FRAME_FULL, 60, 0},
		{{571, 600, 600, 60, 0, 0, 1}, FRAME_FULL, 60, 31},
		{{650, 600, 600, 60, 0, 0, 1}, FRAME_FULL, 60, 60},
		{{600, 600, 600, 0, 0, 0, 1}, FRAME_FULL, 0, 0},
		{{600, 600, 600, 1, 0, 0, 1}, FRAME_FULL, 0, 0},
		{{600, 600, 600, -60, 0, 0, 1}, FRAME_FULL, 0, 0},
		/* a sixteenth of what it holds at the least, of 4 to 32 MiB: */
		{{320, 600, 600, 2, 0, 0, 1}, FRAME_FULL, 20, 0},
		{{32, 600, 40, 2, 0, 0, 1}, FRAME_FULL, 4, 0},
		{{590, 600, 600, 2, 0, 0, 1}, FRAME_FULL, 32, 22},
		/* which stalls at the limit stand for: */
		{{598, 600, 600, 0, 0, 200, 1}, FRAME_FULL, 32, 30},
		{{598, 600, 900, 0, 0, 200, 1}, FRAME_FULL, 32, 0},
		{{80, 80, 80, 0, 0, 200, 1}, FRAME_FULL, 5, 5},
		{{598, 600, 600, 60, 0, 200, 1}, FRAME_FULL, 60, 58},
		{{598, 600, 600, 0, 0, 100, 1}, FRAME_FULL, 0, 0},
		{{587, 600, 600, 0, 0, 200, 1}, FRAME_FULL, 0, 0},
		{{598, 0, 600, 0, 0, 200, 1}, FRAME_FULL, 0, 0},
		{{598, 600, 600, 0, 0, 200, 0}, FRAME_FULL, 0, 0},
		/* in the fast lane the last step counts: */
		{{571, 600, 600, 0, 100, 0, 1}, FRAME_URGENT, 100, 71},
		{{571, 600, 600, 200, 100, 0, 1}, FRAME_URGENT, 200, 171},
		{{571, 600, 600, 0, 6, 0, 1}, FRAME_URGENT, 0, 0},
		{{571, 600, 600, 0, 100, 0, 1}, FRAME_FULL, 0, 0},
	};
	struct fixture *f = *data;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct step step;

		f->frame.kind = rows[i].kind;
		set(f, HOG, rows[i].want);
		step = fixture_ask(f);
		if (contention_ahead(&step, HOG, US_PER_SEC) != rows[i].ahead * MIB ||
		    contention_lacks(&step, HOG) != rows[i].lacks * MIB)
			fail_msg("row %zu: %llu ahead, lacks %llu", i,
				 (unsigned long long)(contention_ahead(&step, HOG, US_PER_SEC) /
						      MIB),
				 (unsigned long long)(contention_lacks(&step, HOG) / MIB));
		/* What others have would help who may borrow. */
		f->config.component[HOG].borrow = true;
		assert_true(contention_others_lack(&step, REDIS) == rows[i].lacks * MIB);
		f->config.component[HOG].borrow = false;
		assert_true(contention_others_lack(&step, REDIS) ==
			    of_its_own(&rows[i].want, rows[i].lacks) * MIB);
		assert_int_equal(contention_others_lack(&step, HOG), 0);
	}
}

static void test_owner_takes_ahead_what_is_within_its_budget(void **data)
{
	struct fixture *f = *data;
	struct step step = fixture_ask(f);

	set(f, REDIS, (struct want){100, 400, 400, 20, 0, 0, 1});
	set(f, HOG, (struct want){590, 600, 600, 60, 0, 0, 1});
	assert_int_equal(contention_owner_ahead(&step, REDIS, US_PER_SEC, BYTES_MAX), 20 * MIB);
	assert_int_equal(contention_owner_ahead(&step, HOG, US_PER_SEC, BYTES_MAX), 10 * MIB);
	assert_int_equal(contention_owners_growth(&step, US_PER_SEC), 30 * MIB);
	assert_int_equal(contention_owners_growth(&step, US_PER_SEC / 2), 20 * MIB);
	/* No more growth than the caller expects, and what is queued beside. */
	assert_int_equal(contention_owner_ahead(&step, REDIS, US_PER_SEC, 5 * MIB), 5 * MIB);
	f->state->component[REDIS].queued_bytes = 50 * MIB;
	assert_int_equal(contention_owner_ahead(&step, REDIS, US_PER_SEC, 5 * MIB), 55 * MIB);
	f->state->component[REDIS].queued_bytes = 0;
	set(f, HOG, (struct want){600, 600, 600, 60, 0, 0, 1});
	assert_int_equal(contention_owner_ahead(&step, HOG, US_PER_SEC, BYTES_MAX), 0);
	f->state->component[REDIS].used = false;
	assert_int_equal(contention_owner_ahead(&step, REDIS, US_PER_SEC, BYTES_MAX), 0);
}

static void test_growth_has_a_cost_when_somebody_is_there_to_pay(void **data)
{
	static const struct {
		uint32_t active, frozen;
		bool other_lacks;
		uint64_t swap, swap_free;
		bool at_cost;
	} rows[] = {
		{1, 0, false, 256 * MIB, 256 * MIB, false},
		{0, 1, false, 256 * MIB, 256 * MIB, false},
		{2, 0, false, 256 * MIB, 256 * MIB, true},
		{1, 1, false, 256 * MIB, 256 * MIB, true},
		{1, 0, true, 256 * MIB, 256 * MIB, true},
		{1, 0, false, 256 * MIB, 17 * MIB, false},
		{1, 0, false, 256 * MIB, 16 * MIB, true},
		{1, 0, false, 0, 0, true},
	};
	struct fixture *f = *data;
	struct step step = fixture_ask(f);

	f->config.component[REDIS].borrow = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set(f, HOG, (struct want){590, 600, 600, 60, 0, 0, rows[i].active});
		f->state->component[HOG].frozen_leaves = rows[i].frozen;
		set(f, REDIS, (struct want){399, 400, 400, 0, 0, rows[i].other_lacks ? 200 : 0, 1});
		f->state->host = (struct host_state){.valid = true,
						     .swap_total_bytes = rows[i].swap,
						     .swap_free_bytes = rows[i].swap_free};
		if (contention_at_cost(&step, HOG) != rows[i].at_cost)
			fail_msg("row %zu", i);
	}
	/* What is not known of the host is no alarm. */
	f->state->host.valid = false;
	assert_false(contention_at_cost(&step, HOG));
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_what_is_lacking_is_growth_that_meets_its_limit),
		FIXTURE_TEST(test_owner_takes_ahead_what_is_within_its_budget),
		FIXTURE_TEST(test_growth_has_a_cost_when_somebody_is_there_to_pay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
