/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts whom a replayed schedule let pass whom, as struct figures_inversions says. */
#ifndef UW_CLI_SIMULATE_INVERSIONS_H
#define UW_CLI_SIMULATE_INVERSIONS_H

#include "user/cli/simulate/figures.h"

/* Into ret->inversions and the classes. -ENOMEM. */
int inversions_count(const struct trace *trace, const struct replay *replay, struct figures *ret,
		     struct uw_err *err);

#endif
