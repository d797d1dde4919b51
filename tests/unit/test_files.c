// SPDX-License-Identifier: GPL-2.0-or-later
/* What is read once and fills a limit: how much of it is taken, of whom, and what comes before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_fixture.h"

/* A sibling of the hog's that reads files, up to so much of room below the hog's limit. */
static struct leaf_sample *read_files(struct fixture *f, uint64_t solid, uint64_t room)
{
	uint64_t files = f->config.component[HOG].budget_bytes - 100 * MIB - solid - room;
	struct leaf_sample *reader = fixture_sibling(f, HOG, solid + files);

	fixture_use(f, HOG, 100 * MIB + solid + files);
	f->frame.component[HOG].anon_bytes = 100 * MIB + solid;
	f->frame.component[HOG].inactive_file_bytes = files;
	reader->spare_valid = true;
	reader->spare_bytes = files;
	return reader;
}

/* And goes on to read, below that. */
static const struct action *read_on(struct fixture *f)
{
	f->frame.component[HOG].current_bytes -= 2 * MIB;
	f->frame.component[HOG].inactive_file_bytes -= 2 * MIB;
	fixture_step(f);
	f->frame.component[HOG].current_bytes += 2 * MIB;
	f->frame.component[HOG].inactive_file_bytes += 2 * MIB;
	return fixture_first_reclaim(f, HOG, 300 * US_PER_MS);
}

/* Else each task of the component would look for them at its limit, among the pages of all. */
static void test_files_read_once_go_before_they_fill_the_limit(void **data)
{
	static const struct {
		uint64_t solid, room, takes;
	} rows[] = {
		{4 * MIB, 40 * MIB, 0},
		{4 * MIB, 10 * MIB, 28160 * KIB},
		{4 * MIB, 0, 38400 * KIB},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct action *taken;
		struct leaf_sample *reader;
		struct fixture *f;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		reader = read_files(f, rows[i].solid, rows[i].room);
		taken = read_on(f);
		assert_int_equal(taken ? taken->amount : 0, rows[i].takes);
		if (taken) {
			assert_int_equal(taken->leaf, reader->cgid);
			assert_int_equal(taken->swappiness, 0);
			assert_int_equal(taken->why.reason, REASON_FILES);
		}
		fixture_teardown(&row);
	}
}

/* Of all together so few are not worth a look; who reads them has next to nothing else. */
static void test_few_files_go_where_one_leaf_reads_them(void **data)
{
	static const struct {
		uint64_t files, takes;
	} rows[] = {
		{28 * MIB, 21 * MIB},
		{12 * MIB, 9 * MIB},
		{10 * MIB, 0},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct action *taken;
		struct leaf_sample *reader;
		struct fixture *f;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		reader = fixture_sibling(f, HOG, MIB + rows[i].files);
		fixture_use(f, HOG, f->config.component[HOG].budget_bytes);
		f->frame.component[HOG].inactive_file_bytes = rows[i].files;
		f->frame.component[HOG].anon_bytes =
			f->config.component[HOG].budget_bytes - rows[i].files;
		reader->spare_valid = true;
		reader->spare_bytes = rows[i].files;
		taken = read_on(f);
		assert_int_equal(taken ? taken->amount : 0, rows[i].takes);
		assert_int_equal(taken ? taken->leaf : reader->cgid, reader->cgid);
		fixture_teardown(&row);
	}
}

/* Where no one leaf has read most of them, or who did is gone, all give of theirs. */
static void test_files_that_nobody_reads_any_more_go_too(void **data)
{
	struct fixture *f = *data;
	const struct action *taken;

	f->frame.component[HOG].inactive_file_bytes = 495 * MIB;
	f->frame.component[HOG].current_bytes = 595 * MIB;
	taken = read_on(f);
	assert_non_null(taken);
	assert_int_equal(taken->leaf, 0);
	assert_int_equal(taken->swappiness, 0);
	assert_int_equal(taken->amount, 33280 * KIB);
}

/* Below 16 MiB of them 6.1, which takes no swappiness=, takes anonymous pages too. */
static void test_so_many_files_stay_that_no_other_pages_go(void **data)
{
	static const struct {
		uint64_t files;
		bool taken;
	} rows[] = {{24 * MIB, false}, {30 * MIB, false}, {40 * MIB, true}, {64 * MIB, true}};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct action *taken;
		struct fixture *f;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		read_files(f, 490 * MIB - rows[i].files, 10 * MIB);
		taken = read_on(f);
		assert_int_equal(taken && taken->why.reason == REASON_FILES, rows[i].taken);
		if (taken)
			assert_true(rows[i].files - 2 * MIB - taken->amount >= 16 * MIB);
		fixture_teardown(&row);
	}
}

/* A look a second would see a reader of 40 MB/s with the limit met in between: each task of the
 * component looks for pages there then, and where it finds cold ones they go to swap. */
static void test_who_reads_towards_its_limit_is_looked_at_closely(void **data)
{
	static const struct {
		uint64_t room, per_s, period_us;
	} rows[] = {
		{200 * MIB, 40 * MIB, US_PER_SEC},
		{50 * MIB, 40 * MIB, 100 * US_PER_MS},
		{50 * MIB, 0, US_PER_SEC},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f;
		void *row;

		assert_int_equal(fixture_setup(&row), 0);
		f = row;
		read_files(f, 4 * MIB, rows[i].room + 4 * rows[i].per_s);
		fixture_step(f);
		for (int second = 0; second < 4; second++) {
			f->frame.component[HOG].current_bytes += rows[i].per_s;
			f->frame.component[HOG].inactive_file_bytes += rows[i].per_s;
			fixture_next(f, US_PER_SEC);
		}
		assert_int_equal(f->plan.next_us - f->frame.now_us, rows[i].period_us);
		fixture_teardown(&row);
	}
}

