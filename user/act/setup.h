/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Brings the pool in line with a configuration: the one way of `uwctl setup`, of uwd's start and of
 * a reload. Two steps, so that everything is checked before anything is changed. Runs at setup
 * only; may take a second under systemd (the bus).
 */
#ifndef UW_ACT_SETUP_H
#define UW_ACT_SETUP_H

#include <stdint.h>

#include "cgroups/cgroups.h"
#include "user/base/err.h"
#include "user/model/config.h"

/*
 * Reads the configuration (conf_load of file) for this machine: what is usable - the configured
 * size or percentage of MemTotal, or what "usable = auto" comes to with the pool there or not yet -
 * and what each budget is of it. root, unless NULL, stands in for the configured one. -EINVAL when
 * it is wrong or does not fit; others as of conf_load and cg_usable_auto.
 */
int setup_read_config(const struct cg_host *host, const char *file, const char *root,
		      struct config *ret_config, struct uw_err *err);

/*
 * Makes or adopts the pool, its guard and one group per component: memory.low = the budget (0 for
 * protect = none), memory.high = the budget, memory.max = the pool's, which is usable. The pool's
 * memory.low is the sum of theirs. config is resolved. Idempotent; change may ask for a dry run.
 * Errors as cg_pool_create and cg_tree_setup. *ret_pool is the caller's, to be closed.
 */
int setup_pool(const struct cg_host *host, const struct config *config,
	       const struct cg_change *change, struct cg_pool *ret_pool, struct uw_err *err);

#endif
