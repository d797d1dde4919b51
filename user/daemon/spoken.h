/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the pool is spoken for and what is left of it, by the last frame: the figures that the
 * queue of jobs and the leases both give out by. */
#ifndef UW_DAEMON_SPOKEN_H
#define UW_DAEMON_SPOKEN_H

#include "user/daemon/state.h"

/* Of each component, what its running jobs hold, and that or what is reserved for them. */
struct spoken_jobs {
	uint64_t current_bytes[UW_COMPONENTS_MAX];
	uint64_t reserved_bytes[UW_COMPONENTS_MAX];
};

void spoken_by_jobs(const struct daemon *daemon, struct spoken_jobs *ret_jobs);

/* The job of the queue whose leaf this is, or NULL. */
const struct job *spoken_job_in(const struct daemon *daemon, uint64_t cgid);

/* What is reserved for who runs in this leaf: a job, or who was let in with a size. 0: nothing. */
uint64_t spoken_reserved_in(const struct daemon *daemon, uint64_t cgid);

/* What the component uses besides its jobs, and reclaim would not find. */
uint64_t spoken_by_others(const struct daemon *daemon, uint32_t component,
			  const struct spoken_jobs *jobs);

/* The host as it was last read; read now when the frame left it out and somebody asks. */
const struct host_sample *spoken_host(struct daemon *daemon);

/* What the pool may still hold: of its own size and of what the host has available. */
uint64_t spoken_room(struct daemon *daemon);

/* What the host keeps back. */
uint64_t spoken_reserve(const struct daemon *daemon);

#endif
