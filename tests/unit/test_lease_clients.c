// SPDX-License-Identifier: GPL-2.0-or-later
/* The clients of the socket of leases: who comes back, whose leases end, what a bad one costs. */
#include "tests/unit/lease_server_fixture.h"

/* ---- who goes ---- */

static void test_leases_end_with_the_process_though_its_socket_lives(void **state)
{
	int fds[2], seen[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(pipe2(seen, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		int fd = call_in(), pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
		union packet_request request = {0};

		packet_start(&out, bytes, PACKET_REQUESTS);
		packet_add_request(&out, PACKET_HELLO, &request);
		send_out(fd, pidfd);
		packet_start(&out, bytes, PACKET_REQUESTS);
		request = wish("ml_models", MIB, 0);
		packet_add_request(&out, PACKET_GRANT, &request);
		send_out(fd, -1);
		if (!fork()) { /* a grandchild has the socket too, and lives longer */
			ssize_t r = read(fds[1], &byte, 1);
			_exit(r == 1 ? 0 : 1);
		}
		recv(fd, bytes, sizeof(bytes), 0);
		recv(fd, bytes, sizeof(bytes), 0);
		_exit(read(seen[0], &byte, 1) != 1);
	}
	for (int i = 0; i < 2000 && !leases(); i++) {
		serve();
		usleep(1000);
	}
	assert_int_equal(leases(), 1);
	assert_int_equal(write(seen[1], &byte, 1), 1);
	for (int i = 0; i < 2000 && leases(); i++) {
		serve();
		usleep(1000);
	}
	assert_int_equal(leases(), 0);
	assert_int_equal(write(fds[0], &byte, 1), 1);
	waitpid(pid, &status, 0);
	close(fds[0]);
	close(fds[1]);
	close(seen[0]);
	close(seen[1]);
}

static void restart(void)
{
	uint32_t freed;

	lease_server_free(server);
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, now_us, &freed);
	start_server();
}

static void test_client_comes_back_to_its_leases_after_a_restart(void **state)
{
	int fd = call_in();
	uint64_t key = hello(fd, 0, PACKET_ATTENDS), id = get(fd, "ml_models", MIB);
	union packet_request lease = {.lease.id = id}, none = {0};
	struct packet_in in;

	(void)state;
	get(fd, "ml_models", MIB); /* which it forgets */
	restart();
	assert_int_equal(lease_server_adopt(server), 0);
	assert_false(hear(fd, &in));
	close(fd);
	serve();
	assert_int_equal(leases(), 2);
	fd = call_in();
	assert_int_equal(hello(fd, key, PACKET_ATTENDS), key);
	assert_int_equal(ask_one(fd, PACKET_LIST, lease).reply.outcome, 0);
	assert_int_equal(ask_one(fd, PACKET_LIST_END, none).reply.bytes, 1);
	assert_int_equal(ask_one(fd, PACKET_FREE, lease).reply.outcome, 0);
	close(fd);
}

static void test_key_of_another_gives_nothing(void **state)
{
	int fd = call_in();
	uint64_t key = hello(fd, 0, 0);

	(void)state;
	get(fd, "ml_models", MIB);
	restart();
	assert_int_equal(lease_server_adopt(server), 0);
	close(fd);
	fd = call_in();
	assert_int_not_equal(hello(fd, key + 1, 0), key);
	assert_int_equal(leases(), 1);
	close(fd);
}

static void test_who_does_not_come_back_loses_all_after_ten_seconds(void **state)
{
	int fd = call_in(), quiet = call_in();

	(void)state;
	hello(fd, 0, PACKET_ATTENDS);
	hello(quiet, 0, 0);
	get(fd, "ml_models", MIB);
	get(quiet, "ml_models", MIB);
	restart();
	assert_int_equal(lease_server_adopt(server), 0);
	now_us += LEASE_AWAIT_US - 1;
	lease_server_keep_house(server);
	assert_int_equal(leases(), 2);
	now_us += 1;
	lease_server_keep_house(server);
	assert_int_equal(leases(), 1); /* of the quiet one, whose process lives */
	close(fd);
	close(quiet);
}

static void test_adoption_frees_what_dead_processes_had(void **state)
{
	int fd = join();

	(void)state;
	get(fd, "ml_models", MIB);
	f->slot[0].start_ticks++; /* its pid is another process now */
	restart();
	assert_int_equal(lease_server_adopt(server), 1);
	assert_int_equal(leases(), 0);
	close(fd);
}

/* ---- bad ones ---- */

static void test_rubbish_ends_a_connection_and_nothing_else(void **state)
{
	int good = join(), fd;
	struct packet_in in;

	(void)state;
	get(good, "ml_models", MIB);
	for (int i = 0; i < 5; i++) {
		union packet_request request = wish("ml_models", MIB, 0);

		fd = i < 2 ? call_in() : join();
		packet_start(&out, bytes, i == 2 ? PACKET_ANSWER : PACKET_REQUESTS);
		packet_add_request(&out, PACKET_GRANT, &request);
		if (i == 1) { /* before it has said who it is; 0: no packet at all */
			packet_add_request(&out, PACKET_GRANT, &request);
		} else if (i == 0) {
			memset(bytes, 0xa5, 64);
			out.used = 64;
		} else if (i == 3) {
			out.used--;
		}
		if (i == 4) { /* longer than a packet may be */
			static uint8_t large[PACKET_MAX + 8];

			assert_true(send(fd, large, sizeof(large), 0) > 0);
		} else {
			send_out(fd, -1);
		}
		serve();
		assert_false(hear(fd, &in));
		close(fd);
	}
	assert_int_equal(leases(), 1);
	get(good, "ml_models", MIB);
	close(good);
}

static void test_pidfd_of_another_is_refused(void **state)
{
	union packet_request request = {0};
	int fd = call_in(), pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
	struct packet_in in;

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_HELLO, &request);
	send_out(fd, pidfd);
	close(pidfd);
	serve();
	assert_false(hear(fd, &in));
	close(fd);
	fd = call_in();
	send_out(fd, fd);
	serve();
	assert_false(hear(fd, &in));
	close(fd);
}

