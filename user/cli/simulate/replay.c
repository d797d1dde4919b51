// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replays a trace through the admission core, which is the one that uwd uses: a submit, an end, a
 * job that would pass its reservation. Each event is told to the core, its decisions are carried
 * out on the pretended machine, and what each job got is noted. Time jumps from event to event.
 */
#include "user/cli/simulate/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/simulate/agenda.h"
#include "user/policy/num.h"

#define REPORTS    8                 /* of memory in use, a run at least, */
#define REPORT_US  (60 * US_PER_SEC) /* and so often */
#define PER_MILLE  1000
#define TOLD_EVERY 256 /* events between two calls of progress */

static const struct policy_row {
	const char *name;
	enum admit_order order;
	enum admit_trust trust;
	bool told_truth; /* request and declared runtime are what it will be */
} policies[REPLAY_POLICY__COUNT] = {
	[REPLAY_FCFS] = {"fcfs", ADMIT_ORDER_FCFS, ADMIT_TRUST_REQUEST, false},
	[REPLAY_EASY] = {"easy", ADMIT_ORDER_EASY, ADMIT_TRUST_REQUEST, false},
	[REPLAY_EASY_LEARNED] = {"easy-learned", ADMIT_ORDER_EASY, ADMIT_TRUST_LEARNED, false},
	[REPLAY_UW] = {"uw", ADMIT_ORDER_TURN, ADMIT_TRUST_LEARNED, false},
	[REPLAY_ORACLE] = {"oracle", ADMIT_ORDER_TURN, ADMIT_TRUST_REQUEST, true},
};

enum phase {
	PHASE_WAITING,
	PHASE_GOING,
	PHASE_STILL,   /* as the core said, or at its reservation */
	PHASE_BURNING, /* restarted, and not yet over */
};

struct live {
	enum phase phase;
	uint32_t stamp;        /* events of an older one are void */
	uint64_t from_us;      /* of the span */
	uint64_t from_done_us; /* of its run, before the span */
	uint64_t since_us;     /* of the phase */
	uint64_t done_us;      /* of its run, before the phase */
	uint64_t reserved_bytes;
};

struct play {
	const struct trace *trace;
	const struct replay_options *options;
	struct replay *out;
	struct admit *admit;
	struct live *live;
	uint32_t *order; /* of submits */
	uint32_t submitted, ended, spans_max;
	struct agenda agenda;
	uint64_t now_us, tick_us, supplied_us;
	uint64_t reserved_bytes, reserved_since_us;
	uint64_t allocated_mib_ms;
	bool failed; /* out of memory */
};

static void at(struct play *play, uint32_t job, uint64_t when_us, enum agenda_kind kind)
{
	struct agenda_event event = {when_us, job, play->live[job].stamp, kind};

	if (agenda_add(&play->agenda, &event) < 0)
		play->failed = true;
}

static uint64_t ramp_of(const struct play *play, const struct trace_job *job)
{
	return job->run_us / PER_MILLE * play->options->ramp_permille +
	       job->run_us % PER_MILLE * play->options->ramp_permille / PER_MILLE;
}

static uint64_t use_at(const struct play *play, const struct trace_job *job, uint64_t done_us)
{
	uint64_t ramp = ramp_of(play, job);

	return done_us >= ramp ? job->peak_bytes : mul_div(job->peak_bytes, done_us, ramp);
}

static uint64_t done_of(const struct play *play, uint32_t i)
{
	const struct live *live = &play->live[i];

	return live->done_us + (live->phase == PHASE_GOING ? play->now_us - live->since_us : 0);
}

