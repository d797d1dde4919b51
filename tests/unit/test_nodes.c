// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A cluster of Slurm: who is placed where and when, and over random traces that no node is given
 * away twice, no job is lost, and one node is what the simulator of one machine is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/simulate/nodes.h"

#define JOBS  400
#define KINDS 12
#define NODE  (8 * GIB)
#define S     US_PER_SEC

/* ---- placement ---- */

static struct placement *new_placement(uint32_t nodes, enum placement_rule rule)
{
	struct placement_options options = {
		.rule = rule,
		.nodes = nodes,
		.node_bytes = 10 * GIB,
		.tests = PLACEMENT_TESTS,
		.reserved = PLACEMENT_TESTS,
	};
	struct placement *placement = placement_new(&options, 16);

	assert_non_null(placement);
	return placement;
}

/* The job that must start now, on the node. */
static void starts(struct placement *placement, uint64_t now_us, uint32_t job, uint32_t node)
{
	uint32_t found = 99, on = 99;

	assert_true(placement_next(placement, now_us, &found, &on));
	assert_int_equal(found, job);
	assert_int_equal(on, node);
}

static void nobody_starts(struct placement *placement, uint64_t now_us)
{
	uint32_t job, node;

	assert_false(placement_next(placement, now_us, &job, &node));
}

static void test_first_fit_fills_a_node_before_the_next(void **state)
{
	struct placement *placement = new_placement(2, PLACEMENT_FIRST);

	(void)state;
	placement_submit(placement, 0, 4 * GIB, 10 * S);
	placement_submit(placement, 1, 4 * GIB, 10 * S);
	placement_submit(placement, 2, 4 * GIB, 10 * S);
	starts(placement, S, 0, 0);
	starts(placement, S, 1, 0);
	starts(placement, S, 2, 1);
	nobody_starts(placement, S);
	assert_int_equal(placement_given(placement, 0), 8 * GIB);
	placement_free(placement);
}

static void test_least_loaded_takes_the_emptiest(void **state)
{
	struct placement *placement = new_placement(2, PLACEMENT_LEAST);

	(void)state;
	placement_submit(placement, 0, 4 * GIB, 10 * S);
	placement_submit(placement, 1, 2 * GIB, 10 * S);
	placement_submit(placement, 2, 2 * GIB, 10 * S);
	starts(placement, S, 0, 0);
	starts(placement, S, 1, 1);
	starts(placement, S, 2, 1);
	placement_free(placement);
}

static void test_backfill_passes_only_what_moves_no_place(void **state)
{
	struct placement *placement = new_placement(1, PLACEMENT_FIRST);

	(void)state;
	placement_submit(placement, 0, 6 * GIB, 100 * S);
	placement_submit(placement, 1, 8 * GIB, 50 * S);  /* from 100 s on */
	placement_submit(placement, 2, 4 * GIB, 200 * S); /* would be in its way */
	placement_submit(placement, 3, 4 * GIB, 90 * S);  /* is over before */
	starts(placement, 0, 0, 0);
	starts(placement, 0, 3, 0);
	nobody_starts(placement, 0);
	placement_end(placement, 3);
	nobody_starts(placement, 90 * S);
	placement_end(placement, 0);
	starts(placement, 100 * S, 1, 0);
	nobody_starts(placement, 100 * S);
	placement_end(placement, 1);
	starts(placement, 150 * S, 2, 0);
	placement_free(placement);
}

static void test_backfill_waits_for_its_interval(void **state)
{
	struct placement_options options = {
		.nodes = 1,
		.node_bytes = 10 * GIB,
		.backfill_us = 30 * S,
		.tests = 10,
		.reserved = 10,
	};
	struct placement *placement = placement_new(&options, 4);

	(void)state;
	placement_submit(placement, 0, 6 * GIB, 100 * S);
	starts(placement, S, 0, 0);
	placement_submit(placement, 1, 8 * GIB, 50 * S);
	nobody_starts(placement, S);
	placement_submit(placement, 2, 4 * GIB, 10 * S);
	nobody_starts(placement, 2 * S);
	assert_int_equal(placement_next_us(placement), 31 * S);
	starts(placement, 31 * S, 2, 0);
	placement_free(placement);
}

