// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that are about many jobs: what of them is done in one turn, and that nothing is lost
 * between two. */
#include "tests/unit/calls_fixture.h"

#define MANY 1000U

/* Keeps the reading thread until it is let go. */
struct keep_busy {
	struct long_read read;
	int pipe[2];
	bool done;
};

static void keep_read(struct long_read *read_, struct store_reader *reader)
{
	const struct keep_busy *busy = (const struct keep_busy *)read_;
	char byte;

	(void)reader;
	assert_int_equal(read(busy->pipe[0], &byte, 1), 1);
}

static void keep_done(struct long_read *read)
{
	((struct keep_busy *)read)->done = true;
}

static void stop_reading(struct calls *calls, struct keep_busy *busy)
{
	*busy = (struct keep_busy){.read = {.read = keep_read, .done = keep_done}};
	assert_int_equal(pipe(busy->pipe), 0);
	assert_int_equal(reader_thread_put(jobs_reader_thread(calls->jobs.jobs), &busy->read), 0);
}

static void go_on_reading(struct calls *calls, struct keep_busy *busy)
{
	assert_int_equal(write(busy->pipe[1], "", 1), 1);
	JOBS_UNTIL(&calls->jobs, busy->done);
	close(busy->pipe[0]);
	close(busy->pipe[1]);
}

/* While the thread that reads cannot, the loop turns, and no answer can have been made on it. */
static void test_calls_many_rows_are_not_read_on_the_loop(void **state)
{
	static const struct {
		enum ipc_method method;
		bool select, named_job;
	} rows[] = {
		{IPC_WAIT, false, false},   {IPC_CANCEL, true, false}, {IPC_RELEASE, true, false},
		{IPC_REQUEUE, true, false}, {IPC_JOB, false, true},    {IPC_LOGS, false, true},
	};
	struct calls *calls = *state;
	struct keep_busy busy;
	uint64_t first = submit_held(calls, MANY);

	calls->peer.uid = USER + 1; /* none of them is theirs: all are looked at for nothing */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *one = range(first, first + MANY - 1);
		AUTO_JSON json_t *answer = NULL;

		stop_reading(calls, &busy);
		call(calls, rows[i].method, false,
		     rows[i].named_job ? json_pack("{s:o}", "job", one)
		     : rows[i].select  ? json_pack("{s:{s:[o]}}", "select", "jobs", one)
				       : json_pack("{s:[o]}", "jobs", one));
		for (int turn = 0; turn < 10; turn++)
			calls_turn(calls);
		answer = reply_now(calls);
		if (answer)
			fail_msg("row %zu: it was read on the loop", i);
		go_on_reading(calls, &busy);
		answer = reply(calls);
		assert_string_equal(json_get_text(answer, "error"), IPC_ERROR_NO_JOB);
	}
}

/* As before: no thread is asked for a few. */
static void test_calls_few_rows_are_read_at_once(void **state)
{
	struct calls *calls = *state;
	struct keep_busy busy;
	uint64_t first = submit_held(calls, 8);

	stop_reading(calls, &busy);
	assert_int_equal(asked_number(calls, IPC_WAIT, "left",
				      json_pack("{s:[o]}", "jobs", range(first, first + 7))),
			 8);
	go_on_reading(calls, &busy);
}

static void test_calls_wait_counts_each_job_of_many_once(void **state)
{
	struct calls *calls = *state;
	uint64_t first = submit_held(calls, MANY), other = submit_held(calls, 1);

	assert_int_equal(
		asked_number(calls, IPC_WAIT, "left",
			     json_pack("{s:[o, o, o, o]}", "jobs", range(first + 900, other),
				       range(first, first), range(first + 5, first + 7),
				       range(first + 6, first + 500))),
		MANY + 1);
	/* All but the first belong to its array by their number alone. */
	assert_int_equal(asked_number(calls, IPC_WAIT, "left",
				      json_pack("{s:[o]}", "jobs", range(first + 1, first + 3))),
			 3);
}

/* ---- ends that come while the rows are read ---- */

static void changed(void *data, int rc)
{
	(void)data;
	assert_int_equal(rc, 0);
}