/* From now on by what it has reserved: until it ends or would pass that, and the next report. */
static void go(struct play *play, uint32_t i)
{
	const struct trace_job *job = &play->trace->job[i];
	struct live *live = &play->live[i];
	uint64_t ramp = ramp_of(play, job), every, report, cross;

	live->done_us = done_of(play, i);
	live->since_us = play->now_us;
	live->phase = PHASE_GOING;
	live->stamp++;
	at(play, i, play->now_us + job->run_us - live->done_us, AGENDA_END);
	if (job->peak_bytes > live->reserved_bytes) {
		cross = mul_div(ramp, live->reserved_bytes, job->peak_bytes);
		at(play, i, play->now_us + sub_sat(cross, live->done_us), AGENDA_CROSS);
	}
	every = min_u64(job->run_us / REPORTS + 1, REPORT_US);
	report = (live->done_us / every + 1) * every;
	if (report < job->run_us && policies[play->options->policy].trust == ADMIT_TRUST_LEARNED)
		at(play, i, play->now_us + report - live->done_us, AGENDA_REPORT);
}

static void stand_still(struct play *play, uint32_t i)
{
	struct live *live = &play->live[i];

	if (live->phase != PHASE_GOING)
		return;
	live->done_us = done_of(play, i);
	live->since_us = play->now_us;
	live->phase = PHASE_STILL;
	live->stamp++;
}

/* In use since the span began: it rises to what there is now, and stays at that. */
static uint64_t mean_use(const struct play *play, uint32_t i)
{
	const struct trace_job *job = &play->trace->job[i];
	const struct live *live = &play->live[i];
	uint64_t ramp = ramp_of(play, job), from = live->from_done_us, to = done_of(play, i);
	uint64_t rise = min_u64(to, ramp) - min_u64(from, ramp), all = play->now_us - live->from_us;
	uint64_t last = use_at(play, job, to);

	if (!all)
		return last;
	return last - mul_div(last - use_at(play, job, from), rise, 2 * all);
}

static void note_span(struct play *play, uint32_t i, bool failed)
{
	struct live *live = &play->live[i];
	struct replay *out = play->out;
	uint32_t max = play->spans_max ? 2 * play->spans_max : 1024;
	struct replay_span *span;

	if (out->spans == play->spans_max) {
		span = reallocarray(out->span, max, sizeof(*span));
		if (!span) {
			play->failed = true;
			return;
		}
		out->span = span;
		play->spans_max = max;
	}
	out->span[out->spans++] = (struct replay_span){
		.job = i,
		.failed = failed,
		.from_us = live->from_us,
		.to_us = play->now_us,
		.reserved_bytes = live->reserved_bytes,
		.used_bytes = min_u64(mean_use(play, i), live->reserved_bytes),
	};
	live->from_us = play->now_us;
	live->from_done_us = done_of(play, i);
}

static void set_reserved(struct play *play, uint32_t i, uint64_t bytes, bool failed)
{
	if (play->live[i].reserved_bytes)
		note_span(play, i, failed);
	play->allocated_mib_ms +=
		play->reserved_bytes / MIB * ((play->now_us - play->reserved_since_us) / US_PER_MS);
	/* What is left of a millisecond counts next time. */
	play->reserved_since_us =
		play->now_us - (play->now_us - play->reserved_since_us) % US_PER_MS;
	play->reserved_bytes += bytes - play->live[i].reserved_bytes;
	play->live[i].reserved_bytes = bytes;
}

static void start(struct play *play, uint32_t i, uint64_t bytes)
{
	struct replay_job *out = &play->out->job[i];
	struct live *live = &play->live[i];
	struct admit_view view;

	set_reserved(play, i, bytes, false);
	live->phase = PHASE_STILL;
	live->done_us = 0;
	live->from_us = live->since_us = play->now_us;
	live->from_done_us = 0;
	out->start_us = play->now_us;
	if (!out->failed)
		out->first_us = play->now_us;
	admit_started(play->admit, i + 1, 0, play->now_us);
	if (!admit_view(play->admit, i + 1, play->now_us, &view))
		out->overtaken = view.overtaken;
	go(play, i);
}

