// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/unit/few_fds.h"
#include "tests/unit/ledger_fixture.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"

/* ---- the file ---- */

static void test_open_missing_makes_a_fresh_one(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger;

	assert_int_equal(ledger_open(pool->ledger, false, &ledger, NULL), 0);
	assert_int_equal(ledger_count(ledger), 0);
	ledger_close(ledger);
}

static void test_open_missing_directory_is_told(void **state)
{
	struct uw_err err = {0};
	struct ledger *ledger = NULL;

	(void)state;
	assert_int_equal(ledger_open("/nonexistent/ledger", true, &ledger, &err), -ENOENT);
	assert_null(ledger);
	assert_non_null(strstr(err.text, "/nonexistent/ledger"));
}

static void test_reopen_finds_entries(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool);
	struct ledger_entry entry;

	assert_int_equal(ledger_enter(ledger, &a_freeze), 0);
	ledger_close(ledger);
	assert_int_equal(ledger_open(pool->ledger, false, &ledger, NULL), 0);
	assert_true(ledger_find(ledger, LEDGER_FREEZE, 42, &entry));
	assert_memory_equal(&entry, &a_freeze, sizeof(entry));
	ledger_close(ledger);
}

static void spoil_size(struct ledger_file *file, int fd)
{
	(void)file;
	assert_int_equal(ftruncate(fd, 100), 0);
}

static void spoil_magic(struct ledger_file *file, int fd)
{
	(void)fd;
	file->magic[0] = 'X';
}

static void spoil_version(struct ledger_file *file, int fd)
{
	(void)fd;
	file->version++;
}

static void spoil_boot(struct ledger_file *file, int fd)
{
	(void)fd;
	file->boot_id[3] ^= 1;
}

static void spoil_all(struct ledger_file *file, int fd)
{
	(void)fd;
	memset((void *)file, 0xff, LEDGER_BYTES(LEDGER_ENTRIES));
}

static void spoil_entries(struct ledger_file *file, int fd)
{
	(void)fd;
	file->entries = LEDGER_ENTRIES + 1; /* than the file has room for */
}

static void spoil_few(struct ledger_file *file, int fd)
{
	(void)fd;
	file->entries = 1;
}

static void test_open_foreign_content_is_refused_or_replaced(void **state)
{
	static void (*const spoil[])(struct ledger_file * file, int fd) = {
		spoil_magic, spoil_version, spoil_boot, spoil_all,
		spoil_size,  spoil_entries, spoil_few,
	};
	struct tmp_pool *pool = *state;

	for (size_t i = 0; i < ARRAY_SIZE(spoil); i++) {
		struct ledger *ledger = open_taken(pool), *other;

		assert_int_equal(ledger_enter(ledger, &a_freeze), 0);
		ledger_release(ledger);
		spoil[i](ledger->file, ledger->fd);
		assert_int_equal(ledger_open(pool->ledger, false, &other, NULL), -EUCLEAN);
		assert_int_equal(ledger_open(pool->ledger, true, &other, NULL), 0);
		assert_int_equal(ledger_count(other), 0);
		assert_true(ledger_is_replaced(ledger));
		ledger_close(other);
		ledger_close(ledger);
	}
}

/* ---- entries ---- */

static void test_enter_again_keeps_the_old_value(void **state)
{
	struct ledger *ledger = open_taken(*state);
	struct ledger_entry again = a_squeeze, entry;

	again.old_value = 300;
	again.new_value = 200;
	again.at_us = 99;
	again.deadline_us = 1000;
	assert_int_equal(ledger_enter(ledger, &a_squeeze), 0);
	assert_int_equal(ledger_enter(ledger, &again), 0);
	assert_int_equal(ledger_count(ledger), 1);
	assert_true(ledger_find(ledger, LEDGER_HIGH, 43, &entry));
	assert_int_equal(entry.old_value, OLD_HIGH);
	assert_int_equal(entry.new_value, 200);
	assert_int_equal(entry.at_us, a_squeeze.at_us);
	assert_int_equal(entry.deadline_us, 1000);
	ledger_close(ledger);
}

