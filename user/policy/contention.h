/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who wants more memory than is there for it, and who stands in whose way. Nothing is taken from
 * anybody, and nobody is stopped, unless somebody else is found here. Reads the state, keeps none.
 */
#ifndef UW_POLICY_CONTENTION_H
#define UW_POLICY_CONTENTION_H

#include "user/policy/state.h"

/* Growing by its trend; in the fast lane the last step counts too, which the trend has not seen. */
bool contention_grows(const struct step *step, uint32_t component);

/* A stall waits for its cause to show, and frames come every few milliseconds. */
bool contention_is_watched(const struct step *step);

/* What it would take in a time: its growth, or where its limit stops that, a step of it; and at
 * once what a queued job waits for. */
uint64_t contention_ahead(const struct step *step, uint32_t component, uint64_t us);

/* The same by growth alone: who waits in a queue takes nothing. */
uint64_t contention_growth_ahead(const struct step *step, uint32_t component, uint64_t us);

/* Bytes that it takes by right in a time, as an owner: growth, but no more than so much, and what a
 * queued job waits for. */
uint64_t contention_owner_ahead(const struct step *step, uint32_t component, uint64_t us,
				uint64_t growth_most);

/* Growth of all owners by right, without what queued jobs wait for, which do not outrun anybody. */
uint64_t contention_owners_growth(const struct step *step, uint64_t us);

/* What it will lack within a second of its limit in force; 0 when it has room. */
uint64_t contention_lacks(const struct step *step, uint32_t component);

/* The same for what its own leaves that stand still can give it: 0 too while it has room for a
 * quarter of that time, since what goes out for growth that ends has to come back. */
uint64_t contention_lacks_soon(const struct step *step, uint32_t component);

/* The most that any other component lacks of what is not its own. */
uint64_t contention_others_lack(const struct step *step, uint32_t component);

/* So little of swap is left that nothing more can be put there; true where there is none. */
bool contention_swap_is_full(const struct step *step);

/* It takes the last of RAM, and swap takes nothing more. */
bool contention_fills_up(const struct step *step, uint32_t component);

/*
 * Somebody pays for growth in this component: another leaf there, another component that lacks
 * memory, or all, where the rest of swap is at stake. Alone it runs as far as its limit lets it.
 */
bool contention_at_cost(const struct step *step, uint32_t component);

#endif