static void more(struct play *play, uint32_t i, uint64_t bytes)
{
	struct replay_job *out = &play->out->job[i];
	struct live *live = &play->live[i];

	out->grown += bytes > live->reserved_bytes;
	set_reserved(play, i, bytes, false);
	if (live->phase == PHASE_STILL)
		out->stood_us += play->now_us - live->since_us;
	go(play, i);
}

/* The attempt failed; what it would still have run is lost too. */
static void burn(struct play *play, uint32_t i)
{
	struct live *live = &play->live[i];
	uint64_t left = play->trace->job[i].run_us - done_of(play, i);

	live->phase = PHASE_BURNING;
	live->stamp++;
	at(play, i, play->now_us + left, AGENDA_BURNT);
}

static void carry_out(struct play *play, const struct admit_decision *decision)
{
	uint32_t i = (uint32_t)decision->id - 1;

	play->out->decisions++;
	switch (decision->verdict) {
	case ADMIT_START:
		start(play, i, decision->amount);
		break;
	case ADMIT_GROW:
	case ADMIT_THAW:
		more(play, i, decision->amount);
		break;
	case ADMIT_SHRINK:
		set_reserved(play, i, decision->amount, false);
		go(play, i);
		break;
	case ADMIT_FREEZE:
		stand_still(play, i);
		break;
	case ADMIT_RESTART:
		burn(play, i);
		break;
	default:
		break;
	}
}

/* As a daemon would, once a second. */
static void supply(struct play *play)
{
	struct admit_supply given = {
		.component[0] = {.budget_bytes = play->options->capacity_bytes}};

	play->supplied_us = play->now_us;
	admit_supply(play->admit, &given, play->now_us);
}

static void decide(struct play *play)
{
	struct admit_decisions decisions;

	if (play->now_us - play->supplied_us >= US_PER_SEC || !play->supplied_us)
		supply(play);
	do {
		admit_decide(play->admit, play->now_us, &decisions);
		for (uint32_t k = 0; k < decisions.count; k++)
			carry_out(play, &decisions.decision[k]);
	} while (decisions.more);
	play->tick_us = admit_next_us(play->admit, play->now_us);
	if (play->tick_us <= play->now_us)
		play->tick_us = play->now_us + US_PER_SEC;
}

static void end(struct play *play, uint32_t i)
{
	const struct trace_job *job = &play->trace->job[i];
	struct replay_job *out = &play->out->job[i];

	out->ended = true;
	out->end_us = play->now_us;
	out->wait_us = out->end_us - out->submit_us - job->run_us;
	out->reserved_bytes = play->live[i].reserved_bytes;
	set_reserved(play, i, 0, false);
	play->live[i].stamp++;
	play->live[i].phase = PHASE_WAITING;
	play->ended++;
	admit_exit(play->admit, i + 1, ADMIT_EXIT_DONE, job->peak_bytes, play->now_us);
}

static void end_burnt(struct play *play, uint32_t i)
{
	uint64_t peak = play->live[i].reserved_bytes;

	play->out->job[i].failed++;
	set_reserved(play, i, 0, true);
	play->live[i].stamp++;
	play->live[i].phase = PHASE_WAITING;
	admit_exit(play->admit, i + 1, ADMIT_EXIT_RESTART, peak, play->now_us);
}

static void report(struct play *play, uint32_t i)
{
	uint64_t use = use_at(play, &play->trace->job[i], done_of(play, i));

	use = min_u64(use, play->live[i].reserved_bytes);
	admit_usage(play->admit, i + 1, use, 0, use, play->now_us);
	go(play, i);
}

static void cross(struct play *play, uint32_t i)
{
	uint64_t use = play->live[i].reserved_bytes + 1;

	stand_still(play, i);
	admit_usage(play->admit, i + 1, use, 0, use, play->now_us);
}

