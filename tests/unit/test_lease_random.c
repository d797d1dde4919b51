// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leases under random load, held against a naive ledger of the test's own: no grant passes what
 * may be spoken for, no lease is lost or counted twice, no id comes again, whatever is asked,
 * freed, expired, moved, restarted or reloaded. Seeded: a failure repeats.
 */
#include "tests/unit/lease_fixture.h"

#define CLIENTS 24
#define LEASES  400
#define STEPS   20000
#define LEAVES  5

struct random_client {
	bool here;
	uint32_t index, number, component;
	uint64_t leaf;
};

struct random_lease {
	uint32_t client; /* of the test */
	uint32_t component;
	uint64_t id, bytes, expires_us;
	bool credit;
};

struct random_test {
	struct lease_fixture *f;
	uint64_t seed;
	struct random_client client[CLIENTS];
	struct random_lease lease[LEASES];
	uint32_t lease_count, numbers;
	uint64_t use[LEAVES + 1], before[LEAVES + 1]; /* by leaf */
	uint32_t generation[LEASE_SLOTS];
};

static uint64_t dice(struct random_test *t, uint64_t sides)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed % sides;
}

/* ---- the naive ledger ---- */

static uint64_t held_in(const struct random_test *t, uint32_t component, uint64_t leaf)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < t->lease_count; i++) {
		const struct random_client *c = &t->client[t->lease[i].client];
		bool inside = c->leaf && c->component == t->lease[i].component;

		if (t->lease[i].component == component && leaf == (inside ? c->leaf : 0))
			sum += t->lease[i].bytes;
	}
	return sum;
}

static uint32_t component_of_leaf(uint64_t leaf)
{
	return leaf % 2 ? TRADING : MODELS;
}

static uint64_t promised(const struct random_test *t, uint32_t component)
{
	uint64_t sum = held_in(t, component, 0);

	for (uint64_t leaf = 1; leaf <= LEAVES; leaf++) {
		uint64_t held = held_in(t, component, leaf);

		if (component_of_leaf(leaf) == component && held &&
		    t->before[leaf] + held > t->use[leaf])
			sum += t->before[leaf] + held - t->use[leaf];
	}
	return sum;
}

/* The use of a leaf without a lease is what is before the first one. */
static void note_before(struct random_test *t)
{
	for (uint64_t leaf = 1; leaf <= LEAVES; leaf++)
		if (!held_in(t, component_of_leaf(leaf), leaf))
			t->before[leaf] = t->use[leaf];
}

static void forget_lease(struct random_test *t, uint32_t i)
{
	t->lease[i] = t->lease[--t->lease_count];
	note_before(t);
}

static void forget_leases_of(struct random_test *t, uint32_t client)
{
	for (uint32_t i = t->lease_count; i-- > 0;)
		if (t->lease[i].client == client)
			forget_lease(t, i);
}

static void expire(struct random_test *t)
{
	for (uint32_t i = t->lease_count; i-- > 0;)
		if (t->lease[i].expires_us && t->lease[i].expires_us <= t->f->now_us)
			forget_lease(t, i);
}

/* ---- what is done ---- */

static void join(struct random_test *t, uint32_t i)
{
	struct random_client *c = &t->client[i];
	struct lease_identity identity = lease_who(1000, t->numbers);
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};

	*c = (struct random_client){.here = true, .number = t->numbers++};
	c->leaf = dice(t, LEAVES + 1);
	c->component = component_of_leaf(c->leaf);
	if (c->leaf) {
		place.leaf = c->leaf;
		place.component = c->component;
		place.use_bytes = t->use[c->leaf];
	}
	assert_int_equal(lease_client_join(t->f->ledger, &identity, &place, &c->index), 0);
}

static void leave(struct random_test *t, uint32_t i)
{
	lease_client_leave(t->f->ledger, t->client[i].index);
	forget_leases_of(t, i);
	t->client[i].here = false;
}

static uint64_t limit_of(const struct random_test *t, uint32_t component, bool revocable)
{
	return revocable ? t->f->headroom.component[component].limit_bytes
			 : t->f->headroom.component[component].budget_bytes;
}

