// SPDX-License-Identifier: GPL-2.0-or-later
/* status --watch and log --follow go on while uwd is restarted, and draw without flickering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

#define STATUS(pid) "{\"daemon\": {\"pid\": " pid ", \"up_us\": 0}, \"components\": []}"
#define RECORD(sequence, what)                                                                   \
	"{\"sequence\": " sequence ", \"wall_us\": 5, \"action\": \"" what "\", \"component\": " \
	"\"db\", \"result\": \"done\", \"took_us\": 9}"

static size_t count(const char *text, const char *what)
{
	size_t count = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		count++;
	}
	return count;
}

static void test_watch_outlives_a_restart(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *heard = NULL;
	int kept = fake_listen();

	fake->answer[IPC_STATUS][0] = STATUS("111");
	fake->answer[IPC_STATUS][1] = "!Busy uwd begins";
	fake->answer[IPC_STATUS][2] = "!Busy uwd begins";
	fake->answer[IPC_STATUS][3] = STATUS("222");
	fake->answer[IPC_STATUS][4] = "!NotPermitted that is enough";
	assert_int_equal(UWCTL(fake, 80, &text, "status", "--watch"), CLI_REFUSED);
	heard = fake_heard(kept);
	assert_int_equal(count(text, "pid 111"), 1);
	assert_int_equal(count(text, "pid 222"), 1);
	assert_int_equal(count(heard, "uwd does not answer; waiting for it"), 1);
	assert_non_null(strstr(heard, "that is enough"));
}

static void test_watch_draws_over_what_is_there(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	int kept = fake_listen();

	fake->answer[IPC_STATUS][0] = STATUS("111");
	fake->answer[IPC_STATUS][1] = STATUS("222");
	fake->answer[IPC_STATUS][2] = "!NotPermitted that is enough";
	assert_int_equal(UWCTL(fake, 80, &text, "status", "--watch"), CLI_REFUSED);
	free(fake_heard(kept));
	assert_memory_equal(text, "\033[Huwd  ", 7);
	assert_int_equal(count(text, "\033[H"), 2);
	assert_int_equal(count(text, "\033[J"),
			 2); /* below the last line, never the whole screen */
	assert_null(strstr(text, "\033[H\033[J"));
	assert_int_equal(count(text, "\n"), count(text, "\033[K\n"));
}

static void test_watch_in_json_is_a_line_each(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	int kept = fake_listen();

	fake->answer[IPC_STATUS][0] = STATUS("111");
	fake->answer[IPC_STATUS][1] = STATUS("222");
	fake->answer[IPC_STATUS][2] = "!NotPermitted that is enough";
	assert_int_equal(UWCTL(fake, 0, &text, "status", "-w", "-j"), CLI_REFUSED);
	free(fake_heard(kept));
	assert_memory_equal(text, "{\"v\":1,\"daemon\":{\"pid\":111", 26);
	assert_int_equal(count(text, "\n{\"v\":1,\"daemon\":{\"pid\":222"), 1);
}

/* The new one counts from 1 again, and has done things before it is asked. */
static void test_follow_goes_on_with_the_next_uwd(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *heard = NULL;
	int kept = fake_listen();

	fake->answer[IPC_LOG][0] = "{\"records\": [" RECORD("7", "freeze") "]}";
	fake->answer[IPC_STATUS][0] = STATUS("222");
	fake->answer[IPC_LOG][1] = "{\"records\": [" RECORD("1", "thaw") "]}";
	fake->answer[IPC_LOG][2] = "!NotPermitted that is enough";
	assert_int_equal(UWCTL(fake, 0, &text, "log", "-f"), CLI_REFUSED);
	heard = fake_heard(kept);
	assert_int_equal(count(text, " freeze: "), 1);
	assert_int_equal(count(text, " thaw: "), 1);
	assert_int_equal(json_get_u64(fake->said[IPC_LOG][1], "after"), 0);
	assert_int_equal(json_get_u64(fake->said[IPC_LOG][2], "after"), 0);
	assert_non_null(strstr(heard, "uwd does not answer; waiting for it"));
}

/* One that has run all the while has turned a slow reader away: nothing is printed twice. */
static void test_follow_goes_on_where_it_was_with_the_same_uwd(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	int kept = fake_listen();

	fake->answer[IPC_LOG][0] = "{\"records\": [" RECORD("7", "freeze") "]}";
	fake->answer[IPC_STATUS][0] = "{\"daemon\": {\"up_us\": 9000000000}}";
	fake->answer[IPC_LOG][1] = "!NotPermitted that is enough";
	assert_int_equal(UWCTL(fake, 0, &text, "log", "-f"), CLI_REFUSED);
	free(fake_heard(kept));
	assert_int_equal(json_get_u64(fake->said[IPC_LOG][1], "after"), 7);
}

static void test_follow_of_an_absent_uwd_fails_at_once(void **state)
{
	struct fake *fake = *state;
	AUTO_FREE char *text = NULL;
	int kept = fake_listen();

	fake->answer[IPC_LOG][0] = "!Busy too many";
	assert_int_equal(UWCTL(fake, 0, &text, "log", "-f"), CLI_REFUSED);
	free(fake_heard(kept));
	assert_int_equal(fake->calls[IPC_LOG], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_watch_outlives_a_restart),
		TEST(test_watch_draws_over_what_is_there),
		TEST(test_watch_in_json_is_a_line_each),
		TEST(test_follow_goes_on_with_the_next_uwd),
		TEST(test_follow_goes_on_where_it_was_with_the_same_uwd),
		TEST(test_follow_of_an_absent_uwd_fails_at_once),
	};

	return cmocka_run_group_tests_name("cli_follow", tests, NULL, NULL);
}