/* What was taken of its files is no sign that it has stopped to read. */
static void test_who_is_taken_from_reads_on(void **data)
{
	struct fixture *f = *data;
	const struct action *taken;
	uint64_t done;

	read_files(f, 4 * MIB, 10 * MIB);
	taken = read_on(f);
	assert_int_equal(taken->why.reason, REASON_FILES);
	done = taken->amount;
	f->frame.component[HOG].current_bytes += 4 * MIB - done;
	f->frame.component[HOG].inactive_file_bytes += 4 * MIB - done;
	fixture_next(f, 200 * US_PER_MS);
	assert_in_range(f->state->component[HOG].signal.charged_per_s, 15 * MIB, 25 * MIB);
}

/* What went bit by bit while it lasted was missing from each look before: it is not charged anew
 * when the outcome comes. */
static void test_what_a_long_reclaim_has_freed_is_no_charge(void **data)
{
	struct fixture *f = *data;
	struct outcome late;

	read_files(f, 4 * MIB, 10 * MIB);
	assert_int_equal(read_on(f)->why.reason, REASON_FILES);
	assert_int_equal(f->frame.outcome_count, 1);
	late = f->frame.outcome[0];
	f->frame.outcome_count = 0;
	for (int tick = 0; tick < 10; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		f->frame.component[HOG].current_bytes -= late.asked / 10;
		f->frame.component[HOG].inactive_file_bytes -= late.asked / 10;
	}
	late.ended_us = f->frame.now_us + 100 * US_PER_MS;
	f->frame.outcome[f->frame.outcome_count++] = late;
	for (int tick = 0; tick < 4; tick++) {
		fixture_next(f, 100 * US_PER_MS);
		assert_int_equal(f->state->component[HOG].signal.charged_per_s, 0);
	}
}

static const struct leaf_state *state_of(const struct fixture *f, uint64_t cgid)
{
	const struct leaf_state *leaf = f->state->leaf;

	while (leaf->cgid != cgid)
		leaf++;
	return leaf;
}

/* How much of the files counts changes each second while some are missed. */
static void test_who_grows_beside_missed_files_is_seen_to_grow(void **data)
{
	struct fixture *f = *data;
	struct component_sample *hog = &f->frame.component[HOG];
	struct leaf_sample *reader, *grows = &f->frame.leaf[HOG];

	reader = read_files(f, 4 * MIB, 200 * MIB);
	grows->spare_valid = true;
	fixture_next(f, US_PER_SEC);
	for (int second = 0; second < 4; second++) {
		hog->refault_file += 1000;
		hog->current_bytes += 20 * MIB;
		hog->anon_bytes += 20 * MIB;
		grows->current_bytes += 20 * MIB;
		fixture_next(f, US_PER_SEC);
		assert_in_range(state_of(f, grows->cgid)->growth_per_s, 20 * MIB - 1000, 20 * MIB);
		assert_int_equal(state_of(f, reader->cgid)->growth_per_s, 0);
	}
	/* And has grown by no more than that. */
	assert_int_equal(state_of(f, grows->cgid)->size_bytes -
				 state_of(f, grows->cgid)->rise_from_bytes,
			 80 * MIB);
}

/* They come first, but in turns with what is lacking otherwise, and not at all where they do not
 * come. What they say of swap and of what reclaim brings is nothing. */
static void test_files_go_in_turns_with_what_others_lack(void **data)
{
	struct fixture *f = *data;
	const struct action *taken;
	struct outcome *told;
	uint64_t until_us;

	read_files(f, 4 * MIB, 10 * MIB);
	taken = read_on(f);
	assert_int_equal(taken->why.reason, REASON_FILES);
	told = &f->frame.outcome[f->frame.outcome_count - 1];
	told->done = told->asked;
	told->began_us = f->frame.now_us;
	told->ended_us = f->frame.now_us + US_PER_MS;
	until_us = f->frame.now_us + 2 * US_PER_SEC;
	fixture_lack(f, REDIS);
	do {
		taken = fixture_first_reclaim(f, HOG, US_PER_SEC);
		assert_non_null(taken);
	} while (taken->why.reason == REASON_FILES && f->frame.now_us < until_us);
	assert_int_equal(taken->why.reason, REASON_CONTENTION);
	assert_int_equal(f->state->swap_speed.per_s, 0);
	assert_int_equal(f->state->component[HOG].payoff.freed_bytes, 0);
}

static void test_files_that_are_missed_are_left(void **data)
{
	struct fixture *f = *data;

	read_files(f, 4 * MIB, 0);
	for (int tick = 0; tick < 20; tick++) {
		f->frame.component[HOG].refault_file += 1000;
		fixture_next(f, 100 * US_PER_MS);
	}
	f->frame.component[HOG].refault_file += 1000;
	assert_null(read_on(f));
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_files_read_once_go_before_they_fill_the_limit),
		FIXTURE_TEST(test_few_files_go_where_one_leaf_reads_them),
		FIXTURE_TEST(test_files_that_nobody_reads_any_more_go_too),
		FIXTURE_TEST(test_so_many_files_stay_that_no_other_pages_go),
		FIXTURE_TEST(test_who_reads_towards_its_limit_is_looked_at_closely),
		FIXTURE_TEST(test_who_is_taken_from_reads_on),
		FIXTURE_TEST(test_what_a_long_reclaim_has_freed_is_no_charge),
		FIXTURE_TEST(test_who_grows_beside_missed_files_is_seen_to_grow),
		FIXTURE_TEST(test_files_go_in_turns_with_what_others_lack),
		FIXTURE_TEST(test_files_that_are_missed_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
