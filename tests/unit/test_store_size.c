// SPDX-License-Identifier: GPL-2.0-or-later
/* How large the database may become. */
#include "tests/unit/store_fixture.h"

static const struct job_spec spec = {
	.component = "ml_models",
	.memory_bytes = 1 << 20,
	.index = JOB_NO_INDEX,
	.cwd = "/tmp",
	.argv = {"true", 5},
};

static int end_job(struct store *store, uint64_t id, uint64_t end_us)
{
	struct job job = {.id = id, .array = id, .state = JOB_DONE};
	struct job_result result = {.state = JOB_DONE, .end_us = end_us};

	return store_end(store, &job, &result);
}

static int count_any(void *data, const struct store_row *row)
{
	(void)row;
	++*(uint32_t *)data;
	return 0;
}

static int add_large(struct store *store, uint64_t id, const char *env, uint32_t size)
{
	struct job job = {.id = id, .array = id, .state = JOB_QUEUED};
	char pack[1024];
	struct store_new new = {
		.job = &job,
		.component = spec.component,
		.key = spec.key,
		.pack = pack,
		.pack_size = job_pack(&spec, false, pack, sizeof(pack)),
		.env = {env, size},
	};

	return store_add(store, &new);
}

/* What has ended goes, oldest first, with its environments; what has not stays. */
static void test_store_forgets_when_it_is_too_large(void **state)
{
	struct store_keep keep = {.jobs = 1000, .runs_a_key = 1, .bytes = 4 << 20};
	struct store *store = open_store(*state);
	struct store_reader *reader = open_reader(*state);
	static char env[64 << 10];
	uint32_t rows = 0;
	int more = 1;

	assert_int_equal(store_begin(store), 0);
	for (uint64_t id = 1; id <= 100; id++) {
		snprintf(env, sizeof(env), "V%u=", (unsigned int)id);
		assert_int_equal(add_large(store, id, env, sizeof(env)), 0);
		if (id != 7)
			assert_int_equal(end_job(store, id, 3000 + id), 0);
	}
	assert_int_equal(store_commit(store), 0);
	assert_true(store_used_bytes(store) > keep.bytes);
	while (more == 1) {
		assert_int_equal(store_begin(store), 0);
		more = store_forget(store, &keep, 500);
		assert_true(more >= 0);
		assert_int_equal(store_commit(store), 0);
	}
	assert_true(store_used_bytes(store) <= keep.bytes);
	assert_int_equal(store_each_ended(reader, 0, NULL, count_any, &rows), 0);
	assert_in_range(rows, 1, 60);
	assert_int_equal(store_find(reader, 7, &(struct store_row){0}), 0);
	store_reader_close(reader);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_store_forgets_when_it_is_too_large, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("store size", tests, NULL, NULL);
}
