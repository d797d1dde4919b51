// SPDX-License-Identifier: GPL-2.0-or-later
/* What a job's user may when the job starts: groups as they are now, and PAM with services here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/login/login.h"

#define STRANGE 54321U /* a group of nobody, and a user that there is not */

static char dir[32];

/* ---- the C library's lookups: of one who has two spellings, and of what cannot be told ---- */

static int user_error, group_error;

struct passwd *getpwuid(uid_t uid)
{
	static struct passwd user;
	static char text[1024];
	struct passwd *found = NULL;

	errno = user_error ? user_error : getpwuid_r(uid, &user, text, sizeof(text), &found);
	return found;
}

struct passwd *getpwnam(const char *name)
{
	static struct passwd user;
	static char text[1024];
	struct passwd *found = NULL;

	errno = getpwnam_r(strcmp(name, "Daemon") ? name : "daemon", &user, text, sizeof(text),
			   &found);
	return found;
}

struct group *getgrnam(const char *name)
{
	static struct group group;
	static char text[4096];
	struct group *found = NULL;

	errno = group_error ? group_error : getgrnam_r(name, &group, text, sizeof(text), &found);
	return found;
}

static int setup(void **state)
{
	(void)state;
	user_error = group_error = 0;
	strcpy(dir, "/tmp/uw-login-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void write_file(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const struct passwd *somebody(void)
{
	const struct passwd *user = getpwnam("daemon");

	if (!user)
		skip(); /* no such account here */
	return user;
}

static struct job_spec spec_of(const struct passwd *user)
{
	return (struct job_spec){.uid = user->pw_uid, .gid = user->pw_gid};
}

static void need_pam(void)
{
	void *pam = dlopen("libpam.so.0", RTLD_LAZY);

	if (!pam || getuid())
		skip(); /* no PAM here, or no right to ask it */
	dlclose(pam);
}

/* ---- groups ---- */

static void test_groups_that_the_user_lost_are_left_out(void **state)
{
	const struct passwd *user = somebody();
	struct job_spec spec = spec_of(user);

	(void)state;
	spec.group_count = 3;
	spec.group[0] = STRANGE;
	spec.group[1] = user->pw_gid;
	spec.group[2] = STRANGE + 1;
	assert_int_equal(login_groups(&spec, "*"), 0);
	assert_int_equal(spec.group_count, 1);
	assert_int_equal(spec.group[0], user->pw_gid);
	assert_int_equal(spec.gid, user->pw_gid);
}

static void test_group_that_the_user_lost_is_its_own_again(void **state)
{
	const struct passwd *user = somebody();
	struct job_spec spec = spec_of(user);

	(void)state;
	spec.gid = STRANGE;
	assert_int_equal(login_groups(&spec, "*"), 0);
	assert_int_equal(spec.gid, user->pw_gid);
}

static void test_no_group_is_added(void **state)
{
	struct job_spec spec = spec_of(somebody());

	(void)state;
	assert_int_equal(login_groups(&spec, "*"), 0);
	assert_int_equal(spec.group_count, 0);
}

static void test_user_without_a_name_has_its_own_group_alone(void **state)
{
	struct job_spec spec = {.uid = STRANGE, .gid = STRANGE, .group_count = 1, .group = {0}};

	(void)state;
	assert_int_equal(login_groups(&spec, "*"), 0);
	assert_int_equal(spec.group_count, 0);
	assert_int_equal(spec.gid, STRANGE);
}

/* ---- who may submit ---- */

static void test_who_is_not_named_any_more_may_not(void **state)
{
	static const struct {
		const char *submit;
		int rc;
	} rows[] = {
		{"*", 0},
		{"daemon", 0},
		{"@daemon", 0},
		{"games, @daemon", 0},
		{"root", LOGIN_MAY_NOT_SUBMIT},
		{"games, @games", LOGIN_MAY_NOT_SUBMIT},
		{"daemon2, @nosuchgroup", LOGIN_MAY_NOT_SUBMIT},
		{"", LOGIN_MAY_NOT_SUBMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct job_spec spec = spec_of(somebody());

		assert_int_equal(login_groups(&spec, rows[i].submit), rows[i].rc);
	}
}

/* Where names may be spelled in several ways, or two of them are one user. */
static void test_user_is_told_by_its_number(void **state)
{
	struct job_spec spec = spec_of(somebody());

	(void)state;
	assert_int_equal(login_groups(&spec, "Daemon"), 0);
	assert_int_equal(login_groups(&spec, "games, Daemon"), 0);
}

static void test_group_that_cannot_be_looked_up_is_no_refusal(void **state)
{
	struct job_spec spec = spec_of(somebody());

	(void)state;
	group_error = EIO;
	assert_int_equal(login_groups(&spec, "games, @daemon"), -EIO);
	assert_int_equal(login_groups(&spec, "@games, daemon"), 0);
}

static void test_group_that_is_named_must_be_had_now(void **state)
{
	struct job_spec spec = spec_of(somebody());
	const struct group *root = getgrgid(0);

	(void)state;
	if (!root)
		skip(); /* no such group here */
	spec.group_count = 1;
	spec.group[0] = 0; /* of the submission */
	assert_int_equal(login_groups(&spec, "@root"), LOGIN_MAY_NOT_SUBMIT);
}

static void test_root_always_may(void **state)
{
	struct job_spec spec = {0};

	(void)state;
	assert_int_equal(login_groups(&spec, "games"), 0);
}

/* ---- PAM ---- */

/* As of one without a name it would not be asked. */
static void test_account_that_cannot_be_looked_up_does_not_start(void **state)
{
	struct job_spec spec = spec_of(somebody());
	char text[128] = "";

	(void)state;
	write_file("uw", "account required pam_permit.so\n");
	user_error = EIO;
	assert_int_equal(login_session(&spec, dir, text, sizeof(text)), -EIO);
}

static void test_account_that_is_refused_does_not_start(void **state)
{
	struct job_spec spec = spec_of(somebody());
	char text[128] = "";

	(void)state;
	need_pam();
	write_file("uw", "account required pam_deny.so\nsession required pam_permit.so\n");
	assert_int_equal(login_session(&spec, dir, text, sizeof(text)), -EACCES);
	assert_string_not_equal(text, "");
}

static void test_session_that_fails_does_not_start(void **state)
{
	struct job_spec spec = spec_of(somebody());
	char text[128];

	(void)state;
	need_pam();
	write_file("uw", "account required pam_permit.so\n"
			 "session required pam_deny.so\n");
	assert_int_equal(login_session(&spec, dir, text, sizeof(text)), -EACCES);
}

static void test_limits_conf_holds_for_the_job(void **state)
{
	struct job_spec spec = spec_of(somebody());
	char service[256];
	int status;
	pid_t pid;

	(void)state;
	need_pam();
	write_file("limits.conf", "daemon hard nofile 77\ndaemon soft nofile 66\n");
	snprintf(service, sizeof(service),
		 "account required pam_permit.so\n"
		 "session required pam_limits.so conf=%s/limits.conf\n",
		 dir);
	write_file("uw", service);
	pid = fork();
	if (!pid) {
		struct rlimit files;
		char text[128];

		if (login_session(&spec, dir, text, sizeof(text)))
			_exit(1);
		getrlimit(RLIMIT_NOFILE, &files);
		_exit(files.rlim_cur == 66 && files.rlim_max == 77 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_without_a_service_nothing_is_asked(void **state)
{
	struct job_spec spec = spec_of(somebody());
	char text[128];

	(void)state;
	need_pam();
	write_file("other", "account required pam_deny.so\n");
	assert_int_equal(login_session(&spec, dir, text, sizeof(text)), 0);
}

/* Whoever submits by "*" may be one. */
static void test_user_without_a_name_has_no_account_to_ask(void **state)
{
	struct job_spec spec = {.uid = STRANGE, .gid = STRANGE};
	char text[128] = "";

	(void)state;
	need_pam();
	write_file("uw", "account required pam_deny.so\n");
	assert_int_equal(login_session(&spec, dir, text, sizeof(text)), 0);
}

/* One that was deleted is such a one, and named by nothing else. */
static void test_user_without_a_name_may_submit_where_all_may(void **state)
{
	struct job_spec spec = {.uid = STRANGE, .gid = STRANGE, .group_count = 1, .group = {0}};

	(void)state;
	assert_int_equal(login_groups(&spec, "*"), 0);
	assert_int_equal(login_groups(&spec, "daemon, @daemon"), LOGIN_MAY_NOT_SUBMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_groups_that_the_user_lost_are_left_out),
		TEST(test_group_that_the_user_lost_is_its_own_again),
		TEST(test_no_group_is_added),
		TEST(test_user_without_a_name_has_its_own_group_alone),
		TEST(test_who_is_not_named_any_more_may_not),
		TEST(test_user_is_told_by_its_number),
		TEST(test_group_that_cannot_be_looked_up_is_no_refusal),
		TEST(test_group_that_is_named_must_be_had_now),
		TEST(test_root_always_may),
		TEST(test_account_that_cannot_be_looked_up_does_not_start),
		TEST(test_account_that_is_refused_does_not_start),
		TEST(test_session_that_fails_does_not_start),
		TEST(test_limits_conf_holds_for_the_job),
		TEST(test_without_a_service_nothing_is_asked),
		TEST(test_user_without_a_name_has_no_account_to_ask),
		TEST(test_user_without_a_name_may_submit_where_all_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
