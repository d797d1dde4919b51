// SPDX-License-Identifier: GPL-2.0-or-later
/* The socket of leases: tasks. Children are real, their leaves are names. */
#include "tests/unit/lease_server_fixture.h"

#include <signal.h>
#include <sys/prctl.h>

/* ---- children ---- */

struct child {
	pid_t pid;
	int pidfd;
};

static struct child start_child(void)
{
	struct child child = {.pid = fork()};

	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	assert_true(child.pidfd >= 0);
	return child;
}

static void end_child(struct child *child)
{
	kill(child->pid, SIGKILL);
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
	close(child->pidfd);
}

static union packet_request task(uint64_t size, uint32_t cookie)
{
	union packet_request request = {
		.task = {.item.cookie = cookie, .bytes = size, .component = "ml_models"}};

	return request;
}

static uint64_t submit(int fd, uint64_t size)
{
	union packet_answer answer = ask_one(fd, PACKET_TASK_SUBMIT, task(size, 1));

	assert_int_equal(answer.reply.outcome, 0);
	return answer.reply.id;
}

static uint64_t begun_input_bytes; /* as the next ones say */

static union packet_answer begin(int fd, uint64_t id, int pidfd)
{
	union packet_request request = {.begin = {.item.cookie = 5,
						  .id = id,
						  .key = "bert",
						  .input_bytes = begun_input_bytes}};

	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_TASK_BEGIN, &request);
	send_out(fd, pidfd);
	serve();
	return hear_answer(fd, PACKET_ANSWER);
}

/* Until its child is in a leaf. Its new id. */
static uint64_t begin_all(int fd, uint64_t id, const struct child *child)
{
	union packet_answer answer = begin(fd, id, child->pidfd);

	assert_int_equal(answer.reply.outcome, PACKET_WAITS);
	assert_int_equal(asked_move.pid, child->pid);
	lease_server_moved(server, asked_move.client, asked_move.id, 0, 4711);
	answer = hear_answer(fd, PACKET_LATER);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(answer.reply.item.cookie, 5);
	return answer.reply.id;
}

static union packet_answer ask_of(int fd, enum packet_op op, uint64_t id, uint64_t value)
{
	return ask_one(fd, op, (union packet_request){.lease = {.id = id, .value = value}});
}

/* ---- in line ---- */

static void test_queued_task_hears_when_it_may_begin(void **state)
{
	int fd = join();
	uint64_t big = get(fd, "ml_models", 600 * MIB);
	union packet_answer answer = ask_one(fd, PACKET_TASK_SUBMIT, task(100 * MIB, 3));

	(void)state;
	assert_int_equal(answer.reply.outcome, PACKET_WAITS);
	answer = ask_of(fd, PACKET_TASK_LOOK, 0, 3);
	assert_int_equal(answer.reply.outcome, 0);
	assert_string_equal(answer.look.reason, "budget");
	assert_int_equal(answer.reply.bytes, 100 * MIB);
	ask_of(fd, PACKET_FREE, big, 0);
	answer = hear_answer(fd, PACKET_LATER);
	assert_int_equal(answer.reply.item.cookie, 3);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(ask_of(fd, PACKET_TASK_LOOK, 0, 3).reply.outcome, PACKET_STALE);
	assert_int_equal(ask_of(fd, PACKET_TASK_LOOK, answer.reply.id, 0).reply.bytes, 100 * MIB);
	close(fd);
}

static void test_withdrawn_task_is_not_heard_of(void **state)
{
	int fd = join();
	uint64_t big = get(fd, "ml_models", 600 * MIB);

	(void)state;
	ask_one(fd, PACKET_TASK_SUBMIT, task(100 * MIB, 3));
	assert_int_equal(ask_of(fd, PACKET_TASK_WITHDRAW, 0, 3).reply.outcome, 0);
	assert_int_equal(ask_of(fd, PACKET_TASK_WITHDRAW, 0, 3).reply.outcome, PACKET_STALE);
	ask_of(fd, PACKET_FREE, big, 0);
	assert_true(hears_nothing(fd));
	close(fd);
}

