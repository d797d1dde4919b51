// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/plan.h"

static void test_names_cover_every_value(void **data)
{
	(void)data;
	for (int i = 0; i < LEVEL__COUNT; i++)
		assert_string_not_equal(level_name((enum level)i), "?");
	for (int i = 0; i < TIER__COUNT; i++)
		assert_string_not_equal(tier_name((enum tier)i), "?");
	for (int i = 0; i < PROTECT__COUNT; i++)
		assert_string_not_equal(protect_name((enum protect)i), "?");
	for (int i = 0; i < KILL__COUNT; i++)
		assert_string_not_equal(kill_rule_name((enum kill_rule)i), "?");
	for (int i = 0; i < LRU_GEN__COUNT; i++)
		assert_string_not_equal(lru_gen_rule_name((enum lru_gen_rule)i), "?");
	for (int i = 0; i < SENSE_PAGES__COUNT; i++)
		assert_string_not_equal(sense_pages_name((enum sense_pages)i), "?");
	for (int i = 0; i < EVENT__COUNT; i++)
		assert_string_not_equal(event_name((enum event_kind)i), "?");
	for (int i = 0; i < ACTION__COUNT; i++)
		assert_string_not_equal(action_name((enum action_kind)i), "?");
	for (int i = 0; i < OUTCOME__COUNT; i++)
		assert_string_not_equal(outcome_name((enum outcome_result)i), "?");
	for (int i = 0; i < REASON__COUNT; i++)
		assert_string_not_equal(reason_name((enum reason)i), "?");
}

static struct leaf_sample leaf_of(uint32_t component, uint64_t mb, uint64_t cold_mb)
{
	return (struct leaf_sample){
		.component = component,
		.current_bytes = mb * MIB,
		.ages = {.valid = true,
			 .looked_us = 1000 + mb,
			 .hot_bytes = (mb - cold_mb) * MIB,
			 .cold_anon_bytes = cold_mb * MIB,
			 .long_bytes = cold_mb * MIB / 2},
	};
}

static void test_ages_of_a_component_are_those_of_its_leaves(void **data)
{
	static struct frame frame;

	(void)data;
	frame.component_count = 3;
	frame.component[0].current_bytes = 320 * MIB;
	frame.component[1].current_bytes = 60 * MIB;
	frame.leaf_count = 4;
	frame.leaf[0] = leaf_of(0, 200, 50);
	frame.leaf[1] = leaf_of(0, 100, 10);
	frame.leaf[2] = leaf_of(1, 60, 20);
	frame.leaf[3] = leaf_of(9, 60, 20);
	frame_sum_ages(&frame);
	assert_true(frame.component[0].ages.valid);
	assert_int_equal(frame.component[0].ages.looked_us, 1100);
	assert_int_equal(frame.component[0].ages.hot_bytes, 240 * MIB);
	assert_int_equal(frame.component[0].ages.cold_anon_bytes, 60 * MIB);
	/* What no leaf holds was left by those that have ended. */
	assert_int_equal(frame.component[0].ages.cold_file_bytes, 20 * MIB);
	assert_int_equal(frame.component[0].ages.long_bytes, 30 * MIB);
	assert_true(frame.component[1].ages.valid);
	assert_int_equal(frame.component[1].ages.cold_file_bytes, 0);
	assert_false(frame.component[2].ages.valid); /* of nothing nothing is told */
	/* A leaf that is not told of: all of it may be hot, and the sum tells nothing. */
	frame.leaf[1].ages.valid = false;
	frame_sum_ages(&frame);
	assert_false(frame.component[0].ages.valid);
	assert_int_equal(frame.component[0].ages.hot_bytes, 250 * MIB);
	frame.leaf[1].current_bytes = MIB / 2; /* unless it hardly matters */
	frame_sum_ages(&frame);
	assert_true(frame.component[0].ages.valid);
	/* Of who stands still the cold is not what the component would give. */
	frame.leaf[1] = leaf_of(0, 100, 10);
	frame.leaf[1].ages.held = frame.leaf[1].frozen = true;
	frame_sum_ages(&frame);
	assert_true(frame.component[0].ages.valid);
	assert_int_equal(frame.component[0].ages.hot_bytes, 240 * MIB);
	assert_int_equal(frame.component[0].ages.cold_anon_bytes, 50 * MIB);
	frame.leaf[1].frozen = false; /* and of who goes on it is not known any more */
	frame_sum_ages(&frame);
	assert_false(frame.component[0].ages.valid);
	/* There may be more leaves than the frame has. */
	frame.leaf[1].ages.held = false;
	frame.leaf_count = FRAME_LEAVES_MAX;
	frame_sum_ages(&frame);
	assert_false(frame.component[0].ages.valid);
}

static void test_names_out_of_range_are_marked(void **data)
{
	(void)data;
	assert_string_equal(level_name(LEVEL__COUNT), "?");
	assert_string_equal(tier_name((enum tier) - 1), "?");
	assert_string_equal(reason_name((enum reason)9999), "?");
	assert_int_equal(reason_unit(REASON__COUNT), REASON_UNIT_NONE);
}

static void test_reason_names_are_distinct(void **data)
{
	(void)data;
	for (int i = 0; i < REASON__COUNT; i++)
		for (int k = i + 1; k < REASON__COUNT; k++)
			assert_string_not_equal(reason_name((enum reason)i),
						reason_name((enum reason)k));
}

