// SPDX-License-Identifier: GPL-2.0-or-later
#include <poll.h>
#include <sys/stat.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/server_fixture.h"
#include "user/base/clock.h"

#define SOMEBODY 4711

/* Turns until fd has something to be read, or is closed. */
static int answers_soon(struct fixture *fixture, int fd)
{
	uint64_t hangs_us = clock_now_us() + HANG_GUARD_US;
	int count = 0;

	while (!(count = answers(fd))) {
		struct pollfd wait = {.fd = ipc_server_fd(fixture->server), .events = POLLIN};

		assert_true(clock_now_us() < hangs_us);
		poll(&wait, 1, 10);
		turns(fixture, 1);
	}
	return count;
}

static void send_all(struct fixture *fixture, int fd, const char *bytes, size_t count)
{
	for (size_t sent = 0; sent < count;) {
		ssize_t n = send(fd, bytes + sent, count - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else
			turns(fixture, 1);
	}
}

/* A call of method with so much in it. */
static char *long_call(const char *method, const char *element, size_t size, size_t *ret_count)
{
	char *text = malloc(size + 256), *at = text;

	at += sprintf(at, "{\"method\":\"io.uwctl.Control.%s\",\"parameters\":{\"jobs\":[", method);
	while ((size_t)(at - text) < size)
		at += sprintf(at, "%s,", element);
	at += sprintf(at, "0]}}");
	*ret_count = (size_t)(at - text) + 1;
	return text;
}

static void call_long(struct fixture *fixture, int fd, const char *method, const char *element,
		      size_t size)
{
	size_t count;
	AUTO_FREE char *text = long_call(method, element, size, &count);

	send_all(fixture, fd, text, count);
}

static void test_server_long_call_is_answered(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	turns(fixture, 1);
	call_long(fixture, fd, "Submit", "{\"name\":\"some\"}", 100000);
	assert_int_equal(answers_soon(fixture, fd), 1);
	assert_int_equal(fixture->handled, 1);
	send_calls(fd, 2); /* and those behind it */
	assert_int_equal(answers_soon(fixture, fd), 2);
	close(fd);
	turns(fixture, 1);
}

/* Parsing takes a time of its own, in which nobody else waits. */
static void test_server_long_call_is_not_parsed_on_the_loop(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture), other = connect_to(fixture);

	turns(fixture, 2);
	call_long(fixture, fd, "Submit", "{\"name\":\"some\"}", IPC_CALL_HERE);
	send_calls(other, 1);
	turns(fixture, 1);
	assert_int_equal(answers(other), 1);
	assert_int_equal(fixture->handled, 1); /* not the first one */
	assert_int_equal(answers_soon(fixture, fd), 1);
	close(fd);
	close(other);
	turns(fixture, 2);
}

static void test_server_long_call_of_most_methods_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	turns(fixture, 1);
	call_long(fixture, fd, "Wait", "{\"first\":1,\"last\":2}", IPC_CALL_SHORT / 2);
	assert_int_equal(answers_soon(fixture, fd), 1);
	assert_int_equal(fixture->handled, 1);
	call_long(fixture, fd, "Wait", "{\"first\":1,\"last\":2}", 2 * IPC_CALL_SHORT);
	assert_int_equal(answers_soon(fixture, fd), 1); /* says why not */
	assert_int_equal(fixture->handled, 1);
	close(fd);
	turns(fixture, 1);
}

static void test_server_call_that_swells_is_cut_off(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	turns(fixture, 1);
	call_long(fixture, fd, "Submit", "{}", 400000);
	assert_int_equal(answers_soon(fixture, fd), -1);
	assert_int_equal(fixture->handled, 0);
	close(fd);
}

/* The parser is busy with the parameters of a call that is yet to be answered. */
static void test_server_long_calls_come_one_after_the_other(void **state)
{
	struct fixture *fixture = *state;
	int fd[2] = {connect_to(fixture), connect_to(fixture)};
	uint64_t first;

	turns(fixture, 2);
	fixture->later = true;
	for (int i = 0; i < 2; i++)
		call_long(fixture, fd[i], "Submit", "{\"name\":\"some\"}", 60000);
	while (!fixture->handled)
		turns(fixture, 1);
	for (int i = 0; i < 20; i++) {
		poll(NULL, 0, 1);
		turns(fixture, 1);
	}
	assert_int_equal(fixture->handled, 1);
	first = fixture->token;
	ipc_server_forget_call(fixture->server, first);
	while (fixture->handled < 2)
		turns(fixture, 1);
	ipc_server_forget_call(fixture->server, first); /* not its own any more */
	ipc_server_forget_call(fixture->server, fixture->token);
	close(fd[0]);
	close(fd[1]);
	turns(fixture, 2);
}