static void test_size_that_is_not_given_is_what_was_learned(void **state)
{
	union packet_request request = task(0, 1);
	int fd = join();

	(void)state;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.outcome, -EINVAL);
	strcpy(request.task.key, "bert");
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.outcome, -ENODATA);
	learned_bytes = 70 * MIB;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.bytes, 70 * MIB);
	close(fd);
}

static void test_size_that_is_not_given_is_learned_by_the_input_too(void **state)
{
	union packet_request request = task(0, 1);
	int fd = join();

	(void)state;
	learned_bytes = 70 * MIB;
	strcpy(request.task.key, "bert");
	request.task.input_bytes = 10 * MIB;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.bytes, 90 * MIB);
	request.task.input_bytes = 40 * MIB;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.bytes, 150 * MIB);
	request.task.bytes = 20 * MIB;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, request).reply.bytes, 20 * MIB);
	close(fd);
}

static uint64_t start_in_us(int fd, uint32_t cookie)
{
	return ask_of(fd, PACKET_TASK_LOOK, 0, cookie).look.start_in_us;
}

/* Of one before it that does not say how long it takes. */
static void test_start_is_told_by_the_time_that_was_learned(void **state)
{
	union packet_request before = task(600 * MIB, 1), after = task(100 * MIB, 2);
	int fd = join();

	(void)state;
	strcpy(before.task.key, "bert");
	learned_run_us = 40 * US_PER_SEC;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, before).reply.outcome, 0);
	ask_one(fd, PACKET_TASK_SUBMIT, after);
	assert_int_equal(start_in_us(fd, 2), 40 * US_PER_SEC);
	close(fd);
}

static void test_time_that_a_task_says_stands(void **state)
{
	union packet_request before = task(600 * MIB, 1), after = task(100 * MIB, 2);
	int fd = join();

	(void)state;
	strcpy(before.task.key, "bert");
	before.task.run_us = 70 * US_PER_SEC;
	learned_run_us = 40 * US_PER_SEC;
	assert_int_equal(ask_one(fd, PACKET_TASK_SUBMIT, before).reply.outcome, 0);
	ask_one(fd, PACKET_TASK_SUBMIT, after);
	assert_int_equal(start_in_us(fd, 2), 70 * US_PER_SEC);
	close(fd);
}

/* ---- with a child ---- */

static void test_child_that_ends_tells_of_its_input(void **state)
{
	const uint64_t inputs[] = {40 * MIB, 0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct child child = start_child();
		int fd = join();

		begun_input_bytes = inputs[i];
		begin_all(fd, submit(fd, 100 * MIB), &child);
		begun_input_bytes = 0;
		end_child(&child);
		serve();
		assert_int_equal(ends, i + 1);
		assert_string_equal(ended_key, "bert");
		assert_int_equal(ended_input_bytes, inputs[i]);
		close(fd);
	}
}

/* One of a later client, say: it is dropped, and others are not. */
static void test_longer_task_drops_its_client(void **state)
{
	int fd = join(), other = join();
	union packet_request request = task(MIB, 1);
	const uint16_t length = sizeof(struct packet_task) + 8;
	struct packet_header header;
	struct lease_server_stats stats;

	(void)state;
	request.task.input_bytes = 1;
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_TASK_SUBMIT, &request);
	memset(bytes + out.used, 0, 8);
	out.used += 8;
	memcpy(&header, bytes, sizeof(header));
	header.size = (uint32_t)out.used;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header) + offsetof(struct packet_item, length), &length,
	       sizeof(length));
	send_out(fd, -1);
	serve();
	lease_server_stats(server, &stats);
	assert_int_equal(stats.dropped_bad, 1);
	assert_int_equal(stats.connected, 1);
	submit(other, MIB);
	close(fd);
	close(other);
}

