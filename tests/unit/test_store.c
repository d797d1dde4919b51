// SPDX-License-Identifier: GPL-2.0-or-later
/* The database under kill -9, a full disk, damage, and time. */
#include <errno.h>
#include <sys/wait.h>

#include "tests/unit/faulty_vfs.h"
#include "tests/unit/store_fixture.h"
#include "user/base/cleanup.h"
#include "user/base/hash.h"

#define ENV "PATH=/bin\0HOME=/root"

static const struct job_spec some_spec = {
	.component = "ml_models",
	.key = "train",
	.memory_bytes = 800 << 20,
	.input_bytes = 3 << 20,
	.priority = 7,
	.memory_priority = 5,
	.index = JOB_NO_INDEX,
	.cwd = "/tmp",
	.tag_count = 1,
	.tag = {"night"},
	.argv = {"python3\0train.py", 17},
	.env = {ENV, sizeof(ENV)},
};

static struct job some_job(uint64_t id)
{
	struct job job;

	job_init(&job, &some_spec);
	job.id = id;
	job.array = id;
	job.submit_us = 1000 + id;
	return job;
}

static int add(struct store *store, uint64_t id)
{
	struct job job = some_job(id);
	char pack[1024];
	struct store_new new = {
		.job = &job,
		.component = some_spec.component,
		.key = some_spec.key,
		.pack = pack,
		.pack_size = job_pack(&some_spec, false, pack, sizeof(pack)),
		.env = some_spec.env,
	};

	return store_add(store, &new);
}

static int begin_job(struct store *store, uint64_t id)
{
	static const struct job_event event = {.wall_us = 5, .step = JOB_STEP_STARTED};
	struct job job = some_job(id);
	int rc;

	job.state = JOB_STARTING;
	job.attempts = 1;
	job.start_us = 2000;
	rc = store_update(store, &job, 5, "boot");
	return rc ? rc : store_add_event(store, id, &event);
}

static int end_job(struct store *store, uint64_t id, uint64_t end_us)
{
	struct job job = some_job(id);
	struct job_result result = {
		.state = JOB_DONE,
		.start_us = 2000,
		.end_us = end_us,
		.peak_bytes = 1 << 20,
		.why = {JOB_BECAUSE_EXIT, 0, 0},
	};
	struct store_run run = {
		.job = &job,
		.component = some_spec.component,
		.key = some_spec.key,
		.result = &result,
		.reserved_first_bytes = 800 << 20,
		.has_run = true,
	};
	int rc;

	job.state = JOB_DONE;
	job.attempts = 1;
	rc = store_end(store, &job, &result);
	if (!rc)
		rc = store_add_run(store, &run);
	return rc ? rc : store_put_key(store, 77, end_us, "learned", 7);
}

struct seen {
	uint32_t count;
	uint64_t id[64];
	uint8_t state[64];
	uint32_t slot[64];
};

static int see_live(void *data, const struct store_live *live)
{
	struct seen *seen = data;

	seen->id[seen->count] = live->job.id;
	seen->state[seen->count] = live->job.state;
	seen->slot[seen->count++] = live->slot;
	assert_string_equal(live->spec.tag[0], "night");
	assert_true(live->job.input_bytes == some_spec.input_bytes);
	assert_string_equal(live->key, "train");
	return 0;
}

static struct seen see(struct store *store)
{
	struct seen seen = {0};

	assert_int_equal(store_each_live(store, see_live, &seen), 0);
	return seen;
}

/* ---- kill -9 at every change of a file ---- */

/* Four transactions; a byte after each that is said to be on disk. */
static void script(const struct fixture *f, int acks)
{
	struct store_options options = f->options;
	struct store *store = NULL;
	struct uw_err err = {0};
	int rc;

	options.vfs = FAULTY_VFS;
	rc = store_open(&options, &store, &err);
	for (int step = 0; !rc && step < 4; step++) {
		rc = store_begin(store);
		if (!rc && step == 0)
			rc = add(store, 1) || add(store, 2) || add(store, 3);
		if (!rc && step == 1)
			rc = begin_job(store, 1);
		if (!rc && step == 2)
			rc = end_job(store, 1, 3000);
		if (!rc && step == 3)
			rc = add(store, 4);
		if (!rc)
			rc = store_commit(store);
		if (!rc && write(acks, "+", 1) != 1)
			rc = 1;
	}
	store_close(store);
	_exit(rc ? 1 : 0);
}

