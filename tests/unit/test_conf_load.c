// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cgroups/cgroups.h"
#include "tests/unit/cut_folder.h"
#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/conf/conf.h"

static void fail_change(const struct conf_change *change, void *arg)
{
	char text[600];

	(void)arg;
	fail_msg("%s", conf_change_text(change, text, sizeof(text)));
}

static void test_default_profile_is_that_of_24_gigabytes(void **state)
{
	struct config built_in, shipped;
	struct uw_err err = {0};

	(void)state;
	conf_defaults(&built_in);
	assert_int_equal(built_in.component_count, 4);
	conf_load(NULL, "cgroups/profiles/24g.conf", &shipped, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(conf_diff(&built_in, &shipped, fail_change, NULL), 0);
}

static void test_shipped_profiles_fit_their_machines(void **state)
{
	static const struct {
		const char *path;
		uint64_t total;
	} rows[] = {
		{"cgroups/profiles/2g.conf", 2 * GIB},
		{"cgroups/profiles/24g.conf", 24 * GIB},
		{"cgroups/profiles/64g.conf", 64 * GIB},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct uw_err err = {0};
		struct config config;
		uint64_t usable;

		conf_load(NULL, rows[i].path, &config, &err);
		assert_string_equal(err.text, "");
		usable = cg_usable_of(rows[i].total, rows[i].total, 0);
		assert_int_equal(conf_check_budget(&config, usable, NULL), 0);
	}
}

/* A root directory with the folders that configuration may lie in. */
static int root_setup(void **state)
{
	static const char *const dirs[] = {
		"/etc",     "/etc/uw",     "/etc/uw/uw.conf.d",    "/usr",
		"/usr/lib", "/usr/lib/uw", "/usr/lib/uw/uw.conf.d"};
	static char root[32], path[96];

	strcpy(root, "/tmp/test_conf.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		if (mkdir(path, 0755))
			return -1;
	}
	*state = root;
	return 0;
}

static int root_teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", (const char *)*state);
	return system(command);
}

static void put(const char *root, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", root, name);
	AUTO_FCLOSE FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
}

static void test_without_files_the_built_in_profile_holds(void **state)
{
	struct config built_in, config;

	conf_defaults(&built_in);
	assert_int_equal(conf_load(*state, NULL, &config, NULL), 0);
	assert_int_equal(conf_diff(&built_in, &config, fail_change, NULL), 0);
}

static void test_dropins_extend_the_main_file_in_order(void **state)
{
	struct uw_err err = {0};
	struct config config;

	put(*state, "/usr/lib/uw/uw.conf", "[component vendor]\nshare = 90%\n");
	put(*state, "/etc/uw/uw.conf", "[component a]\nshare = 40%\npriority = 3\n");
	put(*state, "/usr/lib/uw/uw.conf.d/50-x.conf", "[component masked]\nshare = 90%\n");
	put(*state, "/etc/uw/uw.conf.d/50-x.conf", "[component b]\nshare = 10%\n");
	put(*state, "/usr/lib/uw/uw.conf.d/60-y.conf", "[component a]\npriority = 4\nlend = yes\n");
	put(*state, "/etc/uw/uw.conf.d/70-z.conf", "[component a]\npriority = 6\nbudget = 1G\n");
	put(*state, "/etc/uw/uw.conf.d/.hidden.conf", "junk");
	put(*state, "/etc/uw/uw.conf.d/80-old.conf.bak", "junk");
	conf_load(*state, NULL, &config, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(config.component_count, 2);
	assert_string_equal(config.component[0].name, "a");
	assert_int_equal(config.component[0].priority, 6);
	assert_int_equal(config.component[0].share_permyriad, 0);
	assert_int_equal(config.component[0].budget_bytes, GIB);
	assert_true(config.component[0].lend);
	assert_string_equal(config.component[1].name, "b");
}

static void join_path(const char *path, void *arg)
{
	strcat(arg, strrchr(path, '/') ?: path);
}

static void test_files_are_named_in_the_order_in_which_they_are_read(void **state)
{
	char names[256] = "";
	struct uw_err err = {0};

	assert_int_equal(conf_each_file(*state, NULL, join_path, names, &err), 0);
	assert_string_equal(names, "built-in profile");
	put(*state, "/usr/lib/uw/uw.conf.d/50-x.conf", "");
	put(*state, "/usr/lib/uw/uw.conf.d/60-y.conf", "");
	put(*state, "/etc/uw/uw.conf.d/50-x.conf", "");
	put(*state, "/etc/uw/uw.conf.d/10-a.conf", "");
	put(*state, "/etc/uw/uw.conf", "");
	names[0] = '\0';
	assert_int_equal(conf_each_file(*state, NULL, join_path, names, &err), 0);
	assert_string_equal(names, "/uw.conf/10-a.conf/50-x.conf/60-y.conf");
	names[0] = '\0';
	assert_int_equal(conf_each_file(*state, "/nowhere/x.conf", join_path, names, &err), 0);
	assert_string_equal(names, "/x.conf");
}

static void test_faults_in_a_dropin_name_it_and_its_line(void **state)
{
	struct config config, before;
	struct uw_err err = {0};

	memset(&config, 0x5a, sizeof(config));
	before = config;
	put(*state, "/etc/uw/uw.conf.d/10-a.conf", "[component cache]\n\nshare = 20%\n");
	assert_int_equal(conf_load(*state, NULL, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/etc/uw/uw.conf.d/10-a.conf:3: share: with component "
					 "'cache' the shares sum to 105%"));
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_what_is_no_file_is_refused_and_does_not_hang(void **state)
{
	struct uw_err err = {0};
	struct config config;
	char path[128];

	snprintf(path, sizeof(path), "%s/etc/uw/uw.conf.d/20-fifo.conf", (const char *)*state);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(conf_load(*state, NULL, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "20-fifo.conf: not a regular file"));
	assert_int_equal(conf_load(NULL, "/nonexistent/uw.conf", &config, &err), -ENOENT);
	assert_string_equal(err.text,
			    "/nonexistent/uw.conf: cannot be read: No such file or directory");
	assert_int_equal(conf_load(NULL, "/dev/zero", &config, &err), -EINVAL);
	assert_int_equal(conf_load(NULL, *state, &config, &err), -EINVAL);
}

static void test_folder_that_cannot_be_read_to_its_end_is_refused(void **state)
{
	struct uw_err err = {0};
	struct config config;

	put(*state, "/etc/uw/uw.conf.d/10-a.conf", "[component cache]\nshare = 20%\n");
	names_left = 0;
	assert_int_equal(conf_load(*state, NULL, &config, &err), -EIO);
	assert_non_null(strstr(err.text, "/etc/uw/uw.conf.d: cannot be read"));
}

#define test_in_root(f) cmocka_unit_test_setup_teardown(f, root_setup, root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_profile_is_that_of_24_gigabytes),
		cmocka_unit_test(test_shipped_profiles_fit_their_machines),
		test_in_root(test_without_files_the_built_in_profile_holds),
		test_in_root(test_dropins_extend_the_main_file_in_order),
		test_in_root(test_files_are_named_in_the_order_in_which_they_are_read),
		test_in_root(test_faults_in_a_dropin_name_it_and_its_line),
		test_in_root(test_what_is_no_file_is_refused_and_does_not_hang),
		test_in_root(test_folder_that_cannot_be_read_to_its_end_is_refused),
	};

	return cmocka_run_group_tests_name("conf_load", tests, NULL, NULL);
}
