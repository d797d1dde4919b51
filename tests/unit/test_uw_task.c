// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks through libuw, against a server in a process of its own that moves nobody. */
#include "tests/unit/uw_fixture.h"

#include <errno.h>
#include <sys/syscall.h>

static struct uw_task wish(uint64_t mib)
{
	return (struct uw_task){.size = sizeof(struct uw_task),
				.component = "ml_models",
				.name = "train",
				.bytes = mib * MIB};
}

static uint64_t submit(struct uw *uw, uint64_t mib)
{
	struct uw_task task = wish(mib);
	uint64_t id = 0;

	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_not_equal(id, 0);
	return id;
}

static struct uw_task_status status_of(struct uw *uw, uint64_t id)
{
	struct uw_task_status status = {.size = sizeof(status)};

	assert_int_equal(uw_task_status(uw, id, 0, &status), 0);
	return status;
}

static pid_t start_child(int *ret_pidfd)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

static void end_child(pid_t pid, int pidfd)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

static bool until(const struct uw_fixture *f, uint32_t leases)
{
	for (int i = 0; i < 500 && uw_fixture_leases(f) != leases; i++)
		poll(NULL, 0, 10);
	return uw_fixture_leases(f) == leases;
}

static void test_task_that_fits_may_begin_at_once(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	uint64_t id = submit(uw, 100);

	assert_int_equal(status_of(uw, id).state, UW_TASK_READY);
	assert_int_equal(status_of(uw, id).bytes, 100 * MIB);
	assert_int_equal(uw_task_begin(uw, id, -1), 0);
	assert_int_equal(uw_task_begin(uw, id, -1), UW_STALE);
	assert_int_equal(status_of(uw, id).state, UW_TASK_RUNNING);
	assert_int_equal(uw_task_end(uw, id), 0);
	assert_int_equal(uw_task_end(uw, id), UW_STALE);
	assert_int_equal(uw_fixture_leases(*state), 0);
	uw_close(uw);
}

static void test_task_waits_for_its_turn(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	uint64_t first = submit(uw, 600), second = submit(uw, 500), third = submit(uw, 100);
	struct uw_task_status status = {.size = sizeof(status)};

	assert_int_equal(uw_task_status(uw, second, 1000, &status), UW_TIMED_OUT);
	assert_int_equal(status.state, UW_TASK_QUEUED);
	assert_string_equal(status.reason, "budget");
	assert_true(status.start_in_us == UINT64_MAX);
	status = status_of(uw, third);
	assert_int_equal(status.ahead, 1);
	assert_string_equal(status.reason, "turn");
	assert_int_equal(uw_task_begin(uw, third, -1), -EAGAIN);
	assert_int_equal(uw_task_end(uw, first), 0);
	assert_int_equal(uw_task_status(uw, third, 10 * US_PER_SEC, &status), 0);
	assert_int_equal(status.state, UW_TASK_READY);
	assert_int_equal(status_of(uw, second).state, UW_TASK_READY);
	uw_close(uw);
	assert_true(until(*state, 0));
}

static void count_ready(void *data, uint64_t task)
{
	*(uint64_t *)data = task;
}

static void test_ready_is_called_when_it_may_begin(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};
	struct uw_task task = wish(300);
	uint64_t first = submit(uw, 600), id, told = 0;

	task.ready = count_ready;
	task.data = &told;
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_equal(uw_dispatch(uw), 0);
	assert_int_equal(uw_task_end(uw, first), 0);
	for (int i = 0; i < 100 && !told && poll(&ready, 1, 1000) > 0; i++)
		uw_dispatch(uw);
	assert_int_equal(told, id);
	told = 0;
	assert_int_equal(uw_dispatch(uw), 0);
	assert_int_equal(told, 0);
	uw_close(uw);
}

static void test_what_never_fits_and_what_is_wrong_is_refused(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct uw_denial denial = {.size = sizeof(denial)};
	struct uw_task task = wish(601);
	uint64_t id;

	assert_int_equal(uw_task_submit(uw, &task, &id, &denial), UW_DENIED);
	assert_string_equal(denial.reason, "never");
	task = wish(1);
	task.component = "nowhere";
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), -ENOENT);
	task = wish(1);
	task.flags = 0x80;
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), -EINVAL);
	task = wish(0);
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), -EINVAL);
	task.key = "unknown";
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), -ENODATA);
	task.key = "known";
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_equal(status_of(uw, id).bytes, 50 * MIB);
	uw_close(uw);
}

static void test_what_was_learned_is_of_the_input_too(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct uw_task task = wish(0);
	uint64_t id;

	task.key = "known";
	task.input_bytes = 10 * MIB;
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_equal(status_of(uw, id).bytes, 70 * MIB);
	task.input_bytes = 40 * MIB;
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_equal(status_of(uw, id).bytes, 130 * MIB);
	uw_close(uw);
}

/* Its struct ended with the priority: what stands behind that is not its. */
static void test_earlier_program_names_no_input(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct uw_task task = wish(0);
	uint64_t id;

	task.size = offsetof(struct uw_task, input_bytes);
	task.key = "known";
	task.input_bytes = 40 * MIB;
	assert_int_equal(uw_task_submit(uw, &task, &id, NULL), 0);
	assert_int_equal(status_of(uw, id).bytes, 50 * MIB);
	uw_close(uw);
}

