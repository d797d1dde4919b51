// SPDX-License-Identifier: GPL-2.0-or-later
/* Which leases are asked back, and when they are taken; and which emergencies are one. */
#include "tests/unit/lease_fixture.h"

/* MODELS has its 600M and may borrow so much more. */
static void lend(struct lease_fixture *f, uint64_t bytes)
{
	f->headroom.component[MODELS].limit_bytes = 600 * MIB + bytes;
	lease_look(f->ledger, &f->headroom);
	lease_recall_step(f->ledger, f->now_us);
}

static uint64_t borrow(struct lease_fixture *f, uint32_t client, uint64_t bytes, uint8_t priority)
{
	struct lease_request request = lease_wish(client, MODELS, bytes);

	request.revocable = true;
	request.priority = priority;
	f->now_us++;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	return f->result.id;
}

/* The one thing that the client is asked for. */
static struct lease_recall asked(struct lease_fixture *f, uint32_t client)
{
	struct lease_recall recall[2];

	assert_int_equal(lease_recalls_of(f->ledger, client, 2, recall), 1);
	lease_recalls_told(f->ledger, client);
	assert_int_equal(lease_recalls_of(f->ledger, client, 2, recall), 0);
	return recall[0];
}

static uint64_t bytes_of(struct lease_fixture *f, uint64_t id)
{
	struct lease_view view;

	return lease_read(f->ledger, (uint32_t)id, &view) && view.id == id ? view.bytes : 0;
}

static void wait_out(struct lease_fixture *f)
{
	f->now_us += LEASE_RECALL_US;
	assert_true(lease_next_us(f->ledger) <= f->now_us);
	lease_recall_step(f->ledger, f->now_us);
}

static void test_who_borrows_is_asked_for_what_is_missing(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_recall recall;
	uint64_t id;

	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 600 * MIB);
	id = borrow(f, client, 150 * MIB, 5);
	assert_int_equal(f->result.borrowed_bytes, 150 * MIB);
	lend(f, 200 * MIB);
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
	lend(f, 100 * MIB); /* 50M of it are called back */
	recall = asked(f, client);
	assert_true(recall.id == id && recall.target_bytes == 100 * MIB);
	assert_int_equal(recall.why, LEASE_ASKED_PAYBACK);
	assert_int_equal(recall.deadline_us, f->now_us + LEASE_RECALL_US);
	lend(f, 100 * MIB); /* once */
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
	lease_resize(f->ledger, client, id, 100 * MIB, f->now_us, &f->result);
	wait_out(f);
	assert_int_equal(bytes_of(f, id), 100 * MIB);
	assert_int_equal(lease_sums(f, MODELS).revoked, 0);
	assert_int_equal(lease_next_us(f->ledger), UINT64_MAX);
}

static void test_who_does_not_answer_loses_it(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t id, all;

	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 600 * MIB);
	id = borrow(f, client, 100 * MIB, 5);
	all = borrow(f, client, 50 * MIB, 4);
	lend(f, 70 * MIB);
	wait_out(f);
	assert_int_equal(bytes_of(f, all), 0);
	assert_int_equal(bytes_of(f, id), 70 * MIB);
	assert_int_equal(lease_sums(f, MODELS).revoked, 2);
	assert_int_equal(lease_sums(f, MODELS).revoked_bytes, 80 * MIB);
	assert_int_equal(lease_free(f->ledger, client, all), LEASE_STALE);
}

