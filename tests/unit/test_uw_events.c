// SPDX-License-Identifier: GPL-2.0-or-later
/* libuw: leases that are asked back, and emergencies. */
#include "tests/unit/uw_fixture.h"

#include <stdatomic.h>

struct asked {
	struct uw *uw;
	_Atomic uint32_t count;
	uint64_t id, target, deadline_us;
	char why[16], component[UW_NAME_MAX];
	bool answers;
};

static void on_shrink(void *data, const struct uw_shrink *shrink)
{
	struct asked *asked = data;

	asked->id = shrink->id;
	asked->target = shrink->target;
	asked->deadline_us = shrink->deadline_us;
	strcpy(asked->why, shrink->why);
	strcpy(asked->component, shrink->component);
	if (asked->answers)
		uw_resize(asked->uw, shrink->id, shrink->target, NULL, NULL);
	asked->count++;
}

/* All that there is, and 150M of what others lend. */
static uint64_t borrow(const struct uw_fixture *f, struct uw *uw)
{
	struct uw_request request = uw_wish(150);
	struct uw_grant grant = {.size = sizeof(grant)};

	uw_fixture_say(f, UW_LENDS + 20);
	uw_get(uw, 600);
	request.flags = UW_REVOCABLE;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
	assert_int_equal(grant.borrowed, 150 * MIB);
	return grant.id;
}

static uint64_t leased(const struct uw_fixture *f)
{
	return uw_fixture_say(f, LEVEL__COUNT).leased_bytes[MODELS];
}

static void await_count(const _Atomic uint32_t *count, uint32_t wanted)
{
	for (int i = 0; i < 5000 && *count < wanted; i++)
		usleep(1000);
	assert_int_equal(*count, wanted);
}

static void test_lease_that_is_asked_back_and_answers_stays(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct asked asked = {.uw = uw, .answers = true};
	uint64_t id = borrow(f, uw), handle;

	assert_int_equal(uw_start_thread(uw), 0);
	assert_int_equal(uw_on_shrink(uw, "ml_models", on_shrink, &asked, &handle), 0);
	uw_fixture_say(f, UW_LENDS + 10);
	await_count(&asked.count, 1);
	assert_int_equal(asked.id, id);
	assert_int_equal(asked.target, 100 * MIB);
	assert_string_equal(asked.why, "payback");
	assert_string_equal(asked.component, "ml_models");
	assert_in_range(asked.deadline_us, clock_now_us(), clock_now_us() + LEASE_RECALL_US);
	assert_int_equal(leased(f), 700 * MIB);
	assert_int_equal(uw_free(uw, id), 0);
	assert_int_equal(uw_off(uw, handle), 0);
	uw_close(uw);
}

static void test_who_does_not_answer_loses_it(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct asked asked = {.uw = uw};
	uint64_t id = borrow(f, uw), handle;

	assert_int_equal(uw_start_thread(uw), 0);
	assert_int_equal(uw_on_shrink(uw, NULL, on_shrink, &asked, &handle), 0);
	uw_fixture_say(f, UW_LENDS);
	await_count(&asked.count, 1);
	assert_int_equal(asked.target, 0);
	assert_int_equal(leased(f), 750 * MIB);
	for (int i = 0; i < 5000 && leased(f) != 600 * MIB; i++)
		usleep(1000);
	assert_int_equal(leased(f), 600 * MIB);
	assert_true(clock_now_us() >= asked.deadline_us);
	assert_int_equal(uw_free(uw, id), UW_STALE);
	uw_close(uw);
}

static void test_newest_target_is_told_once(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};
	struct asked asked = {.uw = uw};
	uint64_t handle;

	borrow(f, uw);
	assert_int_equal(uw_on_shrink(uw, "ml_models", on_shrink, &asked, &handle), 0);
	for (uint8_t tens = 14; tens >= 5; tens--)
		uw_fixture_say(f, (uint8_t)(UW_LENDS + tens));
	assert_int_equal(poll(&ready, 1, 5000), 1);
	assert_int_equal(uw_dispatch(uw), 1);
	assert_int_equal(asked.count, 1);
	assert_int_equal(asked.target, 50 * MIB);
	uw_close(uw);
}

