// SPDX-License-Identifier: GPL-2.0-or-later
/* Who waits for a lease and who is next; what a ledger takes over; what a reload changes. */
#include "tests/unit/lease_fixture.h"

#include <errno.h>

static struct lease_request waiting(uint32_t client, uint64_t bytes, uint8_t priority,
				    uint32_t cookie)
{
	struct lease_request request = lease_wish(client, TRADING, bytes);

	request.priority = priority;
	request.cookie = cookie;
	request.timeout_us = 300 * US_PER_SEC;
	return request;
}

static void wait_for(struct lease_fixture *f, uint32_t client, uint64_t bytes, uint8_t priority,
		     uint32_t cookie)
{
	struct lease_request request = waiting(client, bytes, priority, cookie);

	assert_int_equal(lease_ask(f, &request), LEASE_WAITS);
}

static void assert_granted(struct lease_fixture *f, uint32_t cookie)
{
	assert_true(lease_hears(f));
	assert_int_equal(f->result.outcome, LEASE_GRANTED);
	assert_int_equal(f->result.cookie, cookie);
}

static void test_freed_room_goes_to_who_waits_by_priority_then_age(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	uint64_t id = lease_get(f, client, TRADING, 400 * MIB);

	wait_for(f, client, 100 * MIB, 5, 1);
	wait_for(f, client, 100 * MIB, 7, 2);
	wait_for(f, client, 100 * MIB, 5, 3);
	assert_false(lease_hears(f));
	lease_free(f->ledger, client, id);
	assert_granted(f, 2);
	assert_granted(f, 1);
	assert_granted(f, 3);
	assert_false(lease_hears(f));
	assert_int_equal(lease_sums(f, TRADING).waiting, 0);
}

static void test_waiting_raises_a_priority_by_one_each_half_minute(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	uint64_t id = lease_get(f, client, TRADING, 400 * MIB);

	wait_for(f, client, 100 * MIB, 5, 1);
	f->now_us += 2 * LEASE_AGE_STEP_US - 1;
	wait_for(f, client, 100 * MIB, 7, 2);
	wait_for(f, client, 100 * MIB, 6, 3);
	f->now_us += 1;
	wait_for(f, client, 100 * MIB, 8, 4);
	lease_free(f->ledger, client, id);
	assert_granted(f, 4);
	assert_granted(f, 1);
	assert_granted(f, 2);
	assert_granted(f, 3);
}

static void test_small_newcomer_does_not_overtake(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	uint64_t id = lease_get(f, client, TRADING, 350 * MIB);
	struct lease_request small = lease_wish(client, TRADING, MIB);

	wait_for(f, client, 100 * MIB, 5, 1);
	assert_int_equal(lease_ask(f, &small), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_TURN);
	small.priority = 6;
	assert_int_equal(lease_ask(f, &small), LEASE_GRANTED);
	small.component = MODELS;
	small.priority = 1;
	assert_int_equal(lease_ask(f, &small), LEASE_GRANTED);
	lease_resize(f->ledger, client, id, 340 * MIB, f->now_us, &f->result);
	assert_false(lease_hears(f));
	lease_resize(f->ledger, client, id, 299 * MIB, f->now_us, &f->result);
	assert_granted(f, 1);
}

static void test_who_may_not_at_this_level_holds_up_nobody(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);

	f->headroom.component[TRADING].level = LEVEL_CRITICAL;
	lease_look(f->ledger, &f->headroom);
	wait_for(f, client, MIB, 8, 1);
	f->now_us += 10 * LEASE_AGE_STEP_US - US_PER_SEC; /* age opens no level */
	assert_false(lease_hears(f));
	{
		struct lease_request urgent = waiting(client, MIB, 9, 2);

		assert_int_equal(lease_ask(f, &urgent), LEASE_GRANTED);
	}
	f->headroom.component[TRADING].level = LEVEL_HIGH;
	lease_look(f->ledger, &f->headroom);
	assert_granted(f, 1);
}

static void test_wait_ends_with_its_time_and_a_reason(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	struct lease_request brief = waiting(client, 100 * MIB, 5, 2);

	lease_get(f, client, TRADING, 390 * MIB);
	wait_for(f, client, 100 * MIB, 5, 1);
	brief.timeout_us = US_PER_SEC;
	assert_int_equal(lease_ask(f, &brief), LEASE_WAITS);
	assert_int_equal(lease_next_us(f->ledger), f->now_us + US_PER_SEC);
	f->now_us += US_PER_SEC;
	assert_true(lease_hears(f));
	assert_int_equal(f->result.outcome, LEASE_TIMED_OUT);
	assert_int_equal(f->result.cookie, 2);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_BUDGET);
	assert_int_equal(f->result.denial.available_bytes, 10 * MIB);
	assert_false(lease_hears(f));
	assert_int_equal(lease_next_us(f->ledger), f->now_us + 299 * US_PER_SEC);
	assert_int_equal(lease_sums(f, TRADING).timed_out, 1);
}