static void test_news_name_what_was_denied_and_who_had_it(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1000, 2);
	struct lease_request request = lease_wish(other, TRADING, 100 * MIB);
	struct component first = f->config.component[0];
	struct lease_news news;

	assert_false(lease_news_read(f->ledger, TRADING, 0, &news));
	lease_get(f, client, TRADING, 350 * MIB);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	request.timeout_us = 1;
	assert_int_equal(lease_ask(f, &request), LEASE_WAITS);
	f->now_us += 2;
	assert_true(lease_hears(f));
	assert_true(lease_news_read(f->ledger, TRADING, 0, &news));
	assert_int_equal(news.kind, LEASE_NEWS_TIMED_OUT);
	assert_true(lease_news_read(f->ledger, TRADING, 1, &news));
	assert_int_equal(news.kind, LEASE_NEWS_DENIED);
	assert_int_equal(news.times, 3);
	assert_int_equal(news.pid, lease_who(1000, 2).pid);
	assert_int_equal(news.denial.reason, LEASE_WHY_BUDGET);
	assert_int_equal(news.denial.asked_bytes, 100 * MIB);
	assert_int_equal(news.denial.held_bytes, 350 * MIB);
	assert_int_equal(news.denial.available_bytes, 50 * MIB);
	assert_int_equal(news.denial.holder[0].pid, lease_who(1000, 1).pid);
	assert_false(lease_news_read(f->ledger, TRADING, 2, &news));
	f->config.component[0] = f->config.component[1];
	f->config.component[1] = first;
	lease_configure(f->ledger, &f->config);
	assert_true(lease_news_read(f->ledger, 1, 1, &news));
	assert_int_equal(news.denial.holder[0].component, 1);
}

static void test_news_name_what_was_lost_and_why(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_news news;
	uint64_t id, other;

	lend(f, 200 * MIB);
	other = lease_get(f, client, MODELS, 600 * MIB);
	id = borrow(f, client, 100 * MIB, 5);
	lend(f, 70 * MIB);
	wait_out(f);
	assert_true(lease_news_read(f->ledger, MODELS, 0, &news));
	assert_int_equal(news.kind, LEASE_NEWS_REVOKED);
	assert_int_equal(news.why, LEASE_ASKED_PAYBACK);
	assert_int_equal(news.id, id);
	assert_int_equal(news.denial.held_bytes, 30 * MIB);
	assert_int_equal(lease_take(f->ledger, other, f->now_us), 0);
	assert_int_equal(lease_take(f->ledger, other, f->now_us), LEASE_STALE);
	assert_true(lease_news_read(f->ledger, MODELS, 0, &news));
	assert_int_equal(news.kind, LEASE_NEWS_TAKEN);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t one = lease_join(f, 1000, 10 + i);

		assert_int_equal(lease_ask_for(f, one, MODELS, 900 * MIB), LEASE_DENIED);
	}
	assert_true(lease_news_read(f->ledger, MODELS, LEASE_NEWS - 1, &news));
	assert_int_equal(news.kind, LEASE_NEWS_DENIED);
	assert_false(lease_news_read(f->ledger, MODELS, LEASE_NEWS, &news));
}

/* What was asked grows: it is told again, with the time that there was. */
static void test_latest_wins_and_the_deadline_stays(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_recall first, second;

	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 600 * MIB);
	borrow(f, client, 150 * MIB, 5);
	lend(f, 100 * MIB);
	first = asked(f, client);
	f->now_us += US_PER_SEC;
	lend(f, 20 * MIB);
	second = asked(f, client);
	assert_int_equal(second.id, first.id);
	assert_int_equal(second.target_bytes, 20 * MIB);
	assert_int_equal(second.deadline_us, first.deadline_us);
}

static void test_least_priority_then_the_youngest_is_asked_first(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client[3];
	uint64_t id[3];

	lend(f, 300 * MIB);
	for (uint32_t i = 0; i < 3; i++)
		client[i] = lease_join(f, 1000, i);
	lease_get(f, client[0], MODELS, 600 * MIB);
	id[0] = borrow(f, client[0], 20 * MIB, 5);
	id[1] = borrow(f, client[1], 20 * MIB, 3);
	id[2] = borrow(f, client[2], 20 * MIB, 5);
	lend(f, 30 * MIB);
	assert_true(asked(f, client[1]).id == id[1]);
	assert_int_equal(asked(f, client[2]).target_bytes, 10 * MIB);
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
	assert_int_equal(bytes_of(f, id[0]), 20 * MIB);
}

/* Neither what may not be asked back nor what borrows nothing, and no crumbs. */
static void test_others_are_left_alone(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);

	borrow(f, client, 500 * MIB, 5);
	f->headroom.component[MODELS].used_bytes = 400 * MIB;
	lend(f, 0);
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
	f->headroom.component[MODELS].used_bytes = 0;
	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 100 * MIB);
	borrow(f, client, 100 * MIB, 5);
	lend(f, 100 * MIB - LEASE_RECALL_MIN + 1);
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
}

