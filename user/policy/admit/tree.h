/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ordered sets of tasks: treaps whose nodes lie in an array of the caller, addressed by index and
 * ordered by (key, id). Each node carries a weight; subtrees know the sum of their weights and
 * their count, or the least of their weights. The heap order comes from a mix of the id, so that
 * equal sets are equal trees. All O(log n) expected, without allocation.
 */
#ifndef UW_POLICY_ADMIT_TREE_H
#define UW_POLICY_ADMIT_TREE_H

#include <stdint.h>

#define TREE_NONE UINT32_MAX

/* A cache line each: a search touches one a level. */
struct tree_node {
	uint64_t key;
	uint64_t id;
	uint64_t weight;
	uint64_t total; /* of the subtree's weights: their saturating sum, or the least */
	uint32_t left, right, parent;
	uint32_t count; /* of the subtree; of a TREE_SUM */
	uint32_t marks; /* of this node alone, */
	uint32_t below; /* and of all of its subtree: not yet handed down */
	uint64_t rank;  /* in the heap: a mix of the id */
};

_Static_assert(sizeof(struct tree_node) == 64, "a cache line");

enum tree_total {
	TREE_SUM,
	TREE_LEAST,
};

struct tree {
	struct tree_node *node; /* of all that may be in it, by index */
	uint32_t root, first;
	enum tree_total total;
};

static inline struct tree_node *tree_at(const struct tree *tree, uint32_t i)
{
	return &tree->node[i];
}

void tree_insert(struct tree *tree, uint32_t i, uint64_t key, uint64_t id, uint64_t weight);
void tree_remove(struct tree *tree, uint32_t i);

/* Of a TREE_SUM, as are tree_nth, tree_rank, tree_sum, tree_reach and tree_sum_until. */
static inline uint32_t tree_count(const struct tree *tree)
{
	return tree->root == TREE_NONE ? 0 : tree_at(tree, tree->root)->count;
}

static inline uint64_t tree_sum(const struct tree *tree)
{
	return tree->root == TREE_NONE ? 0 : tree_at(tree, tree->root)->total;
}

/* TREE_NONE when there is none. */
static inline uint32_t tree_first(const struct tree *tree)
{
	return tree->first;
}

uint32_t tree_next(const struct tree *tree, uint32_t i);
uint32_t tree_nth(const struct tree *tree, uint32_t rank);

/* The first from (key, id) on, itself included, whose weight is at most `most`; of a
 * TREE_LEAST. */
uint32_t tree_first_within(const struct tree *tree, uint64_t key, uint64_t id, uint64_t most);

/* How many stand before i, and the sum of their weights. */
uint32_t tree_rank(const struct tree *tree, uint32_t i, uint64_t *ret_sum);

/* The first node up to which (itself included) the weights sum up to at least `sum`. */
uint32_t tree_reach(const struct tree *tree, uint64_t sum);

/* The sum of the weights whose key is at most key. */
uint64_t tree_sum_until(const struct tree *tree, uint64_t key);

/* One more mark for each that stands before (key, id), and how many i has. */
void tree_mark_before(struct tree *tree, uint64_t key, uint64_t id);
uint32_t tree_marks(const struct tree *tree, uint32_t i);

#endif
