// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl why says of leases that programs did not get, or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

#define DENIED                                                                               \
	"{\"kind\": \"denied\", \"reason\": \"budget\", \"ago_us\": 5000000, \"times\": 3, " \
	"\"pid\": 7, \"uid\": 0, \"id\": null, \"asked_bytes\": 104857600, "                 \
	"\"available_bytes\": 52428800, \"held_bytes\": 367001600, \"holders\": ["           \
	"{\"component\": \"data\", \"bytes\": 314572800, \"pid\": 9, \"uid\": 0}, "          \
	"{\"component\": \"data\", \"bytes\": 52428800, \"pid\": 8, \"uid\": 0}]}"
#define REVOKED                                                                                \
	"{\"kind\": \"revoked\", \"reason\": \"payback\", \"ago_us\": 1000000, \"times\": 1, " \
	"\"pid\": 7, \"uid\": 0, \"id\": 4294967298, \"asked_bytes\": null, "                  \
	"\"available_bytes\": null, \"held_bytes\": 31457280, \"holders\": []}"
#define ANSWER(leases)                                                                   \
	"{\"component\": {\"name\": \"data\", \"level\": \"normal\"}, \"records\": [], " \
	"\"leases\": [" leases "]}"

static void test_why_names_who_was_denied_and_who_has_it(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WHY][0] = ANSWER(DENIED ", " REVOKED);
	assert_int_equal(UWCTL(fake, 0, &text, "why", "data"), 0);
	for (char *at = text; *at; at++)
		*at = *at == '\n' ? ' ' : *at;
	assert_non_null(strstr(text, "lease denied (budget) 5s ago: pid 7 asked for 100M, 50M "));
	assert_non_null(strstr(text, "most of it 300M of data by pid 9, 50M of data by pid 8"));
	assert_non_null(strstr(text, "3 times"));
	assert_non_null(strstr(text, "lease revoked (payback) 1s ago: pid 7 lost 30M of lease"));
	assert_non_null(strstr(text, "4294967298"));
}

static void test_why_says_nothing_of_leases_where_all_is_well(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_WHY][0] = ANSWER("");
	assert_int_equal(UWCTL(fake, 0, &text, "why", "data"), 0);
	assert_null(strstr(text, "lease"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_why_names_who_was_denied_and_who_has_it),
		TEST(test_why_says_nothing_of_leases_where_all_is_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