static void test_lease_that_expires_lets_the_next_one_in(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	struct lease_request request = lease_wish(client, TRADING, 400 * MIB);

	request.ttl_us = US_PER_SEC;
	lease_ask(f, &request);
	wait_for(f, client, 100 * MIB, 5, 1);
	f->now_us += US_PER_SEC;
	assert_granted(f, 1);
}

static void test_what_can_never_fit_does_not_wait(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = waiting(lease_join(f, 1000, 0), 401 * MIB, 5, 1);

	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_NEVER);
}

static void test_waits_of_a_client_are_bounded_and_end_with_it(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0), other = lease_join(f, 1000, 1);
	struct lease_request request = waiting(client, 100 * MIB, 5, 99);

	lease_get(f, other, TRADING, 400 * MIB);
	for (uint32_t i = 0; i < LEASE_WAITERS_CLIENT; i++)
		wait_for(f, client, 100 * MIB, 5, i);
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
	wait_for(f, other, MIB, 5, 7);
	lease_client_leave(f->ledger, client);
	assert_int_equal(lease_sums(f, TRADING).waiting, 1);
	lease_client_leave(f->ledger, other);
	assert_int_equal(lease_next_us(f->ledger), UINT64_MAX);
}

static void test_waiter_whose_quota_is_used_up_meanwhile_is_denied(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0), other = lease_join(f, 1000, 1);
	uint64_t id = lease_get(f, other, TRADING, 400 * MIB);

	wait_for(f, client, 100 * MIB, 5, 1);
	for (uint32_t i = 0; i < LEASE_SLOTS_CLIENT; i++)
		lease_get(f, client, MODELS, 4 * KIB);
	lease_free(f->ledger, other, id);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.outcome, LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
}

/* ---- a list, and a ledger that comes after another ---- */

static void test_lists_are_compared_both_ways(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0), other = lease_join(f, 1000, 1);
	uint64_t kept = lease_get(f, client, TRADING, MIB);
	uint64_t lost = lease_get(f, client, TRADING, 2 * MIB);
	uint64_t foreign = lease_get(f, other, TRADING, 4 * MIB);

	assert_int_equal(lease_list_see(f->ledger, client, kept), 0);
	assert_int_equal(lease_list_see(f->ledger, client, foreign), LEASE_STALE);
	assert_int_equal(lease_list_see(f->ledger, client, 12345), LEASE_STALE);
	assert_int_equal(lease_list_end(f->ledger, client), 1);
	assert_int_equal(lease_free(f->ledger, client, lost), LEASE_STALE);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 5 * MIB);
	assert_int_equal(lease_list_end(f->ledger, client), 1); /* an empty list has nothing */
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 4 * MIB);
}

/* As an uwd that was killed leaves it, for the next one. */
static uint32_t restart(struct lease_fixture *f)
{
	uint32_t freed;

	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, &freed);
	return freed;
}

static void test_restart_keeps_leases_and_awaits_their_clients(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t quiet = lease_join_leaf(f, 0, 20 * MIB), attends = lease_join(f, 1001, 1);
	struct lease_identity identity = lease_who(1000, 0), other = lease_who(1001, 1);
	struct lease_place place = {
		.component = TRADING, .leaf = LEASE_LEAF, .use_bytes = 70 * MIB, .may = 3};
	uint64_t id = lease_get(f, quiet, TRADING, 100 * MIB), until_us;

	lease_get(f, attends, MODELS, 10 * MIB);
	lease_client_attend(f->ledger, attends);
	assert_int_equal(restart(f), 0);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 100 * MIB);
	assert_int_equal(lease_sums(f, MODELS).leased_bytes, 10 * MIB);

	quiet = lease_client_find(f->ledger, &identity);
	assert_int_not_equal(quiet, LEASE_NO_CLIENT);
	assert_true(lease_client_is_awaited(f->ledger, quiet, &until_us));
	assert_int_equal(until_us, UINT64_MAX);
	attends = lease_client_find(f->ledger, &other);
	assert_true(lease_client_is_awaited(f->ledger, attends, &until_us));
	assert_int_equal(until_us, f->now_us + LEASE_AWAIT_US);

	identity.pid++;
	assert_int_equal(lease_client_find(f->ledger, &identity), LEASE_NO_CLIENT);
	lease_client_move(f->ledger, quiet, &place);
	lease_client_return(f->ledger, quiet);
	assert_false(lease_client_is_awaited(f->ledger, quiet, &until_us));
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 50 * MIB); /* 20 were before it */
	assert_int_equal(lease_list_see(f->ledger, quiet, id), 0);
	assert_int_equal(lease_list_end(f->ledger, quiet), 0);
	assert_int_equal(lease_free(f->ledger, quiet, id), 0);
}

