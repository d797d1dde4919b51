/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reads and what changes the trees have in common: where something stands in a node. Nobody
 * else includes this. */
#ifndef UW_POLICY_ADMIT_BTREE_NODE_H
#define UW_POLICY_ADMIT_BTREE_NODE_H

#include "user/policy/admit/btree.h"
#include "user/policy/num.h"

static inline struct btree_node *node_at(const struct btree *tree, uint32_t n)
{
	return &tree->space->node[n];
}

static inline struct btree_node *leaf_of(const struct btree_space *space, uint32_t i)
{
	return &space->node[space->leaf[i]];
}

static inline uint32_t place_of(const struct btree_node *leaf, uint32_t i)
{
	uint32_t at = 0;

	while (leaf->child[at] != i)
		at++;
	return at;
}

static inline bool precedes(uint64_t key, uint64_t id, uint64_t other_key, uint64_t other_id)
{
	return key < other_key || (key == other_key && id < other_id);
}

static inline bool stands_before(const struct btree_node *node, uint32_t at, uint64_t key,
				 uint64_t id)
{
	return precedes(node->key[at], node->id[at], key, id);
}

/* How many entries of a leaf stand before (key, id). */
static inline uint32_t count_before(const struct btree_node *leaf, uint64_t key, uint64_t id)
{
	uint32_t at = 0;

	while (at < leaf->entries && stands_before(leaf, at, key, id))
		at++;
	return at;
}

/* The entry of a node in which (key, id) stands, or would: the last that does not begin after it.
 */
static inline uint32_t entry_for(const struct btree_node *node, uint64_t key, uint64_t id)
{
	uint32_t at = 1;

	while (at < node->entries && !precedes(key, id, node->key[at], node->id[at]))
		at++;
	return at - 1;
}

static inline uint64_t join(const struct btree *tree, uint64_t a, uint64_t b)
{
	return tree->total == BTREE_SUM ? add_sat(a, b) : min_u64(a, b);
}

#endif