static void test_what_is_over_its_time_still_has_its_memory(void **state)
{
	struct placement *placement = new_placement(1, PLACEMENT_FIRST);

	(void)state;
	placement_submit(placement, 0, 6 * GIB, 10 * S);
	starts(placement, 0, 0, 0);
	placement_submit(placement, 1, 8 * GIB, 10 * S);
	placement_submit(placement, 2, 4 * GIB, 10 * S);
	nobody_starts(placement, 20 * S); /* it ends in a moment, and the larger one comes then */
	assert_int_equal(placement_given(placement, 0), 6 * GIB);
	placement_free(placement);
}

static void test_a_place_is_kept_though_one_is_over_its_time(void **state)
{
	struct placement *placement = new_placement(1, PLACEMENT_FIRST);

	(void)state;
	placement_submit(placement, 0, 6 * GIB, 10 * S);
	placement_submit(placement, 1, 2 * GIB, 20 * S + S / 2);
	starts(placement, 0, 0, 0);
	starts(placement, 0, 1, 0);
	placement_submit(placement, 2, 10 * GIB, S / 4); /* from 21 s on, though 1 is over before */
	placement_submit(placement, 3, 2 * GIB, 100 * S);
	nobody_starts(placement, 20 * S);
	placement_free(placement);
}

static void test_a_node_takes_so_many_jobs_and_no_more(void **state)
{
	struct placement_options options = {.nodes = 1, .node_bytes = 10 * GIB};
	struct placement *placement = placement_new(&options, PLACEMENT_JOBS_MAX + 1);

	(void)state;
	assert_non_null(placement);
	for (uint32_t i = 0; i <= PLACEMENT_JOBS_MAX; i++)
		placement_submit(placement, i, MIB, 100 * S);
	for (uint32_t i = 0; i < PLACEMENT_JOBS_MAX; i++)
		starts(placement, S, i, 0);
	nobody_starts(placement, S);
	placement_end(placement, 7);
	starts(placement, 2 * S, PLACEMENT_JOBS_MAX, 0);
	placement_free(placement);
}

static void test_who_leaves_within_a_pass_makes_room_at_once(void **state)
{
	struct placement *placement = new_placement(1, PLACEMENT_FIRST);

	(void)state;
	placement_submit(placement, 0, 6 * GIB, 100 * S);
	starts(placement, 0, 0, 0);
	placement_submit(placement, 1, 8 * GIB, 50 * S);
	placement_submit(placement, 2, 2 * GIB, 10 * S);
	starts(placement, S, 2, 0);
	placement_end(placement, 0); /* its node's core has ended it for 2 */
	placement_submit(placement, 0, 10 * GIB, 100 * S);
	starts(placement, S, 1, 0);
	nobody_starts(placement, S);
	placement_free(placement);
}

/* ---- clusters ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
	return replay_random(state) % below;
}

/* Some ask for less than they use, where hostile. */
static void make_trace(struct trace *trace, uint64_t seed, bool hostile)
{
	uint64_t state = seed, submit = 0;

	*trace = (struct trace){.job = calloc(JOBS, sizeof(*trace->job)), .count = JOBS};
	assert_non_null(trace->job);
	for (uint32_t i = 0; i < JOBS; i++) {
		uint64_t kind = draw(&state, KINDS), run = (1 + draw(&state, 600)) * S;
		uint64_t peak = (64 + kind * kind * 20 + draw(&state, 200)) * MIB;
		uint64_t asked = peak * (1 + draw(&state, 3));

		submit += draw(&state, 20) * S;
		asked = hostile && !draw(&state, 8) ? peak / 2 : asked;
		trace->job[i] = (struct trace_job){
			.submit_us = submit,
			.run_us = run,
			.declared_us = run + draw(&state, 1200) * S,
			.asked_bytes = asked < NODE ? asked : NODE,
			.peak_bytes = peak,
			.key = kind,
			.class = (uint8_t)draw(&state, ADMIT_CLASS__COUNT),
			.memory_priority = 5,
		};
	}
}

static const struct replay_options base = {
	.capacity_bytes = NODE,
	.stretch_permille = 1000,
	.ramp_permille = 1000,
};

static struct nodes run(const struct trace *trace, uint32_t count, enum nodes_way way,
			enum placement_rule rule, uint32_t reserved)
{
	struct nodes_options options = {
		.replay = &base,
		.placement = {.rule = rule,
			      .nodes = count,
			      .node_bytes = NODE,
			      .tests = reserved ? JOBS : 0,
			      .reserved = reserved},
		.way = way,
	};
	struct uw_err err = {0};
	struct nodes nodes;

	assert_int_equal(nodes_run(trace, &options, &nodes, &err), 0);
	return nodes;
}

