// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock is the test's; a kernel that ages is a few lines here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/sense/ages.h"

#define PAGE 4096ULL

static struct ages ages;

static struct ages_wish wish_of(uint64_t cgid, const char *path)
{
	struct ages_wish wish = {.cgid = cgid};

	strcpy(wish.path, path);
	return wish;
}

static void ask_for_one(void)
{
	struct ages_wish wish = wish_of(100, "jobs/a");

	assert_int_equal(ages_init(&ages, "uw", PAGE), 0);
	ages_ask(&ages, &wish, 1, 0);
}

/* Rows are of MB of anonymous pages and of files, opened so many seconds before now; oldest first.
 */
struct mb_row {
	uint64_t opened_s, anon, file;
};

static void see(uint64_t memcg, const char *path, uint64_t node_index, uint64_t now_s,
		const struct mb_row rows[4])
{
	struct lru_gen_node node = {
		.memcg = memcg, .path = path, .node = node_index, .row_count = 4};

	for (uint32_t i = 0; i < 4; i++)
		node.row[i] = (struct lru_gen_row){
			.seq = 10 + i,
			.age_ms = (now_s - rows[i].opened_s) * 1000,
			.anon_pages = rows[i].anon * MIB / PAGE,
			.file_pages = rows[i].file * MIB / PAGE,
		};
	ages_see(&ages, &node);
}

static void read_at(uint64_t now_s, const struct mb_row rows[4])
{
	ages_begin(&ages, now_s * US_PER_SEC);
	see(7, "/uw/jobs/a", 0, now_s, rows);
	ages_end(&ages);
}

/* As after an aging that was asked for at this second. */
static void look_at(uint64_t now_s, const struct mb_row rows[4])
{
	struct ages_command command = {.leaf = 0};

	ages_done(&ages, &command);
	read_at(now_s, rows);
}

static const struct ages_sample *sample(void)
{
	return &ages.leaf[0].sample;
}

static void test_hot_and_cold_after_two_looks(void **data)
{
	(void)data;
	ask_for_one();
	/* All four of the birth of the leaf: nothing is known. */
	read_at(100, (struct mb_row[]){{50, 0, 0}, {50, 0, 0}, {50, 0, 5}, {50, 300, 0}});
	assert_false(sample()->valid);
	look_at(100, (struct mb_row[]){{50, 0, 0}, {50, 0, 5}, {50, 300, 0}, {100, 0, 0}});
	assert_false(sample()->valid);
	look_at(110, (struct mb_row[]){{50, 0, 5}, {50, 200, 0}, {100, 100, 0}, {110, 0, 0}});
	assert_true(sample()->valid);
	assert_int_equal(sample()->looked_us, 110 * US_PER_SEC);
	assert_int_equal(sample()->hot_bytes, 100 * MIB);
	assert_int_equal(sample()->cold_anon_bytes, 200 * MIB);
	assert_int_equal(sample()->cold_file_bytes, 5 * MIB);
	assert_int_equal(sample()->long_bytes, 0);
}

/* Two looks of the kernel within a second say nothing of ten. */
static void test_kernels_own_quick_looks_tell_nothing(void **data)
{
	(void)data;
	ask_for_one();
	look_at(100, (struct mb_row[]){{98, 10, 0}, {98, 0, 0}, {99, 0, 0}, {100, 0, 0}});
	assert_false(sample()->valid);
}

static void test_aging_is_due_ten_seconds_after_any_look(void **data)
{
	static const struct mb_row rows[4] = {{50, 1, 0}, {50, 0, 0}, {80, 0, 0}, {100, 0, 0}};
	struct ages_wish frozen = wish_of(100, "jobs/a");

	(void)data;
	ask_for_one();
	read_at(109, rows);
	assert_int_equal(ages.command_count, 0);
	read_at(110, rows);
	assert_int_equal(ages.command_count, 1);
	assert_int_equal(ages.command[0].memcg, 7);
	assert_int_equal(ages.command[0].seq, 13);
	/* Who stands still touches nothing: it would all be cold. */
	frozen.frozen = true;
	ages_ask(&ages, &frozen, 1, 0);
	read_at(120, rows);
	assert_int_equal(ages.command_count, 0);
	/* And one without pages has no ages. */
	ask_for_one();
	read_at(200, (struct mb_row[4]){{50, 0, 0}, {50, 0, 0}, {80, 0, 0}, {100, 0, 0}});
	assert_int_equal(ages.command_count, 0);
	assert_true(sample()->valid);
}

