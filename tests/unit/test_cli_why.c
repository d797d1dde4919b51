// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl why says of leases that programs did not get, or lost, and of mappings that failed;
 * and what forget says. */
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

#define GATED(room, refused, last)                                                    \
	"{\"component\": {\"name\": \"data\", \"level\": \"normal\", \"refuse\": "    \
	"{\"least_bytes\": 33554432, \"room_bytes\": " room ", \"refused\": " refused \
	", \"refused_bytes\": 314572800, \"last\": " last "}}, \"records\": [], \"leases\": []}"
#define LAST                                                                     \
	"{\"ago_us\": 5000000, \"bytes\": 314572800, \"room_bytes\": 52428800, " \
	"\"pid\": 7, \"comm\": \"python3\"}"

static char *why_in_a_line(struct fake *fake, const char *answer)
{
	char *text = NULL;

	fake->answer[IPC_WHY][0] = answer;
	assert_int_equal(UWCTL(fake, 0, &text, "why", "data"), 0);
	for (char *at = text; *at; at++)
		*at = *at == '\n' ? ' ' : *at;
	return text;
}

static void test_why_says_what_was_refused_last_and_to_whom(void **state)
{
	AUTO_FREE char *text = why_in_a_line(*state, GATED("104857600", "1", LAST));

	assert_non_null(strstr(text, "it has 100M more, for mappings from 32M on; refused 1 "));
	assert_non_null(strstr(text, "of 300M by python3 (pid 7) 5s ago, when it had 50M"));
}

static void test_why_says_when_nothing_is_refused_at_the_moment(void **state)
{
	AUTO_FREE char *open = why_in_a_line(*state, GATED("104857600", "0", "null"));
	AUTO_FREE char *shut = why_in_a_line(*state, GATED("null", "0", "null"));

	assert_null(strstr(open, "refused"));
	assert_non_null(strstr(shut, "no mapping is refused at the moment"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

static void test_forget_says_how_far_the_edges_had_moved(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *done = NULL, *dry = NULL;

	fake->answer[IPC_FORGET][0] = "{\"edge_shift_permyriad\": -350}";
	fake->answer[IPC_STATUS][0] = "{\"components\": [{\"edge_shift_permyriad\": 50}]}";
	assert_int_equal(UWCTL(fake, 0, &done, "forget", "cache"), 0);
	assert_string_equal(done, "cache: the edges are where uw.conf has them; they had moved by "
				  "-3.50 points\n");
	assert_int_equal(UWCTL(fake, 0, &dry, "forget", "cache", "--dry-run"), 0);
	assert_non_null(strstr(dry, "the edges would be where uw.conf has them"));
	assert_non_null(strstr(dry, "+0.50 points"));
	assert_int_equal(fake->calls[IPC_FORGET], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_why_names_who_was_denied_and_who_has_it),
		TEST(test_why_says_nothing_of_leases_where_all_is_well),
		TEST(test_why_says_what_was_refused_last_and_to_whom),
		TEST(test_why_says_when_nothing_is_refused_at_the_moment),
		TEST(test_forget_says_how_far_the_edges_had_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
