// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/few_fds.h"
#include "tests/unit/server_fixture.h"
#include "user/ipc/client.h"

static void follow_log(int fd)
{
	static const char call[] = "{\"method\":\"io.uwctl.Control.Log\",\"more\":true}";

	assert_int_equal(send(fd, call, sizeof(call), 0), (int)sizeof(call));
}

static void test_server_socket_is_roots_alone_without_a_group(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	ipc_server_free(fixture->server);
	fixture->group = "";
	assert_int_equal(start(fixture), IPC_NO_GROUP);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_server_second_one_on_a_path_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct fixture second = *fixture;

	assert_int_equal(start(&second), -EADDRINUSE);
}

static void test_server_replaces_a_dead_socket(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ipc_server_free(fixture->server);
	strncpy(address.sun_path, fixture->path, sizeof(address.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(start(fixture), 0);
}

/* Who is connected stays, and others find it again. */
static void test_server_whose_path_was_removed_listens_again(void **state)
{
	struct fixture *fixture = *state;
	struct uw_err err = {0};
	int before = connect_to(fixture), after;

	turns(fixture, 1);
	assert_true(ipc_server_is_there(fixture->server));
	assert_int_equal(unlink(fixture->path), 0);
	assert_false(ipc_server_is_there(fixture->server));
	assert_int_equal(ipc_server_listen_again(fixture->server, &err), 0);
	assert_true(ipc_server_is_there(fixture->server));
	after = connect_to(fixture);
	send_calls(before, 1);
	send_calls(after, 1);
	turns(fixture, 2);
	assert_int_equal(answers(before), 1);
	assert_int_equal(answers(after), 1);
	close(before);
	close(after);
	turns(fixture, 2);
}

static bool is_ready(const struct fixture *fixture)
{
	struct pollfd ready = {.fd = ipc_server_fd(fixture->server), .events = POLLIN};

	return poll(&ready, 1, 0) == 1;
}

/* Nobody is let in and the loop has nothing to do; who is in is served, who waits is let in later.
 */
static void test_server_without_a_file_to_spare_rests_and_goes_on(void **state)
{
	struct fixture *fixture = *state;
	int before = connect_to(fixture), after;

	turns(fixture, 1);
	after = connect_to(fixture);
	few_fds_begin(0);
	turns(fixture, 1);
	assert_false(is_ready(fixture));
	send_calls(before, 1);
	assert_true(is_ready(fixture));
	turns(fixture, 1);
	assert_int_equal(answers(before), 1);
	ipc_server_expire(fixture->server, fixture->now_us); /* looks again, for nothing */
	turns(fixture, 1);
	assert_false(is_ready(fixture));
	few_fds_end();
	send_calls(after, 1);
	assert_false(is_ready(fixture));
	ipc_server_expire(fixture->server, fixture->now_us);
	turns(fixture, 2);
	assert_int_equal(answers(after), 1);
	close(before);
	close(after);
	turns(fixture, 2);
}

static void test_server_leaves_the_path_to_another_one_there(void **state)
{
	struct fixture *fixture = *state;
	struct fixture other = *fixture;
	struct uw_err err = {0};

	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(start(&other), 0);
	assert_false(ipc_server_is_there(fixture->server));
	assert_int_equal(ipc_server_listen_again(fixture->server, &err), -EADDRINUSE);
	ipc_server_free(fixture->server);
	assert_int_equal(access(fixture->path, F_OK), 0);
	fixture->server = other.server;
}

/* All tasks of a step come at once. */
static void test_server_lets_many_wait_to_be_let_in(void **state)
{
	struct fixture *fixture = *state;
	int fd[64];

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = connect_to(fixture);
	turns(fixture, ARRAY_SIZE(fd));
	assert_int_equal(stats_of(fixture).clients + stats_of(fixture).refused, ARRAY_SIZE(fd));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	turns(fixture, ARRAY_SIZE(fd));
}

static void test_server_takes_few_calls_of_a_client_a_turn(void **state)
{
	struct fixture *fixture = *state;
	int greedy = connect_to(fixture), modest = connect_to(fixture);

	send_calls(greedy, 10);
	send_calls(modest, 1);
	turns(fixture, 1); /* accepts */
	turns(fixture, 1);
	assert_int_equal(answers(greedy), IPC_CALLS_A_TURN);
	assert_int_equal(answers(modest), 1);
	turns(fixture, 1);
	assert_int_equal(answers(greedy), IPC_CALLS_A_TURN);
	turns(fixture, 1);
	assert_int_equal(answers(greedy), 2);
	turns(fixture, 2);
	assert_int_equal(fixture->handled, 11);
	close(greedy);
	close(modest);
	turns(fixture, 1);
	assert_int_equal(stats_of(fixture).clients, 0);
}

static void test_server_unread_answer_stops_its_client_then_drops_it(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	fixture->answer_bytes = 700000; /* more than a socket buffer holds */
	send_calls(fd, 3);
	turns(fixture, 5);
	assert_int_equal(fixture->handled, 1);
	ipc_server_expire(fixture->server, fixture->now_us + IPC_UNREAD_US - 1);
	assert_int_equal(stats_of(fixture).clients, 1);
	ipc_server_expire(fixture->server, fixture->now_us + IPC_UNREAD_US);
	assert_int_equal(stats_of(fixture).clients, 0);
	assert_int_equal(stats_of(fixture).dropped_slow, 1);
	close(fd);
}

static void test_server_slow_reader_gets_the_whole_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture), got = 0;

	fixture->answer_bytes = 900000;
	send_calls(fd, 2);
	for (int i = 0; i < 200 && got < 2; i++) {
		turns(fixture, 1);
		got += answers(fd);
	}
	assert_int_equal(got, 2);
	close(fd);
	turns(fixture, 1);
}