/* What was granted must be within what may be spoken for, unless it took nothing. */
static void check_grant(const struct random_test *t, uint32_t component, bool revocable,
			uint64_t before)
{
	uint64_t now = promised(t, component), all = promised(t, TRADING) + promised(t, MODELS);

	if (now == before)
		return;
	assert_true(t->f->headroom.component[component].used_bytes + now <=
		    limit_of(t, component, revocable));
	assert_true(all <= t->f->headroom.host_free_bytes);
}

static void add_lease(struct random_test *t, uint32_t client, const struct lease_request *request,
		      const struct lease_result *result)
{
	uint32_t slot = (uint32_t)result->id;

	assert_true(t->lease_count < LEASES);
	assert_true(result->id >> 32 > t->generation[slot]);
	t->generation[slot] = (uint32_t)(result->id >> 32);
	t->lease[t->lease_count++] = (struct random_lease){
		.client = client,
		.component = request->component,
		.id = result->id,
		.bytes = result->bytes,
		.expires_us = request->ttl_us ? t->f->now_us + request->ttl_us : 0,
		.credit = request->credit,
	};
}

static void enter_lease(struct random_test *t, uint32_t client, const struct lease_request *request,
			const struct lease_result *result)
{
	uint64_t before = promised(t, request->component);

	assert_true(request->adaptive
			    ? result->bytes >= request->min_bytes && result->bytes <= request->bytes
			    : result->bytes == request->bytes);
	add_lease(t, client, request, result);
	check_grant(t, request->component, request->revocable, before);
}

static void ask(struct random_test *t, uint32_t client)
{
	struct lease_request request = {
		.client = t->client[client].index,
		.component = (uint32_t)dice(t, 2),
		.priority = (uint8_t)(1 + dice(t, 10)),
		.revocable = dice(t, 2),
		.adaptive = dice(t, 3) == 0,
		.bytes = 1 + dice(t, 64 * MIB),
		.ttl_us = dice(t, 4) ? 0 : 1 + dice(t, 10 * US_PER_SEC),
	};

	if (t->lease_count == LEASES)
		return;
	request.min_bytes = 1 + dice(t, request.bytes);
	if (lease_ask(t->f, &request) == LEASE_GRANTED)
		enter_lease(t, client, &request, &t->f->result);
	else
		assert_int_equal(t->f->result.outcome, LEASE_DENIED);
}

/* ---- credit ---- */

static struct random_lease *credit_of(struct random_test *t, uint32_t client, uint32_t component)
{
	for (uint32_t i = 0; i < t->lease_count; i++)
		if (t->lease[i].credit && t->lease[i].client == client &&
		    t->lease[i].component == component)
			return &t->lease[i];
	return NULL;
}

/* The client says what it has, and now and then something else. */
static void make_up(struct random_test *t, uint32_t client)
{
	uint32_t component = (uint32_t)dice(t, 2);
	struct random_lease *credit = credit_of(t, client, component);
	uint64_t before = promised(t, component), had = credit ? credit->bytes : 0;
	uint64_t says = dice(t, 4) ? had : dice(t, 2 * LEASE_CREDIT_BYTES);
	struct lease_request request = {.component = component, .credit = true};
	struct lease_result *result = &t->f->result;

	if (t->lease_count == LEASES)
		return;
	lease_credit(t->f->ledger, t->client[client].index, component, says, t->f->now_us, result);
	assert_int_equal(result->error, 0);
	if (!result->id)
		return;
	if (!credit)
		add_lease(t, client, &request, result);
	credit = credit_of(t, client, component);
	assert_int_equal(credit->id, result->id);
	credit->bytes = result->bytes;
	note_before(t);
	if (result->bytes > had)
		check_grant(t, component, false, before);
}

static void draw(struct random_test *t, uint32_t client)
{
	uint32_t component = (uint32_t)dice(t, 2);
	struct random_lease *credit = credit_of(t, client, component);
	struct lease_request request = lease_wish(t->client[client].index, component, 0);

	if (!credit || !credit->bytes || t->lease_count == LEASES)
		return;
	request.bytes = 1 + dice(t, credit->bytes);
	request.drawn = true;
	assert_int_equal(lease_ask(t->f, &request), LEASE_GRANTED); /* whatever else there is */
	assert_int_equal(t->f->result.bytes, request.bytes);
	credit->bytes -= request.bytes;
	add_lease(t, client, &request, &t->f->result);
}

