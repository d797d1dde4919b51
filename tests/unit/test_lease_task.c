// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks in the ledger of leases: who waits as long as it takes, and what becomes a process's. */
#include "tests/unit/lease_fixture.h"

#include <errno.h>

static struct lease_request task_of(uint32_t client, uint64_t bytes, uint32_t cookie)
{
	struct lease_request request = lease_wish(client, TRADING, bytes);

	request.task = true;
	request.cookie = cookie;
	request.run_us = 60 * US_PER_SEC;
	return request;
}

static enum lease_outcome submit(struct lease_fixture *f, uint32_t client, uint64_t bytes,
				 uint32_t cookie)
{
	struct lease_request request = task_of(client, bytes, cookie);

	return lease_ask(f, &request);
}

static uint32_t free_slots(const struct lease_fixture *f)
{
	return lease_room_left(f->ledger);
}

static void test_task_waits_as_long_as_it_takes_and_starts_by_priority_and_age(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t big = lease_get(f, client, TRADING, 400 * MIB), id;
	struct lease_request urgent = task_of(client, 300 * MIB, 3);

	urgent.priority = 8;
	assert_int_equal(submit(f, client, 200 * MIB, 1), LEASE_WAITS);
	assert_int_equal(submit(f, client, 150 * MIB, 2), LEASE_WAITS);
	assert_int_equal(lease_ask(f, &urgent), LEASE_WAITS);
	f->now_us += 60 * US_PER_SEC; /* a minute: two steps, which do not make 5 an 8 */
	assert_false(lease_hears(f));
	lease_free(f->ledger, client, big);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.cookie, 3);
	assert_int_equal(f->result.outcome, LEASE_GRANTED);
	id = f->result.id;
	assert_false(lease_hears(f)); /* the elder of the others does not fit, the younger waits */
	lease_free(f->ledger, client, id);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.cookie, 1);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.cookie, 2);
	assert_int_equal(lease_next_us(f->ledger), UINT64_MAX);
}

static void test_task_that_never_fits_is_denied_at_once(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);

	assert_int_equal(submit(f, client, 401 * MIB, 1), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_NEVER);
}

static void test_withdrawn_task_lets_the_next_one_in(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1000, 2);

	lease_get(f, client, TRADING, 300 * MIB);
	assert_int_equal(submit(f, client, 200 * MIB, 1), LEASE_WAITS);
	assert_int_equal(submit(f, client, 100 * MIB, 2), LEASE_WAITS);
	assert_int_equal(lease_withdraw(f->ledger, other, 1), LEASE_STALE);
	assert_int_equal(lease_withdraw(f->ledger, client, 1), 0);
	assert_int_equal(lease_withdraw(f->ledger, client, 1), LEASE_STALE);
	assert_true(lease_hears(f));
	assert_int_equal(f->result.cookie, 2);
}

static void test_tasks_have_a_quota_beside_other_waits(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), second = lease_join(f, 1000, 2);
	uint32_t third = lease_join(f, 1000, 3), root = lease_join(f, 0, 4);
	struct lease_request plain = lease_wish(client, TRADING, 100 * MIB);

	plain.timeout_us = US_PER_SEC;
	lease_get(f, client, TRADING, 400 * MIB);
	for (uint32_t i = 0; i < LEASE_TASKS_CLIENT; i++)
		assert_int_equal(submit(f, client, 100 * MIB, i), LEASE_WAITS);
	assert_int_equal(submit(f, client, 100 * MIB, 999), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_CLIENT);
	assert_int_equal(lease_ask(f, &plain), LEASE_WAITS);
	for (uint32_t i = 0; i < LEASE_WAITERS_USER - LEASE_TASKS_CLIENT - 1; i++)
		assert_int_equal(submit(f, second, 100 * MIB, i), LEASE_WAITS);
	assert_int_equal(submit(f, third, 100 * MIB, 1), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_USER);
	assert_int_equal(submit(f, root, 100 * MIB, 1), LEASE_WAITS);
	lease_client_leave(f->ledger, client);
	assert_int_equal(submit(f, third, 100 * MIB, 1), LEASE_WAITS);
}

static void test_look_says_why_it_waits_and_when_its_turn_comes(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_line line;

	assert_int_equal(submit(f, client, 250 * MIB, 1), LEASE_GRANTED);
	f->now_us += 20 * US_PER_SEC;
	assert_int_equal(submit(f, client, 150 * MIB, 2), LEASE_GRANTED);
	assert_int_equal(submit(f, client, 200 * MIB, 3), LEASE_WAITS);
	assert_int_equal(submit(f, client, 200 * MIB, 4), LEASE_WAITS);
	assert_int_equal(lease_look_at(f->ledger, client, 3, f->now_us, &line), 0);
	assert_int_equal(line.reason, LEASE_WHY_BUDGET);
	assert_int_equal(line.ahead, 0);
	assert_int_equal(line.bytes, 200 * MIB);
	assert_int_equal(line.start_in_us, 40 * US_PER_SEC);
	assert_int_equal(lease_look_at(f->ledger, client, 4, f->now_us, &line), 0);
	assert_int_equal(line.reason, LEASE_WHY_TURN);
	assert_int_equal(line.ahead, 1);
	assert_int_equal(line.start_in_us, 60 * US_PER_SEC);
	assert_int_equal(lease_look_at(f->ledger, client, 1, f->now_us, &line), LEASE_STALE);
	f->headroom.component[TRADING].level = LEVEL_EMERGENCY;
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_look_at(f->ledger, client, 3, f->now_us, &line), 0);
	assert_int_equal(line.reason, LEASE_WHY_LEVEL);
	assert_true(line.start_in_us == UINT64_MAX);
}

