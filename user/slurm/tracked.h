/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether Slurm keeps the tasks of a step in a cgroup of its own: to find them (proctrack/cgroup),
 * to hold them to cores and memory (task/cgroup) or to count (jobacct_gather/cgroup). A process is
 * in one group of version 2, so that what goes to a component leaves that one, and is lost to
 * scancel.
 */
#ifndef UW_SLURM_TRACKED_H
#define UW_SLURM_TRACKED_H

#include <stdbool.h>

/*
 * Of what /proc/self/cgroup says in a task that slurmstepd has just forked: length bytes, or the
 * negative errno of reading it as a whole, where it counts as tracked: a step that stays outside is
 * not lost.
 */
bool slurm_is_tracked(const char *cgroups, long length);

#endif
