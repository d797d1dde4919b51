// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools in the ledger: what they count, who has them, and what outlives whom. */
#include "tests/unit/lease_fixture.h"

#include <errno.h>

static struct lease_request pool_wish(uint32_t client, uint64_t bytes, const char *name)
{
	struct lease_request request = lease_wish(client, TRADING, bytes);

	request.pool = true;
	strcpy(request.text, name);
	return request;
}

static uint64_t get_pool(struct lease_fixture *f, uint32_t client, uint64_t bytes, const char *name)
{
	struct lease_request request = pool_wish(client, bytes, name);

	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	return f->result.id;
}

static struct lease_pool_view view_of(const struct lease_fixture *f, uint64_t id)
{
	struct lease_pool_view view;

	assert_true(lease_pool_read(f->ledger, lease_pool_find(f->ledger, id), &view));
	return view;
}

static uint64_t attach(struct lease_fixture *f, uint32_t client, uint64_t pool)
{
	lease_pool_attach(f->ledger, client, lease_pool_find(f->ledger, pool), f->now_us,
			  &f->result);
	assert_int_equal(f->result.error, 0);
	return f->result.id;
}

static void test_pool_is_spoken_for_until_it_has_memory(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t id = get_pool(f, client, 300 * MIB, "prices");
	struct lease_component_view sums = lease_sums(f, TRADING);

	assert_int_equal(sums.pools, 1);
	assert_int_equal(sums.pool_bytes, 300 * MIB);
	assert_int_equal(sums.leases, 0);
	assert_int_equal(sums.leased_bytes, 0);
	assert_int_equal(sums.promised_bytes, 300 * MIB);
	/* 120M of it were committed, and so are part of what the component uses. */
	f->headroom.component[TRADING].used_bytes = 120 * MIB;
	lease_pools_use(f->ledger, TRADING, 120 * MIB);
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 180 * MIB);
	assert_int_equal(lease_ask_for(f, client, TRADING, 101 * MIB), LEASE_DENIED);
	assert_int_equal(lease_ask_for(f, client, TRADING, 100 * MIB), LEASE_GRANTED);
	assert_int_equal(lease_free(f->ledger, client, id), 0);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 0);
}

static void test_pool_that_does_not_fit_is_denied_with_who_has_it(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1001, 2);
	struct lease_request request = pool_wish(other, 200 * MIB, "models");

	get_pool(f, client, 300 * MIB, "prices");
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_BUDGET);
	assert_int_equal(f->result.denial.available_bytes, 100 * MIB);
	assert_int_equal(f->result.denial.holder_count, 1);
	assert_int_equal(f->result.denial.holder[0].bytes, 300 * MIB);
	assert_int_equal(f->result.denial.holder[0].uid, 1000);
	request.bytes = 500 * MIB;
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_NEVER);
}

/* What its own leaf uses is not what a pool will use. */
static void test_pool_does_not_go_into_what_its_owner_uses(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join_leaf(f, 1, 0);

	f->headroom.component[TRADING].used_bytes = 300 * MIB;
	lease_leaf_use(f->ledger, LEASE_LEAF, 0, 300 * MIB);
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(lease_ask_for(f, client, TRADING, 300 * MIB), LEASE_GRANTED);
	assert_int_equal(lease_free(f->ledger, client, f->result.id), 0);
	get_pool(f, client, 100 * MIB, "fits");

	struct lease_request request = pool_wish(client, MIB, "more");

	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
}

static void test_words_of_a_pool_are_checked(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1), other = lease_join(f, 1001, 2);
	struct lease_request rows[] = {
		pool_wish(client, MIB, ""),
		pool_wish(client, MIB, "Not a name"),
		pool_wish(client, MIB, "a23456789-b23456789-c23456789-d2"),
		pool_wish(client, MIB, "late"),
		pool_wish(client, MIB, "brief"),
		pool_wish(client, MIB, "back"),
		pool_wish(client, MIB, "some"),
	};
	uint64_t id;

	rows[3].timeout_us = 1;
	rows[4].ttl_us = 1;
	rows[5].revocable = true;
	rows[6].adaptive = true;
	rows[6].min_bytes = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lease_grant(f->ledger, &rows[i], f->now_us, &f->result);
		assert_int_equal(f->result.error, -EINVAL);
	}
	id = get_pool(f, client, MIB, "prices");
	rows[0] = pool_wish(client, MIB, "prices");
	lease_grant(f->ledger, &rows[0], f->now_us, &f->result);
	assert_int_equal(f->result.error, -EEXIST);
	get_pool(f, other, MIB, "prices"); /* another user's */
	lease_resize(f->ledger, client, id, 2 * MIB, f->now_us, &f->result);
	assert_int_equal(f->result.error, -EINVAL);
	assert_int_equal(lease_renew(f->ledger, client, id, 1000, f->now_us), -EINVAL);
}

