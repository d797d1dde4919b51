/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is reclaimed, from whom, how much and of which kind of page: for who lacks memory, for an
 * owner that is owed, for the host, and for clients. One reclaim at a time and component; a leaf
 * that stands still, or a component without one, that twice gives less than a quarter of what was
 * asked is left alone for 30 s.
 */
#ifndef UW_POLICY_RECLAIM_H
#define UW_POLICY_RECLAIM_H

#include "user/policy/state.h"

/* One wish to take memory from a component. */
struct reclaim_wish {
	uint64_t bytes;
	enum tier tier;
	int32_t swappiness;
	struct why why;
	const struct leaf_state *leaf; /* of it alone, though it runs */
	bool files;                    /* alone, whoever stands still */
};

/* What a reclaim has freed is not in what the component charged since: before samples are taken. */
void reclaim_discount(struct step *step);

/* Takes the outcomes of reclaims. */
void reclaim_take(struct step *step);

void reclaim_step(struct step *step);

#endif