static void happen(struct play *play, const struct agenda_event *event)
{
	static void (*const by_kind[])(struct play * play, uint32_t i) = {
		[AGENDA_END] = end,
		[AGENDA_BURNT] = end_burnt,
		[AGENDA_REPORT] = report,
		[AGENDA_CROSS] = cross,
	};

	if (event->stamp == play->live[event->job].stamp)
		by_kind[event->kind](play, event->job);
}

void replay_task(enum replay_policy by, const struct trace_job *job, uint32_t i, uint64_t submit_us,
		 struct admit_task *ret)
{
	const struct policy_row *policy = &policies[by];

	*ret = (struct admit_task){
		.id = i + 1,
		.key = job->key,
		.submit_us = submit_us,
		.request_bytes =
			policy->told_truth ? max_u64(job->peak_bytes, 1) : job->asked_bytes,
		.declared_us = policy->told_truth ? job->run_us : job->declared_us,
		.limit_us = policy->told_truth ? job->run_us : job->declared_us,
		.input_bytes = job->input_bytes,
		.priority = (uint8_t)(PRIORITY_MAX - 2 * job->class),
		.memory_priority = job->memory_priority,
		.flags = ADMIT_FREEZABLE | ADMIT_RESTARTABLE,
	};
}

static void submit(struct play *play, uint32_t i)
{
	struct admit_task task;

	replay_task(play->options->policy, &play->trace->job[i], i, play->now_us, &task);
	if (admit_submit(play->admit, &task, play->now_us))
		play->out->never++;
}

static bool never_fits(const struct trace_job *job, uint64_t capacity)
{
	return job->asked_bytes > capacity || job->peak_bytes > capacity;
}

static void tell(const struct play *play, uint32_t turn)
{
	uint32_t all = play->out->count - play->out->never;

	if (play->options->progress && all && turn % TOLD_EVERY == 0)
		play->options->progress((uint32_t)((uint64_t)play->ended * PER_MILLE / all),
					play->options->progress_data);
}

static uint64_t next_time(const struct play *play)
{
	const struct replay_job *job = play->out->job;
	uint64_t next = play->tick_us;

	if (play->agenda.count)
		next = min_u64(next, play->agenda.event[0].at_us);
	if (play->submitted < play->out->count)
		next = min_u64(next, job[play->order[play->submitted]].submit_us);
	return next;
}

/* What is refused at its submit is over, too. */
static bool is_over(const struct play *play)
{
	return play->ended + play->out->never >= play->out->count;
}

static void play_on(struct play *play)
{
	for (uint32_t turn = 0; !is_over(play) && !play->failed; turn++) {
		play->now_us = next_time(play);
		while (play->agenda.count && play->agenda.event[0].at_us <= play->now_us) {
			struct agenda_event event = agenda_take(&play->agenda);

			happen(play, &event);
		}
		while (play->submitted < play->out->count) {
			uint32_t i = play->order[play->submitted];

			if (play->out->job[i].submit_us > play->now_us)
				break;
			if (!never_fits(&play->trace->job[i], play->options->capacity_bytes))
				submit(play, i);
			play->submitted++;
		}
		decide(play);
		tell(play, turn);
	}
}

uint64_t replay_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void set_submits(const struct trace *trace, const struct replay_options *options,
			struct replay_job *job)
{
	uint64_t jitter = options->jitter_us, state = options->seed;

	for (uint32_t i = 0; i < trace->count; i++) {
		uint64_t submit =
			mul_div(trace->job[i].submit_us, options->stretch_permille, PER_MILLE);

		if (jitter)
			submit = sub_sat(submit + replay_random(&state) % (2 * jitter + 1), jitter);
		job[i].submit_us = submit;
	}
}

static int by_submit(const void *a, const void *b, void *data)
{
	const struct replay_job *job = data;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (job[x].submit_us != job[y].submit_us)
		return job[x].submit_us < job[y].submit_us ? -1 : 1;
	return x < y ? -1 : x > y;
}