static void check(const struct trace *trace, const struct nodes *nodes)
{
	assert_true(nodes->most_given_bytes <= NODE);
	assert_true(nodes->most_kept_bytes <= NODE);
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct replay_job *job = &nodes->replay.job[i];

		assert_true(job->ended);
		assert_true(job->start_us >= job->submit_us);
		assert_true(job->end_us >= job->start_us + trace->job[i].run_us);
	}
}

static void test_no_node_is_given_away_twice_and_no_job_is_lost(void **state)
{
	static const uint32_t counts[] = {1, 3, 17};
	struct trace trace;

	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		make_trace(&trace, seed, true);
		for (int way = 0; way < NODES_WAY__COUNT; way++)
			for (int rule = 0; rule < PLACEMENT_RULE__COUNT; rule++)
				for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
					struct nodes nodes =
						run(&trace, counts[k], (enum nodes_way)way,
						    (enum placement_rule)rule, JOBS);

					check(&trace, &nodes);
					nodes_done(&nodes);
				}
		trace_done(&trace);
	}
}

/* Slurm with one node and so many places of those that wait, against the core's own order. */
static void expect_as_one_machine(enum replay_policy policy, uint32_t reserved)
{
	struct replay_options options = base;
	struct uw_err err = {0};
	struct replay replay;
	struct nodes nodes;
	struct trace trace;

	options.policy = policy;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		make_trace(&trace, seed, false);
		assert_int_equal(replay_run(&trace, &options, &replay, &err), 0);
		nodes = run(&trace, 1, NODES_DECLARED, PLACEMENT_FIRST, reserved);
		for (uint32_t i = 0; i < trace.count; i++)
			assert_int_equal(nodes.replay.job[i].start_us, replay.job[i].start_us);
		nodes_done(&nodes);
		replay_done(&replay);
		trace_done(&trace);
	}
}

static void test_one_node_without_backfill_is_one_machine_with_fcfs(void **state)
{
	(void)state;
	expect_as_one_machine(REPLAY_FCFS, 0);
}

static void test_one_node_with_one_place_kept_is_one_machine_with_easy(void **state)
{
	(void)state;
	expect_as_one_machine(REPLAY_EASY, 1);
}

/* Where nobody passes what it asks for a node's uwctl has nothing to do. */
static void test_uwctl_on_a_node_changes_nothing_where_requests_hold(void **state)
{
	struct trace trace;

	(void)state;
	make_trace(&trace, 3, false);
	for (uint32_t i = 0; i < trace.count; i++)
		trace.job[i].key = 0; /* and nothing is learned */
	for (uint32_t nodes = 1; nodes < 6; nodes++) {
		struct nodes slurm = run(&trace, nodes, NODES_LEARNED, PLACEMENT_FIRST, JOBS);
		struct nodes uw = run(&trace, nodes, NODES_UW, PLACEMENT_FIRST, JOBS);

		for (uint32_t i = 0; i < trace.count; i++)
			assert_int_equal(uw.replay.job[i].start_us, slurm.replay.job[i].start_us);
		nodes_done(&slurm);
		nodes_done(&uw);
	}
	trace_done(&trace);
}

static struct trace three(struct trace_job job[static 3])
{
	for (uint64_t i = 0; i < 3; i++)
		job[i] = (struct trace_job){.submit_us = i * S,
					    .run_us = 100 * S,
					    .declared_us = 100 * S,
					    .asked_bytes = 2 * GIB,
					    .peak_bytes = 1 * GIB,
					    .memory_priority = 5,
					    .class = 2};
	return (struct trace){.job = job, .count = 3};
}

static void test_who_passes_its_request_fails_with_slurm_and_grows_with_uwctl(void **state)
{
	struct trace_job job[3];
	struct trace trace = three(job);
	struct nodes slurm, uw;

	(void)state;
	job[1].peak_bytes = 3 * GIB;
	slurm = run(&trace, 1, NODES_DECLARED, PLACEMENT_FIRST, JOBS);
	assert_int_equal(slurm.replay.job[1].failed, 1);
	assert_int_equal(slurm.replay.job[1].start_us / S,
			 67); /* two thirds of its run were lost */
	uw = run(&trace, 1, NODES_UW, PLACEMENT_FIRST, JOBS);
	assert_int_equal(uw.replay.job[1].failed, 0);
	assert_true(uw.replay.job[1].grown > 0);
	assert_int_equal(uw.replay.job[1].end_us, 101 * S);
	nodes_done(&slurm);
	nodes_done(&uw);
}

