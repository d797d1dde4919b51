// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counts how long jobs waited and ran, and finds the one that has waited longest. A queue of a
 * hundred thousand jobs is searched in parts, a few thousand a second, so that no turn of the loop
 * is held up by it; a usual queue is through in one.
 */
#include "user/jobs/meters.h"

#define PLACES_A_LOOK 4096U

void meters_see_start(struct jobs *jobs, const struct job *job)
{
	uint64_t now_us = jobs_now_us(jobs);

	histogram_add(&jobs->meters.wait[job_class_of(job->priority)], HISTOGRAM_JOB,
		      now_us > job->queued_us ? now_us - job->queued_us : 0);
}

void meters_see_end(struct jobs *jobs, const struct job_result *result)
{
	histogram_add(&jobs->meters.run, HISTOGRAM_JOB,
		      result->end_us > result->start_us ? result->end_us - result->start_us : 0);
}

void meters_look(struct jobs *jobs)
{
	struct oldest_search *search = &jobs->oldest;
	uint32_t end = search->place + PLACES_A_LOOK;

	for (; search->place < end && search->place < jobs->table.used; search->place++) {
		const struct job *job = &jobs->table.job[search->place];

		if (job->id != JOB_NONE && job->state == JOB_QUEUED &&
		    job->queued_us < search->least_us)
			search->least_us = job->queued_us;
	}
	if (search->place < jobs->table.used)
		return;
	search->found_us = search->least_us;
	search->least_us = UINT64_MAX;
	search->place = 0;
}

static uint32_t count_cramped(const struct jobs *jobs)
{
	const struct job *job;
	uint32_t slot = 0, count = 0;

	while ((job = jobs_next_active(jobs, &slot)))
		count += jobs_cramped_us(jobs, job) != 0;
	return count;
}

void jobs_meters(const struct jobs *jobs, struct jobs_meters *ret_meters)
{
	uint64_t now_us = jobs_now_us(jobs), oldest_us = jobs->oldest.found_us;

	*ret_meters = jobs->meters;
	ret_meters->oldest_wait_us = oldest_us < now_us ? now_us - oldest_us : 0;
	ret_meters->at_limit = count_cramped(jobs);
}
