/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the queue's machine what the benches have nothing done for: jobs that run in no leaf. */
#ifndef TESTS_BENCH_NO_LEAF_H
#define TESTS_BENCH_NO_LEAF_H

#include <errno.h>

#include "user/jobs/jobs.h"

static inline void no_clean(void *data, const char *component, const char *leaf)
{
	(void)data, (void)component, (void)leaf;
}

static inline int no_usage(void *data, const struct cg_group *leaf, bool at_end,
			   struct jobs_usage *ret_usage)
{
	(void)data, (void)leaf, (void)at_end, (void)ret_usage;
	return -ENOENT;
}

static inline int no_limit(void *data, const struct cg_group *leaf, uint64_t bytes, bool raised)
{
	(void)data, (void)leaf, (void)bytes, (void)raised;
	return 0;
}

static inline int no_kill(void *data, const struct cg_group *leaf)
{
	(void)data, (void)leaf;
	return 0;
}

static inline int no_freeze(void *data, uint32_t component, const struct cg_group *leaf, bool on)
{
	(void)data, (void)component, (void)leaf, (void)on;
	return 0;
}

static inline int no_reclaim(void *data, uint32_t component, const struct cg_group *leaf,
			     uint64_t bytes)
{
	(void)data, (void)component, (void)leaf, (void)bytes;
	return 0;
}

#endif
