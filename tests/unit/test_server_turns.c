// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/server_fixture.h"

/* ---- turns are bounded by time ---- */

#define CROWD 30U /* less than IPC_CLIENTS_USER */

static void connect_crowd(struct fixture *fixture, int fd[CROWD], int calls)
{
	for (uint32_t i = 0; i < CROWD; i++) {
		fd[i] = connect_to(fixture);
		turns(fixture, 1);
	}
	for (uint32_t i = 0; i < CROWD; i++)
		send_calls(fd[i], calls);
}

static void close_crowd(struct fixture *fixture, const int fd[CROWD])
{
	for (uint32_t i = 0; i < CROWD; i++)
		close(fd[i]);
	turns(fixture, CROWD);
}

static uint64_t turn_takes_us(struct fixture *fixture)
{
	uint64_t began_us = turn_clock_us;

	turns(fixture, 1);
	return turn_clock_us - began_us;
}

static void test_server_turn_ends_by_time_however_many_call(void **state)
{
	struct fixture *fixture = *state;
	int fd[CROWD];

	connect_crowd(fixture, fd, 4);
	fixture->cost_us = 300;
	for (uint32_t i = 0; fixture->handled < CROWD * 4; i++) {
		assert_true(i < 1000);
		assert_true(turn_takes_us(fixture) < IPC_TURN_US + fixture->cost_us);
	}
	assert_true(stats_of(fixture).turn_max_us < IPC_TURN_US + fixture->cost_us);
	for (uint32_t i = 0; i < CROWD; i++)
		assert_int_equal(answers(fd[i]), 4);
	close_crowd(fixture, fd);
}

/* What the kernel tells waits for one call, and not for all that find their place in a turn. */
static void test_server_turn_ends_for_who_comes_first(void **state)
{
	struct fixture *fixture = *state;
	int fd[CROWD];

	connect_crowd(fixture, fd, 1);
	fixture->cost_us = 10;
	fixture->hurry_at = 5;
	turns(fixture, 1);
	assert_int_equal(fixture->handled, 5);
	fixture->hurry = false;
	turns(fixture, 1);
	assert_int_equal(fixture->handled, CROWD);
	for (uint32_t i = 0; i < CROWD; i++)
		assert_int_equal(answers(fd[i]), 1);
	close_crowd(fixture, fd);
}

static void test_server_goes_round_all_before_anybody_comes_twice(void **state)
{
	struct fixture *fixture = *state;
	int fd[CROWD];

	connect_crowd(fixture, fd, 2);
	fixture->cost_us = 600; /* four in a turn, so that turns end in the middle of a round */
	while (fixture->handled < CROWD)
		turns(fixture, 1);
	for (uint32_t i = 0; i < CROWD; i++)
		assert_true(answers(fd[i]) >= 1);
	close_crowd(fixture, fd);
}

static void test_server_dear_call_is_made_good_in_later_turns(void **state)
{
	struct fixture *fixture = *state;
	int dear = connect_to(fixture), cheap = connect_to(fixture);

	turns(fixture, 1);
	send_calls(dear, 2);
	fixture->cost_us = 4 * IPC_CLIENT_US;
	turns(fixture, 1);
	assert_int_equal(answers(dear), 1);
	fixture->cost_us = 1;
	send_calls(cheap, 8);
	turns(fixture, 2);
	assert_int_equal(answers(cheap), 8);
	assert_int_equal(answers(dear), 0);
	turns(fixture, 2);
	assert_int_equal(answers(dear), 1);
	close(dear);
	close(cheap);
	turns(fixture, 2);
}

/* Counts down by one a step, each of which takes so long. */
struct countdown {
	struct ipc_work work;
	uint32_t left;
	bool dropped;
};

static bool count_down(struct ipc_work *work)
{
	struct countdown *countdown = (struct countdown *)work;

	turn_clock_us += 400;
	return --countdown->left;
}

static void drop_countdown(struct ipc_work *work)
{
	((struct countdown *)work)->dropped = true;
}

static void test_server_work_goes_on_in_parts_beside_the_clients(void **state)
{
	struct fixture *fixture = *state;
	struct countdown works[2] = {
		{.work = {.step = count_down, .drop = drop_countdown}, .left = 100},
		{.work = {.step = count_down, .drop = drop_countdown}, .left = 100},
	};
	int fd = connect_to(fixture);

	turns(fixture, 1);
	ipc_server_put_work(fixture->server, &works[0].work);
	ipc_server_put_work(fixture->server, &works[1].work);
	send_calls(fd, 1);
	assert_true(turn_takes_us(fixture) < IPC_TURN_US + 400);
	assert_int_equal(answers(fd), 1);
	assert_in_range(works[0].left, 99 - IPC_TURN_US / 800, 100);
	assert_in_range(works[1].left, 99 - IPC_TURN_US / 800, 100);
	assert_true(works[0].left + works[1].left < 200);
	while (works[0].left || works[1].left)
		assert_true(turn_takes_us(fixture) < IPC_TURN_US + 400);
	close(fd);
	turns(fixture, 1);
}

static void test_server_that_ends_drops_its_works(void **state)
{
	struct fixture *fixture = *state;
	struct countdown work = {.work = {.step = count_down, .drop = drop_countdown}, .left = 9};

	ipc_server_put_work(fixture->server, &work.work);
	ipc_server_free(fixture->server);
	assert_true(work.dropped);
	assert_int_equal(start(fixture), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_server_turn_ends_by_time_however_many_call),
		SERVER_TEST(test_server_turn_ends_for_who_comes_first),
		SERVER_TEST(test_server_goes_round_all_before_anybody_comes_twice),
		SERVER_TEST(test_server_dear_call_is_made_good_in_later_turns),
		SERVER_TEST(test_server_work_goes_on_in_parts_beside_the_clients),
		SERVER_TEST(test_server_that_ends_drops_its_works),
	};

	return cmocka_run_group_tests_name("server turns", tests, NULL, NULL);
}