/* The step up to which all was done, and nothing of the next one. */
static int step_of(const struct fixture *f)
{
	struct store *store = open_store(f);
	struct store_reader *reader = open_reader(f);
	struct seen seen = see(store);
	struct store_row row;
	int step = -1;

	if (seen.count == 0)
		step = 0;
	else if (seen.count == 3 && seen.id[0] == 1 && seen.state[0] == JOB_QUEUED)
		step = 1;
	else if (seen.count == 3 && seen.state[0] == JOB_STARTING && seen.slot[0] == 5)
		step = 2;
	else if (seen.count == 2 && seen.id[0] == 2)
		step = 3;
	else if (seen.count == 3 && seen.id[2] == 4)
		step = 4;
	if (step >= 3) {
		assert_int_equal(store_find(reader, 1, &row), 0);
		assert_int_equal(row.job.state, JOB_DONE);
		assert_int_equal(row.result.end_us, 3000);
	}
	store_reader_close(reader);
	store_close(store);
	return step;
}

static int run_until(struct fixture *f, long changes, int *ret_acks)
{
	int ends[2], status, step;
	char bytes[8];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		faulty.left = changes;
		script(f, ends[1]);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	*ret_acks = (int)read(ends[0], bytes, sizeof(bytes));
	close(ends[0]);
	step = step_of(f);
	assert_true(step >= 0); /* never half of one */
	assert_true(step >= *ret_acks);
	return WEXITSTATUS(status);
}

static void test_store_killed_at_any_write_keeps_what_it_acknowledged(void **state)
{
	struct fixture *f = *state;
	int acks = 0, status = FAULTY_EXIT, partial = 0;

	faulty_register(false);
	for (long n = 0; status == FAULTY_EXIT; n++) {
		teardown(state);
		setup(state);
		status = run_until(f, n, &acks);
		partial += status == FAULTY_EXIT && acks > 0 && acks < 4;
		assert_true(n < 1000);
	}
	assert_int_equal(status, 0);
	assert_int_equal(acks, 4);
	assert_true(partial >= 3); /* it was killed between two of them */
}

/* ---- a full disk ---- */

static int fill(struct store *store, uint64_t *id)
{
	int rc = 0;

	while (!rc && *id < 5000) {
		rc = store_begin(store);
		if (!rc)
			rc = add(store, *id + 1);
		if (!rc)
			rc = store_commit(store);
		if (rc)
			store_rollback(store);
		else
			++*id;
	}
	return rc;
}

static void test_store_on_a_full_disk_refuses_what_is_new_and_keeps_ends(void **state)
{
	struct fixture *f = *state;
	struct store_options options = f->options;
	struct store *store = NULL;
	struct uw_err err = {0};
	char reserve[128];
	uint64_t id = 0;

	faulty_register(false);
	options.vfs = FAULTY_VFS;
	snprintf(reserve, sizeof(reserve), "%s/%s", f->pool.path, STORE_RESERVE_FILE);
	assert_int_equal(store_open(&options, &store, &err), 0);
	faulty.reserve = reserve;
	faulty.room_bytes = 128 << 10;
	assert_false(store_is_full(store));
	assert_int_equal(fill(store, &id), -ENOSPC);
	assert_true(id > 2);
	assert_true(store_is_full(store));

	/* The reserve is for this. */
	for (uint64_t i = 1; i <= 2; i++) {
		assert_int_equal(store_begin(store), 0);
		assert_int_equal(end_job(store, i, 9000), 0);
		assert_int_equal(store_commit(store), 0);
	}
	faulty.room_bytes = -1;
	assert_int_equal(store_mend(store), 0);
	assert_false(store_is_full(store));
	store_close(store);
	store = open_store(f);
	assert_true(store_each_live(store, see_live, &(struct seen){0}) == 0 || id > 64);
	store_close(store);
}

/* ---- what is there is no use ---- */

static void spoil(const struct fixture *f, const char *file, off_t at, const char *bytes)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->pool.path, file);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	close(fd);
}

static void expect_set_aside(const struct fixture *f, const char *words)
{
	struct store *store = NULL;
	struct uw_err err = {0};

	assert_int_equal(store_open(&f->options, &store, &err), STORE_SET_ASIDE);
	assert_non_null(strstr(err.text, words));
	assert_non_null(strstr(err.text, "set aside as"));
	assert_null(strchr(err.text, '\n'));
	assert_int_equal(see(store).count, 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 1), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
}