static void test_child_is_moved_before_its_caller_hears(void **state)
{
	struct child child = start_child();
	int fd = join();
	uint64_t id = submit(fd, 100 * MIB), task_id;
	char name[64];

	(void)state;
	assert_int_equal(begin(fd, id, child.pidfd).reply.outcome, PACKET_WAITS);
	assert_true(hears_nothing(fd));
	assert_int_equal(asked_move.bytes, 100 * MIB);
	assert_string_equal(asked_move.component, "ml_models");
	snprintf(name, sizeof(name), LEASE_LEAF_PREFIX "%d-", child.pid);
	assert_memory_equal(asked_leaf, name, strlen(name));
	lease_server_moved(server, asked_move.client, asked_move.id, 0, 4711);
	task_id = hear_answer(fd, PACKET_LATER).reply.id;
	assert_int_equal(ask_of(fd, PACKET_FREE, id, 0).reply.outcome, PACKET_STALE);
	assert_int_equal(ask_of(fd, PACKET_FREE, task_id, 0).reply.outcome, PACKET_STALE);
	assert_true(lease_server_has_leaf(server, "ml_models", asked_leaf));
	end_child(&child);
	serve();
	assert_int_equal(ends, 1);
	assert_string_equal(ended_leaf, asked_leaf);
	assert_string_equal(ended_key, "bert");
	assert_true(ended_by_itself);
	assert_int_equal(leases(), 0);
	close(fd);
}

static void test_child_outlives_its_caller(void **state)
{
	struct child child = start_child();
	int fd = join(), other;
	uint64_t id = begin_all(fd, submit(fd, 100 * MIB), &child);

	(void)state;
	ask_one(fd, PACKET_TASK_SUBMIT, task(550 * MIB, 3));
	close(fd);
	serve();
	assert_int_equal(leases(), 1);
	other = join();
	assert_int_equal(ask_of(other, PACKET_TASK_LOOK, id, 0).reply.flags,
			 PACKET_RUNS | PACKET_FROZEN);
	assert_int_equal(ask_of(other, PACKET_TASK_END, id, 0).reply.outcome, 0);
	assert_int_equal(ends, 1);
	assert_false(ended_by_itself);
	assert_int_equal(leases(), 0);
	assert_int_equal(ask_of(other, PACKET_TASK_END, id, 0).reply.outcome, PACKET_STALE);
	end_child(&child);
	close(other);
}

static void test_child_of_a_job_ends_with_its_caller(void **state)
{
	struct child child = start_child();
	int fd = join();

	(void)state;
	job_bytes = 10 * MIB;
	begin_all(fd, submit(fd, 100 * MIB), &child);
	close(fd);
	serve();
	assert_int_equal(ends, 1);
	assert_int_equal(leases(), 0);
	end_child(&child);
}

static void test_cancelled_child_has_its_grace_and_is_ended_then(void **state)
{
	struct child child = start_child();
	int fd = join(), status;
	uint64_t id = begin_all(fd, submit(fd, 100 * MIB), &child);

	(void)state;
	assert_int_equal(ask_of(fd, PACKET_TASK_CANCEL, id, 5 * US_PER_SEC).reply.outcome, 0);
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(child.pidfd);
	serve();
	assert_int_equal(ends, 1);
	assert_false(ended_by_itself);
	child = start_child();
	kill(child.pid, SIGSTOP);
	id = begin_all(fd, submit(fd, 100 * MIB), &child);
	assert_int_equal(ask_of(fd, PACKET_TASK_CANCEL, id, 5 * US_PER_SEC).reply.outcome, 0);
	assert_int_equal(ask_of(fd, PACKET_TASK_CANCEL, id, UINT64_MAX).reply.outcome, 0);
	assert_true(ask_of(fd, PACKET_TASK_LOOK, id, 0).reply.flags & PACKET_ENDING);
	now_us += 4 * US_PER_SEC;
	lease_server_keep_house(server);
	assert_int_equal(ends, 1);
	now_us += US_PER_SEC;
	lease_server_keep_house(server);
	assert_int_equal(ends, 2);
	end_child(&child);
	close(fd);
}

