// SPDX-License-Identifier: GPL-2.0-or-later
/* tests/unit/data/KERNEL/lru_gen: the whole file as that kernel wrote it, with a process in /p/j
 * that touches 100 MB all the time and 200 MB never, after five agings 2 s apart. Run from the top
 * of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/sense/lru_gen.h"

#define TEXT_LEN  65536
#define NODES_MAX 64

struct seen {
	uint32_t count;
	struct lru_gen_node node[NODES_MAX];
	char path[NODES_MAX][LRU_GEN_PATH_LEN];
};

static struct seen seen;

static void see(void *data, const struct lru_gen_node *node)
{
	(void)data;
	if (seen.count == NODES_MAX)
		return;
	seen.node[seen.count] = *node;
	strcpy(seen.path[seen.count++], node->path);
}

static void read_in_pieces(const char *text, size_t len, size_t piece)
{
	struct lru_gen_reader reader;

	seen.count = 0;
	lru_gen_begin(&reader, see, NULL);
	for (size_t at = 0; at < len; at += piece)
		lru_gen_feed(&reader, text + at, len - at < piece ? len - at : piece);
	lru_gen_end(&reader);
}

static void read_text(const char *text)
{
	read_in_pieces(text, strlen(text), strlen(text) ?: 1);
}

static const struct lru_gen_node *find(const char *path)
{
	for (uint32_t i = 0; i < seen.count; i++)
		if (!strcmp(seen.path[i], path))
			return &seen.node[i];
	return NULL;
}

static size_t read_sample(const char *kernel, char *text)
{
	char path[64];
	AUTO_FCLOSE FILE *file = NULL;

	snprintf(path, sizeof(path), "tests/unit/data/%s/lru_gen", kernel);
	file = fopen(path, "re");
	assert_non_null(file);
	return fread(text, 1, TEXT_LEN, file);
}

#define MB_PAGES 256

static void test_kernels_files_are_read(void **data)
{
	static const char *const kernels[] = {"6.1", "6.12", "7.x"};
	static char text[TEXT_LEN];

	(void)data;
	for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
		const struct lru_gen_node *node;

		read_in_pieces(text, read_sample(kernels[k], text), 4096);
		assert_non_null(find("/"));
		assert_non_null(find("/p/a b\\x2dc"));
		assert_non_null(find("/p/d\te"));
		node = find("/p/j");
		assert_non_null(node);
		assert_int_not_equal(node->memcg, 0);
		assert_int_equal(node->node, 0);
		assert_int_equal(node->row_count, 4);
		assert_in_range(node->row[0].anon_pages, 199 * MB_PAGES, 202 * MB_PAGES);
		assert_in_range(node->row[2].anon_pages, 99 * MB_PAGES, 101 * MB_PAGES);
		assert_in_range(lru_gen_idle_ms(node, 0), 4000, 6000);
		assert_in_range(lru_gen_idle_ms(node, 1), 2000, 3000);
		assert_int_equal(lru_gen_idle_ms(node, 2), 0);
		assert_int_equal(lru_gen_idle_ms(node, 3), 0);
		/* One that was removed with pages left stands before another of its name; 7.x
		 * gives its pages to its parent. */
		assert_int_equal(find("/p/z")->memcg == 0, strcmp(kernels[k], "7.x") != 0);
	}
}

static void test_pieces_may_be_cut_anywhere(void **data)
{
	static char text[TEXT_LEN];
	static struct seen whole;
	size_t len = read_sample("6.12", text);

	(void)data;
	read_in_pieces(text, len, len);
	whole = seen;
	for (size_t piece = 1; piece < 80; piece++) {
		read_in_pieces(text, len, piece);
		assert_int_equal(seen.count, whole.count);
		for (uint32_t i = 0; i < seen.count; i++) {
			assert_string_equal(seen.path[i], whole.path[i]);
			assert_memory_equal(seen.node[i].row, whole.node[i].row,
					    seen.node[i].row_count * sizeof(struct lru_gen_row));
		}
	}
}

static void test_each_node_of_a_memcg_is_told_of(void **data)
{
	(void)data;
	read_text("memcg     7 /uw/a\n node     0\n   4  900  10  20 \n   5  100  1  2 \n"
		  " node     2\n   9  70  3  4 \n"
		  "memcg     8 /uw/b\n node     0\n   1  5  6  7 \n");
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.node[0].row_count, 2);
	assert_int_equal(seen.node[0].row[1].file_pages, 2);
	assert_int_equal(seen.node[1].memcg, 7);
	assert_int_equal(seen.node[1].node, 2);
	assert_int_equal(seen.node[1].row[0].seq, 9);
	assert_string_equal(seen.path[1], "/uw/a");
	assert_string_equal(seen.path[2], "/uw/b");
}