static void resize(struct random_test *t)
{
	struct random_lease *lease = &t->lease[dice(t, t->lease_count)];
	uint64_t bytes = 1 + dice(t, 64 * MIB), before = promised(t, lease->component);
	bool grows = bytes > lease->bytes;

	if (lease->credit)
		return;
	lease_resize(t->f->ledger, t->client[lease->client].index, lease->id, bytes, t->f->now_us,
		     &t->f->result);
	assert_true(t->f->result.outcome == LEASE_GRANTED ||
		    (grows && t->f->result.outcome == LEASE_DENIED));
	if (t->f->result.outcome != LEASE_GRANTED)
		return;
	lease->bytes = bytes;
	if (grows)
		check_grant(t, lease->component, true, before);
}

static void free_one(struct random_test *t)
{
	uint32_t i = (uint32_t)dice(t, t->lease_count);
	struct random_lease lease = t->lease[i];

	assert_int_equal(lease_free(t->f->ledger, t->client[lease.client].index, lease.id), 0);
	assert_int_equal(lease_free(t->f->ledger, t->client[lease.client].index, lease.id),
			 LEASE_STALE);
	forget_lease(t, i);
}

static void look(struct random_test *t)
{
	struct lease_headroom *h = &t->f->headroom;

	h->host_free_bytes = 200 * MIB + dice(t, 800 * MIB);
	for (uint32_t i = 0; i < LEASE_COMPONENTS; i++) {
		h->component[i].used_bytes = dice(t, 300 * MIB);
		h->component[i].limit_bytes = h->component[i].budget_bytes + dice(t, 200 * MIB);
		h->component[i].level = (enum level)dice(t, LEVEL__COUNT);
	}
	lease_look(t->f->ledger, h);
	for (uint64_t leaf = 1; leaf <= LEAVES; leaf++) {
		t->use[leaf] = dice(t, 100 * MIB);
		if (t->use[leaf] < t->before[leaf])
			t->before[leaf] = t->use[leaf];
		lease_leaf_use(t->f->ledger, leaf, t->use[leaf], 0);
	}
	note_before(t);
}

static void place_outside(struct random_test *t, uint32_t i)
{
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};

	t->client[i].leaf = 0;
	lease_client_move(t->f->ledger, t->client[i].index, &place);
}

/* Everybody comes back to a ledger that has only the slots. */
static void restart(struct random_test *t)
{
	struct lease_fixture *f = t->f;
	uint32_t freed;

	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, f->now_us, &freed);
	assert_int_equal(freed, 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct lease_identity identity = lease_who(1000, t->client[i].number);
		uint32_t index = lease_client_find(f->ledger, &identity);

		if (!t->client[i].here)
			continue;
		if (index == LEASE_NO_CLIENT) { /* it had none */
			t->client[i].here = false;
			continue;
		}
		lease_client_return(f->ledger, index);
		t->client[i].index = index;
		place_outside(t, i);
	}
	for (uint32_t i = 0; i < t->lease_count; i++) {
		uint32_t client = t->client[t->lease[i].client].index;

		assert_int_equal(lease_list_see(f->ledger, client, t->lease[i].id), 0);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (t->client[i].here)
			assert_int_equal(lease_list_end(f->ledger, t->client[i].index), 0);
	note_before(t);
}

static void reload(struct random_test *t)
{
	lease_configure(t->f->ledger, &t->f->config);
	lease_look(t->f->ledger, &t->f->headroom);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (t->client[i].here)
			place_outside(t, i);
	note_before(t);
}

static void check(struct random_test *t)
{
	struct lease_totals totals;

	lease_totals(t->f->ledger, &totals);
	assert_int_equal(totals.leases, t->lease_count);
	for (uint32_t i = 0; i < LEASE_COMPONENTS; i++) {
		uint64_t leased = 0;

		for (uint64_t leaf = 0; leaf <= LEAVES; leaf++)
			leased += held_in(t, i, leaf);
		assert_int_equal(lease_sums(t->f, i).leased_bytes, leased);
		assert_int_equal(lease_sums(t->f, i).promised_bytes, promised(t, i));
	}
}

