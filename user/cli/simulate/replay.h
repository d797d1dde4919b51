/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replays a trace through the admission core, event by event, and keeps what became of each job.
 * The machine it plays: one component with `capacity`, nothing else on the host.
 *
 * Memory of a job: rises linearly to its peak over the first `ramp` of its run and stays there. At
 * the moment it would pass its reservation the core is told; until it has given more, or thawed it,
 * the job stands still. An attempt that the core restarts occupies what it had for the rest of its
 * run, as if it had failed at its very end, and all of that counts as wait.
 */
#ifndef UW_CLI_SIMULATE_REPLAY_H
#define UW_CLI_SIMULATE_REPLAY_H

#include "user/cli/simulate/trace.h"
#include "user/policy/admit/admit.h"

enum replay_policy {
	REPLAY_FCFS,         /* by submit, by request, nothing out of turn */
	REPLAY_EASY,         /* and backfill in that order */
	REPLAY_EASY_LEARNED, /* the same with what was learned: what the order alone is worth */
	REPLAY_UW,           /* by turn, with what was learned */
	REPLAY_ORACLE,       /* by turn, and every peak and runtime is known: a bound */
	REPLAY_POLICY__COUNT
};

struct replay_options {
	enum replay_policy policy;
	uint64_t capacity_bytes;
	uint32_t stretch_permille; /* submit times, 1000 = as they are */
	uint64_t jitter_us;        /* submit times, uniform, both ways */
	uint64_t seed;
	uint32_t ramp_permille; /* 0 to 1000 of the run */
	uint32_t answer_max;    /* as of struct admit_config; no schedule depends on it */
	/* Called now and then with the share of jobs that ended; may be NULL. */
	void (*progress)(uint32_t permille, void *data);
	void *progress_data;
};

struct replay_job {
	bool ended;         /* or it was left out, and the rest says nothing */
	uint64_t submit_us; /* with stretch and jitter */
	uint64_t start_us;  /* of the attempt that succeeded */
	uint64_t first_us;  /* of the first attempt */
	uint64_t end_us;
	uint64_t wait_us;        /* all from submit to end that was not run_us */
	uint64_t reserved_bytes; /* at the end */
	uint32_t overtaken;
	uint32_t failed;   /* attempts */
	uint32_t grown;    /* times it got more while it ran */
	uint64_t stood_us; /* still, waiting for more */
};

/* What an attempt had from one change to the next. */
struct replay_span {
	uint32_t job; /* index */
	bool failed;  /* the last of an attempt that was restarted */
	uint64_t from_us, to_us;
	uint64_t reserved_bytes, used_bytes; /* used: the mean */
};

struct replay {
	struct replay_job *job; /* as the trace's */
	uint32_t count;
	struct replay_span *span; /* in the order of their ends */
	uint32_t spans;
	uint64_t begin_us, end_us; /* first submit, last end */
	uint64_t capacity_bytes;
	uint32_t allocated_permyriad, used_permyriad; /* of capacity, begin to end */
	uint32_t failed_attempts, failed_jobs;
	uint32_t never; /* jobs wider than capacity, or that the scheduler refuses: left out */
	uint64_t decisions;
};

/* -ENOMEM; -EINVAL: no job fits. replay_done frees, also after a failure. */
int replay_run(const struct trace *trace, const struct replay_options *options, struct replay *ret,
	       struct uw_err *err);
void replay_done(struct replay *replay);

/* A core for so many tasks at once, as the policy wants it; free() it. NULL: out of memory. */
struct admit *replay_core(const struct replay_options *options, uint32_t tasks);

/* What the policy tells it of the job with index i. */
void replay_task(enum replay_policy policy, const struct trace_job *job, uint32_t i,
		 uint64_t submit_us, struct admit_task *ret);

/* Gives each of the trace's jobs its time of submit, and tells the order of these; free() it. NULL:
 * out of memory, as where job is NULL. */
uint32_t *replay_order(const struct trace *trace, const struct replay_options *options,
		       struct replay_job *job);

/* The next number of a series that state begins. */
uint64_t replay_random(uint64_t *state);

/* "fcfs" and so on; "?" out of range. -EINVAL. */
const char *replay_policy_name(enum replay_policy policy);
int replay_policy_parse(const char *text, enum replay_policy *ret_policy);

#endif
