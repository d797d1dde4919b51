// SPDX-License-Identifier: GPL-2.0-or-later
/* Who gets a lease, how much of it, and why not. */
#include "tests/unit/lease_fixture.h"

#include <errno.h>

static void test_plain_is_all_or_denied(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);

	lease_get(f, client, TRADING, 300 * MIB);
	assert_int_equal(f->result.bytes, 300 * MIB);
	assert_int_equal(lease_ask_for(f, client, TRADING, 101 * MIB), LEASE_DENIED);
	lease_get(f, client, TRADING, 100 * MIB);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 400 * MIB);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 400 * MIB);
}

static void test_denial_names_asked_held_available_and_the_largest_holders(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t a = lease_join(f, 1000, 0), b = lease_join(f, 1001, 1), c = lease_join(f, 0, 2),
		 d = lease_join(f, 0, 3);
	const struct lease_denial *denial = &f->result.denial;

	f->headroom.component[TRADING].used_bytes = 50 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_get(f, a, TRADING, 50 * MIB);
	lease_get(f, b, TRADING, 150 * MIB);
	lease_get(f, c, TRADING, 100 * MIB);
	lease_get(f, d, TRADING, 10 * MIB);
	lease_get(f, a, MODELS, 300 * MIB);
	assert_int_equal(lease_ask_for(f, a, TRADING, 60 * MIB), LEASE_DENIED);
	assert_int_equal(denial->reason, LEASE_WHY_BUDGET);
	assert_int_equal(denial->asked_bytes, 60 * MIB);
	assert_int_equal(denial->held_bytes, 360 * MIB);
	assert_int_equal(denial->available_bytes, 40 * MIB);
	assert_int_equal(denial->retry_after_us, LEASE_LOOK_US);
	assert_int_equal(denial->holder_count, 3);
	assert_int_equal(denial->holder[0].uid, 1001);
	assert_int_equal(denial->holder[0].bytes, 150 * MIB);
	assert_int_equal(denial->holder[1].pid, 3);
	assert_int_equal(denial->holder[2].bytes, 50 * MIB);
}

static void test_host_that_is_short_denies_within_a_budget(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);

	f->headroom.host_free_bytes = 100 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_get(f, client, MODELS, 80 * MIB);
	assert_int_equal(lease_ask_for(f, client, TRADING, 30 * MIB), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_HOST);
	assert_int_equal(f->result.denial.available_bytes, 20 * MIB);
	assert_int_equal(f->result.denial.holder[0].component, MODELS);
}

static void test_unknown_host_leaves_the_budget_to_decide(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);

	f->headroom.host_valid = false;
	f->headroom.host_free_bytes = 0;
	lease_look(f->ledger, &f->headroom);
	lease_get(f, client, TRADING, 400 * MIB);
}

static void test_adaptive_gets_two_thirds_of_the_free_at_most(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), TRADING, 390 * MIB);

	request.adaptive = true;
	request.min_bytes = 50 * MIB;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_in_range(f->result.bytes, 266 * MIB, 267 * MIB);
	request.bytes = 60 * MIB;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_int_equal(f->result.bytes, 60 * MIB);
	request.bytes = 200 * MIB;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_int_equal(f->result.bytes,
			 50 * MIB); /* 2/3 of what is left are less than it needs */
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.asked_bytes, 50 * MIB);
}

static void test_only_revocable_ones_borrow(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), MODELS, 700 * MIB);

	f->headroom.component[MODELS].limit_bytes = 800 * MIB;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_NEVER);
	assert_int_equal(f->result.denial.retry_after_us, 0);
	request.revocable = true;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_int_equal(f->result.borrowed_bytes, 100 * MIB);
	request.component = TRADING; /* which does not borrow */
	request.bytes = 401 * MIB;
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_NEVER);
}

static void test_level_lets_in_the_critical_and_then_nobody(void **data)
{
	static const struct {
		enum level level;
		uint8_t priority;
		enum lease_outcome outcome;
	} rows[] = {
		{LEVEL_HIGH, 1, LEASE_GRANTED},      {LEVEL_CRITICAL, 8, LEASE_DENIED},
		{LEVEL_CRITICAL, 9, LEASE_GRANTED},  {LEVEL_CRITICAL, 10, LEASE_GRANTED},
		{LEVEL_EMERGENCY, 10, LEASE_DENIED},
	};
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), TRADING, MIB);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->headroom.component[TRADING].level = rows[i].level;
		lease_look(f->ledger, &f->headroom);
		request.priority = rows[i].priority;
		assert_int_equal(lease_ask(f, &request), rows[i].outcome);
		if (rows[i].outcome == LEASE_DENIED)
			assert_int_equal(f->result.denial.reason, LEASE_WHY_LEVEL);
	}
}

