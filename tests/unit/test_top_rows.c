// SPDX-License-Identifier: GPL-2.0-or-later
/* What is a row of top: arrays that are folded, and actions while it is paused. */
#include "tests/unit/top_fixture.h"

static void test_jobs_of_an_array_are_one_row_until_it_is_unfolded(void **state)
{
	struct top_fixture *top = *state;

	press(top, "2");
	add_job_of(top, 8, "running");
	for (uint64_t i = 0; i < 6; i++) {
		struct top_job *job = add_job_of(top, 9 + i, i < 4 ? "running" : "queued");

		job->array = 9;
		job->index = i;
		job->used_bytes = i < 4 ? 50 * MIB : FRAME_ABSENT;
	}
	take(top);
	assert_int_equal(top->model.row_count, 2);
	assert_int_equal(top->model.row[1].count, 6);
	assert_int_equal(top->model.row[1].running, 4);
	assert_int_equal(top->model.row[1].used_bytes, 200 * MIB);
	assert_int_equal(top->model.row[1].reserved_bytes, 600 * MIB);
	press(top, "j\n");
	assert_int_equal(top->model.row_count, 7);
	assert_int_equal(top->model.view, TOP_JOBS);
}

/* x on its row ends all of it: what the filter leaves out is in the row too. */
static void test_folded_array_that_passes_the_filter_is_whole(void **state)
{
	struct top_fixture *top = *state;

	press(top, "2");
	add_job_of(top, 8, "running");
	for (uint64_t i = 0; i < 6; i++)
		add_job_of(top, 9 + i, i ? "running" : "frozen")->array = 9;
	take(top);
	press(top, "/frozen\n");
	assert_int_equal(top->model.row_count, 1);
	assert_int_equal(top->model.row[0].count, 6);
	assert_int_equal(top->model.row[0].running, 5);
	press(top, "\n");
	assert_int_equal(top->model.row_count, 1);
	assert_string_equal(top->model.frame.job[top->model.row[0].first].state, "frozen");
}

static const struct top_record *record_of_row(const struct top_fixture *top, uint32_t row)
{
	assert_true(row < top->model.row_count);
	return &top->model.record[top->model.row[row].first];
}

/* Also when so many come that the oldest go. */
static void test_paused_actions_stand_still(void **state)
{
	struct top_fixture *top = *state;
	uint64_t sequence = 1;

	press(top, "3");
	add_record_of(top, sequence++, "done");
	add_record_of(top, sequence++, "done");
	take(top);
	press(top, " ");
	for (uint32_t i = 0; i < MODEL_RECORDS - 1; i++) {
		add_record_of(top, sequence++, "done");
		take(top);
		assert_int_equal(record_of_row(top, 0)->sequence, 2);
	}
	press(top, "S");
	assert_int_equal(record_of_row(top, 0)->sequence, 2);
	press(top, "S ");
	assert_int_equal(record_of_row(top, 0)->sequence, sequence - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOP_TEST(test_jobs_of_an_array_are_one_row_until_it_is_unfolded),
		TOP_TEST(test_folded_array_that_passes_the_filter_is_whole),
		TOP_TEST(test_paused_actions_stand_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
