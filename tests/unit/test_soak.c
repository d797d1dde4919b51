// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What runs for long takes no more in the end than it did once it was full: descriptors, memory,
 * files and the database of a queue through which jobs go, and of a server of leases whose clients
 * come and go. The first half fills what is kept.
 */
#include <dirent.h>
#include <malloc.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/unit/jobs_fixture.h"
#include "tests/unit/uw_fixture.h"

#define HISTORY 100U
#define JOBS    300U /* three times as many as are kept, in each half */
#define BATCH   20U
/* How much each used is kept of the last JOBS_RUNS_KEPT, more than run here: of each a row, which
 * the database holds in memory too. */
#define RUN_BYTES     400U
#define WAL_BYTES_MAX (8ULL << 20) /* twice what it has when it is written back */
#define CLIENTS       1500U        /* in each half */

struct taken {
	uint32_t fds, files;
	uint64_t heap_bytes, database_bytes;
};

static uint32_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	uint32_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static uint64_t size_of(const char *dir, const char *name)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) ? 0 : (uint64_t)st.st_size;
}

/* ---- the queue ---- */

static uint64_t pragma_of(sqlite3 *db, const char *text)
{
	sqlite3_stmt *stmt = NULL;
	uint64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

/* Pages in use; the file follows when the log beside it is written back. */
static uint64_t database_bytes_of(const struct jobs_fixture *f)
{
	char path[160];
	sqlite3 *db;
	uint64_t pages;

	snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	pages = pragma_of(db, "PRAGMA page_count") - pragma_of(db, "PRAGMA freelist_count");
	pages *= pragma_of(db, "PRAGMA page_size");
	sqlite3_close(db);
	return pages;
}

static struct taken taken_by(const struct jobs_fixture *f)
{
	char path[160];
	struct taken taken = {
		.fds = count_entries("/proc/self/fd"),
		.heap_bytes = mallinfo2().uordblks,
		.database_bytes = database_bytes_of(f),
	};

	snprintf(path, sizeof(path), "%s/%s", f->dir, JOBS_LOG_DIR);
	taken.files = count_entries(path);
	return taken;
}

/* Of every kind: keys and none, those that write, fail, and are tried again. */
static void run_jobs(struct jobs_fixture *f, uint32_t count)
{
	static const char *const texts[] = {"exit 0", "exit 3", "echo $UW_JOB_ID",
					    "test $UW_JOB_ATTEMPT = 2"};
	char buf[BATCH][128];
	struct jobs_item items[BATCH];

	for (uint32_t ended = 0; ended < count; ended += BATCH) {
		uint32_t before = f->ended;

		for (uint32_t i = 0; i < BATCH; i++) {
			items[i] = sh_item(texts[i % 4], buf[i], sizeof(buf[i]));
			items[i].spec.memory_bytes = 8 << 20;
			items[i].spec.retries = i % 4 == 3;
			if (i % 2)
				snprintf(items[i].spec.key, JOB_KEY_LEN, "key-%u", i);
		}
		submit(f, items, BATCH);
		JOBS_UNTIL(f, f->ended == before + BATCH);
	}
	jobs_fixture_go_on(f);
}

/* It is done every ten minutes, or when another configuration says how much is kept. */
static void forget_old(struct jobs_fixture *f)
{
	struct admit_config admit = {.component_count = f->config.component_count};
	struct uw_err err = {0};

	f->config.admission.history_count ^= 1;
	assert_int_equal(jobs_configure(f->jobs, &admit, &err), 0);
	JOBS_UNTIL(f, taken_by(f).files <= 2 * (HISTORY + 2));
}

static void test_queue_takes_no_more_after_many_jobs(void **state)
{
	struct jobs_fixture *f = *state;
	struct taken full, after;

	f->config.admission.history_count = HISTORY;
	run_jobs(f, JOBS);
	forget_old(f);
	full = taken_by(f);
	run_jobs(f, JOBS);
	forget_old(f);
	after = taken_by(f);
	assert_int_equal(jobs_count(f->jobs), 0);
	assert_true(after.fds <= full.fds);
	assert_true(after.files <= full.files + BATCH);
	assert_true(after.heap_bytes <= full.heap_bytes + JOBS * RUN_BYTES);
	assert_true(after.database_bytes <= full.database_bytes + JOBS * RUN_BYTES);
	assert_true(size_of(f->dir, STORE_FILE "-wal") <= WAL_BYTES_MAX);
}

/* ---- leases ---- */

static struct taken taken_by_server(const struct uw_fixture *f)
{
	char path[64];
	struct taken taken = {.database_bytes = size_of(f->dir, "leases")};
	unsigned long long pages = 0;
	FILE *statm;

	snprintf(path, sizeof(path), "/proc/%d/fd", f->server);
	taken.fds = count_entries(path);
	snprintf(path, sizeof(path), "/proc/%d/statm", f->server);
	statm = fopen(path, "re");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%*u %llu", &pages), 1);
	fclose(statm);
	taken.heap_bytes = pages * 4096;
	return taken;
}

/* Every other one closes without having given back what it has. */
static void come_and_go(const struct uw_fixture *f, uint32_t clients)
{
	for (uint32_t i = 0; i < clients; i++) {
		struct uw *uw = uw_fixture_open(f);
		uint64_t id = uw_get(uw, 1 + i % 50);

		if (i % 2)
			assert_int_equal(uw_free(uw, id), 0);
		uw_close(uw);
	}
	uw_fixture_await(f, 0);
}

static void test_leases_take_no_more_after_many_clients(void **state)
{
	struct uw_fixture *f = *state;
	struct taken full, after;

	come_and_go(f, CLIENTS);
	full = taken_by_server(f);
	come_and_go(f, CLIENTS);
	after = taken_by_server(f);
	assert_true(after.fds <= full.fds);
	assert_true(after.heap_bytes <= full.heap_bytes + full.heap_bytes / 10);
	assert_true(after.database_bytes <= full.database_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queue_takes_no_more_after_many_jobs,
						jobs_setup, jobs_teardown),
		cmocka_unit_test_setup_teardown(test_leases_take_no_more_after_many_clients,
						uw_fixture_setup, uw_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