static void test_store_that_is_no_database_is_set_aside(void **state)
{
	spoil(*state, STORE_FILE, 0, "this is not a database, it is a letter to a friend");
	expect_set_aside(*state, "is no database");
}

static void test_store_of_a_newer_schema_is_refused_and_left(void **state)
{
	const struct fixture *f = *state;
	struct store *store = open_store(f);
	struct uw_err err = {0};
	sqlite3 *db;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 1), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(TAKE(store));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(&f->options, &store, &err), -EPROTONOSUPPORT);
	assert_null(store);
	assert_non_null(strstr(err.text, "newer uwd (schema 99"));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = open_store(f);
	assert_int_equal(see(store).count, 1);
	store_close(store);
}

/* The others are not to suffer for it. */
static void test_store_leaves_out_a_row_that_makes_no_sense(void **state)
{
	const struct fixture *f = *state;
	struct store *store = open_store(f);
	sqlite3 *db;
	struct seen seen;

	assert_int_equal(store_begin(store), 0);
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(add(store, id), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE jobs SET spec = x'ffff' WHERE id = 2", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_close(db);
	store = open_store(f);
	seen = see(store);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.id[0], 1);
	assert_int_equal(seen.id[1], 3);
	store_close(store);
}

static void test_store_with_damaged_pages_is_set_aside(void **state)
{
	struct store *store = open_store(*state);

	assert_int_equal(store_begin(store), 0);
	for (uint64_t id = 1; id < 50; id++)
		assert_int_equal(add(store, id), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	for (off_t page = 1; page < 12; page++)
		spoil(*state, STORE_FILE, page * 4096, "\xff\xff\xff\xff\xff\xff\xff\xff");
	expect_set_aside(*state, "is damaged");
}

/* ---- what is kept ---- */

static void test_store_gives_back_what_it_was_given(void **state)
{
	struct store *store = open_store(*state);
	char *pack = NULL;
	unsigned long size;
	struct job_spec spec;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 9), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_read_pack(store, 9, &pack, &size), 0);
	assert_int_equal(job_unpack(pack, size, &spec), 0);
	assert_string_equal(spec.component, "ml_models");
	assert_int_equal(spec.env.size, sizeof(ENV));
	assert_memory_equal(spec.env.data, ENV, sizeof(ENV));
	assert_int_equal(job_block_count(&spec.argv), 2);
	assert_int_equal(store_read_pack(store, 10, &pack, &size), -ENOENT);
	free(pack);
	store_close(store);
}

static int count_key(void *data, const void *bytes, unsigned long size)
{
	(void)bytes, (void)size;
	++*(uint32_t *)data;
	return 0;
}

/* In one of an older uwd keys have names that users could find. */
static void test_store_secret_is_made_once(void **state)
{
	const struct fixture *f = *state;
	struct store *store = open_store(f);
	uint8_t secret[HASH_SECRET_LEN];
	uint32_t keys = 0;
	sqlite3 *db;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_put_key(store, 77, 5000, "learned", 7), 0);
	assert_int_equal(store_commit(store), 0);
	memcpy(secret, store_secret(store), sizeof(secret));
	store_close(store);
	store = open_store(f);
	assert_memory_equal(store_secret(store), secret, sizeof(secret));
	assert_int_equal(store_each_key(store, 10, count_key, &keys), 0);
	assert_int_equal(keys, 1);
	store_close(store);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE secret", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = open_store(f);
	assert_memory_not_equal(store_secret(store), secret, sizeof(secret));
	assert_int_equal(store_each_key(store, 10, count_key, &keys), 0);
	assert_int_equal(keys, 1);
	store_close(store);
}

static void test_store_never_gives_an_id_twice(void **state)
{
	struct store_keep keep = {.jobs = 0, .runs_a_key = 1, .oldest_us = 1ULL << 50};
	struct store *store = open_store(*state);
	uint64_t last_id = 0;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 12), 0);
	assert_int_equal(end_job(store, 12, 5000), 0);
	assert_int_equal(store_forget(store, &keep, 100), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	store = open_store(*state);
	assert_int_equal(store_last_id(store, &last_id), 0);
	assert_int_equal(last_id, 12);
	store_close(store);
}

