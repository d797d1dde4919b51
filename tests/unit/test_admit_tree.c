// SPDX-License-Identifier: GPL-2.0-or-later
/* The ordered sets of the admission core against plain arrays, over seeded sequences of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/policy/admit/tree.h"
#include "user/policy/num.h"

#define NODES 64
#define STEPS 20000

struct model {
	struct tree_node node[NODES];
	struct tree tree;
	bool in[NODES];
	uint64_t key[NODES], weight[NODES]; /* the id is the index + 1 */
	uint32_t marks[NODES];
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
	uint32_t best = TREE_NONE;

	for (uint32_t i = 0; i < NODES; i++)
		if (m->in[i] && m->weight[i] <= most && !before(m, i, key, id) &&
		    (best == TREE_NONE || before(m, i, m->key[best], best + 1)))
			best = i;
	return best;
}

static uint64_t total_of(const struct model *m, uint32_t *ret_count)
{
	uint64_t total = m->tree.total == TREE_SUM ? 0 : UINT64_MAX;

	*ret_count = 0;
	for (uint32_t i = 0; i < NODES; i++) {
		if (!m->in[i])
			continue;
		++*ret_count;
		total = m->tree.total == TREE_SUM ? add_sat(total, m->weight[i])
						  : min_u64(total, m->weight[i]);
	}
	return total;
}

/* The sum of those before (key, id), and how many. */
static uint64_t sum_before(const struct model *m, uint64_t key, uint64_t id, uint32_t *ret_count)
{
	uint64_t sum = 0;

	*ret_count = 0;
	for (uint32_t i = 0; i < NODES; i++) {
		if (!m->in[i] || !before(m, i, key, id))
			continue;
		++*ret_count;
		sum = add_sat(sum, m->weight[i]);
	}
	return sum;
}

/* Few keys, so that ids decide; few weights, so that the least is often there twice; and now and
 * then one that fills a sum up. */
static void add(struct model *m, uint32_t i)
{
	m->in[i] = true;
	m->key[i] = draw(m, 12);
	m->weight[i] = draw(m, 40) ? draw(m, 6) * 100 : UINT64_MAX / 2;
	m->marks[i] = 0;
	tree_insert(&m->tree, i, m->key[i], i + 1, m->weight[i]);
}

static void mark(struct model *m, uint32_t i)
{
	tree_mark_before(&m->tree, m->key[i], i + 1);
	for (uint32_t k = 0; k < NODES; k++)
		m->marks[k] += m->in[k] && before(m, k, m->key[i], i + 1);
}

static void change(struct model *m)
{
	uint32_t i = (uint32_t)draw(m, NODES);

	if (!m->in[i]) {
		add(m, i);
	} else if (draw(m, 3)) {
		m->in[i] = false;
		tree_remove(&m->tree, i);
	} else {
		mark(m, i);
	}
}

static void check_order(const struct model *m)
{
	uint32_t i = first_of(m, 0, 0, UINT64_MAX), rank = 0;

	assert_int_equal(tree_first(&m->tree), i);
	for (; i != TREE_NONE; rank++) {
		if (m->tree.total == TREE_SUM)
			assert_int_equal(tree_nth(&m->tree, rank), i);
		assert_int_equal(tree_marks(&m->tree, i), m->marks[i]);
		assert_int_equal(tree_next(&m->tree, i), first_of(m, m->key[i], i + 2, UINT64_MAX));
		i = tree_next(&m->tree, i);
	}
	if (m->tree.total == TREE_SUM)
		assert_int_equal(tree_count(&m->tree), rank);
}

static void check_totals(struct model *m)
{
	uint32_t count;
	uint64_t total = total_of(m, &count);

	if (m->tree.total == TREE_SUM)
		assert_int_equal(tree_count(&m->tree), count);
	assert_int_equal(m->tree.root == TREE_NONE, !count);
	if (count)
		assert_true(tree_at(&m->tree, m->tree.root)->total == total);
}

static void check_within(struct model *m)
{
	uint64_t key = draw(m, 13), id = draw(m, NODES + 2), most = draw(m, 7) * 100;

	assert_int_equal(tree_first_within(&m->tree, key, id, most), first_of(m, key, id, most));
	assert_int_equal(tree_first_within(&m->tree, 0, 0, most), first_of(m, 0, 0, most));
}

static void check_sums(struct model *m)
{
	uint64_t key = draw(m, 13), before_it, sum;
	uint32_t i = (uint32_t)draw(m, NODES), count;

	assert_true(tree_sum_until(&m->tree, key) == sum_before(m, key + 1, 0, &count));
	if (!m->in[i])
		return;
	before_it = sum_before(m, m->key[i], i + 1, &count);
	assert_int_equal(tree_rank(&m->tree, i, &sum), count);
	assert_true(sum == before_it);
}

static void check_kind(enum tree_total total)
{
	static struct model m;

	m = (struct model){
		.tree = {.root = TREE_NONE, .first = TREE_NONE, .total = total},
		.random = 0x9e3779b97f4a7c15ULL,
	};
	m.tree.node = m.node;
	for (int step = 0; step < STEPS; step++) {
		change(&m);
		check_totals(&m);
		if (total == TREE_LEAST)
			check_within(&m);
		else
			check_sums(&m);
		if (step % 16 == 0)
			check_order(&m);
	}
}

static void test_sum_random_changes_as_an_array(void **state)
{
	(void)state;
	check_kind(TREE_SUM);
}

static void test_least_random_changes_as_an_array(void **state)
{
	(void)state;
	check_kind(TREE_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum_random_changes_as_an_array),
		cmocka_unit_test(test_least_random_changes_as_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
