// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/calls_fixture.h"

#include "user/daemon/methods/id_heap.h"

#define MANY 3000U

static json_t *page_of(uint64_t from, json_t *select)
{
	return json_pack("{s:I, s:o}", "from", (json_int_t)from, "select",
			 select ? select : json_object());
}

static json_t *ask_page(struct calls *calls, uint64_t from, json_t *select)
{
	call(calls, IPC_QUEUE, false, page_of(from, select));
	return reply(calls);
}

static uint64_t id_at(const json_t *answer, size_t at)
{
	const json_t *jobs = json_object_get(json_object_get(answer, "parameters"), "jobs");

	return json_get_u64(json_array_get(jobs, at), "id");
}

static size_t count_of(const json_t *answer)
{
	return json_array_size(json_object_get(json_object_get(answer, "parameters"), "jobs"));
}

/* So many of USER, of which none fits into its component, or all are held. */
static uint64_t submit_some(struct calls *calls, uint32_t count, bool held, uint64_t bytes)
{
	struct jobs_range all = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.memory_bytes = bytes;
	item.spec.held = held;
	item.spec.uid = USER;
	item.range = &all;
	item.range_count = 1;
	submit(&calls->jobs, &item, 1);
	return calls->jobs.first_id;
}

static void test_page_all_jobs_come_once_and_in_order(void **state)
{
	struct calls *calls = *state;
	uint64_t held = submit_some(calls, MANY, true, 4096),
		 runs = submit_sh(&calls->jobs, AT_GATE);
	uint64_t queued, wide, expected;
	uint64_t at = 0;

	calls->peer.uid = 0;
	JOBS_UNTIL(&calls->jobs, state_of(&calls->jobs, runs) == JOB_RUNNING);
	queued = submit_some(calls, MANY, false, JOBS_BUDGET);
	wide = submit_some(calls, MANY, false, 4 * JOBS_BUDGET);
	for (uint64_t from = 0; from != UINT64_MAX;) {
		AUTO_JSON json_t *answer = ask_page(calls, from, NULL);

		assert_int_equal(number_of(answer, "total"), 3 * MANY + 1);
		for (size_t i = 0; i < count_of(answer); i++, at++) {
			expected = !at              ? runs
				   : at <= MANY     ? queued + at - 1
				   : at <= 2 * MANY ? held + at - MANY - 1
						    : wide + at - 2 * MANY - 1;
			assert_int_equal(id_at(answer, i), expected);
		}
		from = number_of(answer, "next");
	}
	assert_int_equal(at, 3 * MANY + 1);
	open_gate(&calls->jobs, 1);
}

static void test_page_of_a_selection_is_of_what_is_selected(void **state)
{
	struct calls *calls = *state;
	uint64_t held = submit_some(calls, MANY, true, 4096);
	json_t *select = json_pack("{s:[o], s:[s]}", "jobs", range(held + 100, held + 1099),
				   "state", "held");
	AUTO_JSON json_t *first = ask_page(calls, 0, json_incref(select));
	AUTO_JSON json_t *last = ask_page(calls, 900, select);

	assert_int_equal(number_of(first, "total"), 1000);
	assert_int_equal(count_of(first), IPC_JOBS_A_PAGE);
	assert_int_equal(id_at(first, 0), held + 100);
	assert_int_equal(number_of(first, "next"), IPC_JOBS_A_PAGE);
	assert_int_equal(count_of(last), 100);
	assert_int_equal(id_at(last, 99), held + 1099);
	assert_int_equal(number_of(last, "next"), UINT64_MAX);
}

/* The calls of others come in between. */
static void test_page_takes_many_turns_and_holds_up_nobody(void **state)
{
	struct calls *calls = *state, other = *calls;
	uint32_t turns = 0;
	AUTO_JSON json_t *page = NULL, *told = NULL;

	submit_some(calls, MANY, true, 4096);
	calls_connect(&other);
	memset(&other.in, 0, sizeof(other.in));
	serve(calls);
	call(calls, IPC_QUEUE, false, page_of(0, NULL));
	while (!calls->daemon.pages)
		serve(calls);
	call(&other, IPC_CANCEL, false,
	     json_pack("{s:{s:[o]}, s:b}", "select", "jobs", range(2, 3), "dry_run", true));
	for (; !page || !told; turns++) {
		serve(calls);
		told = told ? told : reply_now(&other);
		page = page ? page : reply_now(calls);
		assert_true(!page || told);
		assert_true(turns < 1000);
	}
	assert_int_equal(count_of(page), IPC_JOBS_A_PAGE);
	assert_true(turns > 2); /* of 2 ms each, for 500 reads of the database */
	calls_disconnect(&other);
	serve(calls);
}

/* What ends while the page is made is left out of it, and what it was to tell goes on. */
static void test_page_goes_on_while_jobs_end(void **state)
{
	struct calls *calls = *state;
	AUTO_JSON json_t *page = NULL;
	uint64_t held = submit_some(calls, MANY, true, 4096);

	call(calls, IPC_QUEUE, false, page_of(0, NULL));
	for (uint64_t at = 0; !(page = reply_now(calls)); at++) {
		jobs_cancel(calls->jobs.jobs, held + 10 * at, 0, 0, NULL, NULL);
		calls_turn(calls);
	}
	assert_in_range(count_of(page), IPC_JOBS_A_PAGE / 2, IPC_JOBS_A_PAGE);
	for (size_t i = 1; i < count_of(page); i++)
		assert_true(id_at(page, i) > id_at(page, i - 1));
}

static void test_page_nobody_waits_for_is_given_up(void **state)
{
	struct calls *calls = *state;
	AUTO_JSON json_t *page = NULL;

	submit_some(calls, MANY, true, 4096);
	for (int i = 0; i < 40; i++) {
		call(calls, IPC_QUEUE, false, page_of(0, NULL));
		serve(calls);
		serve(calls);
		calls_disconnect(calls);
		calls_connect(calls);
		serve(calls);
		serve(calls);
	}
	page = ask_page(calls, 0, NULL);
	assert_int_equal(count_of(page), IPC_JOBS_A_PAGE);
	assert_null(calls->daemon.pages);
}

static void test_id_heap_gives_ids_in_order(void **state)
{
	struct id_heap heap = {0};
	uint64_t last = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(id_heap_add(&heap, 1 + i * 7919 % 1000), 0);
	while (heap.count) {
		uint64_t id = id_heap_take(&heap);

		assert_int_equal(id, last + 1);
		last = id;
	}
	assert_int_equal(last, 1000);
	id_heap_done(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(test_page_all_jobs_come_once_and_in_order),
		CALLS_TEST(test_page_of_a_selection_is_of_what_is_selected),
		CALLS_TEST(test_page_takes_many_turns_and_holds_up_nobody),
		CALLS_TEST(test_page_goes_on_while_jobs_end),
		CALLS_TEST(test_page_nobody_waits_for_is_given_up),
		cmocka_unit_test(test_id_heap_gives_ids_in_order),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