static void test_child_that_cannot_be_moved_is_told_and_costs_nothing(void **state)
{
	struct child child = start_child();
	int fd = join();

	(void)state;
	move_rc = -EMFILE;
	assert_int_equal(begin(fd, submit(fd, MIB), child.pidfd).reply.outcome, -EMFILE);
	assert_int_equal(leases(), 0);
	move_rc = 0;
	assert_int_equal(begin(fd, submit(fd, MIB), child.pidfd).reply.outcome, PACKET_WAITS);
	lease_server_moved(server, asked_move.client, asked_move.id, -ENOENT, 0);
	assert_int_equal(hear_answer(fd, PACKET_LATER).reply.outcome, -ENOENT);
	assert_int_equal(leases(), 0);
	assert_int_equal(ends, 0);
	end_child(&child);
	close(fd);
}

static void test_child_that_dies_on_its_way_is_told_and_its_leaf_goes(void **state)
{
	struct child child = start_child();
	int fd = join();
	struct lease_move move;

	(void)state;
	begin(fd, submit(fd, MIB), child.pidfd);
	move = asked_move;
	end_child(&child);
	serve();
	assert_int_equal(hear_answer(fd, PACKET_LATER).reply.outcome, -ESRCH);
	assert_int_equal(ends, 1);
	lease_server_moved(server, move.client, move.id, -ESRCH, 0);
	assert_true(hears_nothing(fd));
	assert_int_equal(leases(), 0);
	close(fd);
}

static void test_caller_that_goes_while_its_child_is_moved_is_not_told(void **state)
{
	struct child child = start_child();
	int fd = join(), other;

	(void)state;
	begin(fd, submit(fd, MIB), child.pidfd);
	close(fd);
	serve();
	other = join();
	lease_server_moved(server, asked_move.client, asked_move.id, 0, 4711);
	assert_true(hears_nothing(other));
	assert_int_equal(leases(), 1);
	end_child(&child);
	serve();
	close(other);
}

static void test_asked_again_it_begins_once(void **state)
{
	struct child child = start_child();
	int fd = join();
	uint64_t id = begin_all(fd, submit(fd, MIB), &child), second = submit(fd, MIB);
	union packet_answer answer = begin(fd, second, child.pidfd);

	(void)state;
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(answer.reply.id, id);
	assert_int_equal(moves, 1);
	assert_int_equal(leases(), 1);
	end_child(&child);
	serve();
	close(fd);
}

/* ---- whose child ---- */