static void test_user_has_so_many_pools(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client[3] = {lease_join(f, 1000, 1), lease_join(f, 1000, 2), lease_join(f, 0, 3)};
	struct lease_request request = pool_wish(client[1], 4096, "one-more");
	char name[16];

	for (int i = 0; i < (int)LEASE_POOLS_USER; i++) {
		snprintf(name, sizeof(name), "pool-%d", i);
		get_pool(f, client[i % 2], 4096, name);
	}
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA_USER);
	for (int i = 0; i < (int)(LEASE_POOLS - LEASE_POOLS_USER); i++) {
		snprintf(name, sizeof(name), "pool-%d", i);
		get_pool(f, client[2], 4096, name);
	}
	request.client = client[2];
	assert_int_equal(lease_ask(f, &request), LEASE_DENIED);
	assert_int_equal(f->result.denial.reason, LEASE_WHY_QUOTA);
}

static void test_pool_ends_with_its_owner(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t client = lease_join(f, 1000, 1);
	uint64_t id = get_pool(f, client, 10 * MIB, "prices");
	uint32_t index = lease_pool_find(f->ledger, id);
	struct lease_pool_news news;

	assert_false(lease_pool_next(f->ledger, &news));
	lease_client_leave(f->ledger, client);
	assert_int_equal(lease_pool_find(f->ledger, id), LEASE_NO_POOL);
	assert_int_equal(lease_sums(f, TRADING).promised_bytes, 0);
	/* Its place is nobody else's before that was told. */
	get_pool(f, lease_join(f, 1000, 2), 10 * MIB, "prices");
	assert_true(lease_pool_next(f->ledger, &news));
	assert_true(news.ended);
	assert_int_equal(news.index, index);
	assert_int_equal(news.id, id);
	assert_int_equal(news.component, TRADING);
	assert_false(lease_pool_next(f->ledger, &news));
}

static void test_pool_with_readers_outlives_its_owner(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t owner = lease_join(f, 1000, 1), reader = lease_join(f, 1001, 2);
	uint64_t id = get_pool(f, owner, 10 * MIB, "prices");
	uint64_t lease = attach(f, reader, id), again = 0;
	struct lease_pool_news news;

	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 10 * MIB);
	assert_true(lease_pool_reader(f->ledger, lease_pool_find(f->ledger, id), reader, &again));
	assert_int_equal(again, lease);
	assert_int_equal(view_of(f, id).readers, 1);
	lease_client_leave(f->ledger, owner);
	assert_int_equal(view_of(f, id).owner, LEASE_NO_CLIENT);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 10 * MIB);
	assert_true(lease_pool_next(f->ledger, &news));
	assert_false(news.ended);
	assert_int_equal(news.id, id);
	/* Nobody new comes, and the name is free. */
	lease_pool_attach(f->ledger, lease_join(f, 1002, 3), lease_pool_find(f->ledger, id),
			  f->now_us, &f->result);
	assert_int_equal(f->result.error, -ESTALE);
	get_pool(f, lease_join(f, 1000, 4), MIB, "prices");
	assert_int_equal(lease_free(f->ledger, reader, lease), 0);
	assert_true(lease_pool_next(f->ledger, &news));
	assert_true(news.ended);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, MIB);
}

static void test_pool_is_attached_once_and_shared_by_its_owner_alone(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t owner = lease_join(f, 1000, 1), reader = lease_join(f, 1001, 2);
	uint64_t id = get_pool(f, owner, 10 * MIB, "prices"), lease = attach(f, reader, id);

	lease_pool_attach(f->ledger, reader, lease_pool_find(f->ledger, id), f->now_us, &f->result);
	assert_int_equal(f->result.error, -EEXIST);
	lease_pool_attach(f->ledger, owner, lease_pool_find(f->ledger, id), f->now_us, &f->result);
	assert_int_equal(f->result.error, -EEXIST);
	assert_int_equal(lease_pool_share(f->ledger, reader, lease, 1, 2, 0444), LEASE_STALE);
	assert_int_equal(lease_pool_share(f->ledger, reader, id, 1, 2, 0444), LEASE_STALE);
	assert_int_equal(lease_pool_share(f->ledger, owner, id, 1, 2, 0755), -EINVAL);
	assert_int_equal(view_of(f, id).share_mode, 0);
	assert_int_equal(lease_pool_share(f->ledger, owner, id, 1001, 2, 0640), 0);
	assert_int_equal(view_of(f, id).share_uid, 1001);
	assert_int_equal(view_of(f, id).share_gid, 2);
	assert_int_equal(view_of(f, id).share_mode, 0640);
	assert_int_equal(lease_pool_of(f->ledger, reader, lease), lease_pool_find(f->ledger, id));
	assert_int_equal(lease_pool_of(f->ledger, reader, id), LEASE_NO_POOL);
}

