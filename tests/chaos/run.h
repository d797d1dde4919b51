/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One driver with one fault, in a folder and in processes of its own. */
#ifndef UW_TESTS_CHAOS_RUN_H
#define UW_TESTS_CHAOS_RUN_H

#include "tests/chaos/chaos.h"
#include "tests/chaos/supervise.h"

struct outcome {
	bool hit;            /* there was such a call */
	uint32_t calls;      /* while faults were due */
	char violation[256]; /* "": all that must hold holds */
	char where[160];     /* the call: its name and what it was about */
	int16_t nr[CHAOS_CALLS_MAX];
};

/* seed is which remains of a cut of power are found. */
void chaos_run(const struct chaos_driver *driver, const struct fault *fault, uint32_t seed,
	       struct outcome *ret_outcome);

#endif