/* Who connects is taken for SOMEBODY where we may say so, and is nobody else where not. */
static int connect_as_somebody(const struct fixture *fixture)
{
	int fd;

	if (!getuid())
		assert_int_equal(seteuid(SOMEBODY), 0);
	fd = connect_to(fixture);
	assert_int_equal(seteuid(getuid()), 0);
	return fd;
}

static void let_anybody_in(struct fixture *fixture)
{
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	assert_int_equal(ipc_server_set_open(fixture->server, true), 0);
}

/* Who may not send a long call is not read from. */
static void test_server_half_of_long_calls_are_of_one_user(void **state)
{
	struct fixture *fixture = *state;
	static char bytes[400000];
	uint32_t through = 0;
	int fd[12];

	let_anybody_in(fixture);
	memset(bytes, ' ', sizeof(bytes));
	for (int i = 0; i < 12; i++) {
		fd[i] = connect_as_somebody(fixture);
		turns(fixture, 1);
	}
	for (int i = 0; i < 12; i++) {
		size_t sent = 0;

		for (int tries = 0; tries < 300 && sent < sizeof(bytes); tries++) {
			ssize_t n = send(fd[i], bytes + sent, sizeof(bytes) - sent, MSG_NOSIGNAL);

			sent += n > 0 ? (size_t)n : 0;
			turns(fixture, 1);
		}
		through += sent == sizeof(bytes);
	}
	assert_int_equal(through, 8); /* of 16 */
	fixture->now_us += IPC_UNREAD_US;
	ipc_server_expire(fixture->server, fixture->now_us); /* they say no more */
	assert_int_equal(stats_of(fixture).clients, 4);
	for (int i = 0; i < 12; i++)
		close(fd[i]);
	turns(fixture, 12);
}

/* Many short calls at once are not a long one that never ends. */
static void test_server_short_calls_behind_each_other_are_no_long_one(void **state)
{
	static const char one[] = "{\"method\":\"io.uwctl.Control.Queue\"}";
	static char calls[1200 * sizeof(one)]; /* 44 KB */
	struct fixture *fixture = *state;
	int fd, count = 0;

	for (size_t i = 0; i < sizeof(calls); i += sizeof(one))
		memcpy(&calls[i], one, sizeof(one));
	let_anybody_in(fixture);
	fd = connect_as_somebody(fixture);
	turns(fixture, 1);
	send_all(fixture, fd, calls, sizeof(calls));
	for (int i = 0; i < 2000 && count < 1200; i++) {
		turns(fixture, 1);
		count += answers(fd);
	}
	assert_int_equal(count, 1200);
	fixture->now_us += 2 * IPC_UNREAD_US;
	ipc_server_expire(fixture->server, fixture->now_us);
	assert_int_equal(stats_of(fixture).clients, 1);
	close(fd);
	turns(fixture, 1);
}

/* What one user does not read is no more than its half. */
static void test_server_answers_that_nobody_reads_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	int fd[24];

	let_anybody_in(fixture);
	fixture->answer_bytes = 1000000;
	for (int i = 0; i < 24; i++) {
		fd[i] = connect_as_somebody(fixture);
		turns(fixture, 1);
		send_calls(fd[i], 1);
		turns(fixture, 1);
	}
	assert_int_equal(stats_of(fixture).clients, 8); /* MiB */
	for (int i = 0; i < 24; i++)
		close(fd[i]);
	turns(fixture, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_server_long_call_is_answered),
		SERVER_TEST(test_server_long_call_is_not_parsed_on_the_loop),
		SERVER_TEST(test_server_long_call_of_most_methods_is_refused),
		SERVER_TEST(test_server_call_that_swells_is_cut_off),
		SERVER_TEST(test_server_long_calls_come_one_after_the_other),
		SERVER_TEST(test_server_half_of_long_calls_are_of_one_user),
		SERVER_TEST(test_server_short_calls_behind_each_other_are_no_long_one),
		SERVER_TEST(test_server_answers_that_nobody_reads_are_bounded),
	};

	return cmocka_run_group_tests_name("long calls", tests, NULL, NULL);
}
