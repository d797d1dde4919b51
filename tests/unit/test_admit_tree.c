// SPDX-License-Identifier: GPL-2.0-or-later
/* The ordered sets of the admission core against plain arrays, over seeded sequences of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/policy/admit/btree.h"
#include "user/policy/num.h"

#define TASKS_MAX 5000U

struct model {
	struct btree_space space;
	struct btree tree;
	uint32_t tasks, count, keys;
	uint32_t huge; /* one in so many has such a weight */
	bool in[TASKS_MAX];
	uint64_t key[TASKS_MAX], weight[TASKS_MAX]; /* the id is the index + 1 */
	uint32_t marks[TASKS_MAX];
	uint64_t random;
};

static uint64_t draw(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % below;
}

static bool before(const struct model *m, uint32_t i, uint64_t key, uint64_t id)
{
	return m->key[i] < key || (m->key[i] == key && i + 1 < id);
}

/* The first that is not before (key, id) and weighs at most `most`. */
static uint32_t first_of(const struct model *m, uint64_t key, uint64_t id, uint64_t most)
{
	uint32_t best = BTREE_NONE;

	for (uint32_t i = 0; i < m->tasks; i++)
		if (m->in[i] && m->weight[i] <= most && !before(m, i, key, id) &&
		    (best == BTREE_NONE || before(m, i, m->key[best], best + 1)))
			best = i;
	return best;
}

/* The sum of those before (key, id), and how many. */
static uint64_t sum_before(const struct model *m, uint64_t key, uint64_t id, uint32_t *ret_count)
{
	uint64_t sum = 0;

	*ret_count = 0;
	for (uint32_t i = 0; i < m->tasks; i++) {
		if (!m->in[i] || !before(m, i, key, id))
			continue;
		++*ret_count;
		sum = add_sat(sum, m->weight[i]);
	}
	return sum;
}

/* Few keys, so that ids decide too; few weights, so that the least is often there twice; and now
 * and then one that fills a sum up. */
static void add(struct model *m, uint32_t i)
{
	m->in[i] = true;
	m->key[i] = draw(m, m->keys);
	m->weight[i] = draw(m, m->huge) ? draw(m, 6) * 100 : UINT64_MAX / 2;
	m->marks[i] = 0;
	m->count++;
	btree_insert(&m->tree, i, m->key[i], i + 1, m->weight[i]);
}

static void mark(struct model *m, uint32_t i)
{
	btree_mark_before(&m->tree, m->key[i], i + 1);
	for (uint32_t k = 0; k < m->tasks; k++)
		m->marks[k] += m->in[k] && before(m, k, m->key[i], i + 1);
}

static void take(struct model *m, uint32_t i)
{
	m->in[i] = false;
	m->count--;
	btree_remove(&m->tree, i);
}

/* It fills up and empties by turns. */
static void change(struct model *m, bool fill)
{
	uint32_t i = (uint32_t)draw(m, m->tasks);

	if (!draw(m, 8) && m->in[i])
		mark(m, i);
	else if (m->in[i] && (!fill || !draw(m, 4)))
		take(m, i);
	else if (!m->in[i] && (fill || !draw(m, 4)))
		add(m, i);
}

/* ---- what holds of every tree ---- */

struct shape {
	uint32_t nodes, count;
	uint32_t last_leaf;
	uint64_t total;
};

static bool in_order(const struct btree_node *a, uint32_t at, const struct btree_node *b,
		     uint32_t k)
{
	return a->key[at] < b->key[k] || (a->key[at] == b->key[k] && a->id[at] < b->id[k]);
}

static uint64_t joined(const struct btree *tree, uint64_t a, uint64_t b)
{
	return tree->total == BTREE_SUM ? add_sat(a, b) : min_u64(a, b);
}

static void check_leaf(const struct btree *tree, uint32_t n, struct shape *shape)
{
	const struct btree_node *leaf = &tree->space->node[n];

	if (shape->last_leaf == BTREE_NONE)
		assert_int_equal(tree->first, n);
	else
		assert_int_equal(tree->space->node[shape->last_leaf].next, n);
	for (uint32_t at = 0; at < leaf->entries; at++) {
		assert_int_equal(tree->space->leaf[leaf->child[at]], n);
		assert_int_equal(leaf->count[at], 1);
	}
	shape->last_leaf = n;
}

static void check_node(const struct btree *tree, uint32_t n, uint32_t level, struct shape *ret);

