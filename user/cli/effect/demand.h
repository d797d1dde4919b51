/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the leaves of a recording wanted, apart from what became of them: how much memory each had
 * come to after how much of its own time, which is time that it neither stood frozen nor waited for
 * memory. A leaf that is slower or faster elsewhere wants the same in the same order. What a leaf
 * would have done after it was killed, or after the recording, is not in it: it stays as it was.
 */
#ifndef UW_CLI_EFFECT_DEMAND_H
#define UW_CLI_EFFECT_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/config.h"
#include "user/plant/plant.h"
#include "user/record/reader.h"

/* Touches of a leaf that runs: they are its clock. */
#define DEMAND_TOUCHES_PER_S 200000ULL

/* What became of a leaf, there or on a simulated machine. */
struct effect_leaf {
	uint64_t done_us;  /* of its own time */
	uint64_t stood_us; /* frozen */
	uint64_t ended_us; /* from the beginning on; 0: it did not end */
	bool killed;
};

struct effect_component {
	uint64_t stalled_us;    /* some task of it waited for memory */
	uint64_t swapped_bytes; /* at the most */
};

struct effect {
	struct effect_component component[UW_COMPONENTS_MAX];
	struct effect_leaf leaf[PLANT_LEAVES_MAX];
};

struct demand_leaf {
	uint64_t cgid;
	char name[RECORD_LEAF_LEN]; /* "" is not known */
	uint32_t component;         /* in the recorded configuration */
	uint64_t born_us;           /* from the beginning on */
	uint64_t anon_bytes;        /* when it was seen first */
	uint64_t file_bytes;
	struct plant_phase *phase; /* malloced */
	uint32_t phases, room;
	/* While frames are read: */
	uint64_t seen_us, own_us;
	uint64_t current_bytes, swap_bytes;
	uint64_t wanted_bytes;    /* anonymous */
	uint64_t twice_bytes;     /* in memory and in swap still, after a page-in */
	uint64_t cold_bytes;      /* in swap and not read again, at the most */
	uint64_t back_bytes;      /* read again by its component, in all */
	uint64_t refaults, aimed; /* of its component then; wanted_bytes of the last phase */
	bool frozen, gone;
};

struct demand {
	struct config config; /* as recorded, resolved */
	uint64_t usable_bytes, total_bytes, swap_bytes;
	uint64_t system_bytes; /* what nobody in the pool had */
	uint64_t first_us, last_us;
	uint32_t leaves;
	struct demand_leaf leaf[PLANT_LEAVES_MAX];
	uint32_t left_out; /* leaves for which there was no room, PLANT_LEAVES_MAX at the most */
	uint64_t left_cgid[PLANT_LEAVES_MAX];
	struct effect came; /* as recorded */
	/* While frames are read: */
	uint64_t begin_wall_us, full_us[UW_COMPONENTS_MAX], some_us[UW_COMPONENTS_MAX],
		waited_us[UW_COMPONENTS_MAX], oom_kills[UW_COMPONENTS_MAX];
	uint64_t frames;
	char boot_id[RECORD_BOOT_LEN];
	char *text; /* of config, malloced */
	uint32_t text_len;
};

/* Of the last stretch of a second or more that is recorded in full under one configuration; where
 * there is none, of the longest. 0; -ENODATA when there is
 * none, -ENOMEM, or -EINVAL for a configuration that cannot be read. demand_done in any case. */
int demand_read(struct demand *demand, struct recording *recording, struct uw_err *err);
void demand_done(struct demand *demand);

#endif