static void check_each(const struct random_test *t)
{
	for (uint32_t i = 0; i < t->lease_count; i++) {
		struct lease_view view;

		assert_true(lease_read(t->f->ledger, (uint32_t)t->lease[i].id, &view));
		assert_int_equal(view.id, t->lease[i].id);
		assert_int_equal(view.bytes, t->lease[i].bytes);
		assert_int_equal(view.expires_us, t->lease[i].expires_us);
	}
}

static void step(struct random_test *t)
{
	uint32_t client = (uint32_t)dice(t, CLIENTS);
	uint64_t what = dice(t, 1000);

	t->f->now_us += dice(t, 20 * US_PER_MS);
	lease_hears(t->f);
	expire(t);
	if (!t->client[client].here)
		join(t, client);
	else if (what < 300)
		ask(t, client);
	else if (what < 350)
		make_up(t, client);
	else if (what < 450)
		draw(t, client);
	else if (what < 480)
		leave(t, client);
	else if (what < 530)
		look(t);
	else if (what < 533)
		restart(t);
	else if (what < 536)
		reload(t);
	else if (t->lease_count && what < 700)
		resize(t);
	else if (t->lease_count)
		free_one(t);
	check(t);
	if (what % 50 == 0)
		check_each(t);
}

static void test_ledger_agrees_with_a_naive_one_under_random_load(void **data)
{
	struct random_test *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	for (uint64_t seed = 1; seed <= 3; seed++) {
		memset(t, 0, sizeof(*t));
		t->f = *data;
		t->seed = seed * 0x9e3779b97f4a7c15ULL;
		for (int i = 0; i < STEPS; i++)
			step(t);
		for (uint32_t i = 0; i < CLIENTS; i++)
			if (t->client[i].here)
				leave(t, i);
		check(t);
		lease_fixture_teardown(data);
		assert_int_equal(lease_fixture_setup(data), 0);
	}
	free(t);
}

/* ---- those who wait ---- */

struct random_wait {
	uint32_t cookie;
	uint64_t bytes, until_us;
};

/* Each one that waits hears of it exactly once, and no room stays free while the first fits. */
static void test_each_wait_ends_once(void **data)
{
	struct random_test *t = calloc(1, sizeof(*t));
	struct random_wait wait[LEASE_WAITERS_CLIENT * 4];
	struct lease_fixture *f = *data;
	uint32_t client[4], waits = 0, cookie = 0, ended = 0;

	t->seed = 88172645463325252ULL;
	for (uint32_t i = 0; i < 4; i++)
		client[i] = lease_join(f, 1000, i);
	for (int round = 0; round < STEPS; round++) {
		struct lease_request request =
			lease_wish(client[dice(t, 4)], TRADING, 1 + dice(t, 200 * MIB));

		request.priority = (uint8_t)(1 + dice(t, 10));
		request.timeout_us = 1 + dice(t, 60 * US_PER_SEC);
		request.ttl_us = 1 + dice(t, 3 * US_PER_SEC);
		request.cookie = ++cookie;
		f->now_us += dice(t, US_PER_SEC);
		if (lease_ask(f, &request) == LEASE_WAITS)
			wait[waits++] = (struct random_wait){cookie, request.bytes,
							     f->now_us + request.timeout_us};
		while (lease_hears(f)) {
			uint32_t at = 0;

			while (at < waits && wait[at].cookie != f->result.cookie)
				at++;
			assert_true(at < waits);
			if (f->result.outcome == LEASE_GRANTED)
				assert_int_equal(f->result.bytes, wait[at].bytes);
			else
				assert_true(f->now_us >= wait[at].until_us);
			wait[at] = wait[--waits];
			ended++;
		}
		assert_true(lease_sums(f, TRADING).promised_bytes <= 400 * MIB);
		assert_int_equal(lease_sums(f, TRADING).waiting, waits);
	}
	assert_true(ended > 1000);
	f->now_us += 100 * US_PER_SEC;
	while (lease_hears(f))
		waits--;
	assert_int_equal(waits, 0);
	assert_int_equal(lease_next_us(f->ledger) < UINT64_MAX, lease_sums(f, TRADING).leases > 0);
	free(t);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, lease_fixture_setup, lease_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_agrees_with_a_naive_one_under_random_load),
		TEST(test_each_wait_ends_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