static void test_who_finds_no_room_to_grow_stands_until_there_is(void **state)
{
	struct trace_job job[3];
	struct trace trace = three(job);
	struct nodes uw;

	(void)state;
	job[0].asked_bytes = job[2].asked_bytes = 3 * GIB;
	job[1].peak_bytes = 4 * GIB; /* at 51 s, and 8 GiB are promised until 100 s */
	uw = run(&trace, 1, NODES_UW, PLACEMENT_FIRST, JOBS);
	assert_int_equal(uw.replay.failed_attempts, 0);
	assert_true(uw.replay.job[1].stood_us >= 49 * S && uw.replay.job[1].stood_us < 52 * S);
	nodes_done(&uw);
}

static void test_three_runs_of_a_key_teach_the_next(void **state)
{
	struct trace_job job[4];
	struct trace trace = three(job);
	struct nodes learned;

	(void)state;
	trace.count = 4;
	for (uint64_t i = 0; i < 4; i++) {
		job[i] = job[0];
		job[i].key = 7;
		job[i].submit_us = i * 200 * S;
	}
	learned = run(&trace, 1, NODES_LEARNED, PLACEMENT_FIRST, JOBS);
	assert_int_equal(learned.learned_requests, 1);
	assert_int_equal(learned.replay.job[2].reserved_bytes, 2 * GIB);
	assert_int_equal(learned.replay.job[3].reserved_bytes / MIB, 1076); /* the peak and 5 % */
	nodes_done(&learned);
}

/* Three machines of 16 TiB for 30 years: MiB times milliseconds are more than 64 bits hold. */
static void test_years_of_a_large_cluster_are_added_up(void **state)
{
	struct trace_job job[3];
	struct trace trace = three(job);
	struct nodes_options options = {
		.replay = &base,
		.placement = {.nodes = 3, .node_bytes = 16384 * GIB, .tests = 1},
	};
	struct uw_err err = {0};

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		job[i].asked_bytes = job[i].peak_bytes = 16384 * GIB;
		job[i].run_us = job[i].declared_us = 30ULL * 365 * 24 * 3600 * S;
	}
	for (int way = 0; way < NODES_WAY__COUNT; way++) {
		struct nodes nodes;

		options.way = (enum nodes_way)way;
		assert_int_equal(nodes_run(&trace, &options, &nodes, &err), 0);
		assert_in_range(nodes.replay.allocated_permyriad, 9990, 10000);
		assert_in_range(nodes.replay.used_permyriad, 4990, 5000); /* it rises in a line */
		assert_in_range(nodes.used_of_permyriad, 4990, 5000);
		nodes_done(&nodes);
	}
}

static void test_a_trace_wider_than_a_node_is_refused(void **state)
{
	struct trace_job job[3];
	struct trace trace = three(job);
	struct nodes_options options = {
		.replay = &base, .placement = {.nodes = 2, .node_bytes = GIB / 2, .tests = 1}};
	struct uw_err err = {0};
	struct nodes nodes;

	(void)state;
	assert_true(nodes_run(&trace, &options, &nodes, &err) < 0);
	assert_string_equal(err.text, "no job of the trace fits a node");
	nodes_done(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_fit_fills_a_node_before_the_next),
		cmocka_unit_test(test_least_loaded_takes_the_emptiest),
		cmocka_unit_test(test_backfill_passes_only_what_moves_no_place),
		cmocka_unit_test(test_backfill_waits_for_its_interval),
		cmocka_unit_test(test_what_is_over_its_time_still_has_its_memory),
		cmocka_unit_test(test_a_place_is_kept_though_one_is_over_its_time),
		cmocka_unit_test(test_who_leaves_within_a_pass_makes_room_at_once),
		cmocka_unit_test(test_a_node_takes_so_many_jobs_and_no_more),
		cmocka_unit_test(test_no_node_is_given_away_twice_and_no_job_is_lost),
		cmocka_unit_test(test_one_node_without_backfill_is_one_machine_with_fcfs),
		cmocka_unit_test(test_one_node_with_one_place_kept_is_one_machine_with_easy),
		cmocka_unit_test(test_uwctl_on_a_node_changes_nothing_where_requests_hold),
		cmocka_unit_test(test_who_passes_its_request_fails_with_slurm_and_grows_with_uwctl),
		cmocka_unit_test(test_who_finds_no_room_to_grow_stands_until_there_is),
		cmocka_unit_test(test_three_runs_of_a_key_teach_the_next),
		cmocka_unit_test(test_years_of_a_large_cluster_are_added_up),
		cmocka_unit_test(test_a_trace_wider_than_a_node_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
