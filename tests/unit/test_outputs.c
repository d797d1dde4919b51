// SPDX-License-Identifier: GPL-2.0-or-later
/* Which outputs go, of files in a directory and a store that knows who has ended. */
#include <errno.h>

#include "tests/unit/cut_folder.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/jobs/outputs.h"

#define KIB64 65536U
#define ALICE 1000U
#define BOB   1001U

struct fixture {
	struct tmp_pool pool;
	struct store *store;
	struct outputs *outputs;
};

static int setup(void **state)
{
	static struct fixture f;
	struct store_options options = {.reserve_bytes = 64 << 10};
	struct uw_err err = {0};

	memset(&f, 0, sizeof(f));
	log_set_level(LOG_LEVEL_ERR);
	tmp_pool_init(&f.pool);
	options.dir = f.pool.path;
	assert_int_equal(store_open(&options, &f.store, &err), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	outputs_free(f->outputs);
	store_close(f->store);
	tmp_pool_done(&f->pool);
	return 0;
}

static void path_of(const struct fixture *f, uint64_t id, bool err_file, char path[128])
{
	char name[OUTPUTS_NAME_LEN];

	snprintf(path, 128, "%s/pool/%s", f->pool.path, outputs_name(id, err_file, name));
}

static void make_file(const struct fixture *f, uint64_t id, bool err_file, size_t bytes)
{
	static const char zeroes[KIB64];
	AUTO_CLOSE int fd = -1;
	char path[128];

	path_of(f, id, err_file, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (; bytes; bytes -= sizeof(zeroes))
		assert_int_equal(write(fd, zeroes, sizeof(zeroes)), sizeof(zeroes));
}

static bool is_there(const struct fixture *f, uint64_t id)
{
	char path[128];

	path_of(f, id, false, path);
	return !access(path, F_OK);
}

/* A job as the store knows it; end_us 0: it has not ended. */
static void make_job(const struct fixture *f, uint64_t id, uint64_t end_us)
{
	static const struct job_spec spec = {.component = "c", .cwd = "/", .index = JOB_NO_INDEX};
	struct job job = {.id = id, .state = JOB_QUEUED, .index = JOB_NO_INDEX};
	struct job_result result = {.state = JOB_DONE, .end_us = end_us};
	unsigned long size = job_pack(&spec, false, NULL, 0);
	AUTO_FREE char *pack = malloc(size);
	struct store_new new = {.job = &job, .component = "c", .key = "", .pack = pack};

	assert_non_null(pack);
	new.pack_size = job_pack(&spec, false, pack, size);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_add(f->store, &new), 0);
	job.state = JOB_DONE;
	if (end_us)
		assert_int_equal(store_end(f->store, &job, &result), 0);
	assert_int_equal(store_commit(f->store), 0);
}

static void open_outputs(struct fixture *f, uint64_t total_bytes)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/pool", f->pool.path);
	assert_int_equal(outputs_new(dir, total_bytes, &f->outputs), 0);
}

static void tidy(const struct fixture *f)
{
	for (int i = 0; outputs_tidy(f->outputs, f->store); i++)
		assert_true(i < 1000);
}

static uint64_t bytes_of(const struct fixture *f)
{
	struct outputs_stats stats;

	outputs_stats(f->outputs, &stats);
	assert_true(stats.scanned);
	return stats.bytes;
}

static void end_one(const struct fixture *f, uint64_t id, uint32_t uid, uint64_t end_us,
		    size_t bytes)
{
	make_job(f, id, end_us);
	make_file(f, id, false, bytes);
	make_file(f, id, true, 0);
	outputs_ended(f->outputs, id, uid, end_us);
}

/* Alice has 6 of 8: she loses her oldest until Bob has as much, whose are older than all of hers.
 */
static void test_outputs_of_who_has_most_go_first(void **state)
{
	struct fixture *f = *state;

	open_outputs(f, 4 * KIB64);
	tidy(f);
	end_one(f, 1, BOB, 10, KIB64);
	end_one(f, 2, BOB, 11, KIB64);
	for (uint64_t id = 3; id <= 8; id++)
		end_one(f, id, ALICE, 100 - id, KIB64); /* the higher its id, the older */
	assert_int_equal(bytes_of(f), 8 * KIB64);
	tidy(f);
	assert_int_equal(bytes_of(f), 4 * KIB64);
	for (uint64_t id = 1; id <= 8; id++)
		assert_int_equal(is_there(f, id), id <= 4);
	outputs_limit(f->outputs, 3 * KIB64); /* as much each: the lower uid */
	tidy(f);
	assert_false(is_there(f, 4));
	assert_true(is_there(f, 1));
}

