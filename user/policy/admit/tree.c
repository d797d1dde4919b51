// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>

#include "user/policy/admit/tree.h"
#include "user/policy/num.h"

/* splitmix64: neighbours in id are strangers in rank. */
static uint64_t rank_of(uint64_t id)
{
	id += 0x9e3779b97f4a7c15ULL;
	id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9ULL;
	id = (id ^ (id >> 27)) * 0x94d049bb133111ebULL;
	return id ^ (id >> 31);
}

static bool stands_before(const struct tree_node *node, uint64_t key, uint64_t id)
{
	return node->key < key || (node->key == key && node->id < id);
}

static uint64_t join(const struct tree *tree, uint64_t a, uint64_t b)
{
	return tree->total == TREE_SUM ? add_sat(a, b) : min_u64(a, b);
}

static void add_up(const struct tree *tree, struct tree_node *node)
{
	node->count = 1;
	node->total = node->weight;
	for (int side = 0; side < 2; side++) {
		uint32_t child = side ? node->right : node->left;
		const struct tree_node *c;

		if (child == TREE_NONE)
			continue;
		c = tree_at(tree, child);
		node->count += c->count;
		node->total = join(tree, node->total, c->total);
	}
}

static void hand_down(const struct tree *tree, struct tree_node *node)
{
	if (!node->below)
		return;
	node->marks += node->below;
	if (node->left != TREE_NONE)
		tree_at(tree, node->left)->below += node->below;
	if (node->right != TREE_NONE)
		tree_at(tree, node->right)->below += node->below;
	node->below = 0;
}

static void set_child(struct tree *tree, uint32_t parent, uint32_t old, uint32_t new)
{
	if (parent == TREE_NONE)
		tree->root = new;
	else if (tree_at(tree, parent)->left == old)
		tree_at(tree, parent)->left = new;
	else
		tree_at(tree, parent)->right = new;
	if (new != TREE_NONE)
		tree_at(tree, new)->parent = parent;
}

/* Turns i and its parent round, so that i is the upper one. */
static void lift(struct tree *tree, uint32_t i)
{
	struct tree_node *node = tree_at(tree, i);
	uint32_t p = node->parent;
	struct tree_node *parent = tree_at(tree, p);
	uint32_t inner;

	hand_down(tree, parent);
	hand_down(tree, node);
	set_child(tree, parent->parent, p, i);
	if (parent->left == i) {
		inner = node->right;
		parent->left = inner;
		node->right = p;
	} else {
		inner = node->left;
		parent->right = inner;
		node->left = p;
	}
	if (inner != TREE_NONE)
		tree_at(tree, inner)->parent = p;
	parent->parent = i;
	node->count = parent->count; /* over the same nodes as before */
	node->total = parent->total;
	add_up(tree, parent);
}

/*
 * What stands over node lost one of this weight. Children are only looked at where the rest cannot
 * be told without them, as they are seldom in a cache: a sum at its limit says nothing of its
 * parts. A least weight that stays says that all over it stay too.
 */
static void take_out_sum(const struct tree *tree, uint32_t i, uint64_t weight)
{
	for (; i != TREE_NONE; i = tree_at(tree, i)->parent) {
		struct tree_node *node = tree_at(tree, i);

		if (node->total == UINT64_MAX) {
			add_up(tree, node);
			continue;
		}
		node->count--;
		node->total -= weight;
	}
}

static void take_out_least(const struct tree *tree, uint32_t i, uint64_t weight)
{
	for (; i != TREE_NONE; i = tree_at(tree, i)->parent) {
		struct tree_node *node = tree_at(tree, i);

		if (node->total != weight || node->weight == weight)
			return;
		add_up(tree, node);
		if (node->total == weight)
			return;
	}
}

static uint32_t leftmost(const struct tree *tree, uint32_t i)
{
	while (i != TREE_NONE && tree_at(tree, i)->left != TREE_NONE)
		i = tree_at(tree, i)->left;
	return i;
}

uint32_t tree_next(const struct tree *tree, uint32_t i)
{
	uint32_t parent;

	if (tree_at(tree, i)->right != TREE_NONE)
		return leftmost(tree, tree_at(tree, i)->right);
	parent = tree_at(tree, i)->parent;
	while (parent != TREE_NONE && tree_at(tree, parent)->right == i) {
		i = parent;
		parent = tree_at(tree, i)->parent;
	}
	return parent;
}

void tree_insert(struct tree *tree, uint32_t i, uint64_t key, uint64_t id, uint64_t weight)
{
	struct tree_node *node = tree_at(tree, i);
	uint32_t at = tree->root, parent = TREE_NONE;
	bool right = false;

	*node = (struct tree_node){
		.key = key,
		.id = id,
		.weight = weight,
		.total = weight,
		.rank = rank_of(id),
		.left = TREE_NONE,
		.right = TREE_NONE,
		.parent = TREE_NONE,
		.count = 1,
	};
	while (at != TREE_NONE) {
		struct tree_node *n = tree_at(tree, at);

		hand_down(tree, n);
		n->count++;
		n->total = join(tree, n->total, weight);
		parent = at;
		right = stands_before(n, key, id);
		at = right ? n->right : n->left;
	}
	node->parent = parent;
	if (tree->first == TREE_NONE ||
	    stands_before(node, tree_at(tree, tree->first)->key, tree_at(tree, tree->first)->id))
		tree->first = i;
	if (parent == TREE_NONE) {
		tree->root = i;
		return;
	}
	if (right)
		tree_at(tree, parent)->right = i;
	else
		tree_at(tree, parent)->left = i;
	while (node->parent != TREE_NONE && tree_at(tree, node->parent)->rank < node->rank)
		lift(tree, i);
}