static void test_values_out_of_range_are_refused(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	struct lease_request good = lease_wish(client, TRADING, MIB), bad[8];
	static const int errors[8] = {-EINVAL, -EINVAL, -EINVAL, -EINVAL,
				      -ENOENT, -EINVAL, -EINVAL, -EINVAL};

	for (int i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].bytes = 0;
	bad[1].bytes = LEASE_BYTES_MAX + 1;
	bad[2].priority = 0;
	bad[3].priority = 11;
	bad[4].component = LEASE_COMPONENTS;
	bad[5].adaptive = true;
	bad[6].timeout_us = LEASE_US_MAX + 1;
	bad[7].ttl_us = UINT64_MAX;
	for (int i = 0; i < 8; i++) {
		lease_grant(f->ledger, &bad[i], f->now_us, &f->result);
		assert_int_equal(f->result.error, errors[i]);
	}
}

static void test_component_that_a_client_may_not_use_is_refused(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	struct lease_place place = {.component = COMPONENT_NONE, .may = 1U << MODELS};
	struct lease_request request = lease_wish(client, TRADING, MIB);

	lease_client_move(f->ledger, client, &place);
	lease_grant(f->ledger, &request, f->now_us, &f->result);
	assert_int_equal(f->result.error, -EACCES);
}

/* ---- what is there already ---- */

static void test_freed_is_stale_and_its_id_never_comes_again(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0), other = lease_join(f, 1000, 1);
	uint64_t id = lease_get(f, client, TRADING, MIB);

	assert_int_equal(lease_free(f->ledger, other, id), LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, id), 0);
	assert_int_equal(lease_free(f->ledger, client, id), LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, 0), LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, UINT64_MAX), LEASE_STALE);
	for (uint32_t i = 0; i < 2 * LEASE_SLOTS; i++) {
		uint64_t next = lease_get(f, client, TRADING, MIB);

		assert_int_not_equal(next, id);
		assert_int_equal(lease_free(f->ledger, client, next), 0);
	}
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 0);
}

static void test_resize_grows_all_or_not_at_all_and_shrinks_always(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);
	uint64_t id = lease_get(f, client, TRADING, 100 * MIB);

	lease_resize(f->ledger, client, id, 400 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.outcome, LEASE_GRANTED);
	assert_int_equal(f->result.bytes, 400 * MIB);
	lease_resize(f->ledger, client, id, 401 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.outcome, LEASE_DENIED);
	assert_int_equal(f->result.bytes, 400 * MIB);
	assert_int_equal(f->result.denial.asked_bytes, MIB);
	f->headroom.component[TRADING].level = LEVEL_EMERGENCY;
	lease_look(f->ledger, &f->headroom);
	lease_resize(f->ledger, client, id, 50 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.outcome, LEASE_GRANTED);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 50 * MIB);
	lease_resize(f->ledger, client, id + (1ULL << 32), MIB, f->now_us, &f->result);
	assert_int_equal(f->result.outcome, LEASE_STALE);
	lease_resize(f->ledger, client, id, 0, f->now_us, &f->result);
	assert_int_equal(f->result.error, -EINVAL);
}

static void test_borrowed_part_goes_first_when_it_shrinks(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), MODELS, 700 * MIB);

	request.revocable = true;
	f->headroom.component[MODELS].limit_bytes = 800 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_ask(f, &request);
	lease_resize(f->ledger, request.client, f->result.id, 650 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.borrowed_bytes, 50 * MIB);
	lease_resize(f->ledger, request.client, f->result.id, 680 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.borrowed_bytes, 80 * MIB);
}

static void test_lease_ends_with_its_time_unless_renewed(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_request request = lease_wish(lease_join(f, 1000, 0), TRADING, MIB);
	uint64_t id[3];

	for (uint32_t i = 0; i < 3; i++) {
		request.ttl_us = (10 + i) * US_PER_SEC;
		assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
		id[i] = f->result.id;
	}
	assert_int_equal(lease_next_us(f->ledger), f->now_us + 10 * US_PER_SEC);
	assert_int_equal(lease_renew(f->ledger, request.client, id[0], 20 * US_PER_SEC, f->now_us),
			 0);
	assert_int_equal(lease_renew(f->ledger, request.client, id[1], 0, f->now_us), 0);
	assert_int_equal(lease_renew(f->ledger, request.client, 5, 0, f->now_us), LEASE_STALE);
	assert_int_equal(lease_next_us(f->ledger), f->now_us + 12 * US_PER_SEC);
	f->now_us += 12 * US_PER_SEC;
	assert_false(lease_hears(f));
	assert_int_equal(lease_renew(f->ledger, request.client, id[2], 0, f->now_us), LEASE_STALE);
	f->now_us += 20 * US_PER_SEC;
	assert_false(lease_hears(f));
	assert_int_equal(lease_next_us(f->ledger), UINT64_MAX);
	assert_int_equal(lease_sums(f, TRADING).leases, 1); /* the one without an end */
}

