/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Brings the pool in line with a configuration: the one way of `uwctl setup`, of uwd's start and of
 * a reload. Two steps, so that everything is checked before anything is changed:
 *	pool_usable -> config_resolve, conf_check_budget -> pool_setup
 * Runs at setup only; may take a second under systemd (the bus).
 */
#ifndef UW_ACT_POOL_H
#define UW_ACT_POOL_H

#include <stdint.h>

#include "cgroups/cgroups.h"
#include "user/base/err.h"
#include "user/model/config.h"

/* What is usable on this machine, in bytes, with the pool there or not yet: the configured
 * percentage of MemTotal, or what "usable = auto" comes to. A configured size is config_resolve()'s
 * business. */
int pool_usable(const struct cg_host *host, const struct config *config, uint64_t *ret_bytes,
		struct uw_err *err);

/*
 * Makes or adopts the pool, its guard and one group per component: memory.low = the budget (0 for
 * protect = none), memory.high = the budget, memory.max = the pool's, which is usable. config is
 * resolved. Idempotent; change may ask for a dry run. Errors as cg_pool_create and cg_tree_setup.
 * *ret_pool is the caller's, to be closed.
 */
int pool_setup(const struct cg_host *host, const struct config *config,
	       const struct cg_change *change, struct cg_pool *ret_pool, struct uw_err *err);

#endif
