// SPDX-License-Identifier: GPL-2.0-or-later
/* The socket of leases: what is asked there, and what is answered. */
#include "tests/unit/few_fds.h"
#include "tests/unit/lease_server_fixture.h"

static void test_lease_comes_and_goes_over_the_socket(void **state)
{
	int fd = join();
	union packet_answer answer = ask_one(fd, PACKET_GRANT, wish("trading_data", MIB, 0));
	union packet_request lease = {.lease = {.id = answer.reply.id, .value = 2 * MIB}};

	(void)state;
	assert_int_equal(answer.reply.item.cookie, 9);
	assert_int_equal(answer.reply.bytes, MIB);
	answer = ask_one(fd, PACKET_RESIZE, lease);
	assert_int_equal(answer.reply.bytes, 2 * MIB);
	lease.lease.value = US_PER_SEC;
	assert_int_equal(ask_one(fd, PACKET_RENEW, lease).reply.outcome, 0);
	lease.lease.value = 0;
	assert_int_equal(ask_one(fd, PACKET_FREE, lease).reply.outcome, 0);
	assert_int_equal(ask_one(fd, PACKET_FREE, lease).reply.outcome, PACKET_STALE);
	assert_int_equal(leases(), 0);
	close(fd);
}

static void test_errors_and_denials_are_told(void **state)
{
	int fd = join();
	union packet_answer answer;

	(void)state;
	assert_int_equal(ask_one(fd, PACKET_GRANT, wish("nowhere", MIB, 0)).reply.outcome, -ENOENT);
	assert_int_equal(ask_one(fd, PACKET_GRANT, wish("ml_models", 0, 0)).reply.outcome, -EINVAL);
	get(fd, "trading_data", 300 * MIB);
	answer = ask_one(fd, PACKET_GRANT, wish("trading_data", 101 * MIB, 0));
	assert_int_equal(answer.reply.outcome, PACKET_DENIED);
	assert_string_equal(answer.denial.reason, "budget");
	assert_int_equal(answer.denial.available_bytes, 100 * MIB);
	assert_int_equal(answer.denial.holder[0].pid, getpid());
	assert_string_equal(answer.denial.holder[0].component, "trading_data");
	close(fd);
	serve();
	may = 1U << TRADING;
	fd = join();
	assert_int_equal(ask_one(fd, PACKET_GRANT, wish("ml_models", MIB, 0)).reply.outcome,
			 -EACCES);
	close(fd);
}

static void test_batch_is_answered_in_one_packet_in_order(void **state)
{
	union packet_request request = wish("ml_models", MIB, 0);
	union packet_answer answer;
	struct packet_in in;
	const char *text;
	size_t length;
	int fd = join();

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	for (uint32_t i = 0; i < PACKET_ITEMS_MAX; i++) {
		request.grant.item.cookie = i;
		packet_add_request(&out, PACKET_GRANT, &request);
	}
	send_out(fd, -1);
	serve();
	assert_true(hear(fd, &in));
	for (uint32_t i = 0; i < PACKET_ITEMS_MAX; i++) {
		assert_int_equal(packet_next_answer(&in, &answer, &text, &length), 1);
		assert_int_equal(answer.reply.item.cookie, i);
		assert_int_equal(answer.reply.outcome, 0);
	}
	assert_int_equal(leases(), PACKET_ITEMS_MAX);
	close(fd);
	serve();
	assert_int_equal(leases(), 0);
}

static void test_first_of_a_list_that_fits_is_taken(void **state)
{
	static const struct {
		uint64_t mib;
		uint32_t flags;
		int32_t outcome;
	} rows[] = {{500, PACKET_OR_NEXT, PACKET_DENIED},
		    {100, PACKET_OR_NEXT, 0},
		    {50, PACKET_OR_NEXT, PACKET_SKIPPED},
		    {10, 0, PACKET_SKIPPED},
		    {20, 0, 0},
		    {500, PACKET_OR_NEXT, PACKET_DENIED},
		    {30, 0, 0}};
	union packet_answer answer;
	struct packet_in in;
	const char *text;
	size_t length;
	int fd = join();

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union packet_request request = wish("trading_data", rows[i].mib * MIB, US_PER_SEC);

		request.grant.flags = rows[i].flags;
		packet_add_request(&out, PACKET_GRANT, &request);
	}
	send_out(fd, -1);
	serve();
	assert_true(hear(fd, &in));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(packet_next_answer(&in, &answer, &text, &length), 1);
		assert_int_equal(answer.reply.outcome, rows[i].outcome);
	}
	close(fd);
}