static void test_server_publishes_to_followers_only(void **state)
{
	struct fixture *fixture = *state;
	int follower = connect_to(fixture), other = connect_to(fixture);
	AUTO_JSON json_t *news = json_pack("{s:i}", "news", 1);

	follow_log(follower);
	send_calls(other, 1);
	turns(fixture, 2);
	assert_int_equal(answers(follower), 1);
	assert_int_equal(answers(other), 1);
	assert_int_equal(stats_of(fixture).followers, 1);
	ipc_server_publish(fixture->server, IPC_LOG, news, fixture->now_us);
	ipc_server_publish(fixture->server, IPC_STATUS, news, fixture->now_us);
	assert_int_equal(answers(follower), 1);
	assert_int_equal(answers(other), 0);
	close(follower);
	turns(fixture, 1);
	assert_int_equal(stats_of(fixture).followers, 0);
	close(other);
	turns(fixture, 1);
}

static void test_server_publishes_to_one_user_and_root_only(void **state)
{
	struct fixture *fixture = *state;
	int follower = connect_to(fixture);
	AUTO_JSON json_t *news = json_pack("{s:i}", "news", 1);

	follow_log(follower);
	turns(fixture, 2);
	assert_int_equal(answers(follower), 1);
	ipc_server_publish_to(fixture->server, IPC_LOG, getuid(), news, fixture->now_us);
	assert_int_equal(answers(follower), 1);
	ipc_server_publish_to(fixture->server, IPC_LOG, getuid() + 1, news, fixture->now_us);
	assert_int_equal(answers(follower), getuid() == 0 ? 1 : 0);
	close(follower);
	turns(fixture, 1);
}

static void test_server_follower_that_does_not_read_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);
	char text[4096];
	AUTO_JSON json_t *news = NULL;

	memset(text, 'n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	news = json_pack("{s:s}", "news", text);
	follow_log(fd);
	turns(fixture, 2);
	for (int i = 0; i < 1000 && stats_of(fixture).clients; i++)
		ipc_server_publish(fixture->server, IPC_LOG, news, fixture->now_us);
	assert_int_equal(stats_of(fixture).clients, 0);
	assert_int_equal(stats_of(fixture).dropped_slow, 1);
	close(fd);
}

static void test_server_drops_who_sends_nonsense(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
	} rows[] = {
		{"hello\n\0", 7},
		{"{}\0", 3},
		{"{\"method\":\"io.uwctl.Control.Status\",\"parameters\":7}\0", 53},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = connect_to(fixture);

		assert_int_equal(send(fd, rows[i].bytes, rows[i].count, 0), (int)rows[i].count);
		turns(fixture, 2);
		assert_int_equal(answers(fd), -1);
		assert_int_equal(stats_of(fixture).clients, 0);
		close(fd);
	}
	assert_int_equal(fixture->handled, 0);
}

