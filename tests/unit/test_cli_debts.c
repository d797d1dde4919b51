// SPDX-License-Identifier: GPL-2.0-or-later
/* The sentences about loans and about reclaim that status and why print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "user/cli/debts.h"
#include "user/cli/payoff.h"

static void assert_prints_by(void (*print)(const struct screen *screen, const json_t *component),
			     const char *component_text, const char *expected)
{
	json_t *component = json_loads(component_text, 0, NULL);
	struct screen screen = {0};
	char *text = NULL;
	size_t size = 0;

	assert_non_null(component);
	screen.out = open_memstream(&text, &size);
	print(&screen, component);
	fclose(screen.out);
	assert_string_equal(text, expected);
	free(text);
	json_decref(component);
}

static void assert_prints(const char *component_text, const char *expected)
{
	assert_prints_by(debts_print, component_text, expected);
}

static void test_nothing_is_said_of_who_borrows_and_lends_nothing(void **state)
{
	(void)state;
	assert_prints("{\"debt\": {\"bytes\": 0, \"for_us\": 0, \"owed_bytes\": 0, "
		      "\"owed_for_us\": 0, \"freeze_in_us\": null, \"from\": []}, \"lent_to\": []}",
		      "");
	assert_prints("{}", ""); /* of an older uwd */
}

static void test_borrower_names_its_lenders(void **state)
{
	(void)state;
	assert_prints(
		"{\"debt\": {\"bytes\": 125829120, \"for_us\": 180000000, \"owed_bytes\": 0, "
		"\"owed_for_us\": 0, \"freeze_in_us\": null, \"from\": ["
		"{\"component\": \"database\", \"bytes\": 83886080}, "
		"{\"component\": \"cache\", \"bytes\": 41943040}]}, \"lent_to\": []}",
		"  borrows 120M for 3min: 80M of database, 40M of cache, due when they grow\n");
}

static void test_what_is_called_back_has_a_deadline(void **state)
{
	(void)state;
	assert_prints("{\"debt\": {\"bytes\": 41943040, \"for_us\": 9000000, "
		      "\"owed_bytes\": 20971520, \"owed_for_us\": 2000000, "
		      "\"freeze_in_us\": 6000000, \"from\": []}, \"lent_to\": []}",
		      "  borrows 40M for 9s, due when its owner grows\n"
		      "  owes 20M of it for 2s: reclaimed now, frozen in 6s\n");
	assert_prints("{\"debt\": {\"bytes\": 41943040, \"for_us\": 9000000, "
		      "\"owed_bytes\": 20971520, \"owed_for_us\": 2000000, "
		      "\"freeze_in_us\": null, \"from\": []}, \"lent_to\": []}",
		      "  borrows 40M for 9s, due when its owner grows\n"
		      "  owes 20M of it for 2s: reclaimed now\n");
}

static void test_lender_names_its_borrowers(void **state)
{
	(void)state;
	assert_prints("{\"debt\": {\"bytes\": 0}, \"lent_to\": ["
		      "{\"component\": \"ml_models\", \"bytes\": 83886080}]}",
		      "  lends 80M to ml_models, back as soon as it grows\n");
}

static void test_reclaim_says_what_was_read_back(void **state)
{
	(void)state;
	assert_prints_by(payoff_print, "{}", "");
	assert_prints_by(payoff_print, "{\"payoff\": []}", "");
	assert_prints_by(
		payoff_print,
		"{\"payoff\": [{\"tier\": \"light\", \"reclaims\": 3, "
		"\"freed_bytes\": 33554432, \"back_bytes\": 1048576, \"net_bytes\": 32505856}, "
		"{\"tier\": \"moderate\", \"reclaims\": 1, \"freed_bytes\": 67108864, "
		"\"back_bytes\": 0, \"net_bytes\": 67108864}]}",
		"  reclaimed: light 32M in 3, 1.0M of it read back: 31M net; moderate 64M in 1, 0\n"
		"  of it read back: 64M net\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_said_of_who_borrows_and_lends_nothing),
		cmocka_unit_test(test_borrower_names_its_lenders),
		cmocka_unit_test(test_what_is_called_back_has_a_deadline),
		cmocka_unit_test(test_lender_names_its_borrowers),
		cmocka_unit_test(test_reclaim_says_what_was_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