/* An entry says of its subtree what is so. */
static void check_entry(const struct btree *tree, const struct btree_node *node, uint32_t at,
			uint32_t level, struct shape *shape)
{
	const struct btree_node *child = &tree->space->node[node->child[at]];
	struct shape below = {.last_leaf = shape->last_leaf, .nodes = shape->nodes};

	assert_false(in_order(child, 0, node, at));
	if (at + 1 < node->entries)
		assert_true(in_order(child, child->entries - 1, node, at + 1));
	check_node(tree, node->child[at], level - 1, &below);
	assert_int_equal(below.count, node->count[at]);
	assert_true(below.total == node->total[at]);
	shape->last_leaf = below.last_leaf;
	shape->nodes = below.nodes;
}

static void check_node(const struct btree *tree, uint32_t n, uint32_t level, struct shape *ret)
{
	const struct btree_node *node = &tree->space->node[n];

	ret->nodes++;
	ret->total = tree->total == BTREE_SUM ? 0 : UINT64_MAX;
	assert_in_range(node->entries, n == tree->root && level ? 2 : 1, BTREE_FAN);
	if (n != tree->root && (level || node->next != BTREE_NONE))
		assert_true(node->entries >= BTREE_LOW);
	if (!level)
		check_leaf(tree, n, ret);
	for (uint32_t at = 0; at < node->entries; at++) {
		if (at)
			assert_true(in_order(node, at - 1, node, at));
		if (level)
			check_entry(tree, node, at, level, ret);
		ret->count += node->count[at];
		ret->total = joined(tree, ret->total, node->total[at]);
	}
}

static uint32_t free_nodes(const struct btree_space *space)
{
	uint32_t count = 0;

	for (uint32_t n = space->free; n != BTREE_NONE; n = space->node[n].next)
		count++;
	return count;
}

static uint64_t nodes_in(const struct btree_space *space)
{
	const unsigned char *begin = (const unsigned char *)space->node;

	return (uint64_t)((const unsigned char *)space->leaf - begin) / sizeof(struct btree_node);
}

static void check_shape(const struct model *m)
{
	const struct btree *tree = &m->tree;
	struct shape shape = {.last_leaf = BTREE_NONE};

	assert_true(tree->space->used <= nodes_in(tree->space));
	assert_int_equal(btree_count(tree), m->count);
	if (m->count) {
		check_node(tree, tree->root, tree->height, &shape);
		assert_int_equal(tree->space->node[shape.last_leaf].next, BTREE_NONE);
	} else {
		assert_int_equal(tree->root, BTREE_NONE);
	}
	assert_int_equal(shape.count, m->count);
	assert_int_equal(shape.nodes + free_nodes(tree->space), tree->space->used);
}

/* ---- what it answers ---- */

static const struct model *sorted_model;

static int by_place(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;

	return before(sorted_model, i, sorted_model->key[k], k + 1) ? -1 : 1;
}

static void check_order(const struct model *m)
{
	static uint32_t order[TASKS_MAX + 1];
	uint32_t count = 0, i = btree_first(&m->tree);

	for (uint32_t k = 0; k < m->tasks; k++)
		if (m->in[k])
			order[count++] = k;
	sorted_model = m;
	qsort(order, count, sizeof(order[0]), by_place);
	order[count] = BTREE_NONE;
	for (uint32_t rank = 0; rank < count; rank++) {
		assert_int_equal(i, order[rank]);
		assert_int_equal(btree_nth(&m->tree, rank), i);
		assert_int_equal(btree_marks(&m->tree, i), m->marks[i]);
		assert_true(btree_key(&m->tree, i) == m->key[i]);
		if (rank)
			assert_true(btree_precedes(&m->space, order[rank - 1], i) &&
				    !btree_precedes(&m->space, i, order[rank - 1]));
		i = btree_next(&m->tree, i);
	}
	assert_int_equal(i, BTREE_NONE);
	assert_int_equal(btree_nth(&m->tree, count), BTREE_NONE);
}

static void check_within(struct model *m)
{
	uint64_t key = draw(m, m->keys + 1), id = draw(m, m->tasks + 2), most = draw(m, 7) * 100;

	if (!draw(m, 8))
		most = UINT64_MAX;
	assert_int_equal(btree_first_within(&m->tree, key, id, most), first_of(m, key, id, most));
	assert_int_equal(btree_first_within(&m->tree, 0, 0, most), first_of(m, 0, 0, most));
}

static void check_rank(struct model *m, uint32_t i)
{
	uint64_t ahead, sum;
	uint32_t count;

	ahead = sum_before(m, m->key[i], i + 1, &count);
	assert_int_equal(btree_rank(&m->tree, i, &sum), count);
	assert_true(sum == ahead);
}

