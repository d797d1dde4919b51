// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole schedules of a seeded workload, of the shape that workflow engines make: bursts of tasks of
 * few kinds that ask for several times what they use, and declare many times what they take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/simulate/figures.h"

#define JOBS     1500
#define KINDS    30
#define BURSTS   60
#define CAPACITY (16 * GIB)

static uint64_t draw(uint64_t *state, uint64_t below)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % below;
}

/* A kind is its own seed: peak 32 MiB to 3 GiB, most of them small; runs of 10 s to 25 min. */
static struct trace_job make_job(uint64_t kind, uint64_t submit_us, uint64_t *state)
{
	uint64_t own = kind * 7919, scale = draw(&own, 100);
	uint64_t peak = (32 + scale * scale * scale / 330) * MIB;
	uint64_t run = (10 + draw(&own, 40) * draw(&own, 40)) * US_PER_SEC;

	return (struct trace_job){
		.submit_us = submit_us,
		.run_us = run / 2 + draw(state, run),
		.declared_us = 4 * 3600 * US_PER_SEC,
		.asked_bytes = peak * (2 + draw(&own, 4)),
		.peak_bytes = peak * 4 / 5 + draw(state, peak / 5),
		.key = kind + 1,
		.class = (uint8_t)draw(state, ADMIT_CLASS__COUNT),
		.memory_priority = (uint8_t)(1 + draw(state, 10)),
	};
}

static void make_trace(struct trace *trace, uint64_t seed)
{
	uint64_t state = seed, submit = 0, kind = 0;

	*trace = (struct trace){.job = calloc(JOBS, sizeof(*trace->job)), .count = JOBS};
	assert_non_null(trace->job);
	for (uint32_t i = 0; i < JOBS; i++) {
		if (i % (JOBS / BURSTS) == 0) {
			submit += draw(&state, 1800) * US_PER_SEC;
			kind = draw(&state, KINDS);
		}
		trace->job[i] = make_job(draw(&state, 4) ? kind : draw(&state, KINDS),
					 submit + draw(&state, 30 * US_PER_SEC), &state);
	}
}

static struct replay_options options_of(enum replay_policy policy)
{
	return (struct replay_options){
		.policy = policy,
		.capacity_bytes = CAPACITY,
		.stretch_permille = 1000,
		.ramp_permille = 1000,
	};
}

static struct figures play(const struct trace *trace, const struct replay_options *options)
{
	struct figures figures = {0};
	struct replay replay;
	struct uw_err err = {0};

	assert_int_equal(replay_run(trace, options, &replay, &err), 0);
	assert_int_equal(figures_of(trace, &replay, &figures, &err), 0);
	assert_int_equal(figures.jobs, JOBS);
	replay_done(&replay);
	return figures;
}

/* Not so by law, but so by far: a policy that loses here has lost its point. */
static void test_what_is_learned_beats_what_is_asked(void **data)
{
	(void)data;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct figures by[REPLAY_POLICY__COUNT];
		struct trace trace;

		make_trace(&trace, seed);
		for (int p = 0; p < REPLAY_POLICY__COUNT; p++) {
			struct replay_options options = options_of((enum replay_policy)p);

			by[p] = play(&trace, &options);
		}
		assert_true(by[REPLAY_EASY].wait_s.mean < by[REPLAY_FCFS].wait_s.mean);
		assert_true(by[REPLAY_EASY_LEARNED].wait_s.mean < by[REPLAY_EASY].wait_s.mean);
		assert_true(by[REPLAY_UW].wait_s.mean < by[REPLAY_EASY_LEARNED].wait_s.mean);
		assert_true(by[REPLAY_UW].wait_s.mean * 2 < by[REPLAY_EASY].wait_s.mean);
		assert_true(by[REPLAY_ORACLE].wait_s.mean < by[REPLAY_UW].wait_s.mean);
		assert_true(by[REPLAY_UW].failed_pct <= 2);
		assert_true(by[REPLAY_UW].class[ADMIT_CRITICAL].wait_s.mean <
			    by[REPLAY_UW].class[ADMIT_DEFERRED].wait_s.mean);
		trace_done(&trace);
	}
}

/* Half of what is asked is used, and which key a job has tells nothing of it. */
static void make_keyless(struct trace *trace, uint64_t seed, uint64_t keys)
{
	uint64_t state = seed;

	*trace = (struct trace){.job = calloc(JOBS, sizeof(*trace->job)), .count = JOBS};
	assert_non_null(trace->job);
	for (uint32_t i = 0; i < JOBS; i++) {
		uint64_t run = (10 + draw(&state, 110)) * US_PER_SEC;
		uint64_t peak = (20 + draw(&state, 360)) * MIB, key = draw(&state, 500);

		trace->job[i] = (struct trace_job){
			.submit_us = i * 2 * US_PER_SEC,
			.run_us = run,
			.declared_us = 300 * US_PER_SEC,
			.asked_bytes = 400 * MIB,
			.peak_bytes = peak,
			.key = (keys ? key : i) + 1,
			.class = ADMIT_NORMAL,
			.memory_priority = 5,
		};
	}
}