/* ---- what counts ---- */

static void test_lease_that_is_in_use_counts_once(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join_leaf(f, 0, 30 * MIB);

	f->headroom.component[TRADING].used_bytes = 30 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_get(f, client, TRADING, 100 * MIB);
	assert_true(f->result.inside);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 100 * MIB);
	f->headroom.component[TRADING].used_bytes = 110 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_leaf_use(f->ledger, LEASE_LEAF, 110 * MIB, 0);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 20 * MIB);
	lease_leaf_use(f->ledger, LEASE_LEAF, 150 * MIB, 0);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 0);
}

static void test_leaves_are_those_with_clients(void **data)
{
	struct lease_fixture *f = *data;
	uint64_t leaf[LEASE_CLIENTS] = {0};
	uint32_t client;

	assert_int_equal(lease_leaves(f->ledger, leaf), 0);
	client = lease_join_leaf(f, 0, 30 * MIB);
	assert_int_equal(lease_leaves(f->ledger, leaf), 1);
	assert_int_equal(leaf[0], LEASE_LEAF);
	lease_client_leave(f->ledger, client);
	assert_int_equal(lease_leaves(f->ledger, leaf), 0);
}

static void test_lease_is_for_more_than_was_used_before_it(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join_leaf(f, 0, 350 * MIB);

	f->headroom.component[TRADING].used_bytes = 350 * MIB;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_ask_for(f, client, TRADING, 60 * MIB), LEASE_DENIED);
	lease_get(f, client, TRADING, 50 * MIB);
	/* What it gave back of its use of before is not the lease's. */
	lease_leaf_use(f->ledger, LEASE_LEAF, 200 * MIB, 0);
	lease_leaf_use(f->ledger, LEASE_LEAF, 220 * MIB, 0);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 30 * MIB);
}

static void test_job_leases_within_its_reservation(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join_leaf(f, 0, 10 * MIB);

	f->headroom.component[TRADING].used_bytes = 400 * MIB;
	lease_look(f->ledger, &f->headroom);
	lease_leaf_use(f->ledger, LEASE_LEAF, 10 * MIB, 400 * MIB);
	assert_int_equal(lease_ask_for(f, client, TRADING, 391 * MIB), LEASE_DENIED);
	lease_get(f, client, TRADING, 390 * MIB);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 0);
}

static void test_denied_and_waiting_are_wanted_within_the_right(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 0);

	f->headroom.host_free_bytes = 50 * MIB;
	f->headroom.component[TRADING].used_bytes = 300 * MIB;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_sums(f, TRADING).wanted_bytes, 0);
	lease_ask_for(f, client, TRADING, 60 * MIB);
	assert_int_equal(lease_sums(f, TRADING).wanted_bytes, 60 * MIB);
	lease_ask_for(f, client, TRADING, 160 * MIB);
	assert_int_equal(lease_sums(f, TRADING).wanted_bytes, 100 * MIB);
	f->now_us += 2 * US_PER_SEC;
	assert_int_equal(lease_sums(f, TRADING).wanted_bytes, 0);
}

/* ---- quotas ---- */

static void test_clients_of_one_user_are_bounded_and_root_always_gets_in(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};
	struct lease_identity identity;
	uint32_t client, number = 0;

	for (uint32_t uid = 1000; uid < 1003; uid++)
		for (uint32_t i = 0; i < LEASE_CLIENTS_USER; i++)
			lease_join(f, uid, number++);
	identity = lease_who(1000, number);
	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), -EMFILE);
	while (number < LEASE_CLIENTS - LEASE_CLIENTS_ROOT)
		lease_join(f, 1003, number++);
	identity = lease_who(1004, number);
	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), -ENFILE);
	while (number < LEASE_CLIENTS)
		lease_join(f, 0, number++);
	identity = lease_who(0, number);
	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), -ENFILE);
}

