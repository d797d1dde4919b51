/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct sense, shared by user/sense/. One allocation, made by sense_new. */
#ifndef UW_SENSE_INTERNAL_H
#define UW_SENSE_INTERNAL_H

#include <stdbool.h>

#include "cgroups/cgroups.h"
#include "user/model/leaf_index.h"
#include "user/sense/ages_thread.h"
#include "user/sense/locks_thread.h"
#include "user/sense/pagesets.h"
#include "user/sense/sense.h"

#define SENSE_TEXT_LEN 16384 /* memory.stat of 7.x is 1.5 KiB; numbers grow, keys are added */

struct sense_component {
	char name[UW_NAME_LEN];
	struct cg_group group; /* dir is -1 while it is not there */
	int watch;             /* inotify, -1 without */
	bool changed;          /* leaves may have come or gone */
	bool searched;         /* all that were there then are known */
	bool pressure_known;   /* these are as memory.pressure said last */
	uint64_t psi_some_us, psi_full_us, pressure_us;
	/* When everything was last read, and what it was by: see is_settled. */
	uint64_t settled_us, settled_bytes, settled_psi_us;
	uint64_t stat_us, stat_bytes; /* the same of memory.stat, */
	bool stat_owed;               /* which was put off in the last frame */
	uint64_t swap_bytes;          /* as read last */
	bool swap_moved;              /* and something else before */
};

struct sense_leaf {
	struct cg_group group;
	uint32_t component;
	uint64_t born_us;
	bool seen;      /* by the search that is going on */
	bool is_new;    /* it was made while its component was watched */
	uint64_t watch; /* inotify of its cgroup.events; 0: none */
	bool changed;   /* that says something else, or it is not known what it says */
	/* When cgroup.freeze is read though nothing is told of it; until when with each frame. */
	uint64_t untold_us, expect_until_us;
	bool owed;  /* something of what follows could not be read: all of it is to be */
	bool known; /* all that follows was read once; it is as read last */
	bool populated, frozen;
	uint64_t current_bytes, swap_bytes;
	uint64_t frozen_us;                /* when it was seen so last; 0 = never */
	int cpu;                           /* its cpu.stat, -1 while nobody asks for it */
	uint64_t asked_us;                 /* last */
	int stat;                          /* its memory.stat, as well */
	uint64_t spare_asked_us, spare_us; /* when it was asked for, and read, last: */
	uint64_t spare_bytes;
	/* When memory.stat was tried last, and what the others said then. */
	uint64_t stat_us, stat_current_bytes, stat_swap_bytes, swapcached_bytes;
};

struct sense {
	int pool; /* borrowed */
	int meminfo, pressure;
	struct pagesets pagesets;
	struct locks_thread locks;
	int inotify;
	uint64_t generation;
	uint32_t component_count;
	struct sense_component component[UW_COMPONENTS_MAX];
	uint32_t leaf_count;
	struct sense_leaf leaf[FRAME_LEAVES_MAX];
	struct leaf_index index, by_watch; /* of them */
	bool unseen_told;                  /* that one is not followed */
	uint64_t searched_us;              /* of the last search */
	sense_leaf_fn leaf_fn;
	void *leaf_data;
	uint64_t full_us, meminfo_us; /* of the last full frame, and of its last meminfo */
	char text[SENSE_TEXT_LEN];
	struct ages_thread *ages; /* NULL: nobody tells the age of pages */
	struct ages_wish wish[FRAME_LEAVES_MAX];
	uint32_t ages_wanted; /* bit i: of component i, by the last plan */
};

/* ---- leaves.c ---- */

void sense_watch_component(struct sense *sense, struct sense_component *component);
void sense_unwatch_component(struct sense *sense, const struct sense_component *component);
void sense_forget_leaves(struct sense *sense, uint32_t component);
/* Its place in the table; LEAF_NONE: it is not followed. */
uint32_t sense_leaf_at(const struct sense *sense, uint64_t cgid);
/* Searches when it is due, then reads each leaf into the frame. */
void sense_read_leaves(struct sense *sense, struct frame *frame, uint32_t looks);

/* By so much, up or down. */
static inline bool sense_has_moved(uint64_t is, uint64_t was, uint64_t least)
{
	return (is > was ? is - was : was - is) >= least;
}

/* ---- spare.c ---- */

/* Where the last plan asked for it: what of the leaf the kernel would drop at once; and anywhere,
 * what of its swap is not in memory as well. */
void sense_read_spare(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us,
		      struct leaf_sample *sample);
void sense_close_spare(struct sense_leaf *leaf);

/* ---- locks.c ---- */

/* If looks asks for it, counts who waits for locks of the leaves in the frame, by what was read
 * since it was asked last; valid from the second question on. */
void sense_read_locks(struct sense *sense, struct frame *frame, uint32_t looks);

#endif