static void test_reason_text_gives_both_numbers_in_their_unit(void **data)
{
	static const struct {
		struct why why;
		const char *text;
	} rows[] = {
		{{REASON_USAGE, 9610, 9500}, "usage 96.1% reached the edge 95%"},
		{{REASON_DEADLINE, 60000000, 60000000}, "lasted 1min, limit 1min"},
		{{REASON_REQUEST, 0, 0}, "a client asked"},
		{{REASON_BUDGET, BYTES_MAX, 512 * MIB}, "limit was max, configured 512M"},
		{{(enum reason)9999, 1, 2}, "?"},
	};
	char text[128];

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(reason_text(&rows[i].why, text, sizeof(text)), rows[i].text);
}

static void test_numbers_that_differ_read_differently(void **data)
{
	static const struct {
		uint64_t a, b;
		const char *text;
	} rows[] = {
		{649072640, 649072640, "the kernel saw usage 619M pass the mark 619M"},
		{649072640, 649007104, "the kernel saw usage 619M pass the mark 618M"},
		{649072640, 649076736, "the kernel saw usage 633860K pass the mark 633864K"},
		{649072640, 649072641, "the kernel saw usage 649072640B pass the mark 649072641B"},
		{1, UINT64_MAX, "the kernel saw usage 1B pass the mark max"},
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct why why = {REASON_USAGE_MARK, rows[i].a, rows[i].b};
		char text[128];

		assert_string_equal(reason_text(&why, text, sizeof(text)), rows[i].text);
	}
}

static void test_reason_text_keeps_within_any_size(void **data)
{
	char text[8];

	(void)data;
	for (int r = 0; r < REASON__COUNT; r++) {
		struct why why = {(enum reason)r, UINT64_MAX, UINT64_MAX};

		memset(text, 'x', sizeof(text));
		reason_text(&why, text, sizeof(text) - 1);
		assert_int_equal(text[7], 'x');
		assert_true(strlen(text) < sizeof(text) - 1);
	}
	text[0] = 'x';
	reason_text(&(struct why){REASON_USAGE, 1, 1}, text, 0);
	assert_int_equal(text[0], 'x');
}

static struct config two_shares(uint32_t a, uint32_t b, uint32_t reserve)
{
	struct config config = {.component_count = 2, .reserve_permyriad = reserve};

	config.component[0].share_permyriad = a;
	config.component[1].share_permyriad = b;
	strcpy(config.component[0].name, "a");
	strcpy(config.component[1].name, "b");
	return config;
}

static void test_resolve_takes_shares_of_usable(void **data)
{
	struct config config = two_shares(3500, 6000, 300);

	(void)data;
	assert_int_equal(config_resolve(&config, 20000 * MIB), 0);
	assert_int_equal(config.usable_bytes, 20000 * MIB);
	assert_int_equal(config.component[0].budget_bytes, 7000 * MIB);
	assert_int_equal(config.component[1].budget_bytes, 12000 * MIB);
}

static void test_resolve_full_shares_leave_the_reserve(void **data)
{
	struct config config = two_shares(5000, 5000, 300);

	(void)data;
	assert_int_equal(config_resolve(&config, 1000 * MIB), 0);
	assert_int_equal(config.component[0].budget_bytes, 485 * MIB);
	assert_int_equal(config.component[1].budget_bytes, 485 * MIB);
}

static void test_resolve_configured_usable_wins(void **data)
{
	struct config config = two_shares(5000, 2000, 300);

	(void)data;
	config.usable_conf_bytes = 400 * MIB;
	assert_int_equal(config_resolve(&config, 9000 * MIB), 0);
	assert_int_equal(config.component[0].budget_bytes, 200 * MIB);
}

static void test_resolve_fixed_budget_too_large_is_refused(void **data)
{
	struct config config = two_shares(0, 5000, 300);

	(void)data;
	config.component[0].budget_bytes = 980 * MIB;
	assert_int_equal(config_resolve(&config, 1000 * MIB), -ERANGE);
	config.component[0].budget_bytes = 600 * MIB;
	assert_int_equal(config_resolve(&config, 1000 * MIB), 0);
	assert_int_equal(config.component[1].budget_bytes, 370 * MIB);
}

static void test_resolve_twice_gives_the_same(void **data)
{
	struct config config = two_shares(3500, 6000, 300), again;

	(void)data;
	assert_int_equal(config_resolve(&config, 5000 * MIB), 0);
	again = config;
	assert_int_equal(config_resolve(&again, 5000 * MIB), 0);
	assert_memory_equal(&config, &again, sizeof(config));
}

static void test_find_tells_missing_names(void **data)
{
	struct config config = two_shares(1000, 1000, 0);

	(void)data;
	assert_int_equal(config_find(&config, "b"), 1);
	assert_int_equal(config_find(&config, "c"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_cover_every_value),
		cmocka_unit_test(test_ages_of_a_component_are_those_of_its_leaves),
		cmocka_unit_test(test_names_out_of_range_are_marked),
		cmocka_unit_test(test_reason_names_are_distinct),
		cmocka_unit_test(test_reason_text_gives_both_numbers_in_their_unit),
		cmocka_unit_test(test_numbers_that_differ_read_differently),
		cmocka_unit_test(test_reason_text_keeps_within_any_size),
		cmocka_unit_test(test_resolve_takes_shares_of_usable),
		cmocka_unit_test(test_resolve_full_shares_leave_the_reserve),
		cmocka_unit_test(test_resolve_configured_usable_wins),
		cmocka_unit_test(test_resolve_fixed_budget_too_large_is_refused),
		cmocka_unit_test(test_resolve_twice_gives_the_same),
		cmocka_unit_test(test_find_tells_missing_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
