// SPDX-License-Identifier: GPL-2.0-or-later
/* A guard and a stand-in for uwd, each a process, over a pool of plain files. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/guard/guard.h"
#include "user/ledger/ledger.h"

#define KILLS_GUARDED 100
#define KILLS_ALONE   200
#define HOME_HIGH     400000000ULL
#define SQUEEZED_HIGH "300000000"
#define BUSY_SPIN_MAX 20000 /* instructions, roughly, before the kill */
#define FAR_US        (3600 * US_PER_SEC)

struct fixture {
	struct tmp_pool pool;
	char pool_path[96];
	struct guard_options options;
	uint64_t jobs, leaf;
};

static int setup(void **state)
{
	static struct fixture f;

	tmp_pool_init(&f.pool);
	snprintf(f.pool_path, sizeof(f.pool_path), "%s/pool", f.pool.path);
	f.options = (struct guard_options){.pool = f.pool_path, .ledger = f.pool.ledger};
	f.jobs = tmp_pool_group(&f.pool, "jobs");
	f.leaf = tmp_pool_group(&f.pool, "jobs/train");
	tmp_pool_write(&f.pool, "jobs", "memory.high", "400000000");
	log_set_level(LOG_LEVEL_ERR);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tmp_pool_done(&f->pool);
	return 0;
}

/* ---- the stand-in for uwd: freezes, squeezes, undoes, without end ---- */

static void put(int fd, const char *value)
{
	if (pwrite(fd, value, strlen(value), 0) < 0)
		_exit(3);
}

static void run_uwd(const struct fixture *f, int ready, unsigned int turns)
{
	struct ledger_entry freeze = {
		.kind = LEDGER_FREEZE, .cgid = f->leaf, .new_value = 1, .path = "jobs/train"};
	struct ledger_entry squeeze = {
		.kind = LEDGER_HIGH, .cgid = f->jobs, .old_value = HOME_HIGH, .path = "jobs"};
	int freeze_fd = openat(f->pool.dirfd, "jobs/train/cgroup.freeze", O_WRONLY);
	int high_fd = openat(f->pool.dirfd, "jobs/memory.high", O_WRONLY);
	struct ledger *ledger;

	if (ledger_open(f->pool.ledger, true, &ledger, NULL) ||
	    ledger_take(ledger, LEDGER_UWD, HANG_GUARD_US) < 0)
		_exit(2);
	ledger_write_pool(ledger, f->pool.dirfd);
	for (unsigned int turn = 0; !turns || turn < turns; turn++) {
		freeze.deadline_us = clock_now_us() + 60 * US_PER_SEC;
		ledger_enter(ledger, &freeze);
		put(freeze_fd, "1");
		ledger_enter(ledger, &squeeze);
		put(high_fd, SQUEEZED_HIGH);
		if (!turn && write(ready, "", 1) != 1)
			_exit(4);
		if (turn + 1 == turns)
			break;
		put(high_fd, "400000000");
		ledger_clear(ledger, LEDGER_HIGH, f->jobs);
		put(freeze_fd, "0");
		ledger_clear(ledger, LEDGER_FREEZE, f->leaf);
	}
	for (;;)
		pause();
}

/* The stand-in is at work when it says so. */
static pid_t start(const struct fixture *f, void (*run)(const struct fixture *, int, unsigned int),
		   unsigned int turns)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		run(f, ready[1], turns);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

/* turns: 0 = without end; else stands still, frozen and squeezed, in the last one. */
static pid_t start_uwd(const struct fixture *f, unsigned int turns)
{
	return start(f, run_uwd, turns);
}

static pid_t start_guard(const struct fixture *f)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		int rc = guard_run(&f->options, NULL);

		_exit(rc ? 1 : 0);
	}
	return pid;
}