static void test_frozen_leaf_keeps_what_was_known(void **data)
{
	struct ages_wish wish = wish_of(100, "jobs/a");

	(void)data;
	ask_for_one();
	look_at(110, (struct mb_row[]){{50, 200, 0}, {90, 0, 0}, {100, 100, 0}, {110, 0, 0}});
	wish.frozen = true;
	ages_ask(&ages, &wish, 1, 0);
	read_at(150, (struct mb_row[]){{90, 80, 0}, {100, 0, 0}, {110, 0, 0}, {130, 0, 0}});
	assert_true(sample()->valid);
	assert_int_equal(sample()->hot_bytes, 100 * MIB);
	assert_int_equal(sample()->looked_us, 110 * US_PER_SEC);
}

/* Nothing was touched while it stood still, and that says nothing of what is cold. Until it has run
 * for ten seconds between two looks that which was known before holds; a breath is not looked at.
 */
static void test_time_of_standing_still_is_not_idle_time(void **data)
{
	static const struct mb_row before[4] = {
		{50, 200, 0}, {90, 0, 0}, {100, 100, 0}, {110, 0, 0}};
	struct ages_wish frozen = wish_of(100, "jobs/a"), runs = frozen;

	(void)data;
	ask_for_one();
	look_at(110, before);
	frozen.frozen = true;
	ages_ask(&ages, &frozen, 1, 112 * US_PER_SEC);
	ages_ask(&ages, &runs, 1, 170 * US_PER_SEC);
	read_at(171, before);
	assert_int_equal(ages.command_count, 0);
	ages_ask(&ages, &frozen, 1, 171 * US_PER_SEC);
	ages_ask(&ages, &runs, 1, 180 * US_PER_SEC);
	read_at(182, before);
	assert_int_equal(ages.command_count, 1);
	look_at(182, (struct mb_row[]){{90, 200, 0}, {100, 80, 0}, {110, 20, 0}, {182, 0, 0}});
	assert_true(ages_are_held(&ages.leaf[0]));
	assert_int_equal(sample()->hot_bytes, 100 * MIB);
	assert_int_equal(sample()->looked_us, 110 * US_PER_SEC);
	assert_true(ages_told(sample(), true, 182 * US_PER_SEC).valid);
	assert_true(ages_told(sample(), true, 182 * US_PER_SEC).held);
	assert_false(ages_told(sample(), false, 182 * US_PER_SEC).valid);
	look_at(192, (struct mb_row[]){{100, 210, 0}, {110, 0, 0}, {182, 90, 0}, {192, 0, 0}});
	assert_false(ages_are_held(&ages.leaf[0]));
	assert_int_equal(sample()->hot_bytes, 90 * MIB);
	assert_int_equal(sample()->cold_anon_bytes, 210 * MIB);
}

/* Other leaves, other pools, and a name that only begins alike. */
static void test_only_the_leaf_and_what_is_below_it_counts(void **data)
{
	static const struct mb_row rows[4] = {{50, 1, 0}, {50, 0, 0}, {90, 0, 0}, {100, 0, 0}};

	(void)data;
	ask_for_one();
	ages_begin(&ages, 101 * US_PER_SEC);
	see(2, "/", 0, 101, rows);
	see(3, "/uw", 0, 101, rows);
	see(4, "/uw/jobs", 0, 101, rows);
	see(5, "/other/uw/jobs/a", 0, 101, rows);
	see(7, "/uw/jobs/a", 0, 101, rows);
	see(7, "/uw/jobs/a", 1, 101, rows);
	see(8, "/uw/jobs/a/sub", 0, 101, rows);
	see(9, "/uw/jobs/ab", 0, 101, rows);
	see(10, "/uw/jobs", 0, 101, rows);
	see(11, "", 0, 101, rows);
	ages_end(&ages);
	assert_int_equal(sample()->cold_anon_bytes, 3 * MIB);
}

