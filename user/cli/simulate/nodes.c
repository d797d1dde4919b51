// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time jumps from event to event: a submit, an end, a job that would pass what it has, a pass of
 * backfill, a node's core that wants to be asked again. After each slurmctld is asked who starts.
 */
#include "user/cli/simulate/nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/jobs/footprints.h"
#include "user/cli/simulate/agenda.h"
#include "user/policy/num.h"

#define PER_MILLE  1000
#define TOLD_EVERY 1024 /* events between two calls of progress */
#define AGAIN      2    /* a try that ended for memory asks for so many times what it had */

struct node_job {
	uint32_t stamp; /* events of an older one are void */
	uint32_t node;
	bool goes;
	uint64_t since_us; /* it goes or stands */
	uint64_t done_us;  /* of its run, before that */
	uint64_t asked_bytes, had_bytes, placed_us;
};

struct cluster {
	const struct trace *trace;
	const struct nodes_options *options;
	struct nodes *out;
	struct placement *placement;
	struct admit **core;   /* by node, of NODES_UW, */
	uint64_t *reminded_us; /* and when it is to be asked without any other event; 0: never */
	struct node_job *live;
	struct footprint *key; /* by key_of[job] */
	uint32_t *key_of;      /* 0: none */
	uint32_t *order;       /* of submits */
	uint32_t submitted, ended;
	struct agenda agenda;
	uint64_t now_us;
	double given_mib_s, used_mib_s; /* of years of a large cluster: more than 64 bits hold */
	bool failed;                    /* out of memory */
};

static void at(struct cluster *cluster, uint32_t job, uint64_t when_us, enum agenda_kind kind)
{
	struct agenda_event event = {when_us, job, cluster->live[job].stamp, kind};

	if (agenda_add(&cluster->agenda, &event) < 0)
		cluster->failed = true;
}

static const struct trace_job *traced(const struct cluster *cluster, uint32_t job)
{
	return &cluster->trace->job[job];
}

/* ---- what is learned ---- */

static uint64_t node_bytes(const struct cluster *cluster)
{
	return cluster->options->placement.node_bytes;
}

/* At its first try what Slurm is asked for. As job_submit/uw does, a request is only ever lowered.
 */
static uint64_t request_of(struct cluster *cluster, uint32_t job)
{
	uint64_t asked = traced(cluster, job)->asked_bytes, learned = 0;

	if (cluster->options->way != NODES_DECLARED && cluster->key_of[job])
		learned = footprint_mib(&cluster->key[cluster->key_of[job]]) * MIB;
	if (!learned || learned >= asked)
		return asked;
	cluster->out->learned_requests++;
	return learned;
}

static void learn(struct cluster *cluster, uint32_t job, uint64_t peak_bytes, bool ended_well)
{
	struct footprint *key = &cluster->key[cluster->key_of[job]];

	if (!cluster->key_of[job])
		return;
	key->runs += ended_well;
	key->max_bytes = max_u64(key->max_bytes, peak_bytes);
	if (!ended_well)
		key->max_held_bytes = max_u64(key->max_held_bytes, peak_bytes);
}

/* ---- a job on its node ---- */

static uint64_t ramp_of(const struct cluster *cluster, uint32_t job)
{
	return mul_div(traced(cluster, job)->run_us, cluster->options->replay->ramp_permille,
		       PER_MILLE);
}

static uint64_t done_of(const struct cluster *cluster, uint32_t job)
{
	const struct node_job *live = &cluster->live[job];

	return live->done_us + (live->goes ? cluster->now_us - live->since_us : 0);
}

/* From now on, until it ends or would pass what it has. */
static void go(struct cluster *cluster, uint32_t job)
{
	const struct trace_job *of = traced(cluster, job);
	struct node_job *live = &cluster->live[job];
	uint64_t cross;

	live->done_us = done_of(cluster, job);
	live->since_us = cluster->now_us;
	live->goes = true;
	live->stamp++;
	if (of->peak_bytes > live->had_bytes) {
		cross = mul_div(ramp_of(cluster, job), live->had_bytes, of->peak_bytes);
		at(cluster, job, cluster->now_us + sub_sat(cross, live->done_us), AGENDA_CROSS);
		return;
	}
	at(cluster, job, cluster->now_us + of->run_us - live->done_us, AGENDA_END);
}