static void test_child_has_the_lease_until_it_ends(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	uint64_t id = submit(uw, 100);
	struct uw_task_status status;
	int pidfd;
	pid_t pid = start_child(&pidfd);

	assert_int_equal(uw_task_begin(uw, id, pidfd), 0);
	status = status_of(uw, id);
	assert_int_equal(status.state, UW_TASK_RUNNING);
	assert_int_equal(status.used, 3 * MIB);
	assert_int_equal(status.peak, 4 * MIB);
	uw_close(uw);
	poll(NULL, 0, 100);
	assert_int_equal(uw_fixture_leases(*state), 1);
	end_child(pid, pidfd);
	assert_true(until(*state, 0));
}

static void test_child_that_has_ended_is_over(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	uint64_t id = submit(uw, 100);
	int pidfd;
	pid_t pid = start_child(&pidfd);

	assert_int_equal(uw_task_begin(uw, id, pidfd), 0);
	end_child(pid, pidfd);
	assert_true(until(*state, 0));
	assert_int_equal(status_of(uw, id).state, UW_TASK_OVER);
	assert_int_equal(uw_task_end(uw, id), 0);
	uw_close(uw);
}

static void test_child_that_is_refused_may_be_tried_again(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0), pidfd;
	uint64_t id = submit(uw, 100);
	pid_t pid = start_child(&pidfd);

	assert_int_equal(uw_task_begin(uw, id, self), -EPERM);
	assert_int_equal(uw_task_begin(uw, id, pidfd), 0);
	end_child(pid, pidfd);
	close(self);
	uw_close(uw);
	assert_true(until(*state, 0));
}

static void test_cancelling_ends_what_it_may(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	uint64_t child = submit(uw, 100), thread = submit(uw, 100), ready = submit(uw, 100);
	uint64_t queued = submit(uw, 500);
	int pidfd, status;
	pid_t pid = start_child(&pidfd);

	assert_int_equal(uw_task_begin(uw, child, pidfd), 0);
	assert_int_equal(uw_task_begin(uw, thread, -1), 0);
	assert_int_equal(uw_task_cancel(uw, queued, 0), 0);
	assert_int_equal(status_of(uw, queued).state, UW_TASK_CANCELLED);
	assert_int_equal(uw_task_cancel(uw, ready, 0), 0);
	assert_int_equal(status_of(uw, ready).state, UW_TASK_CANCELLED);
	assert_int_equal(uw_task_begin(uw, ready, -1), UW_STALE);
	assert_int_equal(uw_fixture_leases(*state), 2);
	assert_int_equal(uw_task_cancel(uw, thread, 0), 0);
	assert_int_equal(status_of(uw, thread).state, UW_TASK_RUNNING);
	assert_true(status_of(uw, thread).flags & UW_TASK_ENDING);
	assert_int_equal(uw_task_cancel(uw, child, US_PER_SEC), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(pidfd);
	assert_true(until(*state, 1));
	uw_close(uw);
	assert_true(until(*state, 0));
}

static void test_tasks_outlive_a_killed_uwd(void **state)
{
	struct uw_fixture *f = *state;
	struct uw *uw = uw_fixture_open(f);
	uint64_t child = submit(uw, 300), ready = submit(uw, 300), queued = submit(uw, 200);
	struct uw_task_status status = {.size = sizeof(status)};
	int pidfd;
	pid_t pid = start_child(&pidfd);

	assert_int_equal(uw_task_begin(uw, child, pidfd), 0);
	uw_fixture_kill(f);
	uw_fixture_start(f);
	uw_fixture_leases(f);
	assert_int_equal(status_of(uw, child).state, UW_TASK_RUNNING);
	assert_int_equal(status_of(uw, ready).state, UW_TASK_READY);
	assert_int_equal(status_of(uw, queued).state, UW_TASK_QUEUED);
	assert_int_equal(uw_fixture_leases(f), 2);
	end_child(pid, pidfd);
	assert_int_equal(uw_task_status(uw, queued, 10 * US_PER_SEC, &status), 0);
	assert_int_equal(status.state, UW_TASK_READY);
	uw_close(uw);
	assert_true(until(f, 0));
}

static void test_forked_child_has_no_tasks(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct uw_task_status status = {.size = sizeof(status)};
	uint64_t id = submit(uw, 100);
	pid_t pid = fork();
	int how;

	if (!pid) {
		bool well = uw_task_status(uw, id, 0, &status) == -ECHILD &&
			    uw_task_begin(uw, id, -1) == -ECHILD &&
			    uw_task_cancel(uw, id, 0) == -ECHILD && uw_task_end(uw, id) == -ECHILD;

		uw_close(uw);
		_exit(well ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_int_equal(how, 0);
	assert_int_equal(uw_fixture_leases(*state), 1);
	uw_close(uw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uw_fixture_setup, uw_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_task_that_fits_may_begin_at_once),
		TEST(test_task_waits_for_its_turn),
		TEST(test_ready_is_called_when_it_may_begin),
		TEST(test_what_never_fits_and_what_is_wrong_is_refused),
		TEST(test_what_was_learned_is_of_the_input_too),
		TEST(test_earlier_program_names_no_input),
		TEST(test_child_has_the_lease_until_it_ends),
		TEST(test_child_that_has_ended_is_over),
		TEST(test_child_that_is_refused_may_be_tried_again),
		TEST(test_cancelling_ends_what_it_may),
		TEST(test_tasks_outlive_a_killed_uwd),
		TEST(test_forked_child_has_no_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
