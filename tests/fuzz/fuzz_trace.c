// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a trace: refused with a place and a reason, or read within the ranges that replay
 * relies on. What is read, and small, is replayed: every job that fits ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cli/simulate/nodes.h"

#define JOBS_REPLAYED 24
#define CAPACITY      (64 * GIB)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_trace: %s\n", what);
	abort();
}

static void check_jobs(const struct trace *trace)
{
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct trace_job *job = &trace->job[i];

		require(job->class < ADMIT_CLASS__COUNT, "class out of range");
		require(job->memory_priority >= 1 && job->memory_priority <= 10,
			"memory priority out of range");
		require(job->asked_bytes > 0, "a job that asks for nothing");
	}
}

/* Slurm with two such machines. */
static void check_cluster(const struct trace *trace, const struct replay_options *replay)
{
	struct nodes_options options = {
		.replay = replay,
		.placement = {.rule = PLACEMENT_LEAST,
			      .nodes = 2,
			      .node_bytes = replay->capacity_bytes,
			      .backfill_us = PLACEMENT_BACKFILL_US,
			      .tests = 4,
			      .reserved = 4},
	};
	struct uw_err err = {0};
	struct nodes nodes;

	for (int way = 0; way < NODES_WAY__COUNT; way++) {
		uint32_t ended = 0;
		int r;

		options.way = (enum nodes_way)way;
		r = nodes_run(trace, &options, &nodes, &err);
		require(!r || r == -EINVAL, "cluster failed");
		require(nodes.most_given_bytes <= replay->capacity_bytes &&
				nodes.most_kept_bytes <= replay->capacity_bytes,
			"a node is given away twice");
		for (uint32_t i = 0; !r && i < nodes.replay.count; i++)
			ended += nodes.replay.job[i].ended;
		require(r || ended >= nodes.replay.count - nodes.replay.never,
			"a job of a cluster that never ended");
		nodes_done(&nodes);
	}
}

static void check_replay(const struct trace *trace)
{
	struct replay_options options = {
		.policy = REPLAY_UW,
		.capacity_bytes = CAPACITY,
		.stretch_permille = 1000,
		.ramp_permille = 500,
	};
	struct replay replay;
	struct uw_err err = {0};
	uint32_t ended = 0;
	int r;

	/* Ticks of a second add up: an hour of submits, and runs of half an hour, each tried again.
	 */
	for (uint32_t i = 0; i < trace->count; i++)
		if (trace->job[i].submit_us > 3600ULL * 1000000 ||
		    trace->job[i].run_us > 1800ULL * 1000000)
			return;
	r = replay_run(trace, &options, &replay, &err);
	require(!r || r == -EINVAL, "replay failed");
	for (uint32_t i = 0; !r && i < replay.count; i++)
		ended += replay.job[i].ended;
	require(r || ended >= replay.count - replay.never, "a job that never ended");
	replay_done(&replay);
	check_cluster(trace, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct trace trace;
	struct uw_err err = {0};
	FILE *file;
	int r;

	if (!len)
		return 0;
	file = fmemopen((void *)(uintptr_t)bytes, len, "r");
	if (!file)
		return 0;
	r = trace_read(file, "fuzz", &trace, &err);
	fclose(file);
	require(!r || err.text[0], "refused without a word");
	require(r != -EINVAL || !strncmp(err.text, "fuzz:", 5), "refused without a place");
	if (!r)
		check_jobs(&trace);
	if (!r && trace.count <= JOBS_REPLAYED)
		check_replay(&trace);
	trace_done(&trace);
	return 0;
}
