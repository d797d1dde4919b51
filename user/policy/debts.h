/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who lent what to whom, since when, and when it is taken back by force. */
#ifndef UW_POLICY_DEBTS_H
#define UW_POLICY_DEBTS_H

#include <stdint.h>

#include "user/model/config.h"

struct policy_state;

struct debt_view {
	uint64_t bytes;         /* held beyond its budget */
	uint64_t since_us;      /* CLOCK_MONOTONIC; 0 = holds no more than its budget */
	uint64_t owed_bytes;    /* of that an owner takes back now */
	uint64_t owed_since_us; /* 0 = nobody takes anything back */
	uint64_t freeze_at_us;  /* paid by then, or it is frozen; 0 = nothing owed, or never */
	uint64_t from_bytes[UW_COMPONENTS_MAX]; /* of whose budgets; less than bytes in sum where
						 * the others leave less */
};

/* The debt of component as of the last step by config. */
void policy_debt(const struct policy_state *state, const struct config *config, uint32_t component,
		 struct debt_view *ret_debt);

#endif
