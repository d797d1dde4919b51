// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes which tasks a tree holds: entries go into and out of leaves, nodes that are full are
 * split, nodes that are nearly empty are joined or fed by a neighbour, and counts, totals and
 * marks are kept right on the way. Nodes come from the space that the trees share, which is sized
 * so that it cannot run out.
 */
#include <string.h>

#include "user/policy/admit/btree_node.h"

/* Two at most that have so many entries become one, which then has room for some more. */
#define MERGE_MAX (BTREE_FAN * 3 / 4)
/* To one that has so many a full neighbour gives some away. */
#define SHARE_MAX (BTREE_FAN * 3 / 4)

/* From a root with two entries down: 2 * BTREE_LOW^8 are more than 2^24 tasks. */
#define LEVELS_MAX 9

/* The way down to the leaf of a task, by level; that is level 0, and not in it. */
struct path {
	uint32_t node[LEVELS_MAX];
	uint32_t at[LEVELS_MAX];
};

/* In all trees together: each has at most one leaf with fewer than BTREE_LOW tasks, and on each
 * level over the leaves at most one node with fewer entries, the root, but not under two. */
static uint32_t nodes_of(uint32_t tasks, uint32_t trees)
{
	uint32_t level = tasks / BTREE_LOW + (trees < tasks ? trees : tasks), nodes = level;

	while (level > 1) {
		level = level / BTREE_LOW + (trees < level / 2 ? trees : level / 2);
		nodes += level;
	}
	return nodes;
}

uint64_t btree_space_size(uint32_t tasks, uint32_t trees)
{
	uint64_t size = sizeof(struct btree_node);

	return nodes_of(tasks, trees) * size + (tasks * sizeof(uint32_t) + size - 1) / size * size;
}

void btree_space_init(struct btree_space *space, void *memory, uint32_t tasks, uint32_t trees)
{
	space->node = memory;
	space->leaf = (uint32_t *)(void *)(space->node + nodes_of(tasks, trees));
	space->used = 0;
	space->free = BTREE_NONE;
}

void btree_init(struct btree *tree, struct btree_space *space, enum btree_total total)
{
	*tree = (struct btree){
		.space = space,
		.root = BTREE_NONE,
		.first = BTREE_NONE,
		.total = total,
	};
}

static uint32_t take_node(struct btree_space *space)
{
	uint32_t n = space->free;

	if (n != BTREE_NONE)
		space->free = space->node[n].next;
	else
		n = space->used++;
	space->node[n].entries = 0;
	space->node[n].next = BTREE_NONE;
	return n;
}

static void give_node(struct btree_space *space, uint32_t n)
{
	space->node[n].next = space->free;
	space->free = n;
}

static void copy_entries(struct btree_node *to, uint32_t at, const struct btree_node *from,
			 uint32_t first, uint32_t count)
{
	memmove(&to->key[at], &from->key[first], count * sizeof(to->key[0]));
	memmove(&to->id[at], &from->id[first], count * sizeof(to->id[0]));
	memmove(&to->total[at], &from->total[first], count * sizeof(to->total[0]));
	memmove(&to->child[at], &from->child[first], count * sizeof(to->child[0]));
	memmove(&to->count[at], &from->count[first], count * sizeof(to->count[0]));
	memmove(&to->marks[at], &from->marks[first], count * sizeof(to->marks[0]));
}

static void erase_entry(struct btree_node *node, uint32_t at)
{
	node->entries--;
	copy_entries(node, at, node, at + 1, node->entries - at);
}

/* A gap where (key, id) begins. */
static void open_entry(struct btree_node *node, uint32_t at, uint64_t key, uint64_t id)
{
	copy_entries(node, at + 1, node, at, node->entries - at);
	node->entries++;
	node->key[at] = key;
	node->id[at] = id;
	node->marks[at] = 0;
}

/* Tasks know their leaf. */
static void tell_tasks(const struct btree *tree, uint32_t n, uint32_t at, uint32_t count)
{
	const struct btree_node *leaf = node_at(tree, n);

	for (uint32_t k = at; k < at + count; k++)
		tree->space->leaf[leaf->child[k]] = n;
}

