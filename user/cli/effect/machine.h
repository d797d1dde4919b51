/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine on which leaves want what they wanted in a recording, with the policy by a
 * configuration of one's choice.
 */
#ifndef UW_CLI_EFFECT_MACHINE_H
#define UW_CLI_EFFECT_MACHINE_H

#include "user/cli/effect/demand.h"

struct machine_options {
	const struct config *config; /* not resolved */
	uint64_t usable_bytes, swap_bytes;
};

/* For as long as was recorded. Components and leaves are numbered as in demand; of a component that
 * the configuration has not, there is nothing. 0, -ENOMEM or -EINVAL. */
int machine_run(const struct demand *demand, const struct machine_options *options,
		struct effect *ret_effect, struct uw_err *err);

#endif
