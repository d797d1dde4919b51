/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With SIM_TRACE in the environment each action is a line. */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdio.h>
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/plant/plant.h"

static inline void trace_action(const struct plant *plant, const struct action *a)
{
	char why[128];

	printf("%8.2f %-12s %-9s leaf %-5llu %6lluM  %s\n",
	       (double)(plant->now_us - 100 * US_PER_SEC) / 1e6,
	       plant->config.component[a->component].name, action_name(a->kind),
	       (unsigned long long)a->leaf, (unsigned long long)(a->amount / MIB),
	       reason_text(&a->why, why, sizeof(why)));
}

static inline void trace_by_env(struct plant *plant)
{
	if (getenv("SIM_TRACE"))
		plant->acted = trace_action;
}

#endif
