// SPDX-License-Identifier: GPL-2.0-or-later
/* What would have served, and the pages of what is long. */
#include "tests/unit/jobs_fixture.h"

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/daemon/methods/recommend.h"
#include "user/daemon/methods/history.h"
#include "user/daemon/methods/together.h"
#include "user/jobs/reader.h"
#include "user/ipc/json.h"

struct fixture {
	struct tmp_pool pool;
	struct store_options options;
	struct store *store;
	struct store_reader *reader;
	struct recommend_query query;
};

static int setup(void **state)
{
	static struct fixture f;
	struct uw_err err = {0};

	memset(&f, 0, sizeof(f));
	tmp_pool_init(&f.pool);
	f.options = (struct store_options){.dir = f.pool.path, .reserve_bytes = 64 << 10};
	assert_int_equal(store_open(&f.options, &f.store, &err), 0);
	assert_int_equal(store_reader_open(&f.options, &f.reader, &err), 0);
	f.query.config.component_count = 1;
	f.query.config.usable_bytes = 10 * GIB;
	f.query.count = 500;
	strcpy(f.query.config.component[0].name, "ml");
	f.query.config.component[0].budget_bytes = 4 * GIB;
	f.query.config.component[0].share_permyriad = 4000;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_reader_close(f->reader);
	store_close(f->store);
	tmp_pool_done(&f->pool);
	return 0;
}

struct past_run {
	const char *key;
	uint32_t uid;
	enum job_state state;
	bool outgrew;
	uint64_t start_s, end_s, peak_mib;
};

static void add_runs(const struct fixture *f, const struct past_run *runs, size_t count)
{
	assert_int_equal(store_begin(f->store), 0);
	for (size_t i = 0; i < count; i++) {
		struct job job = {
			.id = i + 1,
			.uid = runs[i].uid,
			.priority = 5,
			.state = (uint8_t)runs[i].state,
			.memory_bytes = GIB,
		};
		struct job_result result = {
			.state = runs[i].state,
			.start_us = runs[i].start_s * US_PER_SEC,
			.end_us = runs[i].end_s * US_PER_SEC,
			.peak_bytes = runs[i].peak_mib * MIB,
		};
		struct store_run run = {
			.job = &job,
			.component = "ml",
			.key = runs[i].key,
			.result = &result,
			.has_run = true,
			.outgrew = runs[i].outgrew,
		};

		assert_int_equal(store_add_run(f->store, &run), 0);
	}
	assert_int_equal(store_commit(f->store), 0);
}

static const json_t *first(const json_t *page, const char *list)
{
	return json_array_get(json_object_get(page, list), 0);
}

/* The last eight of the key, by their input: 4 MiB a MiB and 4 of 90 that were asked. */
static void put_key(const struct fixture *f, const char *name, uint32_t uid)
{
	uint64_t id = jobs_hash_key(f->query.secret, "ml", uid, name);
	struct admit_key key;

	admit_key_init(&key, id);
	for (uint32_t i = 0; i < 16; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = (4 + i * 7 % 16 * 4) << 10,
							  .input_kib = (1 + i * 7 % 16) << 10,
							  .run_ms = 10000,
							  .asked_kib = 90 << 10});
	assert_int_equal(store_begin(f->store), 0);
	assert_int_equal(store_put_key(f->store, id, 1, &key, sizeof(key)), 0);
	assert_int_equal(store_commit(f->store), 0);
}

static void test_advice_says_what_a_key_is_predicted_by(void **state)
{
	static const struct past_run runs[] = {{"a", 1, JOB_DONE, false, 0, 1, 40},
					       {"b", 1, JOB_DONE, false, 0, 1, 40}};
	struct fixture *f = *state;
	AUTO_JSON json_t *page = NULL;
	const json_t *by;

	f->query.secret[3] = 7;
	add_runs(f, runs, ARRAY_SIZE(runs));
	put_key(f, "a", 1);
	page = recommend_page(f->reader, &f->query);
	by = json_object_get(first(page, "keys"), "predicted_by");
	assert_string_equal(json_get_text(by, "memory"), "input");
	assert_in_range(json_get_u64(by, "memory_off_permyriad"), 10, 1000);
	assert_string_equal(json_get_text(by, "time"), "recent");
	assert_int_equal(json_get_u64(by, "time_off_permyriad"), 0);
	assert_int_equal(json_get_u64(by, "runs"), 15);
	by = json_object_get(json_array_get(json_object_get(page, "keys"), 1), "predicted_by");
	assert_true(json_is_null(by));
}

