// SPDX-License-Identifier: GPL-2.0-or-later
/* What a caller may ask of the queue, and how much of it. */
#include "tests/unit/jobs_fixture.h"

#include "user/base/cleanup.h"

static int setup(void **state)
{
	static struct jobs_fixture f;

	jobs_fixture_init(&f);
	assert_int_equal(access(f.shim, X_OK), 0);
	assert_int_equal(jobs_fixture_open(&f), 0);
	jobs_fixture_tick(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	jobs_fixture_done(*state);
	return 0;
}

/* ---- the limit of the queue ---- */

static void test_calls_no_more_than_max_queued(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	struct jobs_range range = {0, 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	f->config.admission.max_queued = 2;
	item.spec.held = true;
	submit(f, &item, 1);
	item.range = &range;
	item.range_count = 1;
	assert_int_equal(jobs_submit(f->jobs, &item, 1, on_submitted, f, &err), -EDQUOT);
	assert_string_equal(err.text,
			    "submit: the queue holds 1 of 2 jobs, there is no room for 2 more");
	item.range_count = 0;
	submit(f, &item, 1);
	assert_int_equal(jobs_count(f->jobs), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls_no_more_than_max_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