static int end(pid_t pid, int number)
{
	int status;

	assert_int_equal(kill(pid, number), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool is_clean(const struct fixture *f)
{
	return !tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze") &&
	       tmp_pool_read(&f->pool, "jobs", "memory.high") == HOME_HIGH;
}

static void spin(unsigned int count)
{
	for (volatile unsigned int i = 0; i < count; i++)
		;
}

/* How long that took is told, and proves nothing: what else ran is not known. */
static uint64_t await_clean(const struct fixture *f)
{
	uint64_t began_us = clock_now_us();

	UNTIL(is_clean(f));
	return clock_now_us() - began_us;
}

static void test_guard_undoes_after_every_kill(void **state)
{
	struct fixture *f = *state;
	pid_t guard = start_guard(f);
	uint64_t took_us, worst_us = 0;

	srandom(1);
	for (int i = 0; i < KILLS_GUARDED; i++) {
		pid_t uwd = start_uwd(f, 0);

		spin((unsigned int)random() % BUSY_SPIN_MAX);
		end(uwd, SIGKILL);
		took_us = await_clean(f);
		if (took_us > worst_us)
			worst_us = took_us;
	}
	assert_int_equal(end(guard, SIGTERM), 0);
	print_message("worst of %d: %llu us\n", KILLS_GUARDED, (unsigned long long)worst_us);
}

static void test_undo_once_after_every_kill_without_a_guard(void **state)
{
	struct fixture *f = *state;

	srandom(2);
	for (int i = 0; i < KILLS_ALONE; i++) {
		pid_t uwd = start_uwd(f, 0);

		spin((unsigned int)random() % BUSY_SPIN_MAX);
		end(uwd, SIGKILL);
		assert_int_equal(guard_undo_once(&f->options, NULL), 0);
		assert_true(is_clean(f));
	}
}

static void test_undo_once_finds_the_pool_in_the_ledger(void **state)
{
	struct fixture *f = *state;

	f->options.pool = NULL;
	end(start_uwd(f, 1), SIGKILL);
	assert_false(is_clean(f));
	assert_int_equal(guard_undo_once(&f->options, NULL), 0);
	assert_true(is_clean(f));
}

static void test_undo_once_without_a_ledger_makes_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guard_undo_once(&f->options, NULL), 0);
	assert_int_equal(access(f->options.ledger, F_OK), -1);
}

static void test_guard_killed_while_uwd_is_dead_is_made_good_by_the_next(void **state)
{
	struct fixture *f = *state;
	pid_t guard = start_guard(f), uwd = start_uwd(f, 1);

	end(guard, SIGKILL);
	end(uwd, SIGKILL);
	assert_false(is_clean(f));
	guard = start_guard(f);
	await_clean(f);
	assert_int_equal(end(guard, SIGTERM), 0);
}

static void test_guard_second_one_gives_way(void **state)
{
	struct fixture *f = *state;
	pid_t guard = start_guard(f), uwd = start_uwd(f, 1), second;
	struct ledger *ledger;
	struct ledger_peer peer = {0};
	int status;

	assert_int_equal(ledger_open(f->options.ledger, false, &ledger, NULL), 0);
	UNTIL((ledger_read_peer(ledger, LEDGER_GUARD, &peer), peer.pid));
	assert_int_equal(peer.pid, guard);
	ledger_close(ledger);
	second = start_guard(f);
	assert_int_equal(waitpid(second, &status, 0), second);
	assert_int_equal(WEXITSTATUS(status), 1);
	end(uwd, SIGKILL);
	await_clean(f);
	end(guard, SIGTERM);
}

/* ---- a uwd that lives, and what its heartbeat says ---- */

/* A guard beats once a turn, so that the turn after the next one began when uwd was as it is now.
 */
static void await_two_turns(const struct fixture *f)
{
	struct ledger_peer before = {0}, guard = {0};
	struct ledger *ledger;

	assert_int_equal(ledger_open(f->options.ledger, false, &ledger, NULL), 0);
	for (int i = 0; i < 2; i++) {
		ledger_read_peer(ledger, LEDGER_GUARD, &before);
		UNTIL((ledger_read_peer(ledger, LEDGER_GUARD, &guard),
		       guard.beat_us > before.beat_us));
	}
	ledger_close(ledger);
}

static void beat(const struct fixture *f, uint64_t beat_us)
{
	struct ledger *ledger;

	assert_int_equal(ledger_open(f->options.ledger, false, &ledger, NULL), 0);
	ledger_beat(ledger, LEDGER_UWD, beat_us);
	ledger_close(ledger);
}

static void test_guard_takes_a_heart_for_stopped_after_two_seconds(void **state)
{
	uint64_t beat_us = 5 * US_PER_SEC;

	(void)state;
	assert_false(guard_is_stale(beat_us, 0, beat_us - 1)); /* another CPU's clock */
	assert_false(guard_is_stale(beat_us, 0, beat_us + 2 * US_PER_SEC));
	assert_true(guard_is_stale(beat_us, 0, beat_us + 2 * US_PER_SEC + 1));
	assert_false(guard_is_stale(beat_us, US_PER_SEC, beat_us + 3 * US_PER_SEC));
}