/* Not in their order, so that some lie before and some behind where the scan stands. */
static uint64_t pick(uint64_t first, uint32_t i)
{
	return first + (i * 389ULL) % MANY;
}

static void note_ends(const json_t *reply, uint64_t first, uint8_t *seen, uint64_t *ret_ended)
{
	const json_t *end;
	size_t i;

	*ret_ended += number_of(reply, "ended_count");
	json_array_foreach (json_object_get(json_object_get(reply, "parameters"), "ended"), i,
			    end) {
		uint64_t id = json_get_u64(end, "id");

		assert_in_range(id, first, first + MANY - 1);
		assert_int_equal(seen[id - first]++, 0); /* told once */
	}
}

static void test_calls_wait_misses_no_end_and_tells_none_twice(void **state)
{
	struct calls *calls = *state;
	uint64_t first = submit_held(calls, MANY), ended = 0, hangs_us;
	uint8_t seen[MANY] = {0};
	uint32_t cancelled = 0;

	call(calls, IPC_WAIT, true, json_pack("{s:[o]}", "jobs", range(first, first + MANY - 1)));
	hangs_us = clock_now_us() + HANG_GUARD_US;
	while (ended < MANY) {
		AUTO_JSON json_t *reply = NULL;

		assert_true(clock_now_us() < hangs_us);
		for (uint32_t i = 0; i < 20 && cancelled < MANY; i++)
			assert_int_equal(jobs_cancel(calls->jobs.jobs, pick(first, cancelled++),
						     USER, 0, changed, NULL),
					 0);
		calls_turn(calls);
		while ((reply = reply_now(calls))) {
			note_ends(reply, first, seen, &ended);
			json_decref(TAKE(reply));
		}
	}
	assert_int_equal(ended, MANY);
}

/* Of a part that is being read just now: the thread stands still with the rows as they were. */
static void test_calls_wait_sees_an_end_within_the_part_that_is_read(void **state)
{
	struct calls *calls = *state;
	uint64_t first = submit_held(calls, MANY), ended = 0;
	uint8_t seen[MANY] = {0};
	struct keep_busy busy;
	AUTO_JSON json_t *answer = NULL;

	stop_reading(calls, &busy);
	call(calls, IPC_WAIT, false, json_pack("{s:[o]}", "jobs", range(first, first + MANY - 1)));
	serve(calls);
	for (uint32_t i = 0; i < 2; i++) /* one that was counted as left, one that was not */
		assert_int_equal(
			jobs_cancel(calls->jobs.jobs, first + i * 100, USER, 0, changed, NULL), 0);
	JOBS_UNTIL(&calls->jobs, calls->jobs.ended == 2);
	go_on_reading(calls, &busy);
	answer = reply(calls);
	note_ends(answer, first, seen, &ended);
	assert_int_equal(ended, 2);
	assert_int_equal(number_of(answer, "left"), MANY - 2);
}

static void test_calls_reader_that_left_is_not_read_for(void **state)
{
	struct calls *calls = *state;
	uint64_t first = submit_held(calls, MANY);
	struct keep_busy busy;

	stop_reading(calls, &busy);
	call(calls, IPC_WAIT, true, json_pack("{s:[o]}", "jobs", range(first, first + MANY - 1)));
	serve(calls);
	assert_non_null(calls->daemon.waits);
	calls_disconnect(calls);
	go_on_reading(calls, &busy);
	while (calls->daemon.waits)
		calls_turn(calls);
	calls_connect(calls);
}

/* ---- who may have how many reads ---- */

static void no_read(struct long_read *read, struct store_reader *reader)
{
	(void)read, (void)reader;
}

static void no_done(struct long_read *read)
{
	(void)read;
}