static void stand_still(struct cluster *cluster, uint32_t job)
{
	struct node_job *live = &cluster->live[job];

	live->done_us = done_of(cluster, job);
	live->since_us = cluster->now_us;
	live->goes = false;
	live->stamp++;
}

static void begin_run(struct cluster *cluster, uint32_t job, uint64_t bytes)
{
	struct replay_job *out = &cluster->out->replay.job[job];
	struct node_job *live = &cluster->live[job];

	out->start_us = cluster->now_us;
	if (!out->failed)
		out->first_us = cluster->now_us;
	live->had_bytes = bytes;
	live->done_us = 0;
	live->goes = false;
	go(cluster, job);
}

/* The mean over its run so far: it rises to what there is now, and stays at that. */
static uint64_t mean_use(const struct cluster *cluster, uint32_t job)
{
	uint64_t ramp = ramp_of(cluster, job), done = done_of(cluster, job);
	uint64_t peak = traced(cluster, job)->peak_bytes;
	uint64_t last = done >= ramp ? peak : mul_div(peak, done, ramp);

	return done ? last - mul_div(last, min_u64(done, ramp), 2 * done) : last;
}

static double mib_s(uint64_t bytes, uint64_t us)
{
	return (double)bytes / MIB * ((double)us / US_PER_SEC);
}

/* It leaves its node: what it was given and used counts, whether it ended well or not. */
static void leave(struct cluster *cluster, uint32_t job)
{
	struct node_job *live = &cluster->live[job];

	cluster->given_mib_s += mib_s(live->asked_bytes, cluster->now_us - live->placed_us);
	cluster->used_mib_s += mib_s(mean_use(cluster, job), done_of(cluster, job));
	placement_end(cluster->placement, job);
	live->goes = false;
	live->stamp++;
}

/* For want of memory; asks for more. */
static void try_again(struct cluster *cluster, uint32_t job)
{
	struct node_job *live = &cluster->live[job];
	uint64_t bytes = max_u64(traced(cluster, job)->asked_bytes, AGAIN * live->had_bytes);

	learn(cluster, job, live->had_bytes, false);
	cluster->out->replay.job[job].failed++;
	leave(cluster, job);
	live->asked_bytes = min_u64(bytes, node_bytes(cluster));
	placement_submit(cluster->placement, job, live->asked_bytes,
			 traced(cluster, job)->declared_us);
}

/* ---- a node with uwctl ---- */

static struct admit *core_of(struct cluster *cluster, uint32_t node)
{
	static const struct admit_limits limits = {.tasks = PLACEMENT_JOBS_MAX, .keys = 1};
	static const struct admit_config config = {
		.order = ADMIT_ORDER_TURN, .trust = ADMIT_TRUST_REQUEST, .component_count = 1};
	struct admit *core = cluster->core[node];

	if (core)
		return core;
	core = malloc(admit_size(&limits));
	if (!core || admit_init(core, &limits, &config) < 0) {
		free(core);
		cluster->failed = true;
		return NULL;
	}
	return cluster->core[node] = core;
}

static void end_for_memory(struct cluster *cluster, uint32_t job, struct admit *core)
{
	admit_exit(core, job + 1, ADMIT_EXIT_NOT_RUN, cluster->live[job].had_bytes,
		   cluster->now_us);
	try_again(cluster, job);
}

static void give_more(struct cluster *cluster, uint32_t job, uint64_t bytes)
{
	struct replay_job *out = &cluster->out->replay.job[job];
	struct node_job *live = &cluster->live[job];

	out->grown += bytes > live->had_bytes;
	if (!live->goes)
		out->stood_us += cluster->now_us - live->since_us;
	live->had_bytes = bytes;
	go(cluster, job);
}