/* Its last heartbeat lies in the future, and then as far back as says that it hangs. */
static void test_guard_undoes_what_a_stopped_uwd_holds(void **state)
{
	struct fixture *f = *state;
	pid_t uwd = start_uwd(f, 1), guard;

	assert_int_equal(kill(uwd, SIGSTOP), 0);
	beat(f, clock_now_us() + FAR_US);
	guard = start_guard(f);
	await_two_turns(f);
	assert_false(is_clean(f));
	beat(f, clock_now_us() - LEDGER_STALE_US);
	await_clean(f);
	end(uwd, SIGKILL);
	end(guard, SIGTERM);
}

/* A machine that stands still makes both late. What uwd is silent beyond that, it is taken for. */
static void test_guard_that_stood_still_itself_takes_nobody_for_stopped(void **state)
{
	struct fixture *f = *state;
	pid_t uwd = start_uwd(f, 1), guard;

	assert_int_equal(kill(uwd, SIGSTOP), 0);
	beat(f, clock_now_us() + FAR_US);
	guard = start_guard(f);
	await_two_turns(f);
	assert_int_equal(kill(guard, SIGSTOP), 0);
	beat(f, clock_now_us() - LEDGER_STALE_US / 2);
	usleep(LEDGER_STALE_US);
	assert_int_equal(kill(guard, SIGCONT), 0);
	await_two_turns(f);
	assert_false(is_clean(f));
	await_clean(f);
	end(uwd, SIGKILL);
	end(guard, SIGTERM);
}

/* Frozen and squeezed, both long past their deadlines, and beating on. */
static void pass_deadlines(const struct fixture *f, int ready, unsigned int turns)
{
	uint64_t now_us = clock_now_us();
	struct ledger_entry freeze = {.kind = LEDGER_FREEZE,
				      .cgid = f->leaf,
				      .new_value = 1,
				      .deadline_us = now_us - 3 * US_PER_SEC,
				      .path = "jobs/train"};
	struct ledger_entry squeeze = {.kind = LEDGER_HIGH,
				       .cgid = f->jobs,
				       .old_value = HOME_HIGH,
				       .deadline_us = now_us - 3 * US_PER_SEC,
				       .path = "jobs"};
	struct ledger *ledger;

	(void)turns;
	if (ledger_open(f->pool.ledger, true, &ledger, NULL) ||
	    ledger_take(ledger, LEDGER_UWD, HANG_GUARD_US) < 0)
		_exit(2);
	ledger_beat(ledger, LEDGER_UWD, now_us + FAR_US);
	if (ledger_enter(ledger, &freeze) || ledger_enter(ledger, &squeeze))
		_exit(2);
	put(openat(f->pool.dirfd, "jobs/memory.high", O_WRONLY), SQUEEZED_HIGH);
	put(openat(f->pool.dirfd, "jobs/train/cgroup.freeze", O_WRONLY), "1");
	if (write(ready, "", 1) != 1)
		_exit(4);
	for (;;)
		pause();
}