static void test_calls_reads_are_shared_and_roots_are_never_refused(void **state)
{
	struct calls *calls = *state;
	struct reader_thread *thread = jobs_reader_thread(calls->jobs.jobs);
	static struct long_read read[READS_MAX + 8];
	struct keep_busy busy;
	uint32_t taken[2] = {0}, at = 0;

	stop_reading(calls, &busy);
	for (uint32_t user = 0; user < 2; user++)
		for (; at < ARRAY_SIZE(read); at++, taken[user]++) {
			read[at] = (struct long_read){
				.uid = USER + user,
				.read = no_read,
				.done = no_done,
			};
			if (reader_thread_put(thread, &read[at]))
				break;
		}
	assert_in_range(taken[0], READS_MAX / 2 - 1, READS_MAX / 2);
	assert_in_range(taken[1], READS_MAX / 4 - 1, READS_MAX / 4);
	read[at] = (struct long_read){.read = no_read, .done = no_done};
	assert_int_equal(reader_thread_put(thread, &read[at]), 0);
	go_on_reading(calls, &busy);
}

/* ---- changes ---- */

static void test_calls_cancel_of_all_goes_on_in_parts(void **state)
{
	struct calls *calls = *state;
	struct jobs *jobs = calls->jobs.jobs;
	AUTO_JSON json_t *answer = NULL;

	submit_held(calls, MANY);
	call(calls, IPC_CANCEL, false, json_pack("{s:{}}", "select"));
	serve(calls);
	assert_true(jobs_count(jobs) == MANY); /* their ends are not on disk */
	answer = reply(calls);
	assert_int_equal(number_of(answer, "changed"), MANY);
	assert_int_equal(jobs_count(jobs), 0);
}

static uint64_t requeue(struct calls *calls, uint64_t id)
{
	return asked_number(calls, IPC_REQUEUE, "refused",
			    json_pack("{s:{s:[o]}}", "select", "jobs", range(id, id)));
}

static void test_calls_requeue_asks_who_may_submit(void **state)
{
	struct calls *calls = *state;
	uint64_t id = submit_held(calls, 1);

	assert_int_equal(jobs_cancel(calls->jobs.jobs, id, USER, 0, changed, NULL), 0);
	JOBS_UNTIL(&calls->jobs, calls->jobs.ended == 1);
	assert_int_equal(requeue(calls, id), 1);
	let_in(calls, "*");
	calls->peer.gid = GROUP + 1; /* not in the group of the job any more */
	assert_int_equal(requeue(calls, id), 1);
	calls->peer.group[0] = GROUP;
	calls->peer.group_count = 1;
	assert_int_equal(requeue(calls, id), 0);
	assert_non_null(jobs_find(calls->jobs.jobs, id));
}

/* What is held since before a right was taken away does not go by it. */
static void test_calls_release_asks_who_may_submit(void **state)
{
	struct calls *calls = *state;
	uint64_t id = submit_held(calls, 1);
	json_t *select = json_pack("{s:[o]}", "jobs", range(id, id));

	assert_int_equal(
		asked_number(calls, IPC_RELEASE, "refused", json_pack("{s:O}", "select", select)),
		1);
	assert_int_equal(jobs_find(calls->jobs.jobs, id)->state, JOB_HELD);
	let_in(calls, "*");
	calls->peer.gid = GROUP + 1; /* not in the group of the job any more */
	assert_int_equal(
		asked_number(calls, IPC_RELEASE, "refused", json_pack("{s:O}", "select", select)),
		1);
	calls->peer.gid = GROUP;
	assert_int_equal(
		asked_number(calls, IPC_RELEASE, "changed", json_pack("{s:o}", "select", select)),
		1);
	assert_int_equal(jobs_find(calls->jobs.jobs, id)->state, JOB_QUEUED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(test_calls_many_rows_are_not_read_on_the_loop),
		CALLS_TEST(test_calls_few_rows_are_read_at_once),
		CALLS_TEST(test_calls_wait_counts_each_job_of_many_once),
		CALLS_TEST(test_calls_wait_misses_no_end_and_tells_none_twice),
		CALLS_TEST(test_calls_wait_sees_an_end_within_the_part_that_is_read),
		CALLS_TEST(test_calls_reader_that_left_is_not_read_for),
		CALLS_TEST(test_calls_reads_are_shared_and_roots_are_never_refused),
		CALLS_TEST(test_calls_cancel_of_all_goes_on_in_parts),
		CALLS_TEST(test_calls_requeue_asks_who_may_submit),
		CALLS_TEST(test_calls_release_asks_who_may_submit),
	};

	return cmocka_run_group_tests_name("long calls", tests, NULL, NULL);
}