/* Another ledger over the same slots. */
static void restart(struct lease_fixture *f, uint32_t *ret_freed)
{
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, ret_freed);
}

static uint32_t found(const struct lease_fixture *f, uint32_t uid, uint32_t number)
{
	struct lease_identity identity = lease_who(uid, number);

	return lease_client_find(f->ledger, &identity);
}

static void test_pools_come_back_with_their_leases(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t owner = lease_join(f, 1000, 1), reader = lease_join(f, 1001, 2), freed;
	uint64_t id = get_pool(f, owner, 10 * MIB, "prices"), orphan;

	lease_pool_made(f->ledger, lease_pool_find(f->ledger, id), 4711);
	assert_int_equal(lease_pool_share(f->ledger, owner, id, 1001, LEASE_NOBODY, 0400), 0);
	attach(f, reader, id);
	orphan = get_pool(f, lease_join(f, 1002, 3), 5 * MIB, "old");
	attach(f, reader, orphan);
	assert_int_equal(lease_free(f->ledger, LEASE_NO_CLIENT, orphan), 0);
	restart(f, &freed);
	assert_int_equal(freed, 0);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 15 * MIB);
	assert_int_equal(view_of(f, id).inode, 4711);
	assert_int_equal(view_of(f, id).readers, 1);
	assert_int_equal(view_of(f, id).owner, found(f, 1000, 1));
	assert_int_equal(view_of(f, id).share_mode, 0400);
	assert_string_equal(view_of(f, id).name, "prices");
	assert_true(view_of(f, id).awaited);
	assert_int_equal(view_of(f, orphan).owner, LEASE_NO_CLIENT);
	assert_int_equal(view_of(f, orphan).uid, 1002);
	lease_client_leave(f->ledger, found(f, 1001, 2));
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 10 * MIB);
}

static void test_words_that_no_ledger_writes_are_freed(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t owner = lease_join(f, 1000, 1), freed;

	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "pool-%d", i);
		get_pool(f, owner, MIB, name);
	}
	f->slot[0].pool.id = 0;
	f->slot[1].pool.id = lease_id(1, 2);
	memset(f->slot[2].pool.name, 'a', sizeof(f->slot[2].pool.name));
	f->slot[3].pool.mode = 0777;
	f->slot[4].flags |= LEASE_READER; /* of itself */
	restart(f, &freed);
	assert_int_equal(freed, 5);
	assert_int_equal(lease_sums(f, TRADING).pool_bytes, 0);
}

static void test_pools_follow_their_component(void **state)
{
	struct lease_fixture *f = *state;
	uint32_t owner = lease_join(f, 1000, 1);
	struct lease_request request = pool_wish(owner, 20 * MIB, "models");
	uint64_t id = get_pool(f, owner, 10 * MIB, "prices");
	struct lease_pool_news news;

	request.component = MODELS;
	assert_int_equal(lease_ask(f, &request), LEASE_GRANTED);
	f->config.component[0] = f->config.component[MODELS];
	f->config.component_count = 1;
	lease_configure(f->ledger, &f->config);
	assert_int_equal(lease_sums(f, 0).pool_bytes, 20 * MIB);
	assert_true(lease_pool_next(f->ledger, &news));
	assert_true(news.ended);
	assert_int_equal(news.id, id);
	assert_int_equal(news.component, COMPONENT_NONE);
	assert_false(lease_pool_next(f->ledger, &news));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pool_is_spoken_for_until_it_has_memory),
		TEST(pool_that_does_not_fit_is_denied_with_who_has_it),
		TEST(pool_does_not_go_into_what_its_owner_uses),
		TEST(words_of_a_pool_are_checked),
		TEST(user_has_so_many_pools),
		TEST(pool_ends_with_its_owner),
		TEST(pool_with_readers_outlives_its_owner),
		TEST(pool_is_attached_once_and_shared_by_its_owner_alone),
		TEST(pools_come_back_with_their_leases),
		TEST(words_that_no_ledger_writes_are_freed),
		TEST(pools_follow_their_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