static void test_clear_removes_only_its_kind(void **state)
{
	struct ledger *ledger = open_taken(*state);
	struct ledger_entry low = a_squeeze, entry;

	low.kind = LEDGER_LOW;
	assert_int_equal(ledger_enter(ledger, &a_squeeze), 0);
	assert_int_equal(ledger_enter(ledger, &low), 0);
	ledger_clear(ledger, LEDGER_HIGH, 43);
	ledger_clear(ledger, LEDGER_HIGH, 43);
	assert_false(ledger_find(ledger, LEDGER_HIGH, 43, &entry));
	assert_true(ledger_find(ledger, LEDGER_LOW, 43, &entry));
	ledger_close(ledger);
}

static void test_enter_full_is_refused(void **state)
{
	struct ledger *ledger = open_taken(*state);
	struct ledger_entry entry = a_freeze;

	for (entry.cgid = 1; entry.cgid <= LEDGER_ENTRIES; entry.cgid++)
		assert_int_equal(ledger_enter(ledger, &entry), 0);
	assert_int_equal(ledger_enter(ledger, &entry), -ENOSPC);
	ledger_clear(ledger, LEDGER_FREEZE, 17);
	assert_int_equal(ledger_enter(ledger, &entry), 0);
	ledger_close(ledger);
}

static void test_enter_hostile_paths_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "/", "/etc", "..", "../x", "a/..", "a/../b", "a//b", "a/", ".", ".hidden",
	};
	struct ledger *ledger = open_taken(*state);
	struct ledger_entry entry = a_freeze;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		strcpy(entry.path, rows[i]);
		assert_int_equal(ledger_enter(ledger, &entry), -EINVAL);
	}
	memset(entry.path, 'a', sizeof(entry.path));
	assert_int_equal(ledger_enter(ledger, &entry), -EINVAL);
	assert_int_equal(ledger_count(ledger), 0);
	ledger_close(ledger);
}

static void test_read_hostile_slots_are_skipped(void **state)
{
	struct ledger *ledger = open_taken(*state);
	struct ledger_entry entry;
	struct ledger_slot *slot = ledger->file->slot;

	assert_int_equal(ledger_enter(ledger, &a_freeze), 0);
	slot[0].kind = LEDGER__COUNT;
	assert_false(ledger_read(ledger, 0, &entry));
	slot[0].kind = LEDGER_FREEZE;
	strcpy(slot[0].path, "../../etc");
	assert_false(ledger_read(ledger, 0, &entry));
	memset(slot[0].path, 'a', sizeof(slot[0].path));
	assert_false(ledger_read(ledger, 0, &entry));
	atomic_store(&slot[0].state, 0xdeadU);
	assert_false(ledger_read(ledger, 0, &entry));
	ledger_close(ledger);
}

/* ---- the lock ---- */

static pid_t fork_holder(const struct tmp_pool *pool, int *ret_ready)
{
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct ledger *ledger;

		if (ledger_open(pool->ledger, false, &ledger, NULL) ||
		    ledger_take(ledger, LEDGER_UWD, 0) < 0)
			_exit(1);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	*ret_ready = ready[0];
	return pid;
}

static void await(int ready)
{
	char byte;

	assert_int_equal(read(ready, &byte, 1), 1);
	close(ready);
}

static void kill_and_reap(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_take_held_is_busy_until_its_holder_dies(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger;
	struct ledger_peer uwd;
	int ready, pidfd = -1;
	pid_t pid;

	assert_int_equal(ledger_open(pool->ledger, false, &ledger, NULL), 0);
	pid = fork_holder(pool, &ready);
	await(ready);
	assert_int_equal(ledger_take(ledger, LEDGER_GUARD, 0), -EBUSY);
	assert_int_equal(ledger_take(ledger, LEDGER_GUARD, 1000), -EBUSY);
	ledger_read_peer(ledger, LEDGER_UWD, &uwd);
	assert_int_equal(uwd.pid, pid);
	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), 0);
	close(pidfd);
	kill_and_reap(pid);
	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), -ESRCH);
	assert_int_equal(ledger_take(ledger, LEDGER_GUARD, 0), LEDGER_TAKEN_OVER);
	ledger_release(ledger);
	assert_int_equal(ledger_take(ledger, LEDGER_GUARD, 0), 0);
	ledger_close(ledger);
}

