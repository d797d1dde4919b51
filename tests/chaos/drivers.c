// SPDX-License-Identifier: GPL-2.0-or-later
/* The drivers there are, in the order that they run in. Each is a file of its own, which opens with
 * what must hold. */
#include "tests/chaos/drivers.h"

#include "user/base/cleanup.h"

const struct chaos_driver *const chaos_driver[] = {
	&chaos_store,     /* the database of jobs */
	&chaos_store_new, /* in its making */
	&chaos_slots,     /* where running jobs stand */
	&chaos_act,       /* uwd's hands, over the ledger */
	&chaos_guard,     /* who undoes what a dead uwd left */
	&chaos_flight,    /* the flight recorder */
	&chaos_uw,        /* leases, in a program with libuw */
	&chaos_pools,     /* pools, rings and tasks there */
	&chaos_conf,      /* what is read at a start */
	&chaos_ipc,       /* the control socket */
	&chaos_lease,     /* the server of leases */
	&chaos_keep,      /* the keeper of pools */
	&chaos_sense,     /* what fills a frame */
	&chaos_jobs, /* the queue, and shims: the largest, which has the time that others leave */
};

const uint32_t chaos_drivers = ARRAY_SIZE(chaos_driver);
