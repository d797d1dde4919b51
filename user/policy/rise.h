/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a leaf has come since its present growth began, which is the guess of how far it will go.
 */
#ifndef UW_POLICY_RISE_H
#define UW_POLICY_RISE_H

#include "user/policy/state.h"

/* Growth of a leaf, in bytes a second, that is one. */
#define RISE_PER_S (4 * (int64_t)MIB)

/* Of a leaf just sampled: where its present growth began. */
void rise_follow(struct leaf_state *leaf);

/* Bytes that it is expected to want yet; 0 where it does not grow, or did not when it was stopped.
 */
uint64_t rise_to_come(const struct leaf_state *leaf);

#endif
