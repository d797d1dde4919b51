/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold after every step of the policy, whatever the load: asserted with cmocka. */
#ifndef TESTS_SIM_INVARIANTS_H
#define TESTS_SIM_INVARIANTS_H

#include "tests/sim/machine.h"

/* For sim.check. */
void invariants_hold(struct sim *sim);

#endif
