// SPDX-License-Identifier: GPL-2.0-or-later
/* What config check tells of a file that is right in itself. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"

static char path[32];

static int write_file(void **state)
{
	static const char text[] = "[pool]\nusable = 60T\n[component cache]\nbudget = 1G\n"
				   "submit = root, nobody, nosuch, @nogroup, @nosuch\n";
	int fd;

	(void)state;
	strcpy(path, "/tmp/uw-test-XXXXXX");
	fd = mkstemp(path);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_check_warns_of_what_this_machine_has_not(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL;
	int status = UWCTL_LINE(80, &out, &err, "config", "check", path, "--color", "never");
	char first[64];

	(void)state;
	assert_int_equal(status, 0);
	snprintf(first, sizeof(first), "%s: ok, 1 component\n", path);
	assert_memory_equal(out, first, strlen(first));
	assert_non_null(strstr(out, "\nwarning: [pool] usable = 60T, and this machine has "));
	assert_non_null(strstr(out, "\nwarning: [component cache] submit = nosuch: there is no "
				    "such user here, so it lets nobody in\n"));
	assert_non_null(strstr(out, "\nwarning: [component cache] submit = @nosuch: there is no "
				    "such group here, so it lets nobody in\n"));
	assert_null(strstr(out, "= nobody:"));
	assert_null(strstr(out, "@nogroup"));
}

static void test_check_tells_programs_the_same(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL;
	int status = UWCTL_LINE(80, &out, &err, "config", "check", path, "--json");
	AUTO_JSON json_t *said = json_loads(out, 0, NULL);
	const json_t *files = json_object_get(said, "files");

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(json_string_value(json_array_get(files, 0)), path);
	assert_int_equal(json_array_size(json_object_get(said, "warnings")), 3);
}

/* Where nothing is installed, as on a machine that builds this. */
static void test_check_says_that_it_read_no_file(void **state)
{
	AUTO_FREE char *out = NULL, *err = NULL;

	(void)state;
	if (!access("/etc/uw", F_OK) || !access("/usr/lib/uw", F_OK))
		skip();
	assert_int_equal(UWCTL_LINE(80, &out, &err, "config", "check"), 0);
	assert_non_null(strstr(out, "built-in profile: ok, "));
	assert_non_null(strstr(out, "there is no /etc/uw/uw.conf"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, write_file, remove_file)
	const struct CMUnitTest tests[] = {
		TEST(test_check_warns_of_what_this_machine_has_not),
		TEST(test_check_tells_programs_the_same),
		TEST(test_check_says_that_it_read_no_file),
	};

	return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