static void test_only_a_child_of_the_caller_is_moved(void **state)
{
	int fd = join(), pipes[2], self = own_pidfd();
	int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
	uint64_t id = submit(fd, MIB);
	struct child child = start_child();

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(begin(fd, id, self).reply.outcome, -EPERM);
	if (parent >= 0)
		assert_int_equal(begin(fd, id, parent).reply.outcome, -EPERM);
	assert_int_equal(begin(fd, id, pipes[0]).reply.outcome, -EBADF);
	assert_int_equal(begin(fd, id, -1).reply.outcome, -EBADF);
	assert_int_equal(begin(fd, id + 1, child.pidfd).reply.outcome, PACKET_STALE);
	kill(child.pid, SIGKILL);
	waitpid(child.pid, NULL, 0);
	assert_int_equal(begin(fd, id, child.pidfd).reply.outcome, -ESRCH);
	assert_int_equal(moves, 0);
	assert_int_equal(leases(), 1);
	close(child.pidfd);
	close(self);
	close(parent);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void test_grandchild_is_moved(void **state)
{
	int fd = join(), pipes[2];
	uint64_t id = submit(fd, MIB);
	struct child middle, last;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	middle = (struct child){.pid = fork()};
	if (!middle.pid) {
		last = start_child();
		if (write(pipes[1], &last.pid, sizeof(last.pid)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(pipes[0], &last.pid, sizeof(last.pid)), sizeof(last.pid));
	last.pidfd = (int)syscall(SYS_pidfd_open, last.pid, 0);
	begin_all(fd, id, &last);
	kill(last.pid, SIGKILL);
	kill(middle.pid, SIGKILL);
	waitpid(middle.pid, NULL, 0);
	serve();
	close(last.pidfd);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void test_child_of_another_user_is_not_moved(void **state)
{
	struct lease_peer peer = {.who = {.pid = getpid(), .uid = 12345}, .pidfd = -1};
	struct child child = start_child();
	struct lease_identity identity;

	(void)state;
	assert_int_equal(lease_peer_child(&peer, child.pidfd, &identity), -EPERM);
	peer.who.uid = 0;
	assert_int_equal(lease_peer_child(&peer, child.pidfd, &identity), 0);
	assert_int_equal(identity.pid, child.pid);
	assert_int_equal(identity.uid, getuid());
	end_child(&child);
}

static void test_another_user_may_neither_end_nor_look(void **state)
{
	struct child child = start_child();
	int fd = join();
	uint64_t id = begin_all(fd, submit(fd, MIB), &child);

	(void)state;
	for (uint32_t i = 0; i < LEASE_CLIENTS; i++)
		if (server->connection[i].fd >= 0)
			server->connection[i].peer.who.uid = 12345;
	assert_int_equal(ask_of(fd, PACKET_TASK_END, id, 0).reply.outcome, PACKET_STALE);
	assert_int_equal(ask_of(fd, PACKET_TASK_CANCEL, id, 1).reply.outcome, PACKET_STALE);
	assert_int_equal(ask_of(fd, PACKET_TASK_LOOK, id, 0).reply.outcome, PACKET_STALE);
	assert_int_equal(leases(), 1);
	end_child(&child);
	serve();
	close(fd);
}

/* ---- another uwd ---- */

static void restart(void)
{
	uint32_t freed;

	lease_server_free(server);
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, now_us, &freed);
	start_server();
	lease_server_adopt(server);
}

static void test_next_uwd_finds_the_tasks_that_run(void **state)
{
	struct child child = start_child();
	int fd = join();
	uint64_t id = begin_all(fd, submit(fd, 100 * MIB), &child);

	(void)state;
	close(fd);
	strcpy(found_leaf, asked_leaf);
	restart();
	assert_int_equal(ends, 0);
	assert_true(lease_server_has_leaf(server, "ml_models", asked_leaf));
	fd = join();
	assert_int_equal(ask_of(fd, PACKET_TASK_LOOK, id, 0).reply.bytes, 100 * MIB);
	end_child(&child);
	serve();
	assert_int_equal(ends, 1);
	assert_string_equal(ended_leaf, asked_leaf);
	assert_int_equal(leases(), 0);
	close(fd);
}

static void test_child_that_was_not_moved_yet_is_moved_by_the_next_uwd(void **state)
{
	struct child child = start_child();
	int fd = join();
	uint64_t id = submit(fd, MIB);

	(void)state;
	begin(fd, id, child.pidfd);
	close(fd);
	restart();
	fd = join();
	begin_all(fd, id, &child);
	assert_int_equal(moves, 2);
	assert_int_equal(leases(), 1);
	end_child(&child);
	serve();
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queued_task_hears_when_it_may_begin),
		TEST(test_withdrawn_task_is_not_heard_of),
		TEST(test_size_that_is_not_given_is_what_was_learned),
		TEST(test_size_that_is_not_given_is_learned_by_the_input_too),
		TEST(test_start_is_told_by_the_time_that_was_learned),
		TEST(test_time_that_a_task_says_stands),
		TEST(test_child_that_ends_tells_of_its_input),
		TEST(test_longer_task_drops_its_client),
		TEST(test_child_is_moved_before_its_caller_hears),
		TEST(test_child_outlives_its_caller),
		TEST(test_child_of_a_job_ends_with_its_caller),
		TEST(test_cancelled_child_has_its_grace_and_is_ended_then),
		TEST(test_child_that_cannot_be_moved_is_told_and_costs_nothing),
		TEST(test_child_that_dies_on_its_way_is_told_and_its_leaf_goes),
		TEST(test_caller_that_goes_while_its_child_is_moved_is_not_told),
		TEST(test_asked_again_it_begins_once),
		TEST(test_only_a_child_of_the_caller_is_moved),
		TEST(test_grandchild_is_moved),
		TEST(test_child_of_another_user_is_not_moved),
		TEST(test_another_user_may_neither_end_nor_look),
		TEST(test_next_uwd_finds_the_tasks_that_run),
		TEST(test_child_that_was_not_moved_yet_is_moved_by_the_next_uwd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
