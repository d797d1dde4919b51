/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ordered sets of tasks: B+trees whose nodes lie in memory of the caller. Tasks are addressed by
 * index, ordered by (key, id) and carry a weight. An entry of a node stands for a subtree, or in a
 * leaf for a task: it knows the count, and the sum or the least of the weights, of what it stands
 * for. All O(log n), without allocation. A set may hold a task once, and of the sets over one space
 * only one.
 */
#ifndef UW_POLICY_ADMIT_BTREE_H
#define UW_POLICY_ADMIT_BTREE_H

#include <stdbool.h>
#include <stdint.h>

#define BTREE_NONE UINT32_MAX
#define BTREE_FAN  28              /* entries of a node, */
#define BTREE_LOW  (BTREE_FAN / 3) /* and at least, but of a root or the last leaf */

/*
 * A quarter of a page. What a search reads stands together, at the front. (key, id) of an entry is
 * where its task stands; of a subtree, not after any in it and after all before it.
 */
struct btree_node {
	_Alignas(64) uint32_t entries;
	uint32_t next; /* of a leaf, the leaf behind it; of a free node, another */
	uint64_t key[BTREE_FAN];
	uint64_t id[BTREE_FAN];
	uint64_t total[BTREE_FAN]; /* of the weights: their saturating sum, or the least */
	uint32_t child[BTREE_FAN]; /* node, or task */
	uint32_t count[BTREE_FAN];
	uint32_t marks[BTREE_FAN]; /* of the task, or of all in the subtree: not yet handed down */
};

_Static_assert(sizeof(struct btree_node) == 1024, "none lies on two pages");

/* What several trees share. */
struct btree_space {
	struct btree_node *node;
	uint32_t *leaf; /* by task: the node it is in */
	uint32_t used;  /* nodes from here on have never been used */
	uint32_t free;  /* first of a list */
};

enum btree_total {
	BTREE_SUM,
	BTREE_LEAST,
};

struct btree {
	struct btree_space *space;
	uint32_t root, first; /* node, and leaf */
	uint32_t height;      /* of the root over the leaves */
	uint32_t count;
	enum btree_total total;
};

/*
 * The memory of a space for so many tasks in so many trees, however they are filled: a multiple of
 * a node. It is aligned as a node, if not more, and becomes resident as it is used.
 */
uint64_t btree_space_size(uint32_t tasks, uint32_t trees);
void btree_space_init(struct btree_space *space, void *memory, uint32_t tasks, uint32_t trees);

void btree_init(struct btree *tree, struct btree_space *space, enum btree_total total);

void btree_insert(struct btree *tree, uint32_t i, uint64_t key, uint64_t id, uint64_t weight);
void btree_remove(struct btree *tree, uint32_t i);

static inline uint32_t btree_count(const struct btree *tree)
{
	return tree->count;
}

/* The key of one that is in it. */
uint64_t btree_key(const struct btree *tree, uint32_t i);

/* Of two in trees over the same space. */
bool btree_precedes(const struct btree_space *space, uint32_t i, uint32_t other);

/* BTREE_NONE when there is none. */
uint32_t btree_first(const struct btree *tree);
uint32_t btree_next(const struct btree *tree, uint32_t i);
uint32_t btree_nth(const struct btree *tree, uint32_t rank);

/* The first from (key, id) on, itself included, whose weight is at most `most`; of a
 * BTREE_LEAST. */
uint32_t btree_first_within(const struct btree *tree, uint64_t key, uint64_t id, uint64_t most);

/* How many stand before i, and the sum of their weights; of a BTREE_SUM, as are btree_reach and
 * btree_sum_until. */
uint32_t btree_rank(const struct btree *tree, uint32_t i, uint64_t *ret_sum);

/* The first up to which (itself included) the weights sum up to at least `sum`. */
uint32_t btree_reach(const struct btree *tree, uint64_t sum);

/* The sum of the weights whose key is at most key. */
uint64_t btree_sum_until(const struct btree *tree, uint64_t key);

/* One more mark for each that stands before (key, id), and how many i has. */
void btree_mark_before(struct btree *tree, uint64_t key, uint64_t id);
uint32_t btree_marks(const struct btree *tree, uint32_t i);

#endif