/* Nothing less than what it found is enough. */
static void check_reach(struct model *m)
{
	uint64_t all = btree_sum_until(&m->tree, UINT64_MAX),
		 sum = draw(m, 8) ? draw(m, all + 9) : all;
	uint32_t i = btree_reach(&m->tree, sum), count;
	uint64_t ahead;

	if (i == BTREE_NONE) {
		assert_true(!m->count || all < sum);
		return;
	}
	ahead = sum_before(m, m->key[i], i + 1, &count);
	assert_true(add_sat(ahead, m->weight[i]) >= sum);
	assert_true(!count || ahead < sum);
}

static void check_sums(struct model *m)
{
	uint64_t key = draw(m, m->keys + 1);
	uint32_t i = (uint32_t)draw(m, m->tasks), count;

	assert_true(btree_sum_until(&m->tree, key) == sum_before(m, key + 1, 0, &count));
	assert_true(btree_sum_until(&m->tree, UINT64_MAX) == sum_before(m, UINT64_MAX, 0, &count));
	check_reach(m);
	if (m->in[i])
		check_rank(m, i);
}

static void model_init(struct model *m, uint32_t tasks, uint32_t keys, enum btree_total total)
{
	uint64_t size = btree_space_size(tasks, 1);

	*m = (struct model){
		.tasks = tasks,
		.keys = keys,
		.huge = 40 + tasks / 2, /* a sum is at its limit now, and now not */
		.random = 0x9e3779b97f4a7c15ULL,
	};
	btree_space_init(&m->space, aligned_alloc(sizeof(struct btree_node), size), tasks, 1);
	assert_non_null(m->space.node);
	btree_init(&m->tree, &m->space, total);
}

static void check_kind(enum btree_total total, uint32_t tasks, uint32_t keys, uint32_t steps)
{
	static struct model m;

	model_init(&m, tasks, keys, total);
	for (uint32_t step = 0; step < steps; step++) {
		change(&m, step / (4 * tasks) % 2 == 0);
		if (total == BTREE_LEAST && step % (1 + tasks / 512) == 0)
			check_within(&m);
		else if (step % (1 + tasks / 512) == 0)
			check_sums(&m);
		if (step % (tasks / 4) == 0) {
			check_shape(&m);
			check_order(&m);
		}
	}
	for (uint32_t i = 0; i < tasks; i++)
		if (m.in[i])
			take(&m, i);
	check_shape(&m);
	check_order(&m);
	free(m.space.node);
}

static void test_sum_random_changes_as_an_array(void **state)
{
	(void)state;
	check_kind(BTREE_SUM, 64, 12, 20000);
	check_kind(BTREE_SUM, TASKS_MAX, 60, 40000);
}

static void test_least_random_changes_as_an_array(void **state)
{
	(void)state;
	check_kind(BTREE_LEAST, 64, 12, 20000);
	check_kind(BTREE_LEAST, TASKS_MAX, 60, 40000);
}

/* In order, against it, and from both sides; then emptied from the front. */
static void test_insert_in_order_stays_within_its_memory(void **state)
{
	static struct model m;

	(void)state;
	for (int way = 0; way < 3; way++) {
		model_init(&m, TASKS_MAX, 1, BTREE_SUM);
		for (uint32_t n = 0; n < TASKS_MAX; n++)
			add(&m, way == 0   ? n
				: way == 1 ? TASKS_MAX - 1 - n
				: n % 2    ? n / 2
					   : TASKS_MAX - 1 - n / 2);
		check_shape(&m);
		check_order(&m);
		assert_true(way || m.space.used <= TASKS_MAX / (BTREE_FAN - 1) * 11 / 10);
		for (uint32_t n = 0; n < TASKS_MAX; n++) {
			take(&m, n);
			if (n % 64 == 0)
				check_shape(&m);
		}
		check_shape(&m);
		free(m.space.node);
	}
}

/* Of every leaf all but as few as it may have are taken out, and the space filled up again behind
 * them: what leaves most nodes behind. */
static void test_remove_sparse_leaves_stay_within_their_memory(void **state)
{
	static struct model m;

	(void)state;
	model_init(&m, TASKS_MAX, 1, BTREE_SUM);
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < TASKS_MAX; i++)
			if (!m.in[i] && (i + round) % 40 < 20)
				add(&m, i);
		for (uint32_t i = 0; i < TASKS_MAX; i++)
			if (m.in[i] && i % BTREE_FAN >= BTREE_LOW)
				take(&m, i);
		check_shape(&m);
	}
	check_order(&m);
	free(m.space.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum_random_changes_as_an_array),
		cmocka_unit_test(test_least_random_changes_as_an_array),
		cmocka_unit_test(test_insert_in_order_stays_within_its_memory),
		cmocka_unit_test(test_remove_sparse_leaves_stay_within_their_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
