/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy's conditions for one component, or for the host, with their values, for who explains
 * them: of a uwd, or of a moment of a recording. Nobody decides from this.
 */
#ifndef UW_POLICY_CONDITIONS_H
#define UW_POLICY_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/config.h"
#include "user/model/plan.h"
#include "user/model/view.h"

#define CONDITIONS_MAX     14
#define CONDITION_TEXT_LEN 128

struct condition {
	const char *name;
	uint64_t observed, threshold;
	enum reason_unit unit;
	bool at_most; /* else at least */
	const char *leads_to;
	enum tier tier; /* that it starts; TIER_NONE: it makes a level */
	char text[CONDITION_TEXT_LEN];
};

struct conditions {
	uint32_t count;
	struct condition condition[CONDITIONS_MAX];
};

/* Of a component with that configuration and view at now_us (CLOCK_MONOTONIC). */
void conditions_of(const struct policy_conf *policy, const struct component *component,
		   const struct component_view *view, uint64_t now_us,
		   struct conditions *ret_conditions);

/* Of the stages of the host's emergency; the forecast and the levels of components are theirs. */
void conditions_of_host(const struct host_view *view, uint64_t now_us,
			struct conditions *ret_conditions);

bool condition_is_met(const struct condition *condition);

#endif