static void test_take_replaced_is_stale_but_for_a_guard(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger;

	assert_int_equal(ledger_open(pool->ledger, false, &ledger, NULL), 0);
	assert_int_equal(unlink(pool->ledger), 0);
	assert_int_equal(ledger_take(ledger, LEDGER_UWD, 0), -ESTALE);
	assert_false(ledger_is_taken(ledger));
	assert_int_equal(ledger_take(ledger, LEDGER_GUARD, 0), 0);
	ledger_close(ledger);
}

static void test_peer_with_a_reused_pid_is_dead(void **state)
{
	struct ledger *ledger = open_taken(*state);
	int pidfd = -1;

	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), 0);
	close(pidfd);
	atomic_fetch_add(&ledger->file->line[LEDGER_UWD].start_ticks, 1);
	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), -ESRCH);
	assert_int_equal(ledger_open_peer(ledger, LEDGER_GUARD, &pidfd), -ESRCH);
	ledger_close(ledger);
}

static void test_guard_signs_once(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *first, *second;

	assert_int_equal(ledger_open(pool->ledger, false, &first, NULL), 0);
	assert_int_equal(ledger_open(pool->ledger, false, &second, NULL), 0);
	assert_int_equal(ledger_sign_guard(first), 0);
	assert_int_equal(ledger_sign_guard(second), -EBUSY);
	ledger_close(first);
	assert_int_equal(ledger_sign_guard(second), 0);
	ledger_close(second);
}

static void test_pool_is_told_to_others(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool);
	char path[LEDGER_POOL_LEN], want[96];

	ledger_read_pool(ledger, path);
	assert_string_equal(path, "");
	assert_int_equal(ledger_write_pool(ledger, pool->dirfd), 0);
	ledger_read_pool(ledger, path);
	snprintf(want, sizeof(want), "%s/pool", pool->path);
	assert_string_equal(path, want);
	ledger_close(ledger);
}

/* ---- the property: at every instruction ---- */

static void write_knob(const struct tmp_pool *pool, const char *path, const char *value)
{
	if (text_write_at(pool->dirfd, path, value))
		_exit(1);
}

/* Two episodes, so that the second reuses the slot of the first. */
static void run_episode(const struct tmp_pool *pool, struct ledger *ledger,
			const struct ledger_entry *freeze, const struct ledger_entry *squeeze)
{
	struct ledger_entry again = *squeeze;

	ledger_enter(ledger, freeze);
	write_knob(pool, "jobs/cgroup.freeze", "1");
	ledger_enter(ledger, squeeze);
	write_knob(pool, "jobs/memory.high", "300000000");
	again.new_value = 200000000;
	again.deadline_us = 77;
	ledger_enter(ledger, &again);
	write_knob(pool, "jobs/memory.high", "200000000");
	write_knob(pool, "jobs/cgroup.freeze", "0");
	ledger_clear(ledger, LEDGER_FREEZE, freeze->cgid);
	write_knob(pool, "jobs/memory.high", "400000000");
	ledger_clear(ledger, LEDGER_HIGH, squeeze->cgid);
	ledger_enter(ledger, squeeze);
	write_knob(pool, "jobs/memory.high", "300000000");
	write_knob(pool, "jobs/memory.high", "400000000");
	ledger_clear(ledger, LEDGER_HIGH, squeeze->cgid);
}

/* Whatever is done is entered, and whatever is entered is wholly there. */
static void check_now(const struct tmp_pool *pool, const struct ledger *ledger,
		      const struct ledger_entry *freeze, const struct ledger_entry *squeeze)
{
	struct ledger_entry entry;
	uint32_t readable = 0;

	if (tmp_pool_read(pool, "jobs", "cgroup.freeze"))
		assert_true(ledger_find(ledger, LEDGER_FREEZE, freeze->cgid, &entry));
	if (tmp_pool_read(pool, "jobs", "memory.high") < OLD_HIGH)
		assert_true(ledger_find(ledger, LEDGER_HIGH, squeeze->cgid, &entry));
	for (uint32_t i = 0; i < ledger_slots(ledger); i++) {
		const struct ledger_entry *want;

		if (!ledger_read(ledger, i, &entry))
			continue;
		readable++;
		want = entry.kind == LEDGER_FREEZE ? freeze : squeeze;
		assert_int_equal(entry.kind, want->kind);
		assert_int_equal(entry.cgid, want->cgid);
		assert_int_equal(entry.old_value, want->old_value);
		assert_string_equal(entry.path, want->path);
	}
	assert_int_equal(readable, ledger_count(ledger));
}

