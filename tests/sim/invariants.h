/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold after every step of the policy, whatever the load: asserted with cmocka. */
#ifndef TESTS_SIM_INVARIANTS_H
#define TESTS_SIM_INVARIANTS_H

#include "user/plant/plant.h"

/* For plant.check. */
void invariants_hold(struct plant *plant);

#endif
