/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How old the pages of leaves are, worked out of readings of lru_gen, and which of them the kernel
 * is to be asked to look at anew. Pure: the file is read and written by ages_thread.c, and no clock
 * is looked at. O(1) a block of the file.
 */
#ifndef UW_SENSE_AGES_H
#define UW_SENSE_AGES_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/frame.h"
#include "user/model/leaf_index.h"
#include "user/sense/lru_gen.h"

#define AGES_PATH_LEN     176        /* component/leaf: 31 + 1 + 127 characters, terminated */
#define AGES_RUNS_US      2000000ULL /* who stood still is not looked at within its breaths */
#define AGES_COMMANDS_MAX 64         /* of one reading; what is left over is due at the next */
/* An older look says too little. A leaf of 100 GB is aged every four minutes at most, and not told
 * of for most of that. */
#define AGES_FRESH_US   60000000ULL
#define AGES_LOOKS_KEPT 8 /* at AGES_COLD_US or more apart: more than AGES_LONG_US */

/* What is asked about: leaf PATH of the pool. One that stands still is read no more and not aged:
 * what it had touched is what it needs when it goes on. */
struct ages_wish {
	uint64_t cgid;
	bool frozen;
	char path[AGES_PATH_LEN];
};

/* "+ MEMCG NODE SEQ": look at the accessed bits and open a generation. */
struct ages_command {
	uint64_t memcg, node, seq;
	uint32_t leaf; /* index */
};

struct ages_look {
	uint64_t at_us;
	uint64_t
		joined_bytes; /* anonymous, cold then and not known to be cold at the look before */
};

struct ages_leaf {
	struct ages_wish wish;
	uint64_t name; /* a hash of its path */
	struct ages_sample sample;
	bool aged; /* since the last reading */
	uint64_t agings;
	bool stood;       /* still, before runs_us; else it is not known to have */
	uint64_t runs_us; /* since when */
	uint32_t look_count, look_next;
	struct ages_look look[AGES_LOOKS_KEPT];

	/* of the reading that goes on */
	uint64_t memcg;     /* of the leaf's own group; 0: not seen */
	bool is_blind;      /* some of its pages cannot be told to be cold */
	uint64_t looked_us; /* by the kernel, at all of it */
	uint64_t hot_bytes, cold_anon_bytes, cold_file_bytes;
	uint64_t settled_bytes; /* anonymous, cold at the look before too */
	uint64_t long_bytes;    /* anonymous, idle for AGES_LONG_US by one generation's word */
};

struct ages {
	char root[LRU_GEN_PATH_LEN]; /* of the pool, with a slash at both ends */
	uint64_t page_bytes;
	uint64_t now_us; /* of the reading */
	uint32_t leaf_count, command_count;
	struct ages_leaf leaf[FRAME_LEAVES_MAX];
	struct leaf_index by_name, scratch;
	struct ages_command command[AGES_COMMANDS_MAX];
};

/* root is the pool's path below the mount of cgroup2. -ENAMETOOLONG. */
int ages_init(struct ages *ages, const char *root, uint64_t page_bytes);

/* From now on these and no others; what is known of a leaf stays with it. */
void ages_ask(struct ages *ages, const struct ages_wish *wish, uint32_t count, uint64_t now_us);

/* One reading of the whole file: begin, each node (an lru_gen_fn with ages as data), end. After it
 * command holds what is due, of leaves that the kernel has not looked at for AGES_COLD_US. */
void ages_begin(struct ages *ages, uint64_t now_us);
void ages_see(void *ages, const struct lru_gen_node *node);
void ages_end(struct ages *ages);

/* The command has been written. */
void ages_done(struct ages *ages, const struct ages_command *command);

/* It stands still, or has not run for long enough since: what was known of it before holds. */
bool ages_are_held(const struct ages_leaf *leaf);

/* What a frame at now_us says of a leaf that has that sample. */
struct ages_sample ages_told(const struct ages_sample *sample, bool held, uint64_t now_us);

#endif
