/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader of debugfs lru_gen, which tells the age of pages: of each memcg and node up to four
 * generations (mm/vmscan.c, lru_gen_seq_show). Pure, on pieces of the file as they come. Lines that
 * it does not know are passed over. Cost: one pass, and a copy of each line.
 */
#ifndef UW_SENSE_LRU_GEN_H
#define UW_SENSE_LRU_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LRU_GEN_FILE     "/sys/kernel/debug/lru_gen"
#define LRU_GEN_SWITCH   "/sys/kernel/mm/lru_gen/enabled" /* a mask, "0x0007" */
#define LRU_GEN_ROWS     4   /* MAX_NR_GENS of include/linux/mmzone.h */
#define LRU_GEN_PATH_LEN 512 /* a pool's root, a component and a leaf, and more */

/*
 * One generation. Its pages were touched last between its own begin and that of the next younger
 * one, as far as the kernel has looked: it looks when it opens a generation.
 */
struct lru_gen_row {
	uint64_t seq;
	uint64_t age_ms; /* since it was opened */
	uint64_t anon_pages, file_pages;
};

/* What one node has of one memcg; rows from the oldest generation to the youngest, ascending. */
struct lru_gen_node {
	uint64_t memcg;   /* as the file's commands take it; 0: removed, and nothing can be asked */
	const char *path; /* of the cgroup below the mount, "/" of the root; "" when it is longer */
	uint64_t node;
	uint32_t row_count;
	struct lru_gen_row row[LRU_GEN_ROWS];
};

typedef void (*lru_gen_fn)(void *data, const struct lru_gen_node *node);

struct lru_gen_reader {
	lru_gen_fn fn;
	void *data;
	bool has_memcg, has_node, is_cut; /* is_cut: the line is longer than its buffer */
	size_t used;
	struct lru_gen_node node;
	char path[LRU_GEN_PATH_LEN];
	char line[LRU_GEN_PATH_LEN + 32];
};

/* fn is told of each node that has at least one row, in the order of the file. */
void lru_gen_begin(struct lru_gen_reader *reader, lru_gen_fn fn, void *data);

/* The next piece, cut anywhere. */
void lru_gen_feed(struct lru_gen_reader *reader, const char *text, size_t len);

/* Nothing follows: tells of the last node. A line without its end was torn, and is left out. */
void lru_gen_end(struct lru_gen_reader *reader);

/* What LRU_GEN_SWITCH says: whether pages have ages at all, which are found by walking the accessed
 * bits (1 and 2 of the mask; Documentation/admin-guide/mm/multigen_lru.rst). */
bool lru_gen_is_on(const char *text);

/*
 * How long the pages of row were not touched, by the kernel's last look, in ms: at least so long.
 * What it found then it put into the two youngest, of which nothing is known.
 */
uint64_t lru_gen_idle_ms(const struct lru_gen_node *node, uint32_t row);

#endif
