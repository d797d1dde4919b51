/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which leaves of a component are stopped, or killed: that of the blame. */
#ifndef UW_POLICY_BLAME_H
#define UW_POLICY_BLAME_H

#include "user/policy/state.h"

/* Which of two leaves is stopped first: negative when a. A total order. */
int freeze_order(const struct leaf_state *a, const struct leaf_state *b);

/* Which is killed first. That one may stand still says nothing of that. */
int kill_order(const struct leaf_state *a, const struct leaf_state *b);

#endif
