// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A group of a step is .../job_JOBID/step_STEPID/... by any name of the scope above it (Slurm's
 * cgroup/v2, 22.05 to 24.11). Groups of version 1, where Slurm may track as well, are not touched
 * by a move within version 2.
 */
#include "user/slurm/tracked.h"

#include <stddef.h>
#include <string.h>

#define DIGITS "0123456789"

/* Version 2 is hierarchy 0, which may stand behind lines of version 1. */
static const char *path_of(const char *cgroups)
{
	const char *at = strncmp(cgroups, "0::", 3) ? strstr(cgroups, "\n0::") : cgroups;

	return at ? strchr(at, '/') : NULL;
}

bool slurm_is_tracked(const char *cgroups, long length)
{
	static const char job[] = "/job_", step[] = "/step_";
	const char *at = length < 0 ? NULL : path_of(cgroups);

	if (length < 0)
		return true;

	for (at = at ? strstr(at, job) : NULL; at; at = strstr(at, job)) {
		size_t digits = strspn(at + strlen(job), DIGITS);

		at += strlen(job) + digits;
		if (digits && !strncmp(at, step, strlen(step)))
			return true;
	}
	return false;
}
