// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends an attempt: reads what its slot and its leaf say of it, and settles what becomes of the
 * job. The verdicts come first and only judge; then the deed: the core is told, and an entry with
 * the result goes to the disk. As long as a shim may still live, or the slot cannot be read,
 * nothing is judged and the run stays in doubt, to be looked at again each second.
 */
#include "user/jobs/end.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/enqueue.h"
#include "user/jobs/entry.h"
#include "user/jobs/failed_starts.h"
#include "user/jobs/meters.h"
#include "user/jobs/state.h"

/* Another attempt that nobody asked for is one of its retries, if it may not run again at will. */
static void count_attempt(struct job *job)
{
	if (!(job->flags & JOB_RERUN) && job->retries)
		job->retries--;
}

/* Nothing ran: the attempt does not count. */
static struct verdict never_ran(struct job *job, int error)
{
	job->attempts--;
	return (struct verdict){
		.state = job->flags & JOB_CANCELLING ? JOB_CANCELLED : JOB_QUEUED,
		.step = job->flags & JOB_CANCELLING ? JOB_STEP_ENDED : JOB_STEP_REQUEUED,
		.how = job->flags & JOB_CANCELLING ? ADMIT_EXIT_NOT_RUN : ADMIT_EXIT_AGAIN,
		.why = {JOB_BECAUSE_START_FAILED, (uint64_t)(error ? error : ECANCELED), 0},
	};
}

/* An end that its owner wanted is that, however it came about. */
static bool was_asked_for(const struct job *job, struct verdict *verdict)
{
	if (job->flags & JOB_CANCELLING) {
		verdict->state = JOB_CANCELLED;
	} else if (job->flags & JOB_REQUEUING) {
		verdict->state = JOB_QUEUED;
		verdict->step = JOB_STEP_REQUEUED;
		verdict->how = ADMIT_EXIT_AGAIN;
	}
	return job->flags & (JOB_CANCELLING | JOB_REQUEUING);
}

/* It may have run, and nobody saw its end. */
static struct verdict unseen(const struct jobs *jobs, struct job *job,
			     const struct slot_record *slot)
{
	struct verdict verdict = {
		.state = JOB_LOST,
		.step = JOB_STEP_LOST,
		.how = ADMIT_EXIT_NOT_RUN,
		.has_run = true,
		.why.reason =
			strcmp(slot->boot, jobs->boot) ? JOB_BECAUSE_REBOOT : JOB_BECAUSE_SHIM_LOST,
	};

	if (was_asked_for(job, &verdict))
		return verdict;
	if (job_may_run_again(job) && !(job->flags & JOB_TIMED_OUT)) {
		verdict.state = JOB_QUEUED;
		verdict.step = JOB_STEP_REQUEUED;
		verdict.how = job->flags & (JOB_ENLARGING | JOB_OUTGROWN) ? ADMIT_EXIT_RESTART
									  : ADMIT_EXIT_AGAIN;
		count_attempt(job);
	}
	return verdict;
}

static struct verdict could_not_run(const struct slot_record *slot)
{
	return (struct verdict){
		.state = JOB_FAILED,
		.step = JOB_STEP_ENDED,
		.how = ADMIT_EXIT_NOT_RUN,
		.why = {JOB_BECAUSE_START_FAILED, (uint64_t)slot->error, slot->failed},
	};
}

static uint64_t since(uint64_t now_us, uint64_t before_us)
{
	return now_us > before_us ? now_us - before_us : 0;
}

/* By the clock that nobody sets; of another boot, and of an older shim, only the wall clock is
 * known. */
static uint64_t ran_us(const struct jobs *jobs, const struct slot_record *slot)
{
	bool has_ended = slot->phase == SLOT_ENDED;

	if (slot->began_us && has_ended)
		return slot->ran_us;
	if (slot->began_us && !strcmp(slot->boot, jobs->boot))
		return since(clock_now_us(), slot->began_us);
	return since(has_ended ? slot->end_us : clock_wall_us(), slot->start_us);
}

