// SPDX-License-Identifier: GPL-2.0-or-later
/* Credit: what clients give out to themselves, and what the ledger makes of it. */
#include "tests/unit/lease_fixture.h"

#include <errno.h>

/* Makes up the credit of one that says that it has so much; what it comes to. */
static uint64_t make_up(struct lease_fixture *f, uint32_t client, uint32_t component, uint64_t has)
{
	lease_credit(f->ledger, client, component, has, f->now_us, &f->result);
	assert_int_equal(f->result.error, 0);
	return f->result.bytes;
}

static enum lease_outcome draw(struct lease_fixture *f, uint32_t client, uint64_t bytes)
{
	struct lease_request request = lease_wish(client, TRADING, bytes);

	request.drawn = true;
	request.timeout_us = US_PER_SEC;
	return lease_ask(f, &request);
}

static void test_credit_is_spoken_for_and_moves_into_leases(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_view view;
	uint64_t credit;

	assert_int_equal(make_up(f, client, TRADING, 0), LEASE_CREDIT_BYTES);
	assert_int_equal(f->result.drawable, LEASE_CREDIT_LEASES);
	credit = f->result.id;
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, LEASE_CREDIT_BYTES);
	assert_int_equal(draw(f, client, 2 * MIB), LEASE_GRANTED);
	assert_int_equal(f->result.bytes, 2 * MIB);
	assert_int_equal(f->result.borrowed_bytes, 0);
	assert_int_equal(lease_sums(f, TRADING).leases, 2);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, LEASE_CREDIT_BYTES);
	assert_true(lease_read(f->ledger, (uint32_t)credit, &view));
	assert_true(view.credit);
	assert_int_equal(view.bytes, LEASE_CREDIT_BYTES - 2 * MIB);
	assert_int_equal(lease_free(f->ledger, client, f->result.id), 0);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, LEASE_CREDIT_BYTES - 2 * MIB);
	assert_int_equal(make_up(f, client, TRADING, LEASE_CREDIT_BYTES - 2 * MIB),
			 LEASE_CREDIT_BYTES);
	assert_int_equal(f->result.id, credit);
	lease_client_leave(f->ledger, client);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 0);
}

/* Most of what is free stays so, and a denial costs nobody anything. */
static void test_credit_is_a_small_part_of_what_is_free(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1000, 2);

	lease_get(f, client, TRADING, 360 * MIB);
	assert_int_equal(make_up(f, client, TRADING, 0), 5 * MIB);
	lease_get(f, client, TRADING, 30 * MIB);
	assert_int_equal(make_up(f, other, TRADING, 0), 0); /* an eighth of 5M */
	assert_int_equal(f->result.id, 0);
	assert_int_equal(lease_sums(f, TRADING).denied, 0);
	assert_int_equal(make_up(f, client, TRADING, 5 * MIB), 5 * MIB + 5 * MIB / 8);
}

static void test_credit_does_not_grow_before_who_waits_nor_at_critical(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_request request = lease_wish(client, TRADING, 395 * MIB);

	make_up(f, client, TRADING, 0);
	request.timeout_us = US_PER_SEC;
	assert_int_equal(lease_ask(f, &request), LEASE_WAITS);
	assert_int_equal(make_up(f, client, TRADING, 4 * MIB), 4 * MIB);
	assert_true(lease_hears(f)); /* who gets it, as 4M were given up */
	f->headroom.component[MODELS].level = LEVEL_CRITICAL;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(make_up(f, client, MODELS, 0), 0);
}

static void test_draw_beyond_the_credit_is_a_grant_or_a_denial(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);

	make_up(f, client, TRADING, 0);
	assert_int_equal(draw(f, client, 20 * MIB), LEASE_GRANTED);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 20 * MIB);
	make_up(f, client, TRADING, 0);
	assert_int_equal(draw(f, client, 381 * MIB), LEASE_DENIED); /* and does not wait */
	assert_int_equal(draw(f, client, 380 * MIB), LEASE_GRANTED);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, 400 * MIB);
}

/* What the client has more or less than the ledger thought, after a restart of either. */
static void test_credit_follows_what_its_client_says(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);

	lease_get(f, client, TRADING, 384 * MIB);
	assert_int_equal(make_up(f, client, TRADING, 0), 2 * MIB);
	assert_int_equal(make_up(f, client, TRADING, MIB), MIB + 15 * MIB / 8);
	assert_int_equal(make_up(f, client, TRADING, 100 * MIB) > MIB, true);
}

static void test_errors_are_those_of_grants(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_identity identity = lease_who(1000, 1);
	struct lease_place place = {.component = COMPONENT_NONE, .may = 1U << MODELS};
	uint32_t client;

	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), 0);
	lease_credit(f->ledger, client, TRADING, 0, f->now_us, &f->result);
	assert_int_equal(f->result.error, -EACCES);
	lease_credit(f->ledger, client, COMPONENT_NONE, 0, f->now_us, &f->result);
	assert_int_equal(f->result.error, -ENOENT);
}

