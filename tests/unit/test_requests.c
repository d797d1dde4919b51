// SPDX-License-Identifier: GPL-2.0-or-later
/* What clients ask of the policy: freezes and thaws. */
#include "tests/unit/policy_fixture.h"

static void request(struct fixture *f, enum request_kind kind, uint64_t amount)
{
	f->frame.request[f->frame.request_count++] =
		(struct frame_request){.kind = kind, .component = HOG, .amount = amount};
}

static void test_client_freeze_lasts_as_asked_and_no_longer(void **data)
{
	struct fixture *f = *data;
	uint64_t asked_us;

	fixture_step(f);
	request(f, REQUEST_FREEZE, 7 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_FREEZE, HOG));
	assert_int_equal(fixture_find(f, ACTION_FREEZE, HOG)->why.reason, REASON_REQUEST);
	asked_us = f->frame.now_us;
	assert_int_equal(fixture_run_to_thaw(f, 20 * US_PER_SEC), asked_us + 7 * US_PER_SEC);
}

static void test_client_does_not_touch_the_freeze_of_another_hand(void **data)
{
	struct fixture *f = *data;

	fixture_step(f);
	f->frame.leaf[HOG].frozen = true;
	fixture_next(f, 100 * US_PER_MS);
	request(f, REQUEST_FREEZE, 7 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 100 * US_PER_MS);
	assert_null(fixture_find(f, ACTION_THAW, HOG));
}

static void test_client_thaw_ends_any_freeze_and_holds(void **data)
{
	struct fixture *f = *data;

	fixture_freeze(f);
	fixture_next(f, 100 * US_PER_MS);
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 100 * US_PER_MS);
	assert_non_null(fixture_find(f, ACTION_THAW, HOG));
	for (int tick = 0; tick < 40; tick++) {
		fixture_use(f, HOG, f->frame.component[HOG].current_bytes + 500 * KIB);
		fixture_next(f, 100 * US_PER_MS);
		assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	}
}

static uint32_t frozen_leaves_of(const struct fixture *f, uint32_t component)
{
	uint32_t frozen = 0;

	for (uint32_t i = 0; i < f->frame.leaf_count; i++)
		frozen += f->frame.leaf[i].component == component && f->frame.leaf[i].frozen;
	return frozen;
}

/* As often as the policy wants frames, for a second. */
static void go_on(struct fixture *f)
{
	for (uint64_t end_us = f->frame.now_us + US_PER_SEC; f->plan.next_us < end_us;)
		fixture_next(f, f->plan.next_us - f->frame.now_us);
}

static void test_client_freezes_and_thaws_more_leaves_than_a_plan_has_room_for(void **data)
{
	struct fixture *f = *data;
	uint64_t asked_us;

	for (int i = 0; i < 999; i++)
		fixture_sibling(f, HOG, 16 * KIB);
	fixture_step(f);
	request(f, REQUEST_FREEZE, 30 * US_PER_SEC);
	asked_us = f->frame.now_us;
	fixture_next(f, 0);
	assert_in_range(frozen_leaves_of(f, HOG), 1, PLAN_ACTIONS_MAX / 2); /* others have room */
	go_on(f);
	assert_int_equal(frozen_leaves_of(f, HOG), 1000);
	assert_null(fixture_find(f, ACTION_FREEZE, HOG));
	for (uint32_t i = 0; i < f->state->leaf_end; i++)
		if (f->state->leaf[i].component == HOG)
			assert_int_equal(f->state->leaf[i].deadline_us, asked_us + 30 * US_PER_SEC);
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 100 * US_PER_MS);
	go_on(f);
	assert_int_equal(frozen_leaves_of(f, HOG), 0);
}

static void test_client_thaw_overtakes_a_freeze_that_is_not_through(void **data)
{
	struct fixture *f = *data;

	for (int i = 0; i < 299; i++)
		fixture_sibling(f, HOG, 16 * KIB);
	fixture_step(f);
	request(f, REQUEST_FREEZE, 30 * US_PER_SEC);
	fixture_next(f, 100 * US_PER_MS);
	request(f, REQUEST_THAW, 0);
	fixture_next(f, 10 * US_PER_MS);
	go_on(f);
	assert_int_equal(frozen_leaves_of(f, HOG), 0);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_client_freeze_lasts_as_asked_and_no_longer),
		FIXTURE_TEST(test_client_does_not_touch_the_freeze_of_another_hand),
		FIXTURE_TEST(test_client_thaw_ends_any_freeze_and_holds),
		FIXTURE_TEST(test_client_freezes_and_thaws_more_leaves_than_a_plan_has_room_for),
		FIXTURE_TEST(test_client_thaw_overtakes_a_freeze_that_is_not_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