static void test_server_call_without_end_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);
	char spaces[4096];

	memset(spaces, ' ', sizeof(spaces));
	for (size_t sent = 0; sent <= IPC_REQUEST_MAX && !stats_of(fixture).dropped_bad;
	     sent += sizeof(spaces)) {
		(void)!send(fd, spaces, sizeof(spaces), MSG_NOSIGNAL);
		turns(fixture, 2);
	}
	assert_int_equal(stats_of(fixture).dropped_bad, 1);
	close(fd);
}

static void test_server_full_house_turns_away_in_words(void **state)
{
	struct fixture *fixture = *state;
	int fd[IPC_CLIENTS_MAX + 1];
	char text[256] = "";

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = connect_to(fixture);
		turns(fixture, 1);
	}
	assert_true(stats_of(fixture).clients <= IPC_CLIENTS_MAX);
	assert_true(recv(fd[IPC_CLIENTS_MAX], text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, IPC_ERROR_BUSY));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	turns(fixture, IPC_CLIENTS_MAX);
	assert_int_equal(stats_of(fixture).clients, 0);
}

/* ---- answers that come later ---- */

static void test_server_answer_that_comes_later_holds_up_its_client_only(void **state)
{
	struct fixture *fixture = *state;
	int waits = connect_to(fixture), other = connect_to(fixture);
	struct ipc_answer answer = {.parameters = json_pack("{s:i}", "late", 1)};

	fixture->later = true;
	send_calls(waits, 2);
	turns(fixture, 2);
	fixture->later = false;
	send_calls(other, 1);
	turns(fixture, 2);
	assert_int_equal(answers(waits), 0);
	assert_int_equal(answers(other), 1);
	assert_int_equal(fixture->handled, 2); /* the second call of the first waits */
	ipc_server_answer(fixture->server, fixture->token, &answer, fixture->now_us);
	assert_int_equal(answers(waits), 1);
	turns(fixture, 2);
	assert_int_equal(answers(waits), 1);
	assert_int_equal(fixture->handled, 3);
	close(waits);
	close(other);
	turns(fixture, 2);
}

static void send_oneway(int fd, int count)
{
	static const char call[] = "{\"method\":\"io.uwctl.Control.Status\",\"oneway\":true}";

	while (count--)
		assert_int_equal(send(fd, call, sizeof(call), 0), (int)sizeof(call));
}

/* Who wants no answer has no more on its way than who does. */
static void test_server_oneway_call_holds_up_its_client_until_it_is_done(void **state)
{
	struct fixture *fixture = *state;
	struct ipc_answer answer = {.parameters = json_object()};
	int fd = connect_to(fixture);

	fixture->later = true;
	send_oneway(fd, 3);
	turns(fixture, 5);
	assert_int_equal(fixture->handled, 1);
	ipc_server_answer(fixture->server, fixture->token, &answer, fixture->now_us);
	turns(fixture, 5);
	assert_int_equal(fixture->handled, 2);
	fixture->later = false;
	answer = (struct ipc_answer){.parameters = json_object()};
	ipc_server_answer(fixture->server, fixture->token, &answer, fixture->now_us);
	send_calls(fd, 1);
	turns(fixture, 5);
	assert_int_equal(fixture->handled, 4);
	assert_int_equal(answers(fd), 1); /* of the last alone */
	close(fd);
	turns(fixture, 2);
}

static void test_server_answer_to_a_client_that_has_gone_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);
	struct ipc_answer answer = {.parameters = json_pack("{s:i}", "late", 1)};

	fixture->later = true;
	send_calls(fd, 1);
	turns(fixture, 2);
	assert_int_equal(stats_of(fixture).clients, 1);
	close(fd);
	turns(fixture, 2);
	assert_int_equal(stats_of(fixture).clients, 0);
	ipc_server_answer(fixture->server, fixture->token, &answer, fixture->now_us);
	assert_null(answer.parameters);
}

/* Its process may be another by then. */
static void test_server_drops_what_is_about_a_caller_that_has_hung_up(void **state)
{
	static const char call[] = "{\"method\":\"io.uwctl.Control.Enter\"}";
	struct fixture *fixture = *state;

	for (unsigned int ended = 0; ended <= 1; ended++) {
		int fd = connect_to(fixture);

		assert_int_equal(send(fd, call, sizeof(call), 0), (int)sizeof(call));
		if (ended)
			close(fd);
		else
			shutdown(fd, SHUT_WR);
		turns(fixture, 3);
		assert_int_equal(fixture->handled, 1);
		if (!ended)
			close(fd);
		turns(fixture, 3);
		assert_int_equal(stats_of(fixture).clients, 0);
	}
	assert_int_equal(stats_of(fixture).dropped_bad, 0);
}