static void test_restart_frees_what_is_half_written_or_foreign(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	uint64_t id[8];

	for (int i = 0; i < 8; i++)
		id[i] = lease_get(f, client, TRADING, MIB);
	f->slot[id[0] & UINT32_MAX].state = LEASE_FREE; /* its words are there, its state is not */
	f->slot[id[1] & UINT32_MAX].bytes = 0;
	f->slot[id[2] & UINT32_MAX].bytes = UINT64_MAX;
	f->slot[id[3] & UINT32_MAX].priority = 11;
	f->slot[id[4] & UINT32_MAX].key = 0;
	memset(f->slot[id[5] & UINT32_MAX].component, 'x', UW_NAME_LEN);
	f->slot[id[6] & UINT32_MAX].text[LEASE_TEXT_LEN - 1] = 'x';
	assert_int_equal(restart(f), 6);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, MIB);
	for (int i = 0; i < 7; i++)
		assert_int_equal(lease_take(f->ledger, id[i], f->now_us), LEASE_STALE);
	assert_int_equal(lease_take(f->ledger, id[7], f->now_us), 0);
}

static void test_time_to_live_outlives_a_restart(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), TRADING, MIB);

	request.ttl_us = 5 * US_PER_SEC;
	lease_ask(f, &request);
	restart(f);
	assert_int_equal(lease_next_us(f->ledger), f->now_us + 5 * US_PER_SEC);
	f->now_us += 5 * US_PER_SEC;
	assert_false(lease_hears(f));
	assert_int_equal(lease_sums(f, TRADING).leases, 0);
}

static void test_reload_moves_leases_by_name_and_frees_what_is_gone(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join_leaf(f, 0, 0);
	struct lease_request request = waiting(client, 500 * MIB, 5, 1);
	uint64_t kept = lease_get(f, client, MODELS, 200 * MIB);
	uint64_t gone = lease_get(f, client, TRADING, 100 * MIB);

	request.component = MODELS;
	assert_int_equal(lease_ask(f, &request), LEASE_WAITS);
	wait_for(f, client, 400 * MIB, 5, 2);
	strcpy(f->config.component[TRADING].name, "ml_models");
	strcpy(f->config.component[MODELS].name, "cache");
	lease_configure(f->ledger, &f->config);
	f->headroom.component[0].budget_bytes = f->headroom.component[0].limit_bytes = 600 * MIB;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_sums(f, 0).leased_bytes, 200 * MIB);
	assert_int_equal(lease_sums(f, 0).promised_bytes, 200 * MIB);
	assert_int_equal(lease_sums(f, 0).granted, 1);
	assert_int_equal(lease_sums(f, 1).leased_bytes, 0);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.error, -ENOENT);
	assert_int_equal(f->result.cookie, 2);
	assert_int_equal(lease_free(f->ledger, client, gone), LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, kept), 0);
	assert_granted(f, 1);
	assert_int_equal(lease_sums(f, 0).leased_bytes, 500 * MIB);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_freed_room_goes_to_who_waits_by_priority_then_age),
		TEST(test_waiting_raises_a_priority_by_one_each_half_minute),
		TEST(test_small_newcomer_does_not_overtake),
		TEST(test_who_may_not_at_this_level_holds_up_nobody),
		TEST(test_wait_ends_with_its_time_and_a_reason),
		TEST(test_lease_that_expires_lets_the_next_one_in),
		TEST(test_what_can_never_fit_does_not_wait),
		TEST(test_waits_of_a_client_are_bounded_and_end_with_it),
		TEST(test_waiter_whose_quota_is_used_up_meanwhile_is_denied),
		TEST(test_lists_are_compared_both_ways),
		TEST(test_restart_keeps_leases_and_awaits_their_clients),
		TEST(test_restart_frees_what_is_half_written_or_foreign),
		TEST(test_time_to_live_outlives_a_restart),
		TEST(test_reload_moves_leases_by_name_and_frees_what_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