/* One that came out of the credit is known to the program by another id than to uwd. */
static void test_lease_is_asked_back_by_the_id_that_the_program_knows(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct asked asked = {.uw = uw, .answers = true};
	struct uw_request request = uw_wish(1);
	struct uw_grant grant = {.size = sizeof(grant)};
	uint64_t handle;

	assert_int_equal(uw_start_thread(uw), 0);
	assert_int_equal(uw_on_shrink(uw, "ml_models", on_shrink, &asked, &handle), 0);
	uw_fixture_say(f, UW_LENDS + 20);
	request.flags = UW_REVOCABLE;
	uw_get(uw, 1);
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
	uw_get(uw, 580);
	assert_int_equal(uw_resize(uw, grant.id, 150 * MIB, NULL, NULL), 0);
	uw_fixture_say(f, UW_LENDS + 10);
	await_count(&asked.count, 1);
	assert_int_equal(asked.id, grant.id);
	assert_true(leased(f) <= 700 * MIB);
	assert_int_equal(uw_free(uw, grant.id), 0);
	uw_close(uw);
}

static void test_idle_credit_goes_to_who_waits(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f), *other = uw_fixture_open(f);
	struct uw_request request = uw_wish(598);
	struct uw_grant grant = {.size = sizeof(grant)};
	uint64_t began_us;

	assert_int_equal(uw_start_thread(uw), 0);
	uw_free(uw, uw_get(uw, 1));
	uw_fixture_await(f, 1);
	began_us = clock_now_us();
	request.timeout_us = 60 * US_PER_SEC;
	assert_int_equal(uw_alloc(other, &request, &grant, NULL), 0);
	assert_true(clock_now_us() - began_us < 900 * US_PER_MS); /* and not when it is idle */
	uw_close(uw);
	uw_close(other);
}

/* ---- emergencies ---- */

struct heard {
	_Atomic uint32_t count;
};

static void on_emergency(void *data, const struct uw_pressure *pressure)
{
	struct heard *heard = data;

	assert_string_equal(pressure->component, "ml_models");
	heard->count++;
}

static void test_emergency_is_told_once(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};
	struct heard heard = {0}, late = {0};
	uint64_t handle;

	assert_int_equal(uw_on_emergency(uw, NULL, on_emergency, &heard, &handle), 0);
	uw_fixture_say(f, LEVEL_CRITICAL);
	while (poll(&ready, 1, 50) > 0)
		uw_dispatch(uw);
	assert_int_equal(heard.count, 0);
	uw_fixture_say(f, LEVEL_EMERGENCY);
	uw_fixture_say(f, LEVEL_LOW); /* it is over, and was one */
	while (poll(&ready, 1, 50) > 0)
		uw_dispatch(uw);
	assert_int_equal(heard.count, 1);
	uw_fixture_say(f, LEVEL_EMERGENCY); /* no 10 s later */
	while (poll(&ready, 1, 50) > 0)
		uw_dispatch(uw);
	assert_int_equal(heard.count, 1);
	assert_int_equal(uw_on_emergency(uw, "ml_models", on_emergency, &late, &handle), 0);
	while (poll(&ready, 1, 50) > 0)
		uw_dispatch(uw);
	assert_int_equal(late.count, 1); /* it is one now */
	uw_close(uw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uw_fixture_setup, uw_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lease_that_is_asked_back_and_answers_stays),
		TEST(test_who_does_not_answer_loses_it),
		TEST(test_newest_target_is_told_once),
		TEST(test_lease_is_asked_back_by_the_id_that_the_program_knows),
		TEST(test_idle_credit_goes_to_who_waits),
		TEST(test_emergency_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