static void test_removed_namesake_does_not_count(void **data)
{
	static const struct mb_row rows[4] = {{50, 9, 0}, {50, 0, 0}, {90, 0, 0}, {100, 0, 0}};

	(void)data;
	ask_for_one();
	ages_begin(&ages, 101 * US_PER_SEC);
	see(0, "/uw/jobs/a", 0, 101, rows);
	see(6, "/uw/jobs/a", 0, 101, rows);
	see(6, "/uw/jobs/a/sub", 0, 101, rows);
	see(7, "/uw/jobs/a", 0, 101,
	    (struct mb_row[]){{50, 2, 0}, {50, 0, 0}, {90, 0, 0}, {100, 0, 0}});
	ages_end(&ages);
	assert_int_equal(sample()->cold_anon_bytes, 2 * MIB);
	ages_begin(&ages, 102 * US_PER_SEC);
	ages_end(&ages);
	assert_false(sample()->valid);
}

/* One node that was looked at lately and one that was not: the older look counts. */
static void test_all_nodes_must_tell(void **data)
{
	(void)data;
	ask_for_one();
	ages_begin(&ages, 130 * US_PER_SEC);
	see(7, "/uw/jobs/a", 0, 130,
	    (struct mb_row[]){{50, 2, 0}, {50, 0, 0}, {110, 0, 0}, {130, 0, 0}});
	see(7, "/uw/jobs/a", 1, 130,
	    (struct mb_row[]){{50, 4, 0}, {50, 0, 0}, {100, 0, 0}, {115, 0, 0}});
	ages_end(&ages);
	assert_true(sample()->valid);
	assert_int_equal(sample()->looked_us, 115 * US_PER_SEC);
	assert_int_equal(sample()->cold_anon_bytes, 6 * MIB);
	assert_int_equal(ages.command_count, 1);
	assert_int_equal(ages.command[0].node, 1);
	ages_begin(&ages, 130 * US_PER_SEC);
	see(7, "/uw/jobs/a", 0, 130,
	    (struct mb_row[]){{50, 2, 0}, {50, 0, 0}, {110, 0, 0}, {130, 0, 0}});
	see(7, "/uw/jobs/a", 1, 130,
	    (struct mb_row[]){{128, 4, 0}, {129, 0, 0}, {129, 0, 0}, {130, 0, 0}});
	ages_end(&ages);
	assert_false(sample()->valid);
}

/* 200 MB lie still from the start; of 40 MB each minute's half is touched every 25 s. */
static void test_idle_for_long_is_what_lay_still_all_along(void **data)
{
	(void)data;
	ask_for_one();
	look_at(100, (struct mb_row[]){{50, 0, 0}, {50, 0, 0}, {50, 300, 0}, {100, 0, 0}});
	for (uint64_t s = 110; s <= 400; s += 10) {
		/* Joins the cold every 30 s, and leaves it with the look after that. */
		uint64_t newly = s % 30 == 0 ? 20 : 0, stays = s > 120 ? 200 : 0;
		uint64_t joins = s == 110 || s == 120 ? (s == 110 ? 200 : 0) : newly;

		if (s == 120)
			stays = 200;
		look_at(s, (struct mb_row[]){{s - 30, stays, 0},
					     {s - 20, joins, 0},
					     {s - 10, 100, 0},
					     {s, 0, 0}});
		assert_true(sample()->valid);
		/* Never more than what lay still, and none before a minute has been seen. */
		assert_true(sample()->long_bytes <= 200 * MIB);
		if (s < 160)
			assert_int_equal(sample()->long_bytes, 0);
		if (s >= 180)
			assert_in_range(sample()->long_bytes, 140 * MIB, 200 * MIB);
	}
	/* Half of it is touched: at the next look it is hot, and no look tells it from the rest. */
	look_at(410, (struct mb_row[]){{380, 100, 0}, {390, 0, 0}, {400, 200, 0}, {410, 0, 0}});
	assert_true(sample()->long_bytes <= 100 * MIB);
}

