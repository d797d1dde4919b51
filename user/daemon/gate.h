/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd tells the kernel's gate (refuse of a component): the room that each component with one
 * still has. What does not fit into it fails with ENOMEM, and is counted, told and explained here.
 */
#ifndef UW_DAEMON_GATE_H
#define UW_DAEMON_GATE_H

#include <jansson.h>

#include "user/daemon/state.h"

/* What is told is good for so long: five full frames (TICK_PERIOD_MAX_US). A uwd that hangs longer
 * refuses nothing. */
#define GATE_GOOD_US (5 * 1000000ULL)

struct gate_claim {
	uint64_t budget_bytes, in_force_bytes;
	uint64_t current_bytes, reclaimable_bytes;
	uint64_t free_bytes; /* of the pool, beyond what is kept back */
	bool borrows;
};

/*
 * What a component may still have: what it has a right to, which is its budget also while it is
 * lent, and where it borrows all that is free. What reclaim would find is room.
 */
uint64_t gate_room(const struct gate_claim *claim);

/* After each full frame. */
void gate_look(struct daemon *daemon);

/* "refuse": null where there is none. */
json_t *gate_encode(const struct daemon *daemon, uint32_t component);

#endif
