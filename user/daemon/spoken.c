// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out how much of the pool is spoken for and what is left, for the queue and for leases, by
 * samples of the last frame. Of what runs in a component without being a job nothing is known but
 * its size now. At rest most frames leave the host out, which is no answer for who has memory to
 * give out: it is read here while there is one. The first to ask goes by the last reading.
 */
#include "user/daemon/spoken.h"

#include "user/base/units.h"
#include "user/daemon/entered.h"
#include "user/daemon/solid.h"
#include "user/jobs/jobs.h"
#include "user/policy/lease/lease.h"
#include "user/sense/sense.h"

static uint64_t min_bytes(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void spoken_by_jobs(const struct daemon *daemon, struct spoken_jobs *ret_jobs)
{
	uint32_t slot = 0;
	const struct job *job;

	*ret_jobs = (struct spoken_jobs){0};
	while (daemon->jobs && (job = jobs_next_active(daemon->jobs, &slot))) {
		uint64_t current_bytes = 0, peak_bytes;

		if (job->component >= UW_COMPONENTS_MAX)
			continue;
		jobs_usage_of(daemon->jobs, job, &current_bytes, &peak_bytes);
		ret_jobs->current_bytes[job->component] += current_bytes;
		ret_jobs->reserved_bytes[job->component] +=
			current_bytes > job->reserved_bytes ? current_bytes : job->reserved_bytes;
	}
}

const struct job *spoken_job_in(const struct daemon *daemon, uint64_t cgid)
{
	uint32_t slot = 0;
	const struct job *job;

	while (daemon->jobs && (job = jobs_next_active(daemon->jobs, &slot)))
		if (jobs_leaf_of(daemon->jobs, job) == cgid)
			return job;
	return NULL;
}

uint64_t spoken_reserved_in(const struct daemon *daemon, uint64_t cgid)
{
	const struct job *job = spoken_job_in(daemon, cgid);

	return job ? job->reserved_bytes : entered_reserved_in(daemon, cgid);
}

uint64_t spoken_by_others(const struct daemon *daemon, uint32_t component,
			  const struct spoken_jobs *jobs)
{
	const struct component_sample *sample = &daemon->frame.component[component];
	uint64_t room = solid_reclaimable(sample) + jobs->current_bytes[component];

	return sample->current_bytes - min_bytes(sample->current_bytes, room);
}

static bool somebody_asks(const struct daemon *daemon)
{
	struct lease_totals totals = {0};

	if (config_refuses(&daemon->config))
		return true;
	if (daemon->leases)
		lease_totals(daemon->leases, &totals);
	return totals.clients || (daemon->jobs && jobs_count(daemon->jobs));
}

const struct host_sample *spoken_host(struct daemon *daemon)
{
	if (daemon->frame.host.valid)
		daemon->spoken_host = daemon->frame.host;
	else if (somebody_asks(daemon) || !daemon->spoken_host.valid)
		sense_host(daemon->sense, &daemon->spoken_host);
	return &daemon->spoken_host;
}

uint64_t spoken_room(struct daemon *daemon)
{
	uint64_t held = 0, usable = daemon->config.usable_bytes;

	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		const struct component_sample *sample = &daemon->frame.component[i];

		held += sample->current_bytes -
			min_bytes(sample->current_bytes, solid_reclaimable(sample));
	}
	return min_bytes(spoken_host(daemon)->available_bytes, usable - min_bytes(held, usable));
}

uint64_t spoken_reserve(const struct daemon *daemon)
{
	return daemon->config.usable_bytes / PERMYRIAD_ONE * daemon->config.reserve_permyriad;
}
