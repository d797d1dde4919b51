/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The margin: what is not lent of free memory, so that owners who come back find it before payback
 * brings more. Between 3 and 15 % of usable, learned from how far owners outran it.
 */
#ifndef UW_POLICY_MARGIN_H
#define UW_POLICY_MARGIN_H

#include "user/base/clock.h"
#include "user/policy/state.h"

/* A burst lasts no longer: 250 MB that an owner on 6.12 came back for took it up to 2.8 s. */
#define MARGIN_BURST_US (3 * US_PER_SEC)

/* Watches owners grow; before loans are settled. */
void margin_step(struct step *step);

/* Bytes that are kept free now. */
uint64_t margin_bytes(const struct step *step);

/* Of them, what is not lent: beside a borrower that is short of what it works on no more than what
 * it could not be paged out of while an owner takes its burst. */
uint64_t margin_kept(const struct step *step);

/* What is left of its largest burst for it to take in the one that goes on or that would begin now;
 * BYTES_MAX where it has had none, or takes more than ever. */
uint64_t margin_expects(const struct step *step, uint32_t component);

#endif
