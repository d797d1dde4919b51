// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follows jobs that are at their memory limit while there is no room for more, where the kernel
 * throttles them. The reason is shown and noted in the job's history, and logged where the job can
 * neither be frozen nor run again. With outgrown = fail such a job is ended after outgrown-after.
 */
#include "user/jobs/outgrown.h"

#include <inttypes.h>
#include <stddef.h>

#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/units.h"
#include "user/jobs/entry.h"
#include "user/jobs/state.h"
#include "user/jobs/stop.h"

/* With room it has been given more by then: the core grows what it can within a second. */
#define SILENT_US (5 * US_PER_SEC)
/* Held at memory.high a job is under it now and then: so long without is another matter. */
#define CALM_US (10 * US_PER_SEC)

#define STEP_PART 4 /* what the core gives at a time: a quarter more */

uint64_t jobs_cramped_us(const struct jobs *jobs, const struct job *job)
{
	const struct run *run = job->slot ? jobs->run[job->slot] : NULL;

	return run && run->outgrown.cramped_us ? clock_now_us() - run->outgrown.cramped_us : 0;
}

/* Those that can neither be frozen nor run again have no other way out. */
static void warn(const struct jobs *jobs, const struct job *job, const struct run *run,
		 const struct job_why *why)
{
	char limit[UNITS_TEXT_LEN], wanted[UNITS_TEXT_LEN], room[UNITS_TEXT_LEN];
	struct journal_entry entry;

	if (job->flags & JOB_FREEZABLE || job_may_run_again(job))
		return;
	journal_begin(&entry, LOG_LEVEL_WARNING, MESSAGE_JOB_AT_LIMIT);
	journal_add(&entry, "UW_JOB_ID", "%" PRIu64, job->id);
	journal_add(&entry, "UW_USER", "%u", job->uid);
	journal_add(&entry, "UW_COMPONENT", "%s", run->component);
	journal_send(&entry,
		     "job is at its memory limit and hardly moves job=%" PRIu64
		     " component=%s limit=%s wants=%s free=%s outgrown=%s: cancel it and ask for "
		     "more, or let others end",
		     job->id, run->component, units_print_bytes(job->reserved_bytes, limit),
		     units_print_bytes(why->observed, wanted),
		     units_print_bytes(why->threshold, room),
		     outgrown_name(jobs->setup.config->admission.outgrown));
}

void outgrown_has_no_room(struct jobs *jobs, struct job *job, struct run *run,
			  const struct job_why *why)
{
	uint64_t now_us = clock_now_us();

	run->outgrown.seen_us = now_us;
	if (!run->outgrown.since_us)
		run->outgrown.since_us = now_us;
	state_set_why(job, why);
	if (run->outgrown.cramped_us)
		return;
	run->outgrown.cramped_us = run->outgrown.since_us;
	warn(jobs, job, run, why);
	entry_note(jobs, job, JOB_STEP_THROTTLED, why);
}

/* It asks for no more, by its own doing. */
static void calm_down(struct job *job, struct run *run)
{
	static const struct job_why none = {JOB_BECAUSE_NONE, 0, 0};

	run->outgrown.since_us = 0;
	if (run->outgrown.cramped_us)
		run_has_room(job, run, &none);
}

static void end_it(struct jobs *jobs, struct job *job, const struct run *run)
{
	struct job_why why = {JOB_BECAUSE_MEMORY_LIMIT, run->peak_bytes, job->reserved_bytes};

	stop_wish(jobs, job, JOB_OUTGROWN, &why, jobs->setup.config->admission.kill_grace_us, NULL,
		  NULL);
}

void outgrown_sync(struct jobs *jobs, struct job *job, struct run *run)
{
	const struct admission_conf *conf = &jobs->setup.config->admission;
	struct job_why why = {JOB_BECAUSE_NO_GROWTH, job->reserved_bytes / STEP_PART, 0};
	uint64_t now_us = clock_now_us();
	struct admit_view view;
	/* Stopped for another it has no more than it uses. */
	bool outgrown = !run->freeze.for_id &&
			!admit_view(jobs->admit, job->id, jobs_now_us(jobs), &view) &&
			view.outgrown;

	if (outgrown) {
		run->outgrown.seen_us = now_us;
		if (!run->outgrown.since_us)
			run->outgrown.since_us = now_us;
	} else if (now_us - run->outgrown.seen_us >= CALM_US) {
		calm_down(job, run);
	}
	/* As large as its component may be, the core says nothing of it. */
	if (outgrown && !run->outgrown.cramped_us && now_us - run->outgrown.since_us >= SILENT_US)
		outgrown_has_no_room(jobs, job, run, &why);
	if (outgrown && conf->outgrown == OUTGROWN_FAIL && run->outgrown.cramped_us &&
	    !(job->flags & JOB_ENDING) && now_us - run->outgrown.cramped_us >= conf->outgrown_us)
		end_it(jobs, job, run);
}
