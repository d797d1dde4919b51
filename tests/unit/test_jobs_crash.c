// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwd as a process that dies: at every write of the database, just before and just after a shim is
 * made, and at random instants. What is left is given to another one, and in the end each job has
 * run exactly once and its exit status is known.
 */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/jobs_fixture.h"

#define JOBS_FEW     3U
#define JOBS_MANY    60U
#define KILLS_RANDOM 40
#define STATUSES     5U
#define TURNS_MAX    6 /* of the loop, before it is killed at random */

static int setup(void **state)
{
	static struct jobs_fixture f;

	jobs_fixture_init(&f);
	*state = &f;
	return 0;
}

/* ---- the process ---- */

static void submit_array(struct jobs_fixture *f, uint32_t count)
{
	struct jobs_range range = {0, count - 1};
	char buf[256], text[192];
	struct jobs_item item;
	struct uw_err err = {0};

	snprintf(text, sizeof(text), "echo $UW_JOB_ID >>%s; exit $((UW_JOB_ID %% %u))", f->ran,
		 STATUSES);
	item = sh_item(text, buf, sizeof(buf));
	item.range = &range;
	item.range_count = 1;
	if (jobs_submit(f->jobs, &item, 1, on_submitted, f, &err))
		_exit(4);
	while (!f->submitted)
		jobs_fixture_turn(f);
	if (f->submit_rc)
		_exit(5);
}

/*
 * Says "+" when what it submitted is acknowledged, and again after each turn of the loop as long as
 * there is room to say it; exits 0 when the queue is empty.
 */
static void live(struct jobs_fixture *f, uint32_t count, int acks)
{
	uint64_t hangs_us = clock_now_us() + HANG_GUARD_US;

	if (jobs_fixture_open(f))
		_exit(3);
	jobs_fixture_tick(f);
	if (count)
		submit_array(f, count);
	if (write(acks, "+", 1) != 1)
		_exit(6);
	fcntl(acks, F_SETFL, O_NONBLOCK);
	while (jobs_count(f->jobs)) {
		jobs_fixture_turn(f);
		if ((write(acks, "+", 1) != 1 && errno != EAGAIN) || clock_now_us() > hangs_us)
			_exit(7);
	}
	jobs_close(f->jobs);
	_exit(0);
}

static pid_t spawn(struct jobs_fixture *f, uint32_t count, long writes, int *ret_acks)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		faulty_register(true);
		faulty.left = writes;
		live(f, count, ends[1]);
	}
	close(ends[1]);
	*ret_acks = ends[0];
	return pid;
}

/* True when it had acknowledged. */
static bool finish(pid_t pid, int acks, int *ret_status)
{
	char byte;
	bool acked;

	assert_int_equal(waitpid(pid, ret_status, 0), pid);
	acked = read(acks, &byte, 1) == 1;
	close(acks);
	return acked;
}

static void live_on(struct jobs_fixture *f)
{
	int acks, status;
	pid_t pid = spawn(f, 0, -1, &acks);

	finish(pid, acks, &status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what must be true in the end ---- */

struct tally {
	uint32_t count;
	uint64_t first_id;
};

static int check_row(void *data, const struct store_row *row)
{
	struct tally *tally = data;
	int32_t want = (int32_t)(row->job.id % STATUSES);

	assert_int_equal(row->job.state, want ? JOB_FAILED : JOB_DONE);
	assert_int_equal(row->result.status, want);
	assert_int_equal(row->job.attempts, 1);
	if (!tally->count || row->job.id < tally->first_id)
		tally->first_id = row->job.id;
	tally->count++;
	return 0;
}

static uint32_t times_ran(const struct jobs_fixture *f, uint64_t id)
{
	FILE *ran = fopen(f->ran, "re");
	unsigned long long line;
	uint32_t times = 0;

	while (ran && fscanf(ran, "%llu", &line) == 1)
		times += line == id;
	if (ran)
		fclose(ran);
	return times;
}

/* All of them or, where nobody was told that they are there, none. */
static void check_end(const struct jobs_fixture *f, uint32_t want, bool acked)
{
	struct store_options options = {.dir = f->dir};
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct tally tally = {0};

	assert_int_equal(store_reader_open(&options, &reader, &err), 0);
	assert_int_equal(store_each_ended(reader, 0, NULL, check_row, &tally), 0);
	store_reader_close(reader);
	if (acked || tally.count)
		assert_int_equal(tally.count, want);
	for (uint32_t i = 0; i < tally.count; i++)
		assert_int_equal(times_ran(f, tally.first_id + i), 1);
}

/* ---- tests ---- */

static bool is_killed(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == FAULTY_EXIT;
}

static void test_jobs_killed_at_any_write_run_exactly_once(void **state)
{
	struct jobs_fixture *f = *state;
	int acks, status = FAULTY_EXIT << 8, after_ack = 0;

	for (long n = 0; is_killed(status); n += n < 90 ? 7 : 2) {
		bool acked;
		pid_t pid;

		jobs_teardown(state);
		setup(state);
		pid = spawn(f, JOBS_FEW, n, &acks);
		acked = finish(pid, acks, &status);
		after_ack += acked && is_killed(status);
		live_on(f);
		check_end(f, JOBS_FEW, acked);
		assert_true(n < 1000);
	}
	assert_int_equal(status, 0);
	assert_true(after_ack > 3);
}

static void test_jobs_killed_around_a_launch_run_exactly_once(void **state)
{
	struct jobs_fixture *f = *state;
	int acks, status;

	for (int n = 0; n < 2 * (int)JOBS_FEW; n++) {
		bool acked;
		pid_t pid;

		jobs_teardown(state);
		setup(state);
		f->launches_until_exit = n / 2;
		f->exit_before_launch = n % 2;
		pid = spawn(f, JOBS_FEW, -1, &acks);
		acked = finish(pid, acks, &status);
		assert_true(is_killed(status));
		f->launches_until_exit = -1;
		live_on(f);
		check_end(f, JOBS_FEW, acked);
	}
}

/* Lets it say so many "+", or all that it has to say. */
static void listen_to(int acks, uint32_t count)
{
	char byte;

	while (count-- && read(acks, &byte, 1) == 1)
		;
}

static void test_jobs_killed_at_random_run_exactly_once(void **state)
{
	struct jobs_fixture *f = *state;
	int acks, status, kills = 0;
	uint32_t seed = 1;
	pid_t pid = spawn(f, JOBS_MANY, -1, &acks);
	char byte;

	assert_int_equal(read(acks, &byte, 1), 1);
	do {
		seed = seed * 1103515245U + 12345U;
		listen_to(acks, (seed >> 16) % TURNS_MAX);
		kill(pid, SIGKILL);
		close(acks);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		kills += WIFSIGNALED(status);
		pid = spawn(f, 0, -1, &acks);
	} while (kills < KILLS_RANDOM && WIFSIGNALED(status));
	finish(pid, acks, &status);
	assert_int_equal(status, 0);
	assert_true(kills >= 5);
	check_end(f, JOBS_MANY, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_killed_at_any_write_run_exactly_once),
		TEST(test_jobs_killed_around_a_launch_run_exactly_once),
		TEST(test_jobs_killed_at_random_run_exactly_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
