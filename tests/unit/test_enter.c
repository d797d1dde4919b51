// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may enter a component, by which names, and how many leaves one user may have so. The caller
 * is a child of the test that is another user; where it is moved to is the VM case service.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/daemon/methods/enter.h"
#include "user/daemon/mover.h"
#include "user/ipc/json.h"

#define USER 4711

struct enter_test {
	struct daemon daemon;
	struct ipc_peer peer;
};

static pid_t start_child(uid_t uid)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED); /* it is that user by then */
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int setup(void **state)
{
	struct enter_test *test = calloc(1, sizeof(*test));
	struct daemon *daemon = &test->daemon;

	daemon->config.component_count = 2;
	strcpy(daemon->config.component[0].name, "cache");
	strcpy(daemon->config.component[1].name, "database");
	daemon->component[0].allow.uid[daemon->component[0].allow.uid_count++] = USER;
	daemon->pool.dir = -1;
	pthread_mutex_init(&daemon->pool_lock, NULL);
	test->peer = (struct ipc_peer){.uid = USER, .gid = USER, .pid = start_child(USER)};
	*state = test;
	return mover_open(daemon);
}

static int teardown(void **state)
{
	struct enter_test *test = *state;

	end_child(test->peer.pid);
	mover_close(&test->daemon);
	pthread_mutex_destroy(&test->daemon.pool_lock);
	free(test->daemon.entered);
	free(test);
	return 0;
}

static struct ipc_answer enter(struct enter_test *test, const char *component, const char *leaf)
{
	AUTO_JSON json_t *said = json_pack("{s:s, s:s*}", "component", component, "leaf", leaf);
	struct ipc_call call = {.method = IPC_ENTER, .parameters = said, .peer = &test->peer};
	struct ipc_answer answer = {0};

	method_enter(&test->daemon, &call, &answer);
	return answer;
}

static void expect_refused(struct enter_test *test, const char *component, const char *leaf,
			   const char *error, const char *text)
{
	struct ipc_answer answer = enter(test, component, leaf);

	assert_false(answer.later);
	assert_string_equal(answer.error, error);
	if (text)
		assert_non_null(strstr(json_get_text(answer.parameters, "reason"), text));
	ipc_answer_done(&answer);
}

static void test_enter_is_for_whom_submit_names(void **state)
{
	struct enter_test *test = *state;
	struct ipc_answer answer;

	expect_refused(test, "database", NULL, IPC_ERROR_NOT_PERMITTED,
		       "uid 4711 may not enter database; 'submit' of [component database]");
	expect_refused(test, "nothing", NULL, IPC_ERROR_NO_COMPONENT, "no component 'nothing'");
	answer = enter(test, "cache", NULL);
	assert_null(answer.error);
	assert_true(answer.later);
}