static mode_t mode_of(const struct fixture *fixture)
{
	struct stat file;

	assert_int_equal(stat(fixture->path, &file), 0);
	return file.st_mode & 07777;
}

static void test_server_is_open_to_all_only_when_told(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mode_of(fixture), 0660);
	assert_int_equal(ipc_server_set_open(fixture->server, true), 0);
	assert_int_equal(mode_of(fixture), 0666);
	assert_int_equal(ipc_server_set_open(fixture->server, false), 0);
	assert_int_equal(mode_of(fixture), 0660);
}

/* ---- the client's words ---- */

static void test_client_without_a_server_says_what_to_do(void **state)
{
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(ipc_client_open("/tmp/uw-test-none/uwd.sock", &client, &err),
			 -ECONNREFUSED);
	assert_string_equal(err.word, "not-running");
	assert_non_null(strstr(err.text, "uwd is not running (no /tmp/uw-test-none/uwd.sock)"));
	assert_non_null(strstr(err.text, "start it with"));
	assert_int_equal(client.fd, -1);
}

static void test_client_silent_server_times_out(void **state)
{
	struct fixture *fixture = *state;
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	json_t *answer = NULL;

	assert_int_equal(ipc_client_open(fixture->path, &client, &err), 0);
	assert_int_equal(ipc_client_call(&client, IPC_STATUS, NULL, 1000, &answer, &err),
			 -ETIMEDOUT);
	assert_null(answer);
	assert_non_null(strstr(err.text, "'systemctl restart uwd' ends a hang and keeps the jobs"));
	ipc_client_close(&client);
	turns(fixture, 2);
}

static void test_client_answer_that_is_there_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	AUTO_JSON json_t *answer = NULL;

	assert_int_equal(ipc_client_open(fixture->path, &client, &err), 0);
	assert_int_equal(ipc_client_send(&client, IPC_STATUS, NULL, false, &err), 0);
	turns(fixture, 2);
	assert_int_equal(ipc_client_next(&client, 1000000, &answer, &err), 0);
	assert_int_equal(json_get_i64(answer, "number"), 1);
	ipc_client_close(&client);
	turns(fixture, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_server_socket_is_roots_alone_without_a_group),
		SERVER_TEST(test_server_second_one_on_a_path_is_refused),
		SERVER_TEST(test_server_replaces_a_dead_socket),
		SERVER_TEST(test_server_whose_path_was_removed_listens_again),
		SERVER_TEST(test_server_without_a_file_to_spare_rests_and_goes_on),
		SERVER_TEST(test_server_leaves_the_path_to_another_one_there),
		SERVER_TEST(test_server_lets_many_wait_to_be_let_in),
		SERVER_TEST(test_server_takes_few_calls_of_a_client_a_turn),
		SERVER_TEST(test_server_unread_answer_stops_its_client_then_drops_it),
		SERVER_TEST(test_server_slow_reader_gets_the_whole_answer),
		SERVER_TEST(test_server_publishes_to_followers_only),
		SERVER_TEST(test_server_publishes_to_one_user_and_root_only),
		SERVER_TEST(test_server_follower_that_does_not_read_is_dropped),
		SERVER_TEST(test_server_drops_who_sends_nonsense),
		SERVER_TEST(test_server_call_without_end_is_dropped),
		SERVER_TEST(test_server_full_house_turns_away_in_words),
		SERVER_TEST(test_server_answer_that_comes_later_holds_up_its_client_only),
		SERVER_TEST(test_server_oneway_call_holds_up_its_client_until_it_is_done),
		SERVER_TEST(test_server_answer_to_a_client_that_has_gone_is_dropped),
		SERVER_TEST(test_server_drops_what_is_about_a_caller_that_has_hung_up),
		SERVER_TEST(test_server_is_open_to_all_only_when_told),
		cmocka_unit_test(test_client_without_a_server_says_what_to_do),
		SERVER_TEST(test_client_silent_server_times_out),
		SERVER_TEST(test_client_answer_that_is_there_is_taken),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