/* What is torn or foreign is left out, and never taken for another's. */
static void test_torn_and_foreign_lines_are_left_out(void **data)
{
	static const char *const nothing[] = {
		"",
		"memcg",
		"memcg 7 /uw/a\n",
		"memcg 7 /uw/a\n node 0\n",
		"memcg 7 /uw/a\n node 0\n 1 2 3 4",
		" node 0\n 1 2 3 4 \n",
		" 1 2 3 4 \n",
		"memcg x /uw/a\n node 0\n 1 2 3 4 \n",
		"memcg 7\n node 0\n 1 2 3 4 \n",
		"memcg 7 /uw/a\n node x\n 1 2 3 4 \n",
		"memcg 7 /uw/a\n node 0 1\n 1 2 3 4 \n",
		"memcg 7 /uw/a\n node 0\n 1 2 3\n",
		"memcg 7 /uw/a\n node 0\n 1 2 -3 4 \n",
		"memcg 7 /uw/a\n node 0\n 1 2 3 4x\n",
		"memcg 7 /uw/a\n node 0\n 99999999999999999999 2 3 4 \n",
		"memcg 99999999999999999999 /uw/a\n node 0\n 1 2 3 4 \n",
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		read_text(nothing[i]);
		assert_int_equal(seen.count, 0);
	}
	/* A second block whose head is unknown is not the first one's. */
	read_text("memcg 7 /uw/a\n node 0\n 1 2 3 4 \nmemcg ? /uw/b\n node 0\n 5 6 7 8 \n");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.node[0].row_count, 1);
	/* Generations follow each other; there are four. */
	read_text("memcg 7 /uw/a\n node 0\n 1 9 0 0 \n 3 9 0 0 \n 2 8 0 0 \n 3 7 0 0 \n 4 6 0 0 \n"
		  " 5 5 0 0 \n");
	assert_int_equal(seen.node[0].row_count, 4);
	assert_int_equal(seen.node[0].row[3].seq, 4);
}

static void test_path_that_is_too_long_is_nobodys(void **data)
{
	static char text[2 * LRU_GEN_PATH_LEN + 128];
	int head = snprintf(text, sizeof(text), "memcg 7 /uw/");

	(void)data;
	for (size_t len = LRU_GEN_PATH_LEN - 10; len < 2 * LRU_GEN_PATH_LEN; len++) {
		memset(text + head, 'x', len);
		strcpy(text + head + len,
		       "\n node 0\n 1 2 3 4 \nmemcg 8 /uw/b\n node 0\n 5 6 7 8 \n");
		read_text(text);
		assert_int_equal(seen.count, 2);
		if (len + 4 < LRU_GEN_PATH_LEN)
			assert_int_equal(strlen(seen.path[0]), len + 4);
		else
			assert_string_equal(seen.path[0], "");
		assert_string_equal(seen.path[1], "/uw/b");
	}
}

/* The kernel ages as well, and may have opened all four within a moment. */
static void test_idle_time_is_as_of_the_last_look(void **data)
{
	struct lru_gen_node node = {.row_count = 4,
				    .row = {{.age_ms = 90000},
					    {.age_ms = 90000},
					    {.age_ms = 60300},
					    {.age_ms = 60000}}};

	(void)data;
	assert_int_equal(lru_gen_idle_ms(&node, 0), 30000);
	assert_int_equal(lru_gen_idle_ms(&node, 1), 300);
	assert_int_equal(lru_gen_idle_ms(&node, 2), 0);
	assert_int_equal(lru_gen_idle_ms(&node, 3), 0);
	node.row[1].age_ms = 10; /* not in order: nothing is known */
	assert_int_equal(lru_gen_idle_ms(&node, 0), 0);
	node.row_count = 0;
	assert_int_equal(lru_gen_idle_ms(&node, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels_files_are_read),
		cmocka_unit_test(test_pieces_may_be_cut_anywhere),
		cmocka_unit_test(test_each_node_of_a_memcg_is_told_of),
		cmocka_unit_test(test_torn_and_foreign_lines_are_left_out),
		cmocka_unit_test(test_path_that_is_too_long_is_nobodys),
		cmocka_unit_test(test_idle_time_is_as_of_the_last_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