static struct job_why why_ended(const struct jobs *jobs, const struct job *job,
				const struct slot_record *slot, const struct jobs_usage *usage)
{
	if (job->flags & JOB_TIMED_OUT)
		return (struct job_why){JOB_BECAUSE_TIME_LIMIT, ran_us(jobs, slot),
					job->time_limit_us};
	if (job->flags & JOB_OUTGROWN)
		return (struct job_why){JOB_BECAUSE_MEMORY_LIMIT, usage->peak_bytes,
					job->reserved_bytes};
	if (usage->oom_kills && slot->status != 0)
		return (struct job_why){JOB_BECAUSE_OOM, usage->oom_kills, 0};
	if (slot->signal)
		return (struct job_why){JOB_BECAUSE_SIGNAL, (uint64_t)slot->signal, 0};
	return (struct job_why){JOB_BECAUSE_EXIT, (uint64_t)slot->status, 0};
}

/* One that ends by itself with 0 has done its work, whatever was about to be done to it. */
static struct verdict ended(const struct jobs *jobs, struct job *job,
			    const struct slot_record *slot, const struct jobs_usage *usage)
{
	bool for_memory = usage->oom_kills || job->flags & JOB_OUTGROWN;
	struct verdict verdict = {
		.state = JOB_FAILED,
		.step = JOB_STEP_ENDED,
		.how = ADMIT_EXIT_FAILED,
		.has_run = true,
		.why = why_ended(jobs, job, slot, usage),
	};

	if (was_asked_for(job, &verdict))
		return verdict;
	if (slot->status == 0) {
		verdict.state = JOB_DONE;
		verdict.how = ADMIT_EXIT_DONE;
	} else if (job->flags & JOB_ENLARGING) {
		verdict.state = JOB_QUEUED;
		verdict.step = JOB_STEP_RESTARTED;
		verdict.how = ADMIT_EXIT_RESTART;
		count_attempt(job);
	} else if (!(job->flags & JOB_TIMED_OUT) && job->retries) {
		verdict.state = JOB_QUEUED;
		verdict.step = JOB_STEP_REQUEUED;
		verdict.how = for_memory ? ADMIT_EXIT_MEMORY : ADMIT_EXIT_AGAIN;
		job->retries--;
	} else if (for_memory && job_may_run_again(job) && !(job->flags & JOB_TIMED_OUT)) {
		verdict.state = JOB_QUEUED;
		verdict.step = JOB_STEP_RESTARTED;
		verdict.how = ADMIT_EXIT_MEMORY;
	} else if (for_memory && !job_may_run_again(job)) {
		verdict.how = ADMIT_EXIT_MEMORY; /* how much is too little is worth knowing */
	}
	return verdict;
}

