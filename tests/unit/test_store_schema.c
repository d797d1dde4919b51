// SPDX-License-Identifier: GPL-2.0-or-later
/* Databases of older schemas. */
#include <errno.h>
#include <sqlite3.h>

#include "tests/unit/store_fixture.h"
#include "user/base/cleanup.h"

static const struct job_spec spec = {
	.component = "ml",
	.key = "train",
	.memory_bytes = 800 << 20,
	.input_bytes = 3 << 20,
	.priority = 7,
	.memory_priority = 5,
	.index = JOB_NO_INDEX,
	.cwd = "/tmp",
	.argv = {"true", 5},
};

/* One that was submitted and has run. */
static void run_one(struct store *store, uint64_t id)
{
	char pack[512];
	struct job job;
	struct store_new new = {.job = &job, .component = "ml", .key = "train", .pack = pack};
	struct job_result result = {.state = JOB_DONE, .end_us = 5000, .peak_bytes = 1 << 20};
	struct store_run run = {
		.job = &job, .component = "ml", .key = "train", .result = &result, .has_run = true};

	job_init(&job, &spec);
	job.id = job.array = id;
	new.pack_size = job_pack(&spec, false, pack, sizeof(pack));
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_add(store, &new), 0);
	assert_int_equal(store_add_run(store, &run), 0);
	assert_int_equal(store_commit(store), 0);
}

static void change(const struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static uint64_t number_of(const struct fixture *f, const char *sql)
{
	sqlite3_stmt *row = NULL;
	uint64_t number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	number = (uint64_t)sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return number;
}

static void make_one(const struct fixture *f, const char *then)
{
	struct store *store = open_store(f);

	run_one(store, 1);
	store_close(store);
	change(f, then);
}

static int count_live(void *data, const struct store_live *live)
{
	uint32_t *count = data;

	assert_true(live->job.input_bytes == spec.input_bytes);
	++*count;
	return 0;
}

/* As it was before runs had the size of their input: they get it, and what is there stays. */
static void test_store_of_the_first_schema_is_brought_up_to_date(void **state)
{
	const struct fixture *f = *state;
	struct store *store;
	uint32_t live = 0;

	make_one(f, "ALTER TABLE runs DROP COLUMN input; PRAGMA user_version = 1");
	store = open_store(f);
	run_one(store, 2);
	assert_int_equal(store_each_live(store, count_live, &live), 0);
	assert_int_equal(live, 2);
	store_close(store);
	assert_int_equal(number_of(f, "PRAGMA user_version"), 2);
	assert_int_equal(number_of(f, "SELECT input FROM runs WHERE job = 1"), 0);
	assert_int_equal(number_of(f, "SELECT input FROM runs WHERE job = 2"), 3 << 20);
}

/* It says that it is of the first, and has what the second brought: nothing of it is changed. */
static void test_store_whose_step_fails_is_refused_and_left(void **state)
{
	const struct fixture *f = *state;
	struct uw_err err = {0};
	struct store *store;

	make_one(f, "PRAGMA user_version = 1");
	assert_true(store_open(&f->options, &store, &err) < 0);
	assert_non_null(strstr(err.text, "duplicate column name: input"));
	assert_int_equal(number_of(f, "PRAGMA user_version"), 1);
	assert_int_equal(number_of(f, "SELECT count(*) FROM jobs"), 1);
}

static void test_store_of_no_schema_is_set_aside(void **state)
{
	const struct fixture *f = *state;
	struct uw_err err = {0};
	struct store *store;

	make_one(f, "PRAGMA user_version = -3");
	assert_int_equal(store_open(&f->options, &store, &err), STORE_SET_ASIDE);
	assert_non_null(strstr(err.text, "is of no schema (-3)"));
	store_close(store);
	assert_int_equal(number_of(f, "PRAGMA user_version"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_store_of_the_first_schema_is_brought_up_to_date),
		TEST(test_store_whose_step_fails_is_refused_and_left),
		TEST(test_store_of_no_schema_is_set_aside),
	};

	return cmocka_run_group_tests_name("store schema", tests, NULL, NULL);
}