static void test_enter_takes_no_name_of_uwds_own(void **state)
{
	static const char *const own[] = {"adopted", "pools", "job-7", "task-1-00000000f"};
	static const char *const bad[] = {"",      "a/b", "..",
					  "Upper", "-x",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		expect_refused(*state, "cache", own[i], IPC_ERROR_REFUSED, "uwd's own");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(*state, "cache", bad[i], IPC_ERROR_INVALID_PARAMETER, NULL);
}

static void test_enter_of_one_leaf_is_one_at_a_time(void **state)
{
	struct ipc_answer answer = enter(*state, "cache", "redis");

	assert_true(answer.later);
	expect_refused(*state, "cache", "redis", IPC_ERROR_BUSY, "on its way into cache/redis");
}

static void test_enter_bounds_the_leaves_of_a_user(void **state)
{
	char name[16];

	for (unsigned int i = 0; i < ENTERED_MAX_USER; i++) {
		struct ipc_answer answer;

		snprintf(name, sizeof(name), "leaf-%u", i);
		answer = enter(*state, "cache", name);
		assert_true(answer.later);
	}
	expect_refused(*state, "cache", "another", IPC_ERROR_REFUSED,
		       "uid 4711 has entered 32 leaves of 32 in all; a user may enter 32");
}

/* The number of a process that ended may be another's by the time of its call. */
static void test_enter_never_moves_a_process_of_another_user(void **state)
{
	struct enter_test *test = *state;
	pid_t own = test->peer.pid;

	test->peer.pid = start_child(USER + 1);
	expect_refused(test, "cache", "redis", IPC_ERROR_FAILED, "Operation not permitted");
	end_child(test->peer.pid);
	expect_refused(test, "cache", "redis", IPC_ERROR_FAILED, "No such process");
	test->peer.pid = own;
	assert_true(enter(test, "cache", "redis").later); /* what was refused holds no place */
}

/* A leaf in the pool, noted as entered by the user; UINT32_MAX: not at all. */
static void make_leaf(const struct tmp_pool *pool, const char *path, uid_t uid)
{
	AUTO_CLOSE int dir = -1;

	assert_int_equal(mkdirat(pool->dirfd, path, 0755), 0);
	dir = openat(pool->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (uid != UINT32_MAX && cg_leaf_note_entered(dir, uid))
		skip(); /* a tmpfs before Linux 6.6 */
}

static bool is_there(const struct tmp_pool *pool, const char *path)
{
	return !faccessat(pool->dirfd, path, F_OK, 0);
}

/* By their notes, and by nothing else; each counts as its user's. */
static void test_enter_finds_again_what_an_earlier_uwd_let_in(void **state)
{
	struct enter_test *test = *state;
	pid_t own = test->peer.pid;
	struct tmp_pool pool;
	struct stat st;

	tmp_pool_init(&pool);
	test->daemon.pool.dir = pool.dirfd;
	assert_int_equal(mkdirat(pool.dirfd, "cache", 0755), 0);
	make_leaf(&pool, "cache/redis", USER);
	make_leaf(&pool, "cache/gone", USER);
	make_leaf(&pool, "cache/run-7-0", UINT32_MAX);
	enter_find_again(&test->daemon);
	assert_int_equal(fstatat(pool.dirfd, "cache/redis", &st, 0), 0);
	test->daemon.frame.leaf_count = 1;
	test->daemon.frame.leaf[0] = (struct leaf_sample){.cgid = st.st_ino, .populated = true};
	enter_keep_house(&test->daemon);
	assert_true(is_there(&pool, "cache/redis"));
	assert_false(is_there(&pool, "cache/gone"));
	assert_true(is_there(&pool, "cache/run-7-0"));
	test->peer.pid = start_child(USER + 1);
	expect_refused(test, "cache", "redis", IPC_ERROR_FAILED, NULL); /* and is still listed */
	end_child(test->peer.pid);
	test->peer.pid = own;
	test->daemon.frame.leaf[0].populated = false;
	enter_keep_house(&test->daemon);
	assert_false(is_there(&pool, "cache/redis"));
	test->daemon.pool.dir = -1;
	tmp_pool_done(&pool);
}

/* A uwd that finds all that one user may have, and a leaf of another one if it has a path. */
static void start_with_all_of_a_user(struct enter_test *test, struct tmp_pool *pool,
				     const char *others)
{
	char path[32];

	tmp_pool_init(pool);
	test->daemon.pool.dir = pool->dirfd;
	assert_int_equal(mkdirat(pool->dirfd, "cache", 0755), 0);
	if (others)
		make_leaf(pool, others, USER + 1);
	for (unsigned int i = 0; i < ENTERED_MAX_USER; i++) {
		snprintf(path, sizeof(path), "cache/leaf-%u", i);
		make_leaf(pool, path, USER);
	}
	enter_find_again(&test->daemon);
}

static void test_enter_counts_what_an_earlier_uwd_let_in(void **state)
{
	struct enter_test *test = *state;
	struct tmp_pool pool;

	start_with_all_of_a_user(test, &pool, NULL);
	expect_refused(test, "cache", "another", IPC_ERROR_REFUSED,
		       "uid 4711 has entered 32 leaves of 32 in all");
	test->daemon.pool.dir = -1;
	tmp_pool_done(&pool);
}

/* A name that was somebody else's counts as any other. */
static void test_enter_counts_a_name_that_is_taken_over(void **state)
{
	struct enter_test *test = *state;
	struct tmp_pool pool;

	start_with_all_of_a_user(test, &pool, "cache/other");
	expect_refused(test, "cache", "other", IPC_ERROR_REFUSED,
		       "uid 4711 has entered 32 leaves of 33 in all");
	assert_true(enter(test, "cache", "leaf-1").later); /* its own again */
	test->daemon.pool.dir = -1;
	tmp_pool_done(&pool);
}

static void test_enter_writes_nothing_in_a_dry_run(void **state)
{
	struct enter_test *test = *state;

	test->daemon.options.dry_run = true;
	expect_refused(test, "cache", NULL, IPC_ERROR_REFUSED, "dry run");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_enter_is_for_whom_submit_names),
		TEST(test_enter_takes_no_name_of_uwds_own),
		TEST(test_enter_of_one_leaf_is_one_at_a_time),
		TEST(test_enter_bounds_the_leaves_of_a_user),
		TEST(test_enter_never_moves_a_process_of_another_user),
		TEST(test_enter_finds_again_what_an_earlier_uwd_let_in),
		TEST(test_enter_counts_what_an_earlier_uwd_let_in),
		TEST(test_enter_counts_a_name_that_is_taken_over),
		TEST(test_enter_writes_nothing_in_a_dry_run),
	};

	if (geteuid()) {
		puts("only root can be several users");
		return 77;
	}
	return cmocka_run_group_tests_name("enter", tests, NULL, NULL);
}