static void test_wait_is_told_later_and_ends_in_time(void **state)
{
	int fd = join(), other = join();
	union packet_request lease = {.lease.id = get(other, "trading_data", 400 * MIB)};
	union packet_answer answer = ask_one(fd, PACKET_GRANT, wish("trading_data", MIB, 1000000));

	(void)state;
	assert_int_equal(answer.reply.outcome, PACKET_WAITS);
	assert_true(hears_nothing(fd));
	ask_one(other, PACKET_FREE, lease);
	answer = hear_answer(fd, PACKET_LATER);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(answer.reply.item.cookie, 9);
	ask_one(fd, PACKET_GRANT, wish("trading_data", 400 * MIB, 1000000));
	now_us += 1000000;
	lease_server_settle(server);
	answer = hear_answer(fd, PACKET_LATER);
	assert_int_equal(answer.reply.outcome, PACKET_TIMED_OUT);
	assert_string_equal(answer.denial.reason, "budget");
	close(fd);
	close(other);
}

static void test_report_comes_as_text(void **state)
{
	static const union packet_request none;
	union packet_answer answer;
	struct packet_in in;
	const char *text;
	size_t length;
	int fd = join();

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_REPORT, &none);
	send_out(fd, -1);
	serve();
	assert_true(hear(fd, &in));
	assert_int_equal(packet_next_answer(&in, &answer, &text, &length), 1);
	assert_int_equal(length, 7);
	close(fd);
}

static void test_levels_are_pushed_and_the_latest_wins(void **state)
{
	static const union packet_request all = {.watch.on = 1};
	union packet_event event;
	struct packet_in in;
	int fd = join(), packets = 0, other = join();

	(void)state;
	lease_server_level(server, MODELS, LEVEL_LOW, 7100, now_us);
	assert_true(hears_nothing(fd));
	assert_int_equal(ask_one(fd, PACKET_WATCH, all).reply.outcome, 0);
	assert_true(hear(fd, &in));
	assert_int_equal(in.kind, PACKET_EVENTS);
	assert_int_equal(packet_next_event(&in, &event), 1);
	assert_string_equal(event.level.component, "trading_data");
	assert_int_equal(packet_next_event(&in, &event), 1);
	assert_int_equal(event.level.level, LEVEL_LOW);

	/* It reads nothing: the server keeps no more than one of each. */
	for (uint32_t i = 0; i < 100000; i++)
		lease_server_level(server, MODELS, (enum level)(i % LEVEL__COUNT), i, now_us);
	lease_server_level(server, MODELS, LEVEL_CRITICAL, 9100, now_us);
	assert_int_equal(get(other, "ml_models", MIB) != 0, 1);
	while (!hears_nothing(fd)) {
		assert_true(hear(fd, &in));
		assert_int_equal(packet_next_event(&in, &event), 1);
		packets++;
		serve();
	}
	assert_true(packets < 10000);
	assert_int_equal(event.level.level, LEVEL_CRITICAL);
	assert_int_equal(event.level.use_permyriad, 9100);
	assert_true(hears_nothing(other));
	close(fd);
	close(other);
}

static bool is_ready(void)
{
	struct pollfd ready = {.fd = lease_server_fd(server), .events = POLLIN};

	return poll(&ready, 1, 0) == 1;
}

/* Nobody is let in, the loop has nothing to do, and who is in is served. */
static void test_without_a_file_to_spare_it_rests_and_goes_on(void **state)
{
	int before = join(), after = call_in();

	(void)state;
	few_fds_begin(0);
	assert_int_equal(lease_server_dispatch(server), 0);
	assert_false(is_ready());
	get(before, "trading_data", MIB);
	lease_server_keep_house(server); /* looks again, for nothing */
	assert_int_equal(lease_server_dispatch(server), 0);
	assert_false(is_ready());
	few_fds_end();
	lease_server_keep_house(server);
	hello(after, 0, 0);
	get(after, "trading_data", MIB);
	close(before);
	close(after);
	serve();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lease_comes_and_goes_over_the_socket),
		TEST(test_errors_and_denials_are_told),
		TEST(test_batch_is_answered_in_one_packet_in_order),
		TEST(test_first_of_a_list_that_fits_is_taken),
		TEST(test_wait_is_told_later_and_ends_in_time),
		TEST(test_report_comes_as_text),
		TEST(test_levels_are_pushed_and_the_latest_wins),
		TEST(test_without_a_file_to_spare_it_rests_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
