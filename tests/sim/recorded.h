/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine whose policy is recorded as uwd's is, in two files of a folder of its own. */
#ifndef TESTS_SIM_RECORDED_H
#define TESTS_SIM_RECORDED_H

#include "user/plant/plant.h"
#include "user/record/flight.h"

struct recorded {
	struct plant plant;
	struct flight *flight;
	char folder[64], disk[96], stage[96];
	volatile uint64_t
		*done; /* sequence of the last frame whose plan was recorded; may be NULL */
};

/* A fresh folder; nothing is recorded yet. */
void recorded_init(struct recorded *recorded);
/* Removes it. */
void recorded_done(struct recorded *recorded);

/* A machine of 1217 MB, configured by text as a file is, that records from its start on. */
void recorded_start(struct recorded *recorded, const char *text, uint64_t swap_bytes);
void recorded_stop(struct recorded *recorded);

/* As uwctl record has it. The bytes are to be freed. */
void *recorded_export(const struct recorded *recorded, size_t *ret_size);

#endif