/* Of two children the one that may come up: that of the higher rank. */
static uint32_t upper_child(const struct tree *tree, const struct tree_node *node)
{
	return tree_at(tree, node->left)->rank > tree_at(tree, node->right)->rank ? node->left
										  : node->right;
}

void tree_remove(struct tree *tree, uint32_t i)
{
	struct tree_node *node = tree_at(tree, i);

	if (tree->first == i)
		tree->first = tree_next(tree, i);
	while (node->left != TREE_NONE && node->right != TREE_NONE)
		lift(tree, upper_child(tree, node));
	hand_down(tree, node);
	set_child(tree, node->parent, i, node->left != TREE_NONE ? node->left : node->right);
	if (tree->total == TREE_SUM)
		take_out_sum(tree, node->parent, node->weight);
	else
		take_out_least(tree, node->parent, node->weight);
	node->left = node->right = node->parent = TREE_NONE;
}

static uint32_t count_of(const struct tree *tree, uint32_t i)
{
	return i == TREE_NONE ? 0 : tree_at(tree, i)->count;
}

static uint64_t sum_of(const struct tree *tree, uint32_t i)
{
	return i == TREE_NONE ? 0 : tree_at(tree, i)->total;
}

uint32_t tree_nth(const struct tree *tree, uint32_t rank)
{
	uint32_t at = tree->root;

	while (at != TREE_NONE) {
		const struct tree_node *node = tree_at(tree, at);
		uint32_t before = count_of(tree, node->left);

		if (rank == before)
			return at;
		at = rank < before ? node->left : node->right;
		rank -= rank < before ? 0 : before + 1;
	}
	return TREE_NONE;
}

static bool reaches_within(const struct tree *tree, uint32_t i, uint64_t most)
{
	return i != TREE_NONE && tree_at(tree, i)->total <= most;
}

/* The first of a subtree that holds one. */
static uint32_t first_within(const struct tree *tree, uint32_t at, uint64_t most)
{
	for (;;) {
		const struct tree_node *node = tree_at(tree, at);

		if (reaches_within(tree, node->left, most))
			at = node->left;
		else if (node->weight <= most)
			return at;
		else
			at = node->right;
	}
}

/*
 * Down to where (key, id) would stand, but not into what is too heavy, and up again: of those on
 * the way that do not stand before it the lowest is the nearest, and behind it comes its right
 * subtree.
 */
uint32_t tree_first_within(const struct tree *tree, uint64_t key, uint64_t id, uint64_t most)
{
	uint32_t at = tree->root, last = TREE_NONE;

	while (reaches_within(tree, at, most)) {
		const struct tree_node *node = tree_at(tree, at);

		last = at;
		at = stands_before(node, key, id) ? node->right : node->left;
	}
	for (at = last; at != TREE_NONE; at = tree_at(tree, at)->parent) {
		const struct tree_node *node = tree_at(tree, at);

		if (stands_before(node, key, id))
			continue;
		if (node->weight <= most)
			return at;
		if (reaches_within(tree, node->right, most))
			return first_within(tree, node->right, most);
	}
	return TREE_NONE;
}

uint32_t tree_rank(const struct tree *tree, uint32_t i, uint64_t *ret_sum)
{
	const struct tree_node *node = tree_at(tree, i);
	uint32_t rank = count_of(tree, node->left);
	uint64_t sum = sum_of(tree, node->left);

	for (uint32_t p = node->parent; p != TREE_NONE; i = p, p = tree_at(tree, p)->parent) {
		node = tree_at(tree, p);
		if (node->right != i)
			continue;
		rank += count_of(tree, node->left) + 1;
		sum = add_sat(sum, add_sat(sum_of(tree, node->left), node->weight));
	}
	*ret_sum = sum;
	return rank;
}

uint32_t tree_reach(const struct tree *tree, uint64_t sum)
{
	uint32_t at = tree->root, found = TREE_NONE;

	while (at != TREE_NONE) {
		const struct tree_node *node = tree_at(tree, at);
		uint64_t before = sum_of(tree, node->left);
		uint64_t with = add_sat(before, node->weight);

		if (with >= sum) {
			found = at;
			if (before < sum)
				return found;
			at = node->left;
		} else {
			sum -= with;
			at = node->right;
		}
	}
	return found;
}

uint64_t tree_sum_until(const struct tree *tree, uint64_t key)
{
	uint32_t at = tree->root;
	uint64_t sum = 0;

	while (at != TREE_NONE) {
		const struct tree_node *node = tree_at(tree, at);

		if (node->key <= key) {
			sum = add_sat(sum, add_sat(sum_of(tree, node->left), node->weight));
			at = node->right;
		} else {
			at = node->left;
		}
	}
	return sum;
}

void tree_mark_before(struct tree *tree, uint64_t key, uint64_t id)
{
	uint32_t at = tree->root;

	if (at == TREE_NONE || !stands_before(tree_at(tree, tree->first), key, id))
		return;
	while (at != TREE_NONE) {
		struct tree_node *node = tree_at(tree, at);

		if (!stands_before(node, key, id)) {
			at = node->left;
			continue;
		}
		node->marks++;
		if (node->left != TREE_NONE)
			tree_at(tree, node->left)->below++;
		at = node->right;
	}
}

uint32_t tree_marks(const struct tree *tree, uint32_t i)
{
	uint32_t marks = tree_at(tree, i)->marks;

	for (; i != TREE_NONE; i = tree_at(tree, i)->parent)
		marks += tree_at(tree, i)->below;
	return marks;
}
