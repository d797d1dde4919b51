// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may enter a component, by which names, and how many leaves one user may have so; what root
 * may ask for besides. The caller is a child of the test that is another user; where it is moved to
 * is the VM case service.
 */
#include <poll.h>
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
#include "user/base/clock.h"
#include "user/daemon/entered.h"
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

static struct ipc_answer call_enter(struct enter_test *test, const json_t *said)
{
	struct ipc_call call = {.method = IPC_ENTER, .parameters = said, .peer = &test->peer};
	struct ipc_answer answer = {0};

	method_enter(&test->daemon, &call, &answer);
	return answer;
}

static struct ipc_answer enter(struct enter_test *test, const char *component, const char *leaf)
{
	AUTO_JSON json_t *said = json_pack("{s:s, s:s*}", "component", component, "leaf", leaf);

	return call_enter(test, said);
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

/* As root does for a user's job. */
static struct ipc_answer enter_for(struct enter_test *test, const char *leaf, uid_t uid,
				   json_int_t bytes)
{
	AUTO_JSON json_t *said = json_pack("{s:s, s:s, s:{s:I, s:i, s:[i]}, s:I, s:b}", "component",
					   "cache", "leaf", leaf, "user", "uid", (json_int_t)uid,
					   "gid", 7, "groups", 8, "bytes", bytes, "join", 1);

	return call_enter(test, said);
}

static void expect_not_for(struct ipc_answer answer, const char *error, const char *text)
{
	assert_false(answer.later);
	assert_string_equal(answer.error, error);
	assert_non_null(
		strstr(json_get_text(answer.parameters, json_object_get(answer.parameters, "reason")
								? "reason"
								: "parameter"),
		       text));
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
	static const char *const own[] = {"adopted", "pools", "job-7", "task-1-00000000f",
					  "slurm-7"};
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

/* Until each that is on its way is there, or is not. */
static void wait_for_all(struct enter_test *test, const struct entered *entered)
{
	struct pollfd moved = {.fd = mover_fd(&test->daemon), .events = POLLIN};

	while (entered->coming) {
		assert_int_equal(poll(&moved, 1, 10000), 1);
		mover_dispatch(&test->daemon);
	}
}

/* A leaf of another user, which the kernel lets nobody enter here. */
static struct entered *list_anothers(struct enter_test *test)
{
	const struct entered place = {
		.component = "cache",
		.leaf = "work",
		.uid = USER + 1,
		.cgid = 5,
		.bytes = 1000,
		.key = "fold",
	};

	return entered_add(&test->daemon, &place);
}

static void expect_anothers(const struct entered *entered)
{
	assert_int_equal(entered->uid, USER + 1);
	assert_int_equal(entered->cgid, 5);
	assert_int_equal(entered->bytes, 1000);
	assert_string_equal(entered->key, "fold");
}

static void test_enter_leaves_the_place_of_others_as_it_is(void **state)
{
	struct enter_test *test = *state;
	const struct entered *entered = list_anothers(test);

	assert_true(enter(test, "cache", "work").later);
	expect_anothers(entered);
	wait_for_all(test, entered);
	expect_anothers(entered);
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

/* ---- what root may ask for ---- */

static void become_root(struct enter_test *test)
{
	end_child(test->peer.pid);
	test->peer = (struct ipc_peer){.pid = start_child(0)};
}

/* The call of one that gave up is read later: root's child is its user by then. */
static void test_enter_moves_no_process_that_was_roots(void **state)
{
	struct enter_test *test = *state;

	test->peer.uid = 0;
	test->daemon.component[0].allow.all = true;
	expect_refused(test, "cache", "redis", IPC_ERROR_FAILED, "Operation not permitted");
}

static void test_enter_for_others_is_roots_alone(void **state)
{
	static const char *const only[] = {
		"{\"uid\": 4711, \"gid\": 7}", "1", "true", "\"fold\"", "3", "true"};
	static const char *const key[] = {"user", "bytes", "join", "key", "priority", "freezable"};

	for (size_t i = 0; i < ARRAY_SIZE(key); i++) {
		AUTO_JSON json_t *said = json_pack("{s:s}", "component", "cache");

		json_put(said, key[i], json_loads(only[i], JSON_DECODE_ANY, NULL));
		expect_not_for(call_enter(*state, said), IPC_ERROR_NOT_PERMITTED,
			       "only root may enter for a user");
	}
}

/* It is the user whom submit has to name, by itself or by a group. */
static void test_enter_for_a_user_is_by_what_that_user_may(void **state)
{
	struct enter_test *test = *state;

	become_root(test);
	assert_true(enter_for(test, "slurm-1", USER, 1).later);
	expect_not_for(enter_for(test, "slurm-2", USER + 1, 1), IPC_ERROR_NOT_PERMITTED,
		       "uid 4712 may not enter cache");
	test->daemon.component[0].allow.gid[test->daemon.component[0].allow.gid_count++] = 8;
	assert_true(enter_for(test, "slurm-2", USER + 1, 1).later);
}

static void test_enter_takes_no_user_and_no_size_that_is_none(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"user", "7"},
		{"user", "{}"},
		{"user", "{\"uid\": -1, \"gid\": 0}"},
		{"user", "{\"uid\": 4294967295, \"gid\": 0}"},
		{"user", "{\"uid\": 1, \"gid\": \"0\"}"},
		{"user", "{\"uid\": 1, \"gid\": 0, \"groups\": 3}"},
		{"user", "{\"uid\": 1, \"gid\": 0, \"groups\": [3, \"x\"]}"},
		{"bytes", "0"},
		{"bytes", "-5"},
		{"bytes", "1.5"},
		{"bytes", "9223372036854775807"},
		{"key", "\"\""},
		{"key", "\"a b\""},
		{"key", "7"},
		{"priority", "0"},
		{"priority", "11"},
		{"freezable", "1"},
		{"key", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
	};
	struct enter_test *test = *state;

	become_root(test);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *said = json_pack("{s:s}", "component", "cache");

		json_put(said, rows[i].key, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		expect_not_for(call_enter(test, said), IPC_ERROR_INVALID_PARAMETER, rows[i].key);
	}
}

/* Several of a job come at once, in any order with those that are there. */
static void test_enter_lets_a_users_processes_join_each_other(void **state)
{
	struct enter_test *test = *state;
	AUTO_JSON json_t *alone = json_pack("{s:s, s:s}", "component", "cache", "leaf", "slurm-1");
	struct ipc_answer answer;

	become_root(test);
	test->daemon.component[0].allow.all = true;
	assert_true(enter_for(test, "slurm-1", USER, 1).later);
	assert_true(enter_for(test, "slurm-1", USER, 1).later);
	assert_int_equal(entered_find(&test->daemon, "cache", "slurm-1")->coming, 2);
	expect_not_for(enter_for(test, "slurm-1", USER + 1, 1), IPC_ERROR_BUSY, "on its way");
	answer = call_enter(test, alone);
	expect_not_for(answer, IPC_ERROR_BUSY, "on its way");
}

/* Whichever of them fails last. */
static void test_enter_of_several_that_fail_leaves_the_place_of_others(void **state)
{
	struct enter_test *test = *state;
	const struct entered *entered = list_anothers(test);

	become_root(test);
	assert_true(enter_for(test, "work", USER, 1).later);
	assert_true(enter_for(test, "work", USER, 1).later);
	wait_for_all(test, entered);
	assert_ptr_equal(entered_find(&test->daemon, "cache", "work"), entered);
	expect_anothers(entered);
}

static struct ipc_answer ended(struct enter_test *test, const char *leaf, json_t *well)
{
	AUTO_JSON json_t *said =
		json_pack("{s:s, s:s, s:o}", "component", "cache", "leaf", leaf, "well", well);
	struct ipc_call call = {.method = IPC_ENDED, .parameters = said, .peer = &test->peer};
	struct ipc_answer answer = {0};

	method_ended(&test->daemon, &call, &answer);
	return answer;
}

/* One that ended badly tells of the leaf, whatever others of it say. */
static void test_ended_is_kept_until_the_leaf_goes(void **state)
{
	struct enter_test *test = *state;
	const struct entered *entered;

	become_root(test);
	assert_true(enter_for(test, "slurm-1", USER, 1).later);
	entered = entered_find(&test->daemon, "cache", "slurm-1");
	expect_not_for(ended(test, "slurm-2", json_true()), IPC_ERROR_NO_LEAF, "cache/slurm-2");
	expect_not_for(ended(test, "slurm-1", json_null()), IPC_ERROR_INVALID_PARAMETER, "well");
	assert_false(entered->ended_well || entered->ended_badly);
	assert_null(ended(test, "slurm-1", json_true()).error);
	assert_true(entered->ended_well && !entered->ended_badly);
	assert_null(ended(test, "slurm-1", json_false()).error);
	assert_true(entered->ended_well && entered->ended_badly);
}

static void test_enter_for_a_user_is_not_bounded_by_what_a_user_may(void **state)
{
	struct enter_test *test = *state;
	char name[16];

	become_root(test);
	for (unsigned int i = 0; i < ENTERED_MAX; i++) {
		snprintf(name, sizeof(name), "slurm-%u", i);
		assert_true(enter_for(test, name, USER, 1).later);
	}
	expect_not_for(enter_for(test, "another", USER, 1), IPC_ERROR_FAILED, "all together 1024");
}

/* What root has for jobs is none of a user's own, and users leave root its part of the list. */
static void test_enter_leaves_users_and_root_their_parts(void **state)
{
	struct enter_test *test = *state;
	const struct ipc_peer user = test->peer, root = {.pid = start_child(0)};
	char name[16];

	test->peer = root;
	for (unsigned int i = 0; i < ENTERED_MAX_USER; i++) {
		snprintf(name, sizeof(name), "slurm-%u", i);
		assert_true(enter_for(test, name, USER, 1).later);
	}
	test->peer = user;
	assert_true(enter(test, "cache", "own").later);
	for (uid_t uid = USER + 1; uid <= USER + ENTERED_MAX_USERS; uid++) {
		const struct entered place = {
			.component = "cache", .leaf = "of-others", .uid = uid};

		assert_non_null(entered_add(&test->daemon, &place));
	}
	expect_refused(test, "cache", "another", IPC_ERROR_FAILED, "all together 512");
	test->peer = root;
	assert_true(enter_for(test, "another", USER, 1).later);
	end_child(user.pid);
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
	entered_find_again(&test->daemon);
	assert_int_equal(fstatat(pool.dirfd, "cache/redis", &st, 0), 0);
	test->daemon.frame.leaf_count = 1;
	test->daemon.frame.leaf[0] = (struct leaf_sample){.cgid = st.st_ino, .populated = true};
	entered_keep_house(&test->daemon, clock_now_us());
	assert_true(is_there(&pool, "cache/redis"));
	assert_false(is_there(&pool, "cache/gone"));
	assert_true(is_there(&pool, "cache/run-7-0"));
	test->peer.pid = start_child(USER + 1);
	expect_refused(test, "cache", "redis", IPC_ERROR_FAILED, NULL); /* and is still listed */
	end_child(test->peer.pid);
	test->peer.pid = own;
	test->daemon.frame.leaf[0].populated = false;
	entered_keep_house(&test->daemon, clock_now_us());
	assert_false(is_there(&pool, "cache/redis"));
	test->daemon.pool.dir = -1;
	tmp_pool_done(&pool);
}

/* What it does not use of its size is spoken for; what it uses beyond it is in use. */
static void test_enter_reserves_what_is_the_leafs_limit(void **state)
{
	struct enter_test *test = *state;
	struct daemon *daemon = &test->daemon;
	uint64_t promised[UW_COMPONENTS_MAX];
	struct tmp_pool pool;
	struct stat st;

	tmp_pool_init(&pool);
	daemon->pool.dir = pool.dirfd;
	assert_int_equal(mkdirat(pool.dirfd, "database", 0755), 0);
	make_leaf(&pool, "database/slurm-1", USER);
	make_leaf(&pool, "database/postgres", USER);
	tmp_pool_write(&pool, "database/slurm-1", "memory.high", "1000000");
	tmp_pool_write(&pool, "database/postgres", "memory.high", "max");
	assert_int_equal(fstatat(pool.dirfd, "database/slurm-1", &st, 0), 0);
	entered_find_again(daemon);
	entered_promised(daemon, promised);
	assert_int_equal(promised[0], 0);
	assert_int_equal(promised[1], 1000000);
	assert_int_equal(entered_reserved_in(daemon, st.st_ino), 1000000);
	daemon->frame.leaf_count = 1;
	daemon->frame.leaf[0] = (struct leaf_sample){.cgid = st.st_ino, .current_bytes = 300000};
	entered_promised(daemon, promised);
	assert_int_equal(promised[1], 700000);
	/* Files that it read are no part of it. */
	daemon->frame.component[1].current_bytes = 1000000;
	daemon->frame.component[1].inactive_file_bytes = 900000;
	entered_promised(daemon, promised);
	assert_int_equal(promised[1], 970000);
	daemon->frame.component[1] = (struct component_sample){0};
	daemon->frame.leaf[0].current_bytes = 1200000;
	entered_promised(daemon, promised);
	assert_int_equal(promised[1], 0);
	daemon->pool.dir = -1;
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
	entered_find_again(&test->daemon);
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
	expect_refused(test, "cache", NULL, IPC_ERROR_FAILED, "dry run");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_enter_is_for_whom_submit_names),
		TEST(test_enter_takes_no_name_of_uwds_own),
		TEST(test_enter_of_one_leaf_is_one_at_a_time),
		TEST(test_enter_moves_no_process_that_was_roots),
		TEST(test_enter_leaves_the_place_of_others_as_it_is),
		TEST(test_enter_bounds_the_leaves_of_a_user),
		TEST(test_enter_never_moves_a_process_of_another_user),
		TEST(test_enter_finds_again_what_an_earlier_uwd_let_in),
		TEST(test_enter_counts_what_an_earlier_uwd_let_in),
		TEST(test_enter_counts_a_name_that_is_taken_over),
		TEST(test_enter_writes_nothing_in_a_dry_run),
		TEST(test_enter_for_others_is_roots_alone),
		TEST(test_enter_for_a_user_is_by_what_that_user_may),
		TEST(test_enter_takes_no_user_and_no_size_that_is_none),
		TEST(test_enter_lets_a_users_processes_join_each_other),
		TEST(test_enter_of_several_that_fail_leaves_the_place_of_others),
		TEST(test_enter_for_a_user_is_not_bounded_by_what_a_user_may),
		TEST(test_enter_leaves_users_and_root_their_parts),
		TEST(test_ended_is_kept_until_the_leaf_goes),
		TEST(test_enter_reserves_what_is_the_leafs_limit),
	};

	if (geteuid()) {
		puts("only root can be several users");
		return 77;
	}
	return cmocka_run_group_tests_name("enter", tests, NULL, NULL);
}
