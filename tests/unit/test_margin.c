// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept free for owners: learned from those that outran it, and faded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"
#include "user/policy/margin.h"

#define LEAST (1030 * MIB / 100 * 3)
#define MOST  (1030 * MIB / 100 * 15)

/* One look at what both hold. */
static void look(struct fixture *f, uint64_t redis, uint64_t hog, uint64_t us)
{
	const uint64_t held[FIXTURE_COMPONENTS] = {redis, hog};
	struct step step;

	f->frame.now_us += us;
	for (uint32_t i = 0; i < FIXTURE_COMPONENTS; i++) {
		f->state->component[i].signal.seen = true;
		f->state->component[i].signal.current_bytes = held[i];
		f->state->component[i].signal.held_bytes = held[i];
	}
	step = fixture_ask(f);
	margin_step(&step);
}

static uint64_t margin(struct fixture *f)
{
	struct step step = fixture_ask(f);

	return margin_bytes(&step);
}

static void test_margin_begins_at_three_percent(void **data)
{
	struct fixture *f = *data;

	assert_in_range(margin(f), LEAST, LEAST + 128);
	look(f, 100 * MIB, 910 * MIB, 0);
	assert_in_range(margin(f), LEAST, LEAST + 128);
}

/* The owner has a right to 400 MiB; the hog holds more than its 600 in all rows but one. */
static void test_margin_is_what_an_owner_took_that_outran_it(void **data)
{
	static const struct {
		uint64_t from_mib, to_mib, hog_mib, us, available_mib;
		uint64_t margin; /* in bytes */
	} rows[] = {
		{100, 160, 860, 500 * US_PER_MS, 900, 60 * MIB},
		{100, 160, 700, 500 * US_PER_MS, 900, LEAST},   /* free was more */
		{100, 160, 700, 500 * US_PER_MS, 40, 60 * MIB}, /* but not on the host */
		{100, 160, 590, 500 * US_PER_MS, 40, LEAST},    /* nobody borrows */
		{100, 160, 860, 2900 * US_PER_MS, 900, 60 * MIB},
		{100, 160, 860, 3 * US_PER_SEC, 900, LEAST},     /* not within three seconds */
		{100, 109, 910, 2900 * US_PER_MS, 900, LEAST},   /* it hardly grew */
		{160, 100, 910, 500 * US_PER_MS, 900, LEAST},    /* it shrank */
		{380, 440, 610, 500 * US_PER_MS, 900, LEAST},    /* not within its right */
		{200, 340, 680, 500 * US_PER_MS, 900, 60 * MIB}, /* which is all it may take */
		{50, 230, 790, 500 * US_PER_MS, 900, MOST},      /* no more than 15 % */
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *row;
		struct fixture *f;
		uint64_t is;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		f->state->host.valid = true;
		f->state->host.available_bytes = rows[i].available_mib * MIB;
		look(f, rows[i].from_mib * MIB, rows[i].hog_mib * MIB, 0);
		look(f, rows[i].to_mib * MIB, rows[i].hog_mib * MIB, rows[i].us);
		is = margin(f);
		if (is < rows[i].margin || is > rows[i].margin + 1024)
			fail_msg("row %zu: %llu MiB", i, (unsigned long long)(is / MIB));
		fixture_teardown(&row);
	}
}

static void test_margin_learns_nothing_of_growth_beyond_a_budget(void **data)
{
	struct fixture *f = *data;

	look(f, 380 * MIB, 610 * MIB, 0);
	look(f, 440 * MIB, 610 * MIB, 500 * US_PER_MS);
	look(f, 100 * MIB, 610 * MIB, 500 * US_PER_MS);
	assert_in_range(margin(f), LEAST, LEAST + 128);
}

static void test_margin_is_the_largest_burst_and_not_the_last(void **data)
{
	struct fixture *f = *data;

	look(f, 100 * MIB, 860 * MIB, 0);
	look(f, 180 * MIB, 860 * MIB, 500 * US_PER_MS);
	look(f, 180 * MIB, 830 * MIB, 3 * US_PER_SEC);
	look(f, 180 * MIB, 830 * MIB, US_PER_SEC);
	look(f, 190 * MIB, 830 * MIB, 500 * US_PER_MS);
	assert_int_equal(margin(f), 80 * MIB);
}

/* Whatever the time of its looks, it is counted from where growth began. */
static void test_margin_counts_a_burst_from_its_beginning(void **data)
{
	struct fixture *f = *data;

	for (int look_at = 0; look_at < 28; look_at++)
		look(f, 100 * MIB, 860 * MIB, 100 * US_PER_MS);
	for (uint64_t held = 110 * MIB; held <= 220 * MIB; held += 10 * MIB)
		look(f, held, 860 * MIB, 100 * US_PER_MS);
	assert_int_equal(margin(f), 120 * MIB);
}