static void test_turn_behind_what_nobody_ends_is_not_foretold(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);
	struct lease_line line;

	lease_get(f, client, TRADING, 400 * MIB);
	assert_int_equal(submit(f, client, 200 * MIB, 3), LEASE_WAITS);
	assert_int_equal(lease_look_at(f->ledger, client, 3, f->now_us, &line), 0);
	assert_true(line.start_in_us == UINT64_MAX);
}

static void test_lease_that_is_handed_over_outlives_who_asked_for_it(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), child;
	struct lease_identity identity = lease_who(1000, 2);
	struct lease_place leaf = {.component = TRADING, .leaf = LEASE_LEAF};
	uint64_t id = lease_get(f, client, TRADING, 100 * MIB), task, until_us;
	struct lease_totals totals;
	struct lease_view view;

	assert_int_equal(
		lease_hand_over(f->ledger, client, id, &identity, f->now_us, &child, &task), 0);
	assert_int_not_equal(task, id);
	assert_int_equal(lease_free(f->ledger, client, id), LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, task), LEASE_STALE);
	assert_true(lease_client_is_awaited(f->ledger, child, &until_us));
	assert_true(until_us == UINT64_MAX);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 100 * MIB);
	lease_client_leave(f->ledger, client);
	assert_true(lease_read(f->ledger, (uint32_t)task, &view));
	assert_int_equal(view.pid, identity.pid);
	assert_true(view.task && !view.awaited);
	lease_totals(f->ledger, &totals);
	assert_int_equal(totals.awaited, 0);
	lease_client_move(f->ledger, child, &leaf);
	lease_leaf_use(f->ledger, LEASE_LEAF, 60 * MIB, 0);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 40 * MIB);
	assert_int_equal(lease_client_leave(f->ledger, child), 1);
	assert_int_equal(free_slots(f), LEASE_SLOTS);
}

static void test_handing_over_keeps_to_quotas(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), child;
	struct lease_identity identity = lease_who(1000, 900);
	uint64_t id = lease_get(f, client, TRADING, MIB), task;

	for (uint32_t i = 1; i < LEASE_CLIENTS_USER; i++)
		lease_join(f, 1000, 1 + i);
	assert_int_equal(
		lease_hand_over(f->ledger, client, id, &identity, f->now_us, &child, &task),
		-EMFILE);
	assert_int_equal(
		lease_hand_over(f->ledger, client, id + 1, &identity, f->now_us, &child, &task),
		LEASE_STALE);
	assert_int_equal(lease_free(f->ledger, client, id), 0);
}

static void test_pool_is_nobody_elses_to_have(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), child;
	struct lease_identity identity = lease_who(1000, 2);
	struct lease_request request = lease_wish(client, TRADING, 100 * MIB);
	uint64_t task;

	request.pool = true;
	strcpy(request.text, "prices");
	request.task = true; /* it cannot wait */
	lease_grant(f->ledger, &request, f->now_us, &f->result);
	assert_int_equal(f->result.error, -EINVAL);
	request.task = false;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_int_equal(lease_hand_over(f->ledger, client, f->result.id, &identity, f->now_us,
					 &child, &task),
			 -EINVAL);
	assert_int_equal(lease_client_find(f->ledger, &identity), LEASE_NO_CLIENT);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 100 * MIB);
}

static void test_what_came_of_a_credit_is_handed_over_for_good(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), child;
	struct lease_identity identity = lease_who(1000, 2);
	struct lease_request request = lease_wish(client, TRADING, MIB);
	struct lease_view view;
	uint64_t credit, task;

	lease_credit(f->ledger, client, TRADING, 0, f->now_us, &f->result);
	credit = f->result.id;
	assert_true(credit);
	assert_int_equal(
		lease_hand_over(f->ledger, client, credit, &identity, f->now_us, &child, &task),
		-EINVAL);
	request.drawn = true;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	assert_int_equal(lease_hand_over(f->ledger, client, f->result.id, &identity, f->now_us,
					 &child, &task),
			 0);
	lease_list_see(f->ledger, client, credit);
	lease_list_end(f->ledger, client);
	assert_true(lease_read(f->ledger, (uint32_t)task, &view));
	assert_int_equal(view.bytes, MIB);
	assert_true(view.task && !view.credit);
}

static void test_task_is_adopted_with_its_process(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), child, freed;
	struct lease_identity identity = lease_who(1000, 2), found;
	uint64_t id = lease_get(f, client, TRADING, 100 * MIB), task, until_us;
	struct lease_view view;

	lease_client_attend(f->ledger, client);
	assert_int_equal(
		lease_hand_over(f->ledger, client, id, &identity, f->now_us, &child, &task), 0);
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, &freed);
	assert_int_equal(freed, 0);
	assert_true(lease_read(f->ledger, (uint32_t)task, &view));
	assert_true(view.task);
	child = lease_client_find(f->ledger, &identity);
	assert_true(lease_client_read(f->ledger, child, &found));
	assert_true(lease_client_is_awaited(f->ledger, child, &until_us));
	assert_true(until_us == UINT64_MAX);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_task_waits_as_long_as_it_takes_and_starts_by_priority_and_age),
		TEST(test_task_that_never_fits_is_denied_at_once),
		TEST(test_withdrawn_task_lets_the_next_one_in),
		TEST(test_tasks_have_a_quota_beside_other_waits),
		TEST(test_look_says_why_it_waits_and_when_its_turn_comes),
		TEST(test_turn_behind_what_nobody_ends_is_not_foretold),
		TEST(test_lease_that_is_handed_over_outlives_who_asked_for_it),
		TEST(test_handing_over_keeps_to_quotas),
		TEST(test_pool_is_nobody_elses_to_have),
		TEST(test_what_came_of_a_credit_is_handed_over_for_good),
		TEST(test_task_is_adopted_with_its_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