static void carry_out(struct cluster *cluster, struct admit *core,
		      const struct admit_decision *decision)
{
	uint32_t job = (uint32_t)decision->id - 1;

	switch (decision->verdict) {
	case ADMIT_START:
		begin_run(cluster, job, decision->amount);
		admit_started(core, decision->id, 0, cluster->now_us);
		break;
	case ADMIT_GROW:
	case ADMIT_THAW:
	case ADMIT_SHRINK:
		give_more(cluster, job, decision->amount);
		break;
	case ADMIT_FREEZE:
		if (cluster->live[job].goes)
			stand_still(cluster, job);
		break;
	case ADMIT_RESTART:
		end_for_memory(cluster, job, core);
		break;
	default:
		break;
	}
}

/* When the core wants to be asked without an event: an event of the node's, behind those of jobs.
 */
static void remind(struct cluster *cluster, uint32_t node, const struct admit *core)
{
	uint64_t next_us = admit_next_us(core, cluster->now_us);
	struct agenda_event event = {.job = cluster->trace->count + node, .kind = AGENDA_NODE};

	if (next_us == UINT64_MAX)
		return;
	event.at_us = next_us > cluster->now_us ? next_us : cluster->now_us + US_PER_SEC;
	if (cluster->reminded_us[node] && cluster->reminded_us[node] <= event.at_us)
		return;
	cluster->reminded_us[node] = event.at_us;
	if (agenda_add(&cluster->agenda, &event) < 0)
		cluster->failed = true;
}

static void ask_node(struct cluster *cluster, uint32_t node)
{
	struct admit_supply supply = {.component[0] = {.budget_bytes = node_bytes(cluster)}};
	struct admit *core = core_of(cluster, node);
	struct admit_decisions decisions;
	struct admit_summary summary;

	if (!core)
		return;
	admit_supply(core, &supply, cluster->now_us);
	do {
		admit_decide(core, cluster->now_us, &decisions);
		for (uint32_t i = 0; i < decisions.count; i++)
			carry_out(cluster, core, &decisions.decision[i]);
	} while (decisions.more);
	admit_summary(core, cluster->now_us, &summary);
	cluster->out->most_kept_bytes =
		max_u64(cluster->out->most_kept_bytes, summary.reserved_bytes);
	if (summary.queued + summary.paused || summary.head_id)
		remind(cluster, node, core);
}

static void put_on_node(struct cluster *cluster, uint32_t job, uint32_t node)
{
	struct node_job *live = &cluster->live[job];
	struct admit_task task = {
		.id = job + 1,
		.submit_us = cluster->now_us,
		.request_bytes = live->asked_bytes,
		.declared_us = traced(cluster, job)->declared_us,
		.limit_us = traced(cluster, job)->declared_us,
		.priority = (uint8_t)(PRIORITY_MAX - 2 * traced(cluster, job)->class),
		.memory_priority = traced(cluster, job)->memory_priority,
		.flags = ADMIT_FREEZABLE | ADMIT_RESTARTABLE,
	};
	struct admit *core = core_of(cluster, node);

	if (!core)
		return;
	if (admit_submit(core, &task, cluster->now_us) < 0)
		cluster->failed = true;
	ask_node(cluster, node);
}

/* ---- events ---- */

static void place(struct cluster *cluster)
{
	uint32_t job, node;

	while (!cluster->failed &&
	       placement_next(cluster->placement, cluster->now_us, &job, &node)) {
		struct node_job *live = &cluster->live[job];

		live->node = node;
		live->placed_us = cluster->now_us;
		live->goes = false;
		live->done_us = 0;
		live->had_bytes = live->asked_bytes;
		cluster->out->most_given_bytes = max_u64(cluster->out->most_given_bytes,
							 placement_given(cluster->placement, node));
		if (cluster->options->way == NODES_UW)
			put_on_node(cluster, job, node);
		else
			begin_run(cluster, job, live->asked_bytes);
	}
}