/* Its answers are kept once, and it is read no more until it reads. */
static void test_who_does_not_read_is_not_read_and_dropped(void **state)
{
	union packet_request request = {.lease.id = 1};
	struct lease_server_stats stats;
	int fd = join(), good = join();
	uint64_t requests;

	(void)state;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	packet_start(&out, bytes, PACKET_REQUESTS);
	for (uint32_t i = 0; i < PACKET_ITEMS_MAX; i++)
		packet_add_request(&out, PACKET_FREE, &request);
	for (int i = 0; i < 1000; i++) {
		if (send(fd, bytes, out.used, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		serve();
	}
	lease_server_stats(server, &stats);
	requests = stats.requests;
	serve();
	lease_server_stats(server, &stats);
	assert_int_equal(stats.requests, requests);
	assert_true(requests < 100 * PACKET_ITEMS_MAX);
	get(good, "ml_models", MIB);
	now_us += LEASE_UNREAD_US + 1;
	lease_server_keep_house(server);
	lease_server_stats(server, &stats);
	assert_int_equal(stats.dropped_slow, 1);
	assert_int_equal(stats.connected, 1);
	close(fd);
	close(good);
}

#define CALLS 16

static uint64_t tell_slow(void)
{
	return now_us += LEASE_TURN_US;
}

/* Each turn is over with the first event, and there is one more at the socket in each. */
static void test_who_connects_again_and_again_holds_nobody_up(void **state)
{
	union packet_request request = {.lease.id = 1};
	struct pollfd answered = {.events = POLLIN};
	int fd[CALLS] = {join()};

	(void)state;
	server->conf.now_us = tell_slow;
	answered.fd = fd[0];
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_FREE, &request);
	fd[1] = call_in();
	send_out(fd[0], -1);
	for (uint32_t i = 2; i < CALLS; i++) {
		assert_int_equal(lease_server_dispatch(server), 0);
		fd[i] = call_in();
	}
	assert_int_equal(poll(&answered, 1, 0), 1);
	assert_int_equal(hear_answer(fd[0], PACKET_ANSWER).reply.outcome, PACKET_STALE);
	for (uint32_t i = 0; i < CALLS; i++)
		close(fd[i]);
}

static void test_who_says_nothing_is_dropped(void **state)
{
	int fd = call_in();
	struct packet_in in;

	(void)state;
	serve();
	now_us += LEASE_HELLO_US + 1;
	lease_server_keep_house(server);
	assert_false(hear(fd, &in));
	close(fd);
}

static void test_crowd_is_turned_away_with_an_answer(void **state)
{
	struct lease_server_stats stats;
	int fd[LEASE_CLIENTS + 1];
	union packet_answer answer;

	(void)state;
	for (uint32_t i = 0; i <= LEASE_CLIENTS; i++) {
		fd[i] = call_in();
		serve();
	}
	lease_server_stats(server, &stats);
	assert_int_equal(stats.refused, LEASE_CLIENTS + 1 - stats.connected);
	answer = hear_answer(fd[LEASE_CLIENTS], PACKET_ANSWER);
	assert_int_equal(answer.reply.outcome, getuid() ? -EMFILE : -ENFILE);
	for (uint32_t i = 0; i <= LEASE_CLIENTS; i++)
		close(fd[i]);
	serve();
}

static void test_removed_socket_is_made_again(void **state)
{
	struct uw_err err = {0};
	int fd = join(), other;

	(void)state;
	assert_true(lease_server_is_there(server));
	assert_int_equal(unlink(path), 0);
	assert_false(lease_server_is_there(server));
	assert_int_equal(lease_server_listen_again(server, &err), 0);
	other = join();
	get(fd, "ml_models", MIB);
	get(other, "ml_models", MIB);
	close(fd);
	close(other);
}

static void test_reload_moves_what_is_watched(void **state)
{
	uint32_t to[UW_COMPONENTS_MAX];
	union packet_request one = {.watch = {.on = 1, .component = "ml_models"}};
	union packet_event event;
	struct packet_in in;
	int fd = join();

	(void)state;
	ask_one(fd, PACKET_WATCH, one);
	assert_true(hear(fd, &in));
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		to[i] = COMPONENT_NONE;
	to[MODELS] = 0;
	f->config.component_count = 1;
	strcpy(f->config.component[0].name, "ml_models");
	lease_configure(f->ledger, &f->config);
	lease_server_renumber(server, to);
	lease_server_level(server, 0, LEVEL_HIGH, 8600, now_us);
	assert_true(hear(fd, &in));
	assert_int_equal(packet_next_event(&in, &event), 1);
	assert_string_equal(event.level.component, "ml_models");
	close(fd);
}

static void test_lease_max_is_the_quota_of_a_client(void **state)
{
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1000, 2);

	(void)state;
	f->config.lease_max = 3;
	lease_configure(f->ledger, &f->config);
	lease_look(f->ledger, &f->headroom);
	for (uint32_t i = 0; i < 2; i++) {
		const struct lease_place place = {.component = COMPONENT_NONE, .may = 3};

		lease_client_move(f->ledger, i ? other : client, &place);
	}
	for (int i = 0; i < 3; i++)
		lease_get(f, client, TRADING, 1);
	assert_int_equal(lease_ask_for(f, client, TRADING, 1), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
	lease_get(f, other, TRADING, 1);
	f->config.lease_max = 1; /* who has more keeps it */
	lease_configure(f->ledger, &f->config);
	assert_int_equal(leases(), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_leases_end_with_the_process_though_its_socket_lives),
		TEST(test_client_comes_back_to_its_leases_after_a_restart),
		TEST(test_key_of_another_gives_nothing),
		TEST(test_who_does_not_come_back_loses_all_after_ten_seconds),
		TEST(test_adoption_frees_what_dead_processes_had),
		TEST(test_rubbish_ends_a_connection_and_nothing_else),
		TEST(test_pidfd_of_another_is_refused),
		TEST(test_who_does_not_read_is_not_read_and_dropped),
		TEST(test_who_connects_again_and_again_holds_nobody_up),
		TEST(test_who_says_nothing_is_dropped),
		TEST(test_crowd_is_turned_away_with_an_answer),
		TEST(test_removed_socket_is_made_again),
		TEST(test_reload_moves_what_is_watched),
		TEST(test_lease_max_is_the_quota_of_a_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