struct verdict end_judge(const struct jobs *jobs, struct job *job, const struct slot_record *slot,
			 bool is_ours, const struct jobs_usage *usage, int error)
{
	if (!is_ours)
		return never_ran(job, error);
	switch ((enum slot_phase)slot->phase) {
	case SLOT_RUN:
		return unseen(jobs, job, slot);
	case SLOT_NOT_RUN:
		return could_not_run(slot);
	case SLOT_ENDED:
		return ended(jobs, job, slot, usage);
	case SLOT_EMPTY:
	case SLOT_TAKEN:
	case SLOT_SHIM:
	case SLOT_PHASE__COUNT:
		break;
	}
	return never_ran(job, error);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All times are counted back from the end, so that they differ by what really went by, wherever the
 * wall clock was set meanwhile. */
static void fill_times(const struct jobs *jobs, const struct job *job,
		       const struct slot_record *slot, bool has_run, struct job_result *result)
{
	bool has_end = has_run && slot->phase == SLOT_ENDED;

	result->end_us = has_end ? slot->end_us : clock_wall_us();
	result->start_us = has_run ? since(result->end_us, ran_us(jobs, slot))
				   : jobs_wall_us(jobs, job->start_us);
	result->queued_us = since(result->start_us, since(job->start_us, job->queued_us));
}

static void fill_result(const struct jobs *jobs, const struct job *job, const struct run *run,
			const struct slot_record *slot, const struct jobs_usage *usage,
			const struct verdict *verdict, struct job_result *result)
{
	bool has_end = verdict->has_run && slot->phase == SLOT_ENDED;

	*result = (struct job_result){
		.state = verdict->state,
		.status = has_end ? slot->status : -1,
		.signal = has_end ? slot->signal : 0,
		.peak_bytes = max_u64(run->peak_bytes, usage->peak_bytes),
		.cpu_us = max_u64(usage->cpu_us, has_end ? slot->cpu_us : 0),
		.oom_kills = usage->oom_kills,
		.out_dropped = slot->out_dropped,
		.err_dropped = slot->err_dropped,
		.why = verdict->why,
	};
	fill_times(jobs, job, slot, verdict->has_run, result);
}

/* What it would have come to with enough memory nobody knows. */
static bool has_outgrown(const struct job *job, const struct slot_record *slot,
			 const struct jobs_usage *usage, const struct verdict *verdict)
{
	return verdict->has_run && slot->status != 0 &&
	       (usage->oom_kills || (job->flags & (JOB_ENLARGING | JOB_OUTGROWN)));
}

/* The core has nothing of a job whose component is not configured. */
static bool is_known(const struct jobs *jobs, const struct job *job)
{
	return job->component < jobs->component_count;
}

/* Its last retry: from now on nothing may end it for its memory. */
static void forbid_restart(struct jobs *jobs, struct job *job)
{
	struct admit_view view;

	if (admit_view(jobs->admit, job->id, jobs_now_us(jobs), &view) ||
	    !(view.task.flags & ADMIT_RESTARTABLE) || admit_cancel(jobs->admit, job->id))
		return;
	job->reserved_bytes = view.footprint_bytes;
	state_set(jobs, job, JOB_QUEUED);
	enqueue_job(jobs, job, NULL);
}

/* The core forgets it, or has it in its queue again; what it learned is to be kept. */
static void tell_core(struct jobs *jobs, struct job *job, struct verdict *verdict,
		      struct job_entry *entry)
{
	uint64_t key = jobs_learn_key(jobs, entry->component, job->uid, entry->key);
	uint64_t now_us = jobs_now_us(jobs);
	struct admit_view view;
	int rc;

	if (!admit_view(jobs->admit, job->id, now_us, &view))
		entry->predicted_us = view.run_us;
	rc = admit_exit(jobs->admit, job->id, verdict->how, entry->result.peak_bytes, now_us);
	if (verdict->state == JOB_QUEUED && rc != ADMIT_REQUEUED && is_known(jobs, job)) {
		verdict->state = JOB_FAILED; /* it may not be started again, says the core */
		verdict->step = JOB_STEP_ENDED;
	}
	if (verdict->state == JOB_QUEUED && rc == ADMIT_REQUEUED && !job_may_run_again(job))
		forbid_restart(jobs, job);
	if (verdict->state == JOB_QUEUED && !admit_view(jobs->admit, job->id, now_us, &view))
		job->reserved_bytes = view.footprint_bytes;
	entry->learned = key ? malloc(sizeof(*entry->learned)) : NULL;
	if (entry->learned && admit_key_export(jobs->admit, key, entry->learned))
		free(TAKE(entry->learned));
}

static void set_state(struct jobs *jobs, struct job *job, const struct verdict *verdict)
{
	state_set(jobs, job, verdict->state);
	job->reason = (uint8_t)verdict->why.reason;
	job->observed = verdict->why.observed;
	job->threshold = verdict->why.threshold;
	job->flags &= (uint16_t)~JOB_ENDING;
	job->slot = SLOT_NONE;
}

static void read_usage(struct jobs *jobs, struct run *run, struct jobs_usage *ret_usage)
{
	*ret_usage = (struct jobs_usage){0};
	run_open_leaf(jobs, run);
	if (run->leaf_open)
		jobs->setup.ops->usage(jobs->setup.ops_data, &run->leaf, true, ret_usage);
}

/*
 * 0: how far the attempt came. -ENODATA: the slot is not its own, nothing ran. -EAGAIN: not to be
 * said yet, as its shim lives or the slot cannot be read. Torn for good says that it may have run.
 */
static int read_end(const struct jobs *jobs, uint32_t index, const struct job *job,
		    struct slot_record *ret_slot)
{
	/* Where no shim could be made the lock, if there is one, is of another. */
	bool locked = !jobs->run[index]->error && slot_is_locked(jobs->slots, index);
	int rc = run_read_slot(jobs->slots, index, job, ret_slot);

	if (rc == -ENODATA || (!rc && !locked))
		return rc;
	if (locked || rc != -EUCLEAN)
		return -EAGAIN;
	*ret_slot = (struct slot_record){
		.phase = SLOT_RUN,
		.start_us = jobs_wall_us(jobs, job->start_us),
		.began_us = jobs->run[index]->started_us,
	};
	text_copy(ret_slot->boot, sizeof(ret_slot->boot), jobs->boot);
	return 0;
}

/* As one that was found at a start: looked at again each second. */
static void stay_in_doubt(struct jobs *jobs, struct run *run)
{
	if (run->found && !run->launched)
		return;
	log_warning("end of a job is in doubt job=%" PRIu64, run->id);
	run->found = true;
	run->launched = false;
	entry_reap(TAKE_FD(run->pidfd));
	jobs->unresolved++;
}

/* Of one that a uwd before this one was about to start its end says nothing of the next start. */
static bool is_failed_start(const struct run *run, const struct verdict *verdict)
{
	return verdict->how == ADMIT_EXIT_AGAIN && !verdict->has_run && !run->found;
}

static struct verdict judge_run(struct jobs *jobs, struct job *job, const struct run *run,
				const struct slot_record *slot, bool is_ours,
				const struct jobs_usage *usage)
{
	struct verdict verdict = end_judge(jobs, job, slot, is_ours, usage, run->error);

	if (verdict.why.reason == JOB_BECAUSE_TIME_LIMIT &&
	    verdict.why.observed > run->freeze.sum_us)
		verdict.why.observed -= run->freeze.sum_us; /* it did not count */
	if (is_failed_start(run, &verdict) && failed_starts_count(jobs, job)) {
		verdict.state = JOB_FAILED;
		verdict.step = JOB_STEP_ENDED;
		verdict.how = ADMIT_EXIT_NOT_RUN;
	}
	if (verdict.has_run)
		failed_starts_see_run(jobs, job, run->started_us);
	return verdict;
}

void end_attempt(struct jobs *jobs, uint32_t index)
{
	struct run *run = jobs->run[index];
	struct job *job = job_table_find(&jobs->table, run->id);
	struct job_entry *entry;
	struct jobs_usage usage;
	struct verdict verdict;
	struct slot_record slot;
	int rc;

	if (run->ending || !job)
		return;
	rc = read_end(jobs, index, job, &slot);
	if (rc == -EAGAIN) {
		stay_in_doubt(jobs, run);
		return;
	}
	entry = entry_new(jobs, job, ENTRY_END);
	if (!entry) { /* out of memory: told again in the next turn, or looked at in a second */
		if (run->pidfd >= 0)
			run_watch(jobs, index, run->pidfd);
		return;
	}
	run->ending = true;
	entry->ended = TAKE_FD(run->pidfd);
	read_usage(jobs, run, &usage);
	verdict = judge_run(jobs, job, run, &slot, !rc, &usage);
	fill_result(jobs, job, run, &slot, &usage, &verdict, &entry->result);
	entry->outgrew = has_outgrown(job, &slot, &usage, &verdict);
	tell_core(jobs, job, &verdict, entry);
	entry->result.state = verdict.state;
	entry->first_bytes = run->first_bytes;
	entry->has_run = verdict.has_run;
	entry->clean = true;
	entry->slot = index;
	entry->finish = enqueue_end_done;
	job->peak_bytes = entry->result.peak_bytes;
	job->end_us = jobs_now_us(jobs);
	if (verdict.has_run && verdict.state == JOB_QUEUED)
		job->queued_us = job->end_us;
	set_state(jobs, job, &verdict);
	entry_set_job(entry, job);
	entry->boot[0] = '\0';
	entry_event(entry, verdict.step, &verdict.why, 0, entry->result.peak_bytes);
	if (verdict.has_run)
		meters_see_end(jobs, &entry->result);
	jobs->stats.lost += verdict.state == JOB_LOST;
	jobs->stats.restarted += verdict.state == JOB_QUEUED;
	entry_put(entry);
	if (verdict.state == JOB_QUEUED && !is_known(jobs, job))
		enqueue_job(jobs, job, NULL); /* held until its component is back */
	if (is_failed_start(run, &verdict))
		failed_starts_wait(jobs, job);
	state_decide_soon(jobs);
}
