/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of a slot when its place is needed: a full frame in ten seconds with its plan, every
 * change of a level or the like, and every action with what became of it. Between two frames that
 * are kept whole there may be some that bring actions and outcomes alone: their samples are those
 * of the one before.
 */
#ifndef UW_RECORD_THIN_H
#define UW_RECORD_THIN_H

#include <stdbool.h>
#include <stdint.h>

#include "user/record/reader.h"
#include "user/record/writer.h"

#define THIN_US 10000000ULL /* between two frames that are kept whole */

/* Where it goes. */
struct thin {
	struct record_writer writer; /* a thin slot is begun in it, or resumed */
	/* Has a new slot begun in the writer, and the one that is full put away. False when that
	 * fails. */
	bool (*next)(void *data, struct record_writer *writer, uint64_t wall_us);
	void *data;
	/* Its own, zero. */
	bool begun;
	uint64_t kept_us; /* time of the last whole frame */
	struct frame frame;
};

/* Adds what is worth keeping of a slot, on which recording stands, to its end. False as next. */
bool thin_slot(struct thin *thin, struct recording *recording);

#endif
