/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much memory is left for the pool as a whole, by its own size and by what the host has. */
#ifndef UW_POLICY_HEADROOM_H
#define UW_POLICY_HEADROOM_H

#include "user/policy/state.h"

/* Bytes that all components hold, without files that the kernel drops at once and nobody misses;
 * and all that is charged to them. */
uint64_t headroom_held(const struct step *step);
uint64_t headroom_charged(const struct step *step);

/* What the host must keep available: the reserve, and a hundredth of it all. */
uint64_t headroom_reserve(const struct step *step);
uint64_t headroom_reserve_in(const struct policy_state *state, const struct config *config);

/* Bytes that the pool may still take: up to usable, and while the host keeps its reserve. */
uint64_t headroom_free(const struct step *step);

/* What the host has beyond the reserve; where it is sampled. */
uint64_t headroom_of_host(const struct step *step);

/* headroom_free with the file pages that reclaim finds at once: all that there is without swap. */
uint64_t headroom_last(const struct step *step);

/* So much of usable is free, and not of files either, that nothing would be done soon. */
bool headroom_is_roomy(const struct step *step);

#endif
