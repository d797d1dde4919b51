/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real machine behind jobs.h: cgroups below the pool, and shims. It knows neither where the
 * pool is at the moment nor the way to policy; both are uwd's, which gives a struct jobs_machine.
 */
#ifndef UW_JOBS_OPS_H
#define UW_JOBS_OPS_H

#include "user/jobs/jobs.h"
#include "user/jobs/leaf_keeper.h"
#include "user/launcher/launcher.h"

struct jobs_machine {
	const char *state_dir; /* as in struct jobs_setup */
	/* An fd of the pool's directory, which the caller closes, or a negative errno. Any thread:
	 * the pool may be made anew at any time, and its fd with it. */
	int (*pool_dir)(void *data);
	/* As in struct jobs_ops; leaf is the leaf's cgroup id. */
	int (*freeze)(void *data, uint32_t component, uint64_t leaf, bool on);
	int (*reclaim)(void *data, uint32_t component, uint64_t leaf, uint64_t bytes);
	void *data;
	struct leaf_keeper *keeper; /* for what would hold up whoever asks */
	struct launcher launcher;   /* the recorder's thread's */
};

/* Its ops_data is a struct jobs_machine, which lives as long as the jobs do. */
extern const struct jobs_ops jobs_ops_real;

/* The launcher of uwd: systemd's, or one that is installed beside uw-shim. */
struct launcher jobs_ops_launcher(void);

/* Removes leaves of jobs that an uwd before us could not remove any more. Once, after jobs_open. */
void jobs_ops_sweep(const struct jobs_machine *machine, const struct jobs *jobs,
		    const struct config *config);

#endif