/* ---- at the same time ---- */

static void test_together_sums_by_time(void **state)
{
	static const struct {
		const char *what;
		uint32_t count;
		struct together_run run[4];
		struct together together;
	} rows[] = {
		{"none", 0, {{0}}, {0}},
		{"no length", 1, {{5, 5, 9, 9}}, {0}},
		{"one", 1, {{10, 110, 7, 9}}, {100, 7, 7, 7, 9}},
		{"one after the other", 2, {{0, 50, 3, 3}, {50, 100, 4, 4}}, {100, 3, 4, 4, 4}},
		{"idle between does not count",
		 2,
		 {{0, 50, 3, 3}, {1000, 1050, 4, 4}},
		 {100, 3, 4, 4, 4}},
		{"beside each other", 2, {{0, 100, 3, 5}, {0, 100, 4, 5}}, {100, 7, 7, 7, 10}},
		{"for a 50th of the time", 2, {{0, 100, 3, 3}, {10, 12, 9, 9}}, {100, 3, 3, 12, 3}},
		{"for a 10th of the time",
		 2,
		 {{0, 100, 3, 3}, {10, 20, 9, 9}},
		 {100, 3, 12, 12, 12}},
		{"three in stairs",
		 3,
		 {{0, 300, 1, 1}, {100, 300, 1, 1}, {200, 300, 1, 1}},
		 {300, 2, 3, 3, 3}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct together together;

		assert_int_equal(together_of(rows[i].run, rows[i].count, &together), 0);
		if (memcmp(&together, &rows[i].together, sizeof(together)) != 0)
			fail_msg("%s: busy %llu p50 %llu p95 %llu max %llu asked %llu",
				 rows[i].what, (unsigned long long)together.busy_us,
				 (unsigned long long)together.p50_bytes,
				 (unsigned long long)together.p95_bytes,
				 (unsigned long long)together.max_bytes,
				 (unsigned long long)together.asked_p95_bytes);
	}
}

/* Three jobs of 1000 MiB each and all at once need three times as much as one. */
static void test_advice_of_a_component_is_for_what_runs_at_the_same_time(void **state)
{
	struct fixture *f = *state;
	static const struct past_run runs[] = {
		{"a", 1, JOB_DONE, false, 0, 100, 1000},
		{"b", 1, JOB_DONE, false, 0, 100, 1000},
		{"", 2, JOB_FAILED, false, 0, 100, 1000},
	};
	AUTO_JSON json_t *page = NULL;
	const json_t *ml;

	add_runs(f, runs, ARRAY_SIZE(runs));
	page = recommend_page(f->reader, &f->query);
	ml = first(page, "components");
	assert_int_equal(json_get_u64(ml, "runs"), 3);
	assert_int_equal(json_get_u64(ml, "p50_bytes"), 3000 * MIB);
	assert_int_equal(json_get_u64(ml, "largest_bytes"), 1000 * MIB);
	assert_int_equal(json_get_u64(ml, "asked_bytes"), 3 * GIB);
	assert_int_equal(json_get_u64(ml, "serving_bytes"), 3150 * MIB);
	assert_int_equal(json_get_u64(ml, "serving_permyriad"), 3077); /* of 10 GiB, up */
	assert_int_equal(json_get_u64(ml, "saved_bytes"), 4 * GIB - 3150 * MIB);
	f->query.one_user = true;
	f->query.uid = 1;
	json_decref(page);
	page = recommend_page(f->reader, &f->query);
	assert_int_equal(json_array_size(json_object_get(page, "components")), 0);
	assert_int_equal(json_array_size(json_object_get(page, "keys")), 2);
}

/* A large job that ran for a moment must fit all the same. */
static void test_advice_of_a_component_has_room_for_its_largest_job(void **state)
{
	struct fixture *f = *state;
	static const struct past_run runs[] = {
		{"a", 1, JOB_DONE, false, 0, 1000, 100},
		{"a", 1, JOB_DONE, false, 1000, 2000, 100},
		{"b", 1, JOB_DONE, false, 3000, 3001, 2000},
	};
	AUTO_JSON json_t *page = NULL;

	add_runs(f, runs, ARRAY_SIZE(runs));
	page = recommend_page(f->reader, &f->query);
	assert_int_equal(json_get_u64(first(page, "components"), "p95_bytes"), 100 * MIB);
	assert_int_equal(json_get_u64(first(page, "components"), "serving_bytes"), 2100 * MIB);
}

/* ---- keys ---- */

static void test_advice_of_a_key_counts_what_outgrew_its_memory(void **state)
{
	struct fixture *f = *state;
	static const struct past_run runs[] = {
		{"a", 1, JOB_DONE, false, 0, 10, 100},
		{"a", 1, JOB_DONE, false, 0, 10, 100},
		{"a", 1, JOB_QUEUED, true, 0, 10, 800}, /* nobody knows what it came to */
		{"a", 1, JOB_FAILED, false, 0, 10, 9999},
	};
	static const struct past_run later = {"a", 1, JOB_DONE, false, 20, 30, 900};
	AUTO_JSON json_t *page = NULL;

	add_runs(f, runs, ARRAY_SIZE(runs));
	page = recommend_page(f->reader, &f->query);
	assert_int_equal(json_get_u64(first(page, "keys"), "runs"), 4);
	assert_int_equal(json_get_u64(first(page, "keys"), "outgrew"), 1);
	assert_int_equal(json_get_u64(first(page, "keys"), "request_bytes"), 840 * MIB);
	assert_true(json_get_bool(first(page, "keys"), "at_least"));
	assert_true(json_is_null(json_object_get(first(page, "keys"), "saved_bytes")));
	json_decref(page);
	add_runs(f, &later, 1);
	page = recommend_page(f->reader, &f->query);
	assert_int_equal(json_get_u64(first(page, "keys"), "request_bytes"), 945 * MIB);
	assert_false(json_get_bool(first(page, "keys"), "at_least"));
	assert_int_equal(json_get_u64(first(page, "keys"), "saved_bytes"), 79 * MIB);
}

static void test_advice_keeps_users_apart_and_goes_on_where_it_ended(void **state)
{
	struct fixture *f = *state;
	static const struct past_run runs[] = {
		{"a", 2, JOB_DONE, false, 0, 1, 200}, {"a", 1, JOB_DONE, false, 0, 1, 100},
		{"b", 1, JOB_DONE, false, 0, 1, 300}, {"a", 2, JOB_DONE, false, 0, 1, 200},
		{"b", 2, JOB_DONE, false, 0, 1, 400},
	};
	static const uint64_t max_mib[] = {100, 200, 300, 400};
	uint32_t n = 0;

	add_runs(f, runs, ARRAY_SIZE(runs));
	f->query.count = 1;
	for (bool more = true; more; n++) {
		AUTO_JSON json_t *page = recommend_page(f->reader, &f->query);
		const char *next = json_get_text(page, "next");

		assert_true(n < 4);
		assert_int_equal(json_array_size(json_object_get(page, "keys")), 1);
		assert_int_equal(json_get_u64(first(page, "keys"), "max_bytes"), max_mib[n] * MIB);
		assert_int_equal(json_get_u64(first(page, "keys"), "user"), n % 2 + 1);
		assert_int_equal(json_array_size(json_object_get(page, "components")), n == 0);
		more = *next;
		f->query.has_after = true;
		if (more)
			assert_int_equal(sscanf(next, "%u %31s %63s", &f->query.after.uid,
						f->query.after.component, f->query.after.key),
					 3);
	}
	assert_int_equal(n, 4);
	f->query.has_after = false;
	f->query.count = 500;
	strcpy(f->query.key, "b");
	{
		AUTO_JSON json_t *page = recommend_page(f->reader, &f->query);

		assert_int_equal(json_array_size(json_object_get(page, "keys")), 2);
	}
}

/* Of 20,000 runs whose peaks rise by 1 MiB each the samples are spread over all. */
static void test_advice_samples_evenly(void **state)
{
	struct fixture *f = *state;
	enum {
		COUNT = 20000
	};
	AUTO_FREE struct past_run *runs = calloc(COUNT, sizeof(*runs));
	AUTO_JSON json_t *page = NULL;

	for (uint32_t i = 0; i < COUNT; i++)
		runs[i] = (struct past_run){"a", 1, JOB_DONE, false, i, i + 1, i + 1};
	add_runs(f, runs, COUNT);
	page = recommend_page(f->reader, &f->query);
	assert_in_range(json_get_u64(first(page, "keys"), "p50_bytes") / MIB, 9900, 10100);
	assert_in_range(json_get_u64(first(page, "keys"), "p95_bytes") / MIB, 18900, 19100);
	assert_int_equal(json_get_u64(first(page, "keys"), "max_bytes"), COUNT * MIB);
}

/* ---- History ---- */

static void add_ended(const struct fixture *f, uint32_t count)
{
	char pack[1024], buf[256];
	struct jobs_item item = sh_item("true", buf, sizeof(buf));

	assert_int_equal(store_begin(f->store), 0);
	for (uint64_t id = 1; id <= count; id++) {
		struct job job;
		struct job_result result = {.state = JOB_DONE, .end_us = 1000 + id / 3};
		struct store_new new = {
			.job = &job,
			.component = "ml",
			.key = "",
			.pack = pack,
			.pack_size = job_pack(&item.spec, false, pack, sizeof(pack)),
		};

		item.spec.uid = id == 1 ? 1 : 2;
		job_init(&job, &item.spec);
		job.id = job.array = id;
		assert_int_equal(store_add(f->store, &new), 0);
		assert_int_equal(store_end(f->store, &job, &result), 0);
	}
	assert_int_equal(store_commit(f->store), 0);
}

/* Jobs that ended in the same instant stand on both sides of a page's end. Returns the pages. */
static uint32_t walk_history(const struct fixture *f, struct history_query *query,
			     uint64_t *ret_jobs, uint64_t *ret_last)
{
	uint32_t pages = 0;
	bool more = true;

	*ret_jobs = 0;
	while (more) {
		AUTO_JSON json_t *page = history_page(f->reader, query);
		const json_t *list = json_object_get(page, "jobs"), *job;
		const char *next = json_get_text(page, "next");
		size_t i;

		json_array_foreach (list, i, job) {
			assert_true(json_get_u64(job, "id") < *ret_last);
			*ret_last = json_get_u64(job, "id");
			++*ret_jobs;
		}
		pages++;
		more = *next;
		query->has_past = true;
		if (more)
			assert_int_equal(
				sscanf(next, "%lu.%lu", &query->past.end_us, &query->past.id), 2);
	}
	return pages;
}

static void test_history_has_each_job_once_page_by_page(void **state)
{
	struct fixture *f = *state;
	struct history_query query = {.count = 7};
	uint64_t jobs, last = UINT64_MAX;

	add_ended(f, 100);
	assert_int_equal(walk_history(f, &query, &jobs, &last), 15);
	assert_int_equal(jobs, 100);
	assert_int_equal(last, 1);
}

static void test_history_looks_at_so_many_rows_a_page(void **state)
{
	struct fixture *f = *state;
	struct history_query query = {.count = 500, .select = {.one_user = true, .uid = 1}};
	uint64_t jobs, last = UINT64_MAX;

	add_ended(f, 2 * HISTORY_ROWS_MAX + 1);
	assert_int_equal(walk_history(f, &query, &jobs, &last), 3);
	assert_int_equal(jobs, 1);
}

/* ---- the thread ---- */

struct trial {
	struct long_read read;
	bool had_reader, is_done;
	pthread_t thread;
};

static void trial_read(struct long_read *read, struct store_reader *reader)
{
	struct trial *trial = (struct trial *)read;

	trial->had_reader = reader != NULL;
	trial->thread = pthread_self();
}

static void trial_done(struct long_read *read)
{
	((struct trial *)read)->is_done = true;
}

static void test_reading_is_on_a_thread_and_answered_on_ours(void **state)
{
	const struct fixture *f = *state;
	struct trial trial[READS_MAX] = {0};
	struct reader_thread *reading;

	assert_int_equal(reader_thread_new(&f->options, &reading), 0);
	for (size_t i = 0; i < READS_MAX; i++) {
		trial[i].read = (struct long_read){.read = trial_read, .done = trial_done};
		assert_int_equal(reader_thread_put(reading, &trial[i].read), 0);
		assert_false(trial[i].is_done);
	}
	while (!trial[READS_MAX - 1].is_done) {
		await_readable(reader_thread_fd(reading));
		reader_thread_dispatch(reading);
	}
	for (size_t i = 0; i < READS_MAX; i++) {
		assert_true(trial[i].is_done && trial[i].had_reader);
		assert_false(pthread_equal(trial[i].thread, pthread_self()));
	}
	reader_thread_free(reading);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together_sums_by_time),
		TEST(test_advice_of_a_component_is_for_what_runs_at_the_same_time),
		TEST(test_advice_of_a_component_has_room_for_its_largest_job),
		TEST(test_advice_of_a_key_counts_what_outgrew_its_memory),
		TEST(test_advice_keeps_users_apart_and_goes_on_where_it_ended),
		TEST(test_advice_says_what_a_key_is_predicted_by),
		TEST(test_advice_samples_evenly),
		TEST(test_history_has_each_job_once_page_by_page),
		TEST(test_history_looks_at_so_many_rows_a_page),
		TEST(test_reading_is_on_a_thread_and_answered_on_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