static void test_idle_credit_is_asked_back_for_who_waits_and_at_critical(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1000, 2);
	struct lease_request request = lease_wish(other, TRADING, 395 * MIB);
	struct lease_recall recall;

	lease_credit(f->ledger, client, TRADING, 0, f->now_us, &f->result);
	lease_credit(f->ledger, other, MODELS, 0, f->now_us, &f->result);
	lease_recall_step(f->ledger, f->now_us);
	assert_int_equal(lease_recalls_untold(f->ledger), 0);
	request.timeout_us = 60 * US_PER_SEC;
	assert_int_equal(lease_ask(f, &request), LEASE_WAITS);
	lease_recall_step(f->ledger, f->now_us);
	recall = asked(f, client);
	assert_int_equal(recall.target_bytes, 0);
	assert_int_equal(recall.why, LEASE_ASKED_WAITS);
	assert_int_equal(lease_free(f->ledger, client, recall.id), 0);
	assert_true(lease_hears(f));
	f->headroom.component[MODELS].level = LEVEL_CRITICAL;
	lend(f, 0);
	assert_int_equal(asked(f, other).why, LEASE_ASKED_LEVEL);
	wait_out(f);
	assert_int_equal(lease_sums(f, MODELS).leases, 0);
}

/* The table is full: the rest is asked when there is room in it again. */
static void test_more_than_the_table_holds_comes_later(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);

	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 600 * MIB);
	for (uint32_t i = 0; i < 2 * LEASE_RECALLS - 100; i++)
		borrow(f, client, MIB, 5);
	lend(f, 0);
	assert_int_equal(lease_recalls_untold(f->ledger), LEASE_RECALLS);
	wait_out(f);
	assert_int_equal(lease_sums(f, MODELS).revoked, LEASE_RECALLS);
	wait_out(f);
	assert_int_equal(lease_sums(f, MODELS).leased_bytes, 600 * MIB);
}

static void test_reload_and_restart_keep_what_is_borrowed(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1), freed;

	lend(f, 200 * MIB);
	lease_get(f, client, MODELS, 600 * MIB);
	borrow(f, client, 150 * MIB, 5);
	lease_configure(f->ledger, &f->config);
	lend(f, 100 * MIB);
	assert_int_equal(lease_recalls_untold(f->ledger), 1);
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, &freed);
	lend(f, 100 * MIB);
	assert_int_equal(lease_recalls_untold(f->ledger), 1);
}

static void test_emergency_is_one_again_after_ten_calm_seconds(void **data)
{
	static const struct {
		uint64_t at_s;
		enum level level;
		uint64_t entered_s;
	} rows[] = {
		{100, LEVEL_HIGH, 0},        {101, LEVEL_EMERGENCY, 101},
		{102, LEVEL_CRITICAL, 101},  {120, LEVEL_EMERGENCY, 101},
		{121, LEVEL_HIGH, 101},      {130, LEVEL_EMERGENCY, 101},
		{131, LEVEL_LOW, 101},       {141, LEVEL_EMERGENCY, 141},
		{142, LEVEL_EMERGENCY, 141},
	};
	struct lease_emergency emergency = {0};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lease_emergency_step(&emergency, rows[i].level, rows[i].at_s * US_PER_SEC);
		assert_int_equal(emergency.entered_us, rows[i].entered_s * US_PER_SEC);
	}
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_borrows_is_asked_for_what_is_missing),
		TEST(test_who_does_not_answer_loses_it),
		TEST(test_news_name_what_was_denied_and_who_had_it),
		TEST(test_news_name_what_was_lost_and_why),
		TEST(test_latest_wins_and_the_deadline_stays),
		TEST(test_least_priority_then_the_youngest_is_asked_first),
		TEST(test_others_are_left_alone),
		TEST(test_idle_credit_is_asked_back_for_who_waits_and_at_critical),
		TEST(test_more_than_the_table_holds_comes_later),
		TEST(test_reload_and_restart_keep_what_is_borrowed),
		cmocka_unit_test(test_emergency_is_one_again_after_ten_calm_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