/* From the front of r to the end of l, and back. */
static void move_to_left(const struct btree *tree, uint32_t l, uint32_t r, uint32_t count,
			 bool leaves)
{
	struct btree_node *left = node_at(tree, l), *right = node_at(tree, r);

	copy_entries(left, left->entries, right, 0, count);
	if (leaves)
		tell_tasks(tree, l, left->entries, count);
	left->entries += count;
	right->entries -= count;
	copy_entries(right, 0, right, count, right->entries);
}

static void move_to_right(const struct btree *tree, uint32_t l, uint32_t r, uint32_t count,
			  bool leaves)
{
	struct btree_node *left = node_at(tree, l), *right = node_at(tree, r);

	copy_entries(right, count, right, 0, right->entries);
	left->entries -= count;
	right->entries += count;
	copy_entries(right, 0, left, left->entries, count);
	if (leaves)
		tell_tasks(tree, r, 0, count);
}

static void hand_down(const struct btree *tree, struct btree_node *node, uint32_t at)
{
	struct btree_node *child = node_at(tree, node->child[at]);
	uint32_t marks = node->marks[at];

	if (!marks)
		return;
	for (uint32_t k = 0; k < child->entries; k++)
		child->marks[k] += marks;
	node->marks[at] = 0;
}

/* What an entry says of its child. */
static void add_up(const struct btree *tree, struct btree_node *node, uint32_t at)
{
	const struct btree_node *child = node_at(tree, node->child[at]);

	node->count[at] = 0;
	node->total[at] = tree->total == BTREE_SUM ? 0 : UINT64_MAX;
	for (uint32_t k = 0; k < child->entries; k++) {
		node->count[at] += child->count[k];
		node->total[at] = join(tree, node->total[at], child->total[k]);
	}
}

/* A root over the root. */
static void grow(struct btree *tree)
{
	uint32_t n = take_node(tree->space);
	const struct btree_node *old = node_at(tree, tree->root);
	struct btree_node *root = node_at(tree, n);

	open_entry(root, 0, old->key[0], old->id[0]);
	root->child[0] = tree->root;
	add_up(tree, root, 0);
	tree->root = n;
	tree->height++;
}

/* So many entries of a full child stay in it, the others move to a new node behind it. */
static void split(struct btree *tree, struct btree_node *parent, uint32_t at, uint32_t keep,
		  bool leaves)
{
	uint32_t l = parent->child[at], r = take_node(tree->space);
	struct btree_node *left = node_at(tree, l), *right = node_at(tree, r);

	move_to_right(tree, l, r, BTREE_FAN - keep, leaves);
	right->next = left->next;
	left->next = r;
	open_entry(parent, at + 1, right->key[0], right->id[0]);
	parent->child[at + 1] = r;
	add_up(tree, parent, at);
	add_up(tree, parent, at + 1);
}

/* Makes one of two neighbours, or shares their entries out. */
static void level_out(struct btree *tree, struct btree_node *parent, uint32_t at, bool leaves)
{
	uint32_t l = parent->child[at], r = parent->child[at + 1];
	struct btree_node *left = node_at(tree, l), *right = node_at(tree, r);
	uint32_t sum = left->entries + right->entries, half = sum / 2;

	hand_down(tree, parent, at);
	hand_down(tree, parent, at + 1);
	if (sum <= MERGE_MAX)
		move_to_left(tree, l, r, right->entries, leaves);
	else if (left->entries < half)
		move_to_left(tree, l, r, half - left->entries, leaves);
	else
		move_to_right(tree, l, r, left->entries - half, leaves);
	add_up(tree, parent, at);
	if (right->entries) {
		parent->key[at + 1] = right->key[0];
		parent->id[at + 1] = right->id[0];
		add_up(tree, parent, at + 1);
		return;
	}
	left->next = right->next;
	give_node(tree->space, r);
	erase_entry(parent, at + 1);
}

/*
 * In a full child, for (key, id). By what its left neighbour can take, if that is enough to go on
 * with, and else in halves; but the last leaf stays full where the new one comes to its end. What
 * comes in order would leave nothing but halves behind.
 */