/* What is frozen cannot help itself; what is squeezed runs on, and uwd judges it with each tick. */
static void test_guard_thaws_at_a_deadline_and_leaves_a_squeeze_to_a_live_uwd(void **state)
{
	struct fixture *f = *state;
	pid_t uwd = start(f, pass_deadlines, 1), guard = start_guard(f);

	UNTIL(!tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze"));
	await_two_turns(f);
	assert_int_equal(tmp_pool_read(&f->pool, "jobs", "memory.high"), 300000000);
	end(uwd, SIGKILL);
	await_clean(f);
	end(guard, SIGTERM);
}

/* ---- a uwd whose last thread outlives its first ---- */

/* What a worker on its way into a write does, after the main thread has gone: the guard has undone
 * what there was, undoes this too, and still looks on as the thread ends with a last write. */
static void *straggle(void *data)
{
	const struct fixture *f = data;
	int high_fd = openat(f->pool.dirfd, "jobs/memory.high", O_WRONLY);

	UNTIL(is_clean(f));
	put(high_fd, SQUEEZED_HIGH);
	UNTIL(is_clean(f));
	put(high_fd, SQUEEZED_HIGH);
	_exit(0);
}

static void test_guard_outlasts_the_last_thread(void **state)
{
	struct fixture *f = *state;
	struct ledger_entry squeeze = {
		.kind = LEDGER_HIGH, .cgid = f->jobs, .old_value = HOME_HIGH, .path = "jobs"};
	pid_t guard = start_guard(f), uwd = fork();
	struct ledger *ledger;

	assert_true(uwd >= 0);
	if (!uwd) {
		pthread_t thread;

		if (ledger_open(f->pool.ledger, true, &ledger, NULL) ||
		    ledger_take(ledger, LEDGER_UWD, HANG_GUARD_US) < 0 ||
		    ledger_enter(ledger, &squeeze))
			_exit(2);
		put(openat(f->pool.dirfd, "jobs/memory.high", O_WRONLY), SQUEEZED_HIGH);
		if (pthread_create(&thread, NULL, straggle, f))
			_exit(2);
		pthread_exit(NULL);
	}
	assert_int_equal(waitpid(uwd, NULL, 0), uwd);
	await_clean(f);
	assert_int_equal(ledger_open(f->pool.ledger, false, &ledger, NULL), 0);
	assert_int_equal(ledger_take(ledger, LEDGER_UWD, HANG_GUARD_US), 0);
	assert_int_equal(ledger_count(ledger), 0);
	assert_true(is_clean(f));
	ledger_close(ledger);
	end(guard, SIGTERM);
}

/* ---- a uwd that another one is to follow ---- */

static void run_handing_over(const struct fixture *f, uint64_t until_us)
{
	struct ledger_entry freeze = {.kind = LEDGER_FREEZE,
				      .cgid = f->leaf,
				      .new_value = LEDGER_FREEZE_ASKED,
				      .deadline_us = clock_now_us() + FAR_US,
				      .path = "jobs/train"};
	struct ledger *ledger;

	if (ledger_open(f->pool.ledger, true, &ledger, NULL) ||
	    ledger_take(ledger, LEDGER_UWD, HANG_GUARD_US) < 0 || ledger_enter(ledger, &freeze))
		_exit(2);
	ledger_write_pool(ledger, f->pool.dirfd);
	put(openat(f->pool.dirfd, "jobs/train/cgroup.freeze", O_WRONLY), "1");
	ledger_hand_over(ledger, until_us);
	ledger_close(ledger);
	_exit(0);
}

/* Returns when it has ended. */
static void hand_over(const struct fixture *f, uint64_t until_us)
{
	pid_t uwd = fork();
	int status;

	assert_true(uwd >= 0);
	if (!uwd)
		run_handing_over(f, until_us);
	assert_int_equal(waitpid(uwd, &status, 0), uwd);
	assert_int_equal(status, 0);
}

static bool is_held(const struct fixture *f)
{
	return tmp_pool_read(&f->pool, "jobs/train", "cgroup.freeze") == 1;
}

static void test_guard_keeps_what_is_handed_over(void **state)
{
	struct fixture *f = *state;
	pid_t guard = start_guard(f);

	hand_over(f, clock_now_us() + FAR_US);
	await_two_turns(f);
	assert_true(is_held(f));
	assert_int_equal(guard_undo_once(&f->options, NULL), 0);
	assert_true(is_held(f));
	assert_int_equal(end(guard, SIGTERM), 0); /* and nobody is left to see to it */
	assert_true(is_clean(f));
}

static void test_guard_undoes_when_nobody_comes(void **state)
{
	struct fixture *f = *state;
	pid_t guard = start_guard(f);

	hand_over(f, clock_now_us() + 200 * US_PER_MS);
	await_clean(f);
	assert_int_equal(end(guard, SIGTERM), 0);
}

static void test_undo_once_undoes_what_is_handed_over_and_unguarded(void **state)
{
	struct fixture *f = *state;

	hand_over(f, clock_now_us() + FAR_US);
	assert_int_equal(guard_undo_once(&f->options, NULL), 0);
	assert_true(is_clean(f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_guard_undoes_after_every_kill),
		TEST(test_undo_once_after_every_kill_without_a_guard),
		TEST(test_undo_once_finds_the_pool_in_the_ledger),
		TEST(test_undo_once_without_a_ledger_makes_none),
		TEST(test_guard_killed_while_uwd_is_dead_is_made_good_by_the_next),
		TEST(test_guard_second_one_gives_way),
		TEST(test_guard_takes_a_heart_for_stopped_after_two_seconds),
		TEST(test_guard_undoes_what_a_stopped_uwd_holds),
		TEST(test_guard_that_stood_still_itself_takes_nobody_for_stopped),
		TEST(test_guard_thaws_at_a_deadline_and_leaves_a_squeeze_to_a_live_uwd),
		TEST(test_guard_outlasts_the_last_thread),
		TEST(test_guard_keeps_what_is_handed_over),
		TEST(test_guard_undoes_when_nobody_comes),
		TEST(test_undo_once_undoes_what_is_handed_over_and_unguarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