static void count_forgotten(void *data, uint64_t job)
{
	assert_true(job >= 1 && job <= 20);
	++*(uint32_t *)data;
}

static int count_row(void *data, const struct store_row *row)
{
	assert_int_equal(row->job.state, JOB_DONE);
	++*(uint32_t *)data;
	return 0;
}

static int count_run(void *data, const struct store_run_row *run)
{
	assert_int_equal(run->peak_bytes, 1 << 20);
	++*(uint32_t *)data;
	return 0;
}

static int check_total(void *data, const struct store_total *total)
{
	assert_int_equal(total->class, JOB_HIGH);
	assert_int_equal(total->state, JOB_DONE);
	*(uint32_t *)data = (uint32_t)total->jobs;
	return 0;
}

static void test_store_keeps_as_many_as_it_is_told_and_all_sums(void **state)
{
	uint32_t forgotten = 0;
	struct store_keep keep = {
		.jobs = 10,
		.runs_a_key = 5,
		.forget = count_forgotten,
		.data = &forgotten,
	};
	struct store *store = open_store(*state);
	struct store_reader *reader = open_reader(*state);
	uint32_t rows = 0, runs = 0, total = 0;

	assert_int_equal(store_begin(store), 0);
	for (uint64_t id = 1; id <= 30; id++) {
		assert_int_equal(add(store, id), 0);
		assert_int_equal(end_job(store, id, 3000 + id), 0);
	}
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_forget(store, &keep, 7), 1); /* in portions */
	assert_int_equal(store_commit(store), 0);
	for (int more = 1; more == 1;) {
		assert_int_equal(store_begin(store), 0);
		more = store_forget(store, &keep, 7);
		assert_true(more >= 0);
		assert_int_equal(store_commit(store), 0);
	}
	assert_int_equal(store_each_ended(reader, 0, NULL, count_row, &rows), 0);
	assert_int_equal(rows, 10);
	assert_int_equal(forgotten, 20);
	assert_int_equal(store_each_run(reader, NULL, "ml_models", NULL, count_run, &runs), 0);
	assert_int_equal(runs, 5);
	assert_int_equal(store_each_total(reader, check_total, &total), 0);
	assert_int_equal(total, 30);
	store_reader_close(reader);
	store_close(store);
}

static void test_store_reader_sees_commits_and_nothing_else(void **state)
{
	struct store *store = open_store(*state);
	struct store_reader *reader = open_reader(*state);
	struct store_row row;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 1), 0);
	assert_int_equal(store_find(reader, 1, &row), -ENOENT);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_find(reader, 1, &row), 0);
	assert_int_equal(row.job.state, JOB_QUEUED);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(end_job(store, 1, 4000), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_find(reader, 1, &row), 0);
	assert_int_equal(row.job.state, JOB_DONE);
	store_reader_close(reader);
	store_close(store);
}

static int check_learned(void *data, const void *bytes, unsigned long size)
{
	assert_int_equal(size, 7);
	assert_memory_equal(bytes, "learned", 7);
	++*(uint32_t *)data;
	return 0;
}

static void test_store_keeps_what_was_learned(void **state)
{
	struct store *store = open_store(*state);
	uint32_t keys = 0;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(add(store, 1), 0);
	assert_int_equal(end_job(store, 1, 4000), 0);
	assert_int_equal(end_job(store, 1, 4001), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_each_key(store, 10, check_learned, &keys), 0);
	assert_int_equal(keys, 1);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_store_killed_at_any_write_keeps_what_it_acknowledged),
		TEST(test_store_on_a_full_disk_refuses_what_is_new_and_keeps_ends),
		TEST(test_store_that_is_no_database_is_set_aside),
		TEST(test_store_of_a_newer_schema_is_refused_and_left),
		TEST(test_store_leaves_out_a_row_that_makes_no_sense),
		TEST(test_store_with_damaged_pages_is_set_aside),
		TEST(test_store_gives_back_what_it_was_given),
		TEST(test_store_secret_is_made_once),
		TEST(test_store_never_gives_an_id_twice),
		TEST(test_store_keeps_as_many_as_it_is_told_and_all_sums),
		TEST(test_store_reader_sees_commits_and_nothing_else),
		TEST(test_store_keeps_what_was_learned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