static void make_room(struct btree *tree, struct btree_node *parent, uint32_t at, bool leaves,
		      uint64_t key, uint64_t id)
{
	const struct btree_node *child = node_at(tree, parent->child[at]);

	if (leaves && child->next == BTREE_NONE && stands_before(child, BTREE_FAN - 1, key, id))
		split(tree, parent, at, BTREE_FAN - 1, leaves);
	else if (at && node_at(tree, parent->child[at - 1])->entries <= SHARE_MAX)
		level_out(tree, parent, at - 1, leaves);
	else
		split(tree, parent, at, BTREE_FAN / 2, leaves);
}

static void insert_in_leaf(struct btree *tree, uint32_t n, uint32_t i, uint64_t key, uint64_t id,
			   uint64_t weight)
{
	struct btree_node *leaf = node_at(tree, n);
	uint32_t at = count_before(leaf, key, id);

	open_entry(leaf, at, key, id);
	leaf->child[at] = i;
	leaf->count[at] = 1;
	leaf->total[at] = weight;
	tree->space->leaf[i] = n;
}

/* Full nodes get room on the way down, so that there is always room in the parent. */
void btree_insert(struct btree *tree, uint32_t i, uint64_t key, uint64_t id, uint64_t weight)
{
	uint32_t n;

	if (tree->root == BTREE_NONE)
		tree->root = tree->first = take_node(tree->space);
	else if (node_at(tree, tree->root)->entries == BTREE_FAN)
		grow(tree);
	n = tree->root;
	for (uint32_t level = tree->height; level; level--) {
		struct btree_node *node = node_at(tree, n);
		uint32_t at = entry_for(node, key, id);

		hand_down(tree, node, at);
		if (node_at(tree, node->child[at])->entries == BTREE_FAN) {
			make_room(tree, node, at, level == 1, key, id);
			at = entry_for(node, key, id);
		}
		if (!stands_before(node, at, key, id)) { /* before all there are */
			node->key[at] = key;
			node->id[at] = id;
		}
		node->count[at]++;
		node->total[at] = join(tree, node->total[at], weight);
		n = node->child[at];
	}
	insert_in_leaf(tree, n, i, key, id, weight);
	tree->count++;
}

/* A root without entries, or over a single node: of the two that became it, to which all marks were
 * handed down. */
static void shrink(struct btree *tree)
{
	uint32_t old = tree->root;
	const struct btree_node *root = node_at(tree, old);

	if (root->entries > (tree->height ? 1 : 0))
		return;
	if (tree->height) {
		tree->root = root->child[0];
		tree->height--;
	} else {
		tree->root = tree->first = BTREE_NONE;
	}
	give_node(tree->space, old);
}

static void find_path(const struct btree *tree, uint64_t key, uint64_t id, struct path *ret)
{
	uint32_t n = tree->root;

	for (uint32_t level = tree->height; level; level--) {
		ret->node[level] = n;
		ret->at[level] = entry_for(node_at(tree, n), key, id);
		n = node_at(tree, n)->child[ret->at[level]];
	}
}

/* The child is only added up where the rest cannot be told without it: a sum at its limit says
 * nothing of its parts. */
static void take_out(const struct btree *tree, struct btree_node *node, uint32_t at,
		     uint64_t weight)
{
	node->count[at]--;
	if (tree->total == BTREE_SUM && node->total[at] != UINT64_MAX)
		node->total[at] -= weight;
	else if (tree->total == BTREE_SUM || node->total[at] == weight)
		add_up(tree, node, at);
}

void btree_remove(struct btree *tree, uint32_t i)
{
	struct btree_node *leaf = leaf_of(tree->space, i);
	uint32_t place = place_of(leaf, i);
	uint64_t weight = leaf->total[place];
	struct path path;

	find_path(tree, leaf->key[place], leaf->id[place], &path);
	erase_entry(leaf, place);
	tree->count--;
	for (uint32_t level = 1; level <= tree->height; level++) {
		struct btree_node *node = node_at(tree, path.node[level]);
		uint32_t at = path.at[level];

		take_out(tree, node, at, weight);
		if (node_at(tree, node->child[at])->entries < BTREE_LOW)
			level_out(tree, node, at + 1 < node->entries ? at : at - 1, level == 1);
	}
	shrink(tree);
}