/* What says nothing is not believed: it costs nothing beside having learned nothing. */
static void test_keys_that_say_nothing_cost_nothing(void **data)
{
	static const uint64_t capacities[] = {6 * GIB, 9 * GIB, 11 * GIB, 14 * GIB};

	(void)data;
	for (uint64_t seed = 1; seed <= 3; seed++)
		for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
			struct replay_options options = options_of(REPLAY_UW);
			struct figures by[2];

			options.capacity_bytes = capacities[i];
			for (uint64_t keyed = 0; keyed < 2; keyed++) {
				struct trace trace;

				make_keyless(&trace, seed, keyed);
				by[keyed] = play(&trace, &options);
				free(trace.job);
			}
			assert_true(by[1].wait_s.mean <= by[0].wait_s.mean * 1.01);
			assert_true(by[1].slowdown.mean <= by[0].slowdown.mean * 1.01);
		}
}

/* At each moment what is reserved fits, and what is used is within it. */
static void test_spans_never_sum_up_to_more_than_the_capacity(void **data)
{
	struct replay_options options = options_of(REPLAY_UW);
	struct trace trace;
	struct replay replay;
	struct uw_err err = {0};

	(void)data;
	make_trace(&trace, 11);
	assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
	for (uint32_t i = 0; i < replay.spans; i += 7) {
		const struct replay_span *at = &replay.span[i];
		uint64_t sum = 0;

		assert_true(at->used_bytes <= at->reserved_bytes);
		if (at->from_us == at->to_us)
			continue;
		for (uint32_t k = 0; k < replay.spans; k++)
			if (replay.span[k].from_us <= at->from_us &&
			    replay.span[k].to_us > at->from_us)
				sum += replay.span[k].reserved_bytes;
		assert_true(sum <= CAPACITY);
	}
	replay_done(&replay);
	trace_done(&trace);
}

static void test_equal_seeds_give_equal_schedules(void **data)
{
	struct replay_options options = options_of(REPLAY_UW);
	struct replay replay[3];
	struct trace trace;
	struct uw_err err = {0};

	(void)data;
	make_trace(&trace, 5);
	options.jitter_us = 120 * US_PER_SEC;
	for (int i = 0; i < 3; i++) {
		options.seed = i == 2;
		assert_int_equal(replay_run(&trace, &options, &replay[i], &err), 0);
	}
	assert_memory_equal(replay[0].job, replay[1].job, JOBS * sizeof(struct replay_job));
	assert_memory_not_equal(replay[0].job, replay[2].job, JOBS * sizeof(struct replay_job));
	for (int i = 0; i < 3; i++)
		replay_done(&replay[i]);
	trace_done(&trace);
}

/* As a daemon asks, which has time for few starts at once: the same ones at the same times. */
static void test_answers_of_any_length_give_equal_schedules(void **data)
{
	static const uint32_t most[] = {0, 1, 3, 8};
	struct replay_options options = options_of(REPLAY_UW);
	struct replay replay[ARRAY_SIZE(most)];
	struct trace trace;
	struct uw_err err = {0};

	(void)data;
	make_trace(&trace, 5);
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		options.answer_max = most[i];
		assert_int_equal(replay_run(&trace, &options, &replay[i], &err), 0);
		assert_memory_equal(replay[0].job, replay[i].job, JOBS * sizeof(struct replay_job));
	}
	for (size_t i = 0; i < ARRAY_SIZE(most); i++)
		replay_done(&replay[i]);
	trace_done(&trace);
}

static void test_stretched_submits_wait_less(void **data)
{
	struct replay_options options = options_of(REPLAY_UW);
	struct figures tight, loose;
	struct trace trace;

	(void)data;
	make_trace(&trace, 3);
	tight = play(&trace, &options);
	options.stretch_permille = 10000;
	loose = play(&trace, &options);
	assert_true(loose.wait_s.mean < tight.wait_s.mean);
	assert_true(loose.used_pct < tight.used_pct);
	trace_done(&trace);
}

static void test_jobs_wider_than_the_machine_are_left_out(void **data)
{
	struct replay_options options = options_of(REPLAY_UW);
	struct replay replay;
	struct trace trace;
	struct uw_err err = {0};

	(void)data;
	make_trace(&trace, 3);
	trace.job[7].asked_bytes = CAPACITY + 1;
	assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
	assert_int_equal(replay.never, 1);
	assert_false(replay.job[7].ended);
	assert_true(replay.job[8].ended);
	replay_done(&replay);
	options.capacity_bytes = MIB;
	assert_true(replay_run(&trace, &options, &replay, &err) < 0);
	assert_string_equal(err.text, "no job of the trace fits the capacity");
	replay_done(&replay);
	trace_done(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_learned_beats_what_is_asked),
		cmocka_unit_test(test_keys_that_say_nothing_cost_nothing),
		cmocka_unit_test(test_spans_never_sum_up_to_more_than_the_capacity),
		cmocka_unit_test(test_equal_seeds_give_equal_schedules),
		cmocka_unit_test(test_answers_of_any_length_give_equal_schedules),
		cmocka_unit_test(test_stretched_submits_wait_less),
		cmocka_unit_test(test_jobs_wider_than_the_machine_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