static void test_leases_are_bounded_by_client_and_by_user(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t clients = LEASE_SLOTS_USER / LEASE_SLOTS_CLIENT;

	for (uint32_t i = 0; i < clients; i++) {
		uint32_t client = lease_join(f, 1000, i);

		for (uint32_t k = 0; k < LEASE_SLOTS_CLIENT; k++)
			lease_get(f, client, TRADING, 4 * KIB);
		assert_int_equal(lease_ask_for(f, client, TRADING, 4 * KIB), LEASE_DENIED);
		assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
	}
	assert_int_equal(lease_ask_for(f, lease_join(f, 1000, clients), TRADING, 4 * KIB),
			 LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_USER);
	lease_get(f, lease_join(f, 1001, clients + 1), TRADING, 4 * KIB);
}

static void test_without_room_for_slots_it_is_denied(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client;

	free(f->ledger);
	lease_fixture_start(f);
	client = lease_join(f, 1000, 0);
	assert_int_equal(lease_ask_for(f, client, TRADING, MIB), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA);
	lease_set_room(f->ledger, 1);
	lease_get(f, client, TRADING, MIB);
	assert_int_equal(lease_room_left(f->ledger), 0);
}

static void test_client_that_leaves_frees_all_it_had(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join_leaf(f, 0, 0), other = lease_join(f, 1000, 1);
	uint64_t kept = lease_get(f, other, TRADING, MIB);

	lease_get(f, client, TRADING, 10 * MIB);
	lease_get(f, client, MODELS, 10 * MIB);
	assert_int_equal(lease_client_leave(f->ledger, client), 2);
	assert_int_equal(lease_client_leave(f->ledger, client), 0);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, MIB);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, MIB);
	assert_int_equal(lease_sums(f, MODELS).leased_bytes, 0);
	assert_int_equal(lease_free(f->ledger, other, kept), 0);
}

/* What may be asked back, is credit, or is leased by who runs elsewhere protects nothing there. */
static void test_firm_leases_of_a_leaf_are_those_of_who_runs_in_it(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t inside = lease_join_leaf(f, 1, 0), also = lease_join_leaf(f, 2, 0);
	uint32_t outside = lease_join(f, 1000, 3);
	struct lease_request request = lease_wish(inside, TRADING, 10 * MIB);
	uint64_t id = lease_get(f, inside, TRADING, 30 * MIB);

	request.revocable = true;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	lease_get(f, also, TRADING, 5 * MIB);
	lease_get(f, inside, MODELS, 7 * MIB);
	lease_get(f, outside, TRADING, 50 * MIB);
	lease_credit(f->ledger, inside, TRADING, 0, f->now_us, &f->result);
	assert_int_equal(lease_leaf_firm(f->ledger, LEASE_LEAF), 35 * MIB);
	lease_resize(f->ledger, inside, id, 20 * MIB, f->now_us, &f->result);
	assert_int_equal(lease_leaf_firm(f->ledger, LEASE_LEAF), 25 * MIB);
	lease_client_leave(f->ledger, inside);
	assert_int_equal(lease_leaf_firm(f->ledger, LEASE_LEAF), 5 * MIB);
	assert_int_equal(lease_leaf_firm(f->ledger, LEASE_LEAF + 1), 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain_is_all_or_denied),
		TEST(test_denial_names_asked_held_available_and_the_largest_holders),
		TEST(test_host_that_is_short_denies_within_a_budget),
		TEST(test_unknown_host_leaves_the_budget_to_decide),
		TEST(test_adaptive_gets_two_thirds_of_the_free_at_most),
		TEST(test_only_revocable_ones_borrow),
		TEST(test_level_lets_in_the_critical_and_then_nobody),
		TEST(test_values_out_of_range_are_refused),
		TEST(test_component_that_a_client_may_not_use_is_refused),
		TEST(test_freed_is_stale_and_its_id_never_comes_again),
		TEST(test_resize_grows_all_or_not_at_all_and_shrinks_always),
		TEST(test_borrowed_part_goes_first_when_it_shrinks),
		TEST(test_lease_ends_with_its_time_unless_renewed),
		TEST(test_lease_that_is_in_use_counts_once),
		TEST(test_leaves_are_those_with_clients),
		TEST(test_lease_is_for_more_than_was_used_before_it),
		TEST(test_job_leases_within_its_reservation),
		TEST(test_denied_and_waiting_are_wanted_within_the_right),
		TEST(test_clients_of_one_user_are_bounded_and_root_always_gets_in),
		TEST(test_leases_are_bounded_by_client_and_by_user),
		TEST(test_without_room_for_slots_it_is_denied),
		TEST(test_client_that_leaves_frees_all_it_had),
		TEST(test_firm_leases_of_a_leaf_are_those_of_who_runs_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
