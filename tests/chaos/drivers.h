/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of drivers, for the table in drivers.c. */
#ifndef UW_TESTS_CHAOS_DRIVERS_H
#define UW_TESTS_CHAOS_DRIVERS_H

#include "tests/chaos/chaos.h"

extern const struct chaos_driver chaos_store, chaos_store_new, chaos_slots, chaos_act, chaos_guard,
	chaos_jobs, chaos_flight, chaos_uw, chaos_pools, chaos_conf, chaos_ipc, chaos_lease,
	chaos_keep, chaos_sense;

#endif