static void end(struct cluster *cluster, uint32_t job)
{
	const struct trace_job *of = traced(cluster, job);
	struct replay_job *out = &cluster->out->replay.job[job];
	uint32_t node = cluster->live[job].node;

	out->ended = true;
	out->end_us = cluster->now_us;
	out->wait_us = out->end_us - out->submit_us - of->run_us;
	out->reserved_bytes = cluster->live[job].had_bytes;
	cluster->ended++;
	learn(cluster, job, of->peak_bytes, true);
	leave(cluster, job);
	if (cluster->options->way != NODES_UW)
		return;
	admit_exit(cluster->core[node], job + 1, ADMIT_EXIT_DONE, of->peak_bytes, cluster->now_us);
	ask_node(cluster, node);
}

static void cross(struct cluster *cluster, uint32_t job)
{
	uint64_t use = cluster->live[job].had_bytes + 1;
	uint32_t node = cluster->live[job].node;

	if (cluster->options->way != NODES_UW) {
		try_again(cluster, job);
		return;
	}
	stand_still(cluster, job);
	admit_usage(cluster->core[node], job + 1, use, 0, use, cluster->now_us);
	ask_node(cluster, node);
}

/* Of an older one it was reminded for an earlier time since. */
static void remember(struct cluster *cluster, uint32_t node, uint64_t at_us)
{
	if (cluster->reminded_us[node] != at_us)
		return;
	cluster->reminded_us[node] = 0;
	ask_node(cluster, node);
}

static void happen(struct cluster *cluster, const struct agenda_event *event)
{
	if (event->kind == AGENDA_NODE)
		remember(cluster, event->job - cluster->trace->count, event->at_us);
	else if (event->stamp != cluster->live[event->job].stamp)
		return;
	else if (event->kind == AGENDA_END)
		end(cluster, event->job);
	else
		cross(cluster, event->job);
}

static bool never_fits(const struct cluster *cluster, uint32_t job)
{
	const struct trace_job *of = traced(cluster, job);

	return of->asked_bytes > node_bytes(cluster) || of->peak_bytes > node_bytes(cluster);
}

static void take_submits(struct cluster *cluster)
{
	const struct replay *out = &cluster->out->replay;

	for (; cluster->submitted < out->count; cluster->submitted++) {
		uint32_t job = cluster->order[cluster->submitted];

		if (out->job[job].submit_us > cluster->now_us)
			break;
		if (never_fits(cluster, job))
			continue;
		cluster->live[job].asked_bytes = request_of(cluster, job);
		placement_submit(cluster->placement, job, cluster->live[job].asked_bytes,
				 traced(cluster, job)->declared_us);
	}
}

static uint64_t next_time(const struct cluster *cluster)
{
	const struct replay *out = &cluster->out->replay;
	uint64_t next = max_u64(placement_next_us(cluster->placement), cluster->now_us);

	if (cluster->agenda.count)
		next = min_u64(next, cluster->agenda.event[0].at_us);
	if (cluster->submitted < out->count)
		next = min_u64(next, out->job[cluster->order[cluster->submitted]].submit_us);
	return next;
}

static void tell(const struct cluster *cluster, uint32_t turn)
{
	const struct replay_options *options = cluster->options->replay;
	uint32_t all = cluster->out->replay.count - cluster->out->replay.never;

	if (options->progress && turn % TOLD_EVERY == 0)
		options->progress((uint32_t)((uint64_t)cluster->ended * PER_MILLE / all),
				  options->progress_data);
}

static void play_on(struct cluster *cluster)
{
	const struct replay *out = &cluster->out->replay;

	for (uint32_t turn = 0; cluster->ended + out->never < out->count && !cluster->failed;
	     turn++) {
		cluster->now_us = next_time(cluster);
		while (cluster->agenda.count && cluster->agenda.event[0].at_us <= cluster->now_us) {
			struct agenda_event event = agenda_take(&cluster->agenda);

			happen(cluster, &event);
		}
		take_submits(cluster);
		place(cluster);
		tell(cluster, turn);
	}
}

/* ---- from end to end ---- */

struct keyed {
	uint64_t key;
	uint32_t job;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->job < y->job ? -1 : x->job > y->job;
}