static void test_margin_fades_by_half_in_ten_minutes(void **data)
{
	struct fixture *f = *data;

	look(f, 100 * MIB, 860 * MIB, 0);
	look(f, 220 * MIB, 860 * MIB, 500 * US_PER_MS);
	assert_int_equal(margin(f), 120 * MIB);
	look(f, 100 * MIB, 600 * MIB, 3 * US_PER_SEC);
	for (int minute = 0; minute < 10; minute++)
		look(f, 100 * MIB, 600 * MIB, 60 * US_PER_SEC);
	assert_in_range(margin(f), 57 * MIB, 63 * MIB);
	/* One look after an hour fades as much as sixty. */
	look(f, 100 * MIB, 600 * MIB, 3600 * US_PER_SEC);
	assert_in_range(margin(f), LEAST, LEAST + 128);
}

static uint64_t expects(struct fixture *f)
{
	struct step step = fixture_ask(f);

	return margin_expects(&step, REDIS);
}

static void test_owner_is_expected_to_take_what_it_took_before(void **data)
{
	struct fixture *f = *data;

	look(f, 100 * MIB, 860 * MIB, 0);
	assert_true(expects(f) == BYTES_MAX);
	look(f, 180 * MIB, 860 * MIB, 500 * US_PER_MS);
	assert_true(expects(f) == BYTES_MAX);
	look(f, 100 * MIB, 860 * MIB, 3 * US_PER_SEC);
	assert_int_equal(expects(f), 80 * MIB);
	look(f, 130 * MIB, 860 * MIB, 500 * US_PER_MS);
	assert_int_equal(expects(f), 50 * MIB);
	look(f, 185 * MIB, 860 * MIB, 500 * US_PER_MS);
	assert_int_equal(expects(f), 0);
	look(f, 195 * MIB, 860 * MIB, 100 * US_PER_MS);
	assert_true(expects(f) == BYTES_MAX);
	/* It goes on: that is no new one. */
	look(f, 225 * MIB, 860 * MIB, 2 * US_PER_SEC);
	look(f, 230 * MIB, 860 * MIB, 500 * US_PER_MS);
	assert_true(expects(f) == BYTES_MAX);
}

/* Redis took 120 MiB within a second, of which 65 can be paged out until .3 s later. */
static void test_margin_is_not_kept_from_a_borrower_that_could_be_paged_out_in_time(void **data)
{
	struct fixture *f = *data;
	struct step step;

	look(f, 50 * MIB, 860 * MIB, 0);
	look(f, 170 * MIB, 860 * MIB, US_PER_SEC);
	look(f, 170 * MIB, 860 * MIB, 5 * US_PER_SEC);
	step = fixture_ask(f);
	assert_int_equal(margin_kept(&step), 120 * MIB);
	f->state->component[HOG].signal.refaults_per_s = 300;
	f->state->swap_speed.hurried_per_s = 50 * MIB;
	look(f, 170 * MIB, 860 * MIB, 0);
	step = fixture_ask(f);
	assert_int_equal(margin_bytes(&step), 120 * MIB);
	assert_int_equal(margin_kept(&step), 55 * MIB);
	f->state->swap_speed.hurried_per_s = GIB;
	assert_in_range(margin_kept(&step), LEAST, LEAST + 128);

	/* A minute after the last of it, and of who holds no more than its own. */
	f->state->component[HOG].signal.refaults_per_s = 0;
	look(f, 170 * MIB, 590 * MIB, 0);
	step = fixture_ask(f);
	assert_int_equal(margin_kept(&step), 120 * MIB);
	look(f, 170 * MIB, 860 * MIB, 61 * US_PER_SEC);
	step = fixture_ask(f);
	assert_in_range(margin_kept(&step), 100 * MIB, 120 * MIB);
}

/* What it holds already needs no margin. */
static void test_margin_for_an_owner_is_no_more_than_its_right_left(void **data)
{
	struct fixture *f = *data;

	look(f, 100 * MIB, 860 * MIB, 0);
	look(f, 220 * MIB, 860 * MIB, 500 * US_PER_MS);
	look(f, 350 * MIB, 600 * MIB, 2 * US_PER_SEC);
	assert_int_equal(margin(f), 50 * MIB);
	look(f, 220 * MIB, 600 * MIB, US_PER_SEC);
	assert_int_equal(margin(f), 120 * MIB);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_margin_begins_at_three_percent),
		FIXTURE_TEST(test_margin_is_what_an_owner_took_that_outran_it),
		FIXTURE_TEST(test_margin_learns_nothing_of_growth_beyond_a_budget),
		FIXTURE_TEST(test_margin_is_the_largest_burst_and_not_the_last),
		FIXTURE_TEST(test_margin_counts_a_burst_from_its_beginning),
		FIXTURE_TEST(test_margin_fades_by_half_in_ten_minutes),
		FIXTURE_TEST(
			test_margin_is_not_kept_from_a_borrower_that_could_be_paged_out_in_time),
		FIXTURE_TEST(test_margin_for_an_owner_is_no_more_than_its_right_left),
		FIXTURE_TEST(test_owner_is_expected_to_take_what_it_took_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