/* No quota refuses what was taken from credit. */
static void test_slots_are_kept_for_what_is_drawn(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);

	make_up(f, client, TRADING, 0);
	for (uint32_t i = 0; i < LEASE_SLOTS_CLIENT - 1 - LEASE_CREDIT_LEASES; i++)
		lease_get(f, client, MODELS, 1);
	assert_int_equal(lease_ask_for(f, client, MODELS, 1), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
	for (uint32_t i = 0; i < LEASE_CREDIT_LEASES; i++)
		assert_int_equal(draw(f, client, 1), LEASE_GRANTED);
	assert_int_equal(draw(f, client, 1), LEASE_DENIED);
	make_up(f, client, TRADING, 8 * MIB - 64);
	assert_int_equal(f->result.drawable, 0);
	assert_int_equal(lease_client_leave(f->ledger, client), LEASE_SLOTS_CLIENT);
	assert_int_equal(lease_room_left(f->ledger), LEASE_SLOTS);
}

/* ---- restarts and reloads ---- */

static void restart(struct lease_fixture *f)
{
	uint32_t freed;

	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, &freed);
	assert_int_equal(freed, 0);
}

static uint32_t come_back(struct lease_fixture *f)
{
	struct lease_identity identity = lease_who(1000, 1);
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};
	uint32_t client = lease_client_find(f->ledger, &identity);

	assert_int_not_equal(client, LEASE_NO_CLIENT);
	lease_client_return(f->ledger, client);
	lease_client_move(f->ledger, client, &place);
	return client;
}

/* Its client never heard of the second lease: it is in the credit still. */
static void test_drawn_lease_without_an_answer_is_credit_again(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t credit, heard;

	make_up(f, client, TRADING, 0);
	credit = f->result.id;
	assert_int_equal(draw(f, client, MIB), LEASE_GRANTED);
	heard = f->result.id;
	assert_int_equal(draw(f, client, 2 * MIB), LEASE_GRANTED);
	restart(f);
	client = come_back(f);
	assert_int_equal(lease_list_see(f->ledger, client, credit), 0);
	assert_int_equal(lease_list_see(f->ledger, client, heard), 0);
	assert_int_equal(lease_list_end(f->ledger, client), 0);
	assert_int_equal(lease_sums(f, TRADING).leases, 2);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, LEASE_CREDIT_BYTES);
	assert_int_equal(draw(f, client, 2 * MIB), LEASE_GRANTED);
	assert_int_equal(lease_sums(f, TRADING).leased_bytes, LEASE_CREDIT_BYTES);
	make_up(f, client, TRADING, 5 * MIB);
	assert_int_equal(f->result.id, credit);
	assert_int_equal(f->result.drawable, LEASE_CREDIT_LEASES);
}

static void test_credit_that_is_used_up_outlives_a_restart(void **data)
{
	struct lease_fixture *f = *data;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t credit;

	make_up(f, client, TRADING, 0);
	credit = f->result.id;
	assert_int_equal(draw(f, client, LEASE_CREDIT_BYTES), LEASE_GRANTED);
	restart(f);
	client = come_back(f);
	assert_int_equal(lease_list_see(f->ledger, client, credit), 0);
}

static void test_credit_moves_with_its_component(void **data)
{
	struct lease_fixture *f = *data;
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};
	struct component first = f->config.component[0];
	uint32_t client = lease_join(f, 1000, 1);

	make_up(f, client, TRADING, 0);
	f->config.component[0] = f->config.component[1];
	f->config.component[1] = first;
	lease_configure(f->ledger, &f->config);
	lease_look(f->ledger, &f->headroom);
	lease_client_move(f->ledger, client, &place);
	assert_int_equal(lease_sums(f, 1).leased_bytes, LEASE_CREDIT_BYTES);
	assert_int_equal(make_up(f, client, 1, 3 * MIB), LEASE_CREDIT_BYTES);
	assert_int_equal(lease_sums(f, 1).leases, 1);
	f->config.component_count = 1;
	lease_configure(f->ledger, &f->config);
	assert_int_equal(lease_room_left(f->ledger), LEASE_SLOTS);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_credit_is_spoken_for_and_moves_into_leases),
		TEST(test_credit_is_a_small_part_of_what_is_free),
		TEST(test_credit_does_not_grow_before_who_waits_nor_at_critical),
		TEST(test_draw_beyond_the_credit_is_a_grant_or_a_denial),
		TEST(test_credit_follows_what_its_client_says),
		TEST(test_errors_are_those_of_grants),
		TEST(test_slots_are_kept_for_what_is_drawn),
		TEST(test_drawn_lease_without_an_answer_is_credit_again),
		TEST(test_credit_that_is_used_up_outlives_a_restart),
		TEST(test_credit_moves_with_its_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