/* Keys by number, from 1 on; 0 is none. */
static int number_keys(struct cluster *cluster)
{
	uint32_t n = cluster->trace->count, numbers = 0;
	AUTO_FREE struct keyed *sorted = calloc(n, sizeof(*sorted));

	cluster->key_of = calloc(n, sizeof(*cluster->key_of));
	cluster->key = calloc((size_t)n + 1, sizeof(*cluster->key));
	if (!sorted || !cluster->key_of || !cluster->key)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = (struct keyed){cluster->trace->job[i].key, i};
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (uint32_t i = 0; i < n; i++) {
		if (!sorted[i].key)
			continue;
		numbers += !i || sorted[i].key != sorted[i - 1].key;
		cluster->key_of[sorted[i].job] = numbers;
	}
	return 0;
}

static int begin(struct cluster *cluster, struct uw_err *err)
{
	const struct nodes_options *options = cluster->options;
	struct replay *out = &cluster->out->replay;
	uint32_t n = cluster->trace->count;

	out->count = n;
	out->capacity_bytes = node_bytes(cluster) * options->placement.nodes;
	out->job = calloc(n, sizeof(*out->job));
	cluster->live = calloc(n, sizeof(*cluster->live));
	cluster->core = calloc(options->placement.nodes, sizeof(struct admit *));
	cluster->reminded_us = calloc(options->placement.nodes, sizeof(uint64_t));
	cluster->placement = placement_new(&options->placement, n);
	cluster->order = replay_order(cluster->trace, options->replay, out->job);
	if (!out->job || !cluster->live || !cluster->core || !cluster->reminded_us ||
	    !cluster->placement || !cluster->order || number_keys(cluster) < 0)
		return err_set(err, -ENOMEM, "out of memory for %u jobs", n);
	for (uint32_t i = 0; i < n; i++)
		out->never += never_fits(cluster, i);
	if (out->never == n)
		return err_set(err, -EINVAL, "no job of the trace fits a node");
	out->begin_us = out->job[cluster->order[0]].submit_us;
	return 0;
}

/* Of what was asked for, a job may use any number of times as much. */
static uint32_t permyriad(double part, double whole)
{
	double share = whole > 0 ? part * PERMYRIAD_ONE / whole : 0;

	return share < UINT32_MAX ? (uint32_t)share : UINT32_MAX;
}

static void sum_up(struct cluster *cluster)
{
	struct nodes *out = cluster->out;
	struct replay *replay = &out->replay;
	double all;

	replay->end_us = cluster->now_us;
	for (uint32_t i = 0; i < replay->count; i++) {
		replay->failed_attempts += replay->job[i].failed;
		replay->failed_jobs += replay->job[i].failed > 0;
	}
	all = mib_s(replay->capacity_bytes, replay->end_us - replay->begin_us);
	replay->allocated_permyriad = permyriad(cluster->given_mib_s, all);
	replay->used_permyriad = permyriad(cluster->used_mib_s, all);
	out->used_of_permyriad = permyriad(cluster->used_mib_s, cluster->given_mib_s);
}

static void cluster_done(struct cluster *cluster)
{
	for (uint32_t i = 0; cluster->core && i < cluster->options->placement.nodes; i++)
		free(cluster->core[i]);
	free(cluster->core);
	free(cluster->reminded_us);
	free(cluster->live);
	free(cluster->key);
	free(cluster->key_of);
	free(cluster->order);
	placement_free(cluster->placement);
	agenda_done(&cluster->agenda);
}

int nodes_run(const struct trace *trace, const struct nodes_options *options, struct nodes *ret,
	      struct uw_err *err)
{
	struct cluster cluster = {.trace = trace, .options = options, .out = ret};
	int r;

	*ret = (struct nodes){0};
	r = begin(&cluster, err);
	if (!r) {
		play_on(&cluster);
		sum_up(&cluster);
		if (cluster.failed)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	cluster_done(&cluster);
	return r;
}

void nodes_done(struct nodes *nodes)
{
	replay_done(&nodes->replay);
}

static const char *const way_names[NODES_WAY__COUNT] = {
	[NODES_DECLARED] = "slurm",
	[NODES_LEARNED] = "slurm-learned",
	[NODES_UW] = "slurm-uw",
};

const char *nodes_way_name(enum nodes_way way)
{
	return (unsigned int)way < NODES_WAY__COUNT ? way_names[way] : "?";
}