/* A reading in between that the kernel has aged before: what it found cold did not lie still. */
static void test_looks_of_the_kernel_do_not_make_pages_old(void **data)
{
	(void)data;
	ask_for_one();
	for (uint64_t s = 100; s <= 200; s += 10)
		look_at(s, (struct mb_row[]){
				   {s - 30, 100, 0}, {s - 20, 0, 0}, {s - 10, 0, 0}, {s, 0, 0}});
	assert_int_equal(sample()->long_bytes, 100 * MIB);
	read_at(205, (struct mb_row[]){{170, 100, 0}, {190, 50, 0}, {200, 0, 0}, {205, 0, 0}});
	assert_int_equal(sample()->cold_anon_bytes, 100 * MIB);
	read_at(211, (struct mb_row[]){{170, 100, 0}, {190, 50, 0}, {200, 0, 0}, {211, 0, 0}});
	assert_int_equal(sample()->cold_anon_bytes, 150 * MIB);
	assert_int_equal(sample()->long_bytes, 100 * MIB);
}

static void test_more_than_fits_is_due_again(void **data)
{
	static struct ages_wish wish[AGES_COMMANDS_MAX + 10];
	static const struct mb_row rows[4] = {{50, 1, 0}, {50, 0, 0}, {80, 0, 0}, {100, 0, 0}};
	char path[LRU_GEN_PATH_LEN];

	(void)data;
	ages_init(&ages, "/a/b.scope", PAGE);
	for (uint32_t i = 0; i < ARRAY_SIZE(wish); i++) {
		snprintf(path, sizeof(path), "jobs/%u", i);
		wish[i] = wish_of(i + 1, path);
	}
	ages_ask(&ages, wish, ARRAY_SIZE(wish), 0);
	ages_begin(&ages, 200 * US_PER_SEC);
	for (uint32_t i = 0; i < ARRAY_SIZE(wish); i++) {
		snprintf(path, sizeof(path), "/a/b.scope/jobs/%u", i);
		see(i + 10, path, 0, 200, rows);
	}
	ages_end(&ages);
	assert_int_equal(ages.command_count, AGES_COMMANDS_MAX);
	for (uint32_t i = 0; i < ARRAY_SIZE(wish); i++)
		assert_int_equal(ages.leaf[i].cold_anon_bytes, MIB);
	ages_ask(&ages, wish + 5, 2, 0);
	assert_int_equal(ages.leaf_count, 2);
	ages_ask(&ages, NULL, 0, 0);
	assert_int_equal(ages.leaf_count, 0);
}

static void test_root_that_is_too_long_is_refused(void **data)
{
	char root[LRU_GEN_PATH_LEN + 1];

	(void)data;
	memset(root, 'x', sizeof(root));
	root[sizeof(root) - 1] = '\0';
	assert_int_equal(ages_init(&ages, root, PAGE), -ENAMETOOLONG);
	assert_int_equal(ages_init(&ages, "", PAGE), 0);
	assert_string_equal(ages.root, "/");
	assert_int_equal(ages_init(&ages, "/uw", PAGE), 0);
	assert_string_equal(ages.root, "/uw/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot_and_cold_after_two_looks),
		cmocka_unit_test(test_kernels_own_quick_looks_tell_nothing),
		cmocka_unit_test(test_aging_is_due_ten_seconds_after_any_look),
		cmocka_unit_test(test_frozen_leaf_keeps_what_was_known),
		cmocka_unit_test(test_time_of_standing_still_is_not_idle_time),
		cmocka_unit_test(test_only_the_leaf_and_what_is_below_it_counts),
		cmocka_unit_test(test_removed_namesake_does_not_count),
		cmocka_unit_test(test_all_nodes_must_tell),
		cmocka_unit_test(test_idle_for_long_is_what_lay_still_all_along),
		cmocka_unit_test(test_looks_of_the_kernel_do_not_make_pages_old),
		cmocka_unit_test(test_more_than_fits_is_due_again),
		cmocka_unit_test(test_root_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
