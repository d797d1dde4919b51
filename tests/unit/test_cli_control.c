// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl freeze, thaw and reclaim: they end when what they asked for has ended, and not when it
 * might have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

#define AT_ONCE_US (2 * US_PER_SEC) /* who waits for more does so for 3 s */

#define RECORD(sequence, action, leaf, asked, done)                                        \
	"{\"sequence\": " sequence                                                         \
	", \"wall_us\": 1, \"component\": \"cache\", \"action\": \"" action                \
	"\", \"leaf\": \"" leaf "\", \"amount_bytes\": " asked ", \"asked_bytes\": " asked \
	", \"done_bytes\": " done ", \"result\": \"done\", \"took_us\": 84000, "           \
	"\"why\": {\"reason\": \"request\", \"text\": \"a client asked\"}}"

static void test_reclaim_ends_with_its_last_piece(void **state)
{
	static const struct {
		const char *bytes, *records;
		int pieces;
	} rows[] = {
		{"8M", RECORD("1", "reclaim", "", "8388608", "8388608"), 1},
		{"8M", RECORD("1", "reclaim", "", "8388608", "7500000"), 1},
		{"64M", RECORD("1", "reclaim", "", "20971520", "20971520"), 1},
		{"100M",
		 RECORD("1", "reclaim", "", "67108864",
			"67108864") ", " RECORD("2", "reclaim", "", "37748736", "37748736"),
		 2},
		{"8M",
		 RECORD("1", "reclaim", "a", "4194304",
			"4194304") ", " RECORD("2", "reclaim", "b", "4194304", "4194304"),
		 2},
	};
	struct fake *fake = *state;

	fake->answer[IPC_RECLAIM][0] = "{\"after\": 0}";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = NULL, *records = NULL;
		uint64_t began_us = clock_now_us();
		int lines = 0;

		assert_true(asprintf(&records, "{\"records\": [%s]}", rows[i].records) > 0);
		fake->answer[IPC_LOG][0] = records;
		assert_int_equal(UWCTL(fake, 0, &text, "reclaim", "cache", rows[i].bytes), 0);
		assert_true(clock_now_us() - began_us < AT_ONCE_US);
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			lines++;
		assert_int_equal(lines, rows[i].pieces);
	}
}

static void test_what_has_failed_is_said_by_the_exit_status(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;

	fake->answer[IPC_FREEZE][0] = "{\"after\": 0, \"for_us\": 60000000}";
	fake->answer[IPC_LOG][0] =
		"{\"records\": [{\"sequence\": 1, \"wall_us\": 1, \"component\": \"cache\", "
		"\"action\": \"freeze\", \"leaf\": \"a\", \"result\": \"gone\", \"why\": {}}]}";
	assert_int_equal(UWCTL(fake, 0, &text, "freeze", "cache"), CLI_FAILED);
	assert_non_null(strstr(text, "freeze a"));
}

/* What is less than was asked for is said, and does not fail. */
static void test_a_freeze_that_is_cut_says_so(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *heard = NULL;
	int kept = fake_listen();

	fake->answer[IPC_FREEZE][0] = "{\"after\": 0, \"for_us\": 60000000}";
	fake->answer[IPC_LOG][0] = "{\"records\": [" RECORD("1", "freeze", "a", "0", "0") "]}";
	assert_int_equal(UWCTL(fake, 0, &text, "freeze", "cache", "--for", "10h"), 0);
	heard = fake_heard(kept);
	assert_string_equal(heard,
			    "uwctl freeze: for 1min, not 10h: freeze-max in uw.conf allows no "
			    "more\n");
	assert_true(json_get_u64(fake->said[IPC_FREEZE][0], "for_us") == 36000 * US_PER_SEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reclaim_ends_with_its_last_piece),
		TEST(test_what_has_failed_is_said_by_the_exit_status),
		TEST(test_a_freeze_that_is_cut_says_so),
	};

	return cmocka_run_group_tests_name("cli_control", tests, NULL, NULL);
}