static pid_t fork_traced(const struct tmp_pool *pool, struct ledger *ledger,
			 const struct ledger_entry *freeze, const struct ledger_entry *squeeze)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	raise(SIGSTOP);
	run_episode(pool, ledger, freeze, squeeze);
	_exit(0);
}

/*
 * Steps a process through it by single instructions and looks, between any two, at the ledger and
 * the files as a guard would find them had it been killed there.
 */
static void test_killed_at_any_instruction_leaves_what_can_be_undone(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool), *seen; /* who looks has not taken it */
	struct ledger_entry freeze = a_freeze, squeeze = a_squeeze;
	static char before[LEDGER_BYTES(LEDGER_ENTRIES)];
	uint64_t high = 0, frozen = 0;
	unsigned int states = 0, steps = 0;
	int status;
	pid_t pid;

	assert_int_equal(ledger_open(pool->ledger, false, &seen, NULL), 0);
	freeze.cgid = squeeze.cgid = tmp_pool_group(pool, "jobs");
	strcpy(freeze.path, "jobs");
	tmp_pool_write(pool, "jobs", "memory.high", "400000000");
	pid = fork_traced(pool, ledger, &freeze, &squeeze);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		ledger_close(seen);
		ledger_close(ledger);
		skip();
	}
	for (;; steps++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			break;
		assert_true(WIFSTOPPED(status));
		/* Nothing to look at where nothing that others see has changed. */
		if (!memcmp(before, (const void *)seen->file, sizeof(before)) &&
		    high == tmp_pool_read(pool, "jobs", "memory.high") &&
		    frozen == tmp_pool_read(pool, "jobs", "cgroup.freeze"))
			continue;
		memcpy(before, (const void *)seen->file, sizeof(before));
		high = tmp_pool_read(pool, "jobs", "memory.high");
		frozen = tmp_pool_read(pool, "jobs", "cgroup.freeze");
		check_now(pool, seen, &freeze, &squeeze);
		states++;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(ledger_count(seen), 0);
	assert_true(states > 20);
	print_message("%u instructions, %u states\n", steps, states);
	ledger_close(seen);
	ledger_close(ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- without descriptors ---- */

static void test_open_that_cannot_tell_the_boot_replaces_nothing(void **state)
{
	struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool);
	struct uw_err err = {0};

	assert_int_equal(ledger_enter(ledger, &a_freeze), 0);
	ledger_close(ledger);
	few_fds_begin(1); /* for the file, not for what says which boot this is */
	assert_int_equal(ledger_open(pool->ledger, true, &ledger, &err), -EMFILE);
	assert_int_equal(ledger_open(pool->ledger, false, &ledger, &err), -EMFILE);
	few_fds_end();
	ledger = open_taken(pool);
	assert_int_equal(ledger_count(ledger), 1);
	ledger_close(ledger);
}

static void test_peer_that_cannot_be_looked_at_is_not_dead(void **state)
{
	struct ledger *ledger = open_taken(*state);
	int pidfd = -1;

	few_fds_begin(1); /* for the pidfd, not for the time of its start */
	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), -EMFILE);
	few_fds_end();
	assert_int_equal(ledger_open_peer(ledger, LEDGER_UWD, &pidfd), 0);
	close(pidfd);
	ledger_close(ledger);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_open_missing_makes_a_fresh_one),
		TEST(test_open_missing_directory_is_told),
		TEST(test_reopen_finds_entries),
		TEST(test_open_foreign_content_is_refused_or_replaced),
		TEST(test_enter_again_keeps_the_old_value),
		TEST(test_clear_removes_only_its_kind),
		TEST(test_enter_full_is_refused),
		TEST(test_enter_hostile_paths_are_refused),
		TEST(test_read_hostile_slots_are_skipped),
		TEST(test_take_held_is_busy_until_its_holder_dies),
		TEST(test_take_replaced_is_stale_but_for_a_guard),
		TEST(test_peer_with_a_reused_pid_is_dead),
		TEST(test_guard_signs_once),
		TEST(test_pool_is_told_to_others),
		TEST(test_killed_at_any_instruction_leaves_what_can_be_undone),
		TEST(test_open_that_cannot_tell_the_boot_replaces_nothing),
		TEST(test_peer_that_cannot_be_looked_at_is_not_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