/* What is there at start: ended, not ended, and of a job that nobody knows. */
static void test_outputs_that_are_found_count_by_what_the_store_says(void **state)
{
	struct fixture *f = *state;

	for (uint64_t id = 1; id <= 300; id++) {
		make_job(f, id, id == 7 ? 0 : 1000 - id);
		make_file(f, id, false, id <= 10 ? KIB64 : 0);
	}
	make_file(f, 999, false, KIB64); /* written now, so the last to go */
	make_file(f, 10, true, KIB64);
	open_outputs(f, 1ULL << 30);
	make_job(f, 301, 5); /* ends while the scan goes on: counted once */
	make_file(f, 301, false, KIB64);
	outputs_ended(f->outputs, 301, geteuid(), 5);
	tidy(f);
	assert_int_equal(bytes_of(f), (9 + 1 + 1 + 1) * KIB64);
	outputs_limit(f->outputs, 3 * KIB64);
	tidy(f);
	assert_int_equal(bytes_of(f), 3 * KIB64);
	for (uint64_t id = 1; id <= 10; id++)
		assert_int_equal(is_there(f, id), id <= 2 || id == 7);
	assert_true(is_there(f, 999));
	assert_false(is_there(f, 301));
	assert_true(is_there(f, 11)); /* nothing to be had of it */
}

static void test_outputs_of_a_job_queued_again_stay(void **state)
{
	struct fixture *f = *state;
	struct job job = {.id = 1, .state = JOB_QUEUED, .index = JOB_NO_INDEX};

	open_outputs(f, 1ULL << 30);
	tidy(f);
	end_one(f, 1, geteuid(), 10, KIB64);
	end_one(f, 2, geteuid(), 11, KIB64);
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_update(f->store, &job, 0, ""), 0);
	assert_int_equal(store_commit(f->store), 0);
	outputs_limit(f->outputs, 0);
	tidy(f);
	assert_true(is_there(f, 1));
	assert_false(is_there(f, 2));
	assert_int_equal(bytes_of(f), 0);
}

static void test_outputs_of_a_job_started_again_or_forgotten_are_not_counted(void **state)
{
	struct fixture *f = *state;

	open_outputs(f, 1ULL << 30);
	tidy(f);
	for (uint64_t id = 1; id <= 3; id++)
		end_one(f, id, geteuid(), id, id * KIB64);
	outputs_again(f->outputs, 2);
	assert_int_equal(bytes_of(f), 4 * KIB64);
	outputs_forget(f->outputs, 1);
	assert_int_equal(bytes_of(f), 3 * KIB64);
	assert_false(is_there(f, 1));
	assert_true(is_there(f, 2));
}

/* 128 KiB with a hole of half of that. */
static void test_outputs_are_counted_without_their_holes(void **state)
{
	struct fixture *f = *state;
	char path[128];

	open_outputs(f, 1ULL << 30);
	tidy(f);
	make_job(f, 1, 1);
	make_file(f, 1, false, KIB64);
	path_of(f, 1, false, path);
	assert_int_equal(truncate(path, 2 * KIB64), 0);
	outputs_ended(f->outputs, 1, geteuid(), 1);
	assert_int_equal(bytes_of(f), KIB64);
}

/* The next job would get an id whose output is there. */
static void test_outputs_that_cannot_all_be_read_tell_no_highest_id(void **state)
{
	struct fixture *f = *state;
	char dir[128];
	uint64_t id = 7;

	make_file(f, 12, false, 0);
	snprintf(dir, sizeof(dir), "%s/pool", f->pool.path);
	names_left = 0;
	assert_int_equal(outputs_highest_id(dir, &id), -EIO);
	assert_int_equal(id, 7);
	assert_int_equal(outputs_highest_id(dir, &id), 0);
	assert_int_equal(id, 12);
	snprintf(dir, sizeof(dir), "%s/none", f->pool.path);
	assert_int_equal(outputs_highest_id(dir, &id), 0);
	assert_int_equal(id, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_outputs_of_who_has_most_go_first),
		TEST(test_outputs_that_are_found_count_by_what_the_store_says),
		TEST(test_outputs_of_a_job_queued_again_stay),
		TEST(test_outputs_of_a_job_started_again_or_forgotten_are_not_counted),
		TEST(test_outputs_are_counted_without_their_holes),
		TEST(test_outputs_that_cannot_all_be_read_tell_no_highest_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