uint32_t *replay_order(const struct trace *trace, const struct replay_options *options,
		       struct replay_job *job)
{
	uint32_t *order = calloc(trace->count, sizeof(*order));

	if (!order || !job) {
		free(order);
		return NULL;
	}
	set_submits(trace, options, job);
	for (uint32_t i = 0; i < trace->count; i++)
		order[i] = i;
	qsort_r(order, trace->count, sizeof(*order), by_submit, job);
	return order;
}

#define KEYS_HELD 4096

struct admit *replay_core(const struct replay_options *options, uint32_t tasks)
{
	const struct policy_row *policy = &policies[options->policy];
	struct admit_limits limits = {.tasks = tasks, .keys = KEYS_HELD};
	struct admit_config config = {.order = policy->order,
				      .trust = policy->trust,
				      .component_count = 1,
				      .answer_max = options->answer_max};
	AUTO_FREE struct admit *admit = malloc(admit_size(&limits));

	if (!admit || admit_init(admit, &limits, &config) < 0)
		return NULL;
	return TAKE(admit);
}

static int begin(struct play *play, struct uw_err *err)
{
	struct replay *out = play->out;
	uint32_t n = play->trace->count;

	out->count = n;
	out->capacity_bytes = play->options->capacity_bytes;
	out->job = calloc(n, sizeof(*out->job));
	play->live = calloc(n, sizeof(*play->live));
	play->order = replay_order(play->trace, play->options, out->job);
	play->admit = replay_core(play->options, n);
	if (!out->job || !play->live || !play->order || !play->admit)
		return err_set(err, -ENOMEM, "out of memory for %u jobs", n);
	supply(play);
	for (uint32_t i = 0; i < n; i++)
		out->never += never_fits(&play->trace->job[i], out->capacity_bytes);
	if (out->never == n)
		return err_set(err, -EINVAL, "no job of the trace fits the capacity");
	out->begin_us = out->job[play->order[0]].submit_us;
	play->reserved_since_us = out->begin_us;
	play->tick_us = UINT64_MAX;
	return 0;
}

static void sum_up(struct play *play)
{
	struct replay *out = play->out;
	uint64_t used = 0, all;

	out->end_us = play->now_us;
	for (uint32_t i = 0; i < out->count; i++) {
		out->failed_attempts += out->job[i].failed;
		out->failed_jobs += out->job[i].failed > 0;
	}
	for (uint32_t i = 0; i < out->spans; i++)
		used += out->span[i].used_bytes / KIB *
			((out->span[i].to_us - out->span[i].from_us) / US_PER_MS) / KIB;
	all = out->capacity_bytes / MIB * ((out->end_us - out->begin_us) / US_PER_MS);
	out->allocated_permyriad = (uint32_t)permyriad_of(play->allocated_mib_ms, all);
	out->used_permyriad = (uint32_t)permyriad_of(used, all);
}

int replay_run(const struct trace *trace, const struct replay_options *options, struct replay *ret,
	       struct uw_err *err)
{
	struct play play = {.trace = trace, .options = options, .out = ret};
	int r;

	*ret = (struct replay){0};
	r = begin(&play, err);
	if (!r) {
		play_on(&play);
		sum_up(&play);
		if (play.failed)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	free(play.admit);
	free(play.live);
	free(play.order);
	agenda_done(&play.agenda);
	return r;
}

void replay_done(struct replay *replay)
{
	free(replay->job);
	free(replay->span);
	*replay = (struct replay){0};
}

const char *replay_policy_name(enum replay_policy policy)
{
	return (unsigned int)policy < REPLAY_POLICY__COUNT ? policies[policy].name : "?";
}

int replay_policy_parse(const char *text, enum replay_policy *ret_policy)
{
	for (int i = 0; i < REPLAY_POLICY__COUNT; i++) {
		if (strcmp(policies[i].name, text) != 0)
			continue;
		*ret_policy = (enum replay_policy)i;
		return 0;
	}
	return -EINVAL;
}
