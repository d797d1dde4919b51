// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers questions about a tree and leaves it as it is: the first and the next task, the n-th,
 * the rank of one, the first that is light enough, how far a sum of weights reaches, and marks on
 * all before a place. Counts and totals in the nodes let each of these go down one way from the
 * root.
 */
#include "user/policy/admit/btree_node.h"

uint64_t btree_key(const struct btree *tree, uint32_t i)
{
	const struct btree_node *leaf = leaf_of(tree->space, i);

	return leaf->key[place_of(leaf, i)];
}

bool btree_precedes(const struct btree_space *space, uint32_t i, uint32_t other)
{
	const struct btree_node *leaf = leaf_of(space, i), *by = leaf_of(space, other);
	uint32_t at = place_of(leaf, i), by_at = place_of(by, other);

	return stands_before(leaf, at, by->key[by_at], by->id[by_at]);
}

uint32_t btree_first(const struct btree *tree)
{
	return tree->count ? node_at(tree, tree->first)->child[0] : BTREE_NONE;
}

uint32_t btree_next(const struct btree *tree, uint32_t i)
{
	const struct btree_node *leaf = leaf_of(tree->space, i);
	uint32_t at = place_of(leaf, i) + 1;

	if (at < leaf->entries)
		return leaf->child[at];
	return leaf->next == BTREE_NONE ? BTREE_NONE : node_at(tree, leaf->next)->child[0];
}

uint32_t btree_nth(const struct btree *tree, uint32_t rank)
{
	uint32_t n = tree->root;

	if (rank >= tree->count)
		return BTREE_NONE;
	for (uint32_t level = tree->height + 1; level; level--) {
		const struct btree_node *node = node_at(tree, n);
		uint32_t at = 0;

		while (rank >= node->count[at])
			rank -= node->count[at++];
		n = node->child[at];
	}
	return n;
}

/* The first entry from `at` on that holds what weighs at most `most`; as many as there are: none.
 */
static uint32_t entry_within(const struct btree_node *node, uint32_t at, uint64_t most)
{
	while (at < node->entries && node->total[at] > most)
		at++;
	return at;
}

/* The first in what entry `at` of a node stands for; it holds one. */
static uint32_t first_within(const struct btree *tree, const struct btree_node *node, uint32_t at,
			     uint32_t level, uint64_t most)
{
	for (; level; level--) {
		node = node_at(tree, node->child[at]);
		at = entry_within(node, 0, most);
	}
	return node->child[at];
}

/*
 * Down to where (key, id) would stand, but not into what is too heavy. What is behind the way down
 * is searched if there is nothing at its end, and the lowest of it is the nearest.
 */
uint32_t btree_first_within(const struct btree *tree, uint64_t key, uint64_t id, uint64_t most)
{
	const struct btree_node *node, *behind = NULL;
	uint32_t n = tree->root, behind_at = 0, behind_level = 0, at;

	if (!tree->count)
		return BTREE_NONE;
	for (uint32_t level = tree->height;; level--) {
		uint32_t begin;

		node = node_at(tree, n);
		begin = level ? entry_for(node, key, id) + 1 : count_before(node, key, id);
		at = entry_within(node, begin, most);
		if (at < node->entries) {
			behind = node;
			behind_at = at;
			behind_level = level;
		}
		if (!level || node->total[begin - 1] > most)
			break;
		n = node->child[begin - 1];
	}
	return behind ? first_within(tree, behind, behind_at, behind_level, most) : BTREE_NONE;
}

/* How many stand before (key, id), and the sum of their weights. */
static uint32_t rank_of(const struct btree *tree, uint64_t key, uint64_t id, uint64_t *ret_sum)
{
	uint32_t n = tree->root, rank = 0;

	*ret_sum = 0;
	if (!tree->count)
		return 0;
	for (uint32_t level = tree->height;; level--) {
		const struct btree_node *node = node_at(tree, n);
		uint32_t at = level ? entry_for(node, key, id) : count_before(node, key, id);

		for (uint32_t k = 0; k < at; k++) {
			rank += node->count[k];
			*ret_sum = add_sat(*ret_sum, node->total[k]);
		}
		if (!level)
			return rank;
		n = node->child[at];
	}
}

uint32_t btree_rank(const struct btree *tree, uint32_t i, uint64_t *ret_sum)
{
	const struct btree_node *leaf = leaf_of(tree->space, i);
	uint32_t at = place_of(leaf, i);

	return rank_of(tree, leaf->key[at], leaf->id[at], ret_sum);
}

uint64_t btree_sum_until(const struct btree *tree, uint64_t key)
{
	uint64_t sum = 0;

	if (key < UINT64_MAX) {
		rank_of(tree, key + 1, 0, &sum);
		return sum;
	}
	for (uint32_t at = 0; tree->count && at < node_at(tree, tree->root)->entries; at++)
		sum = add_sat(sum, node_at(tree, tree->root)->total[at]);
	return sum;
}

uint32_t btree_reach(const struct btree *tree, uint64_t sum)
{
	uint32_t n = tree->root;

	if (!tree->count)
		return BTREE_NONE;
	for (uint32_t level = tree->height + 1; level; level--) {
		const struct btree_node *node = node_at(tree, n);
		uint32_t at = 0;

		for (; at < node->entries && node->total[at] < sum; at++)
			sum -= node->total[at];
		if (at == node->entries)
			return BTREE_NONE;
		n = node->child[at];
	}
	return n;
}

void btree_mark_before(struct btree *tree, uint64_t key, uint64_t id)
{
	uint32_t n = tree->root;

	if (!tree->count)
		return;
	for (uint32_t level = tree->height;; level--) {
		struct btree_node *node = node_at(tree, n);
		uint32_t at = level ? entry_for(node, key, id) : count_before(node, key, id);

		for (uint32_t k = 0; k < at; k++)
			node->marks[k]++;
		if (!level)
			return;
		n = node->child[at];
	}
}

uint32_t btree_marks(const struct btree *tree, uint32_t i)
{
	const struct btree_node *leaf = leaf_of(tree->space, i);
	uint32_t place = place_of(leaf, i), marks = leaf->marks[place], n = tree->root;

	for (uint32_t level = tree->height; level; level--) {
		const struct btree_node *node = node_at(tree, n);
		uint32_t at = entry_for(node, leaf->key[place], leaf->id[place]);

		marks += node->marks[at];
		n = node->child[at];
	}
	return marks;
}
