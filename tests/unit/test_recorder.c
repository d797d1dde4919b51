// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of what is written, when some of it cannot be. */
#include <errno.h>
#include <stdatomic.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/log.h"
#include "user/jobs/recorder.h"
#include "user/store/history.h"

#define MANY 500U

struct trial {
	struct entry entry;
	uint32_t failures; /* so many times before it succeeds */
	int rc;            /* that it fails with */
	uint32_t written;  /* its place among those that succeeded, from 1 */
	bool done;
};

struct fixture {
	struct tmp_pool pool;
	struct store *store;
	struct recorder *recorder;
	struct gate {
		struct entry entry;
		int entered[2], open[2];
	} gate; /* keeps the thread busy, so that what follows is one batch */
	struct trial trial[MANY];
};

static uint32_t successes; /* the recorder's thread's, until all is done */

static int setup(void **state)
{
	static struct fixture f;
	static const struct store_keep keep = {.jobs = 10};
	struct store_options options = {.reserve_bytes = 64 << 10};
	struct uw_err err = {0};

	memset(&f, 0, sizeof(f));
	successes = 0;
	log_set_level(LOG_LEVEL_ERR);
	assert_int_equal(pipe(f.gate.entered), 0);
	assert_int_equal(pipe(f.gate.open), 0);
	tmp_pool_init(&f.pool);
	options.dir = f.pool.path;
	assert_int_equal(store_open(&options, &f.store, &err), 0);
	*state = &f;
	return recorder_new(f.store, &keep, NULL, &f, &f.recorder, &err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	recorder_free(f->recorder);
	for (int i = 0; i < 2; i++) {
		close(f->gate.entered[i]);
		close(f->gate.open[i]);
	}
	tmp_pool_done(&f->pool);
	return 0;
}

static int write_gate(struct store *store, struct entry *entry)
{
	const struct gate *gate = (const struct gate *)entry;
	char byte = 0;

	(void)store;
	return write(gate->entered[1], &byte, 1) == 1 && read(gate->open[0], &byte, 1) == 1
		       ? 0
		       : -EPIPE;
}

static void gate_done(void *data, struct entry *entry)
{
	(void)data, (void)entry;
}

static int write_trial(struct store *store, struct entry *entry)
{
	struct trial *trial = (struct trial *)entry;

	(void)store;
	if (trial->failures) {
		trial->failures--;
		return trial->rc;
	}
	trial->written = ++successes;
	return 0;
}

static void trial_done(void *data, struct entry *entry)
{
	(void)data;
	((struct trial *)entry)->done = true;
}

static void put(struct fixture *f, uint32_t i)
{
	f->trial[i].entry.write = write_trial;
	f->trial[i].entry.done = trial_done;
	recorder_put(f->recorder, &f->trial[i].entry);
}

static void put_all(struct fixture *f, uint32_t count)
{
	char byte = 0;

	f->gate.entry.write = write_gate;
	f->gate.entry.done = gate_done;
	recorder_put(f->recorder, &f->gate.entry);
	assert_int_equal(read(f->gate.entered[0], &byte, 1), 1);
	for (uint32_t i = 0; i < count; i++)
		put(f, i);
	assert_int_equal(write(f->gate.open[1], &byte, 1), 1);
}

static void await_all(struct fixture *f, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += f->trial[i].done) {
		if (f->trial[i].done)
			continue;
		await_readable(recorder_fd(f->recorder));
		recorder_dispatch(f->recorder);
	}
}

static bool is_stuck(const struct fixture *f)
{
	struct recorder_stats stats;

	recorder_stats(f->recorder, &stats);
	return stats.stuck;
}

/* The first fails once with all of its batch, and once alone. The last wakes the thread, which
 * tries again. */
static void test_recorder_nothing_overtakes_what_is_stuck(void **state)
{
	struct fixture *f = *state;

	f->trial[0] = (struct trial){.entry.must = true, .failures = 2, .rc = -EIO};
	f->trial[1] = (struct trial){.entry.must = false};
	f->trial[2] = (struct trial){.entry.must = true};
	f->trial[3] = (struct trial){.entry.must = true};
	put_all(f, 3);
	UNTIL(is_stuck(f));
	put(f, 3);
	await_all(f, 4);
	assert_int_equal(f->trial[0].entry.rc, 0);
	assert_int_equal(f->trial[2].entry.rc, 0);
	assert_true(f->trial[0].written < f->trial[2].written);
	assert_true(f->trial[2].written < f->trial[3].written);
	assert_int_equal(f->trial[1].entry.rc, -EIO);
	assert_int_equal(f->trial[1].written, 0);
}

static uint32_t told(const struct fixture *f)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MANY; i++)
		count += f->trial[i].done;
	return count;
}

/* All are on disk at once, in one transaction. */
static void test_recorder_tells_the_loop_of_few_at_a_time(void **state)
{
	struct fixture *f = *state;
	uint32_t before;

	put_all(f, MANY);
	while ((before = told(f)) < MANY) {
		await_readable(recorder_fd(f->recorder));
		recorder_dispatch(f->recorder);
		assert_in_range(told(f) - before, 0, MANY / 5);
	}
}

static void test_recorder_what_is_gone_keeps_nobody(void **state)
{
	struct fixture *f = *state;

	f->trial[0] = (struct trial){.entry.must = true, .failures = UINT32_MAX, .rc = -ENOENT};
	f->trial[1] = (struct trial){.entry.must = true};
	f->trial[2] = (struct trial){.entry.must = false};
	put_all(f, 3);
	await_all(f, 3);
	assert_int_equal(f->trial[0].entry.rc, -ENOENT);
	assert_int_equal(f->trial[1].entry.rc, 0);
	assert_int_equal(f->trial[2].entry.rc, 0);
	assert_false(is_stuck(f));
}

/* ---- what is forgotten ---- */

static const struct job_spec some_spec = {.component = "c", .cwd = "/", .index = JOB_NO_INDEX};

static int write_ended(struct store *store, struct entry *entry)
{
	static uint64_t id;
	struct job job = {.id = ++id, .state = JOB_QUEUED, .index = JOB_NO_INDEX};
	struct job_result result = {.state = JOB_DONE, .end_us = id};
	char pack[1024];
	struct store_new new = {
		.job = &job,
		.component = "c",
		.key = "",
		.pack = pack,
		.pack_size = job_pack(&some_spec, false, pack, sizeof(pack)),
	};
	int rc = store_add(store, &new);

	(void)entry;
	return rc ? rc : store_end(store, &job, &result);
}

static void ended_is_written(void *data, struct entry *entry)
{
	(void)data;
	entry->next = entry; /* seen */
}

struct told {
	const char *dir;
	atomic_int found; /* what a reader says of the job then; 1: not told of yet */
};

static void look_for_it(void *data, uint64_t id)
{
	struct told *told = data;
	struct store_options options = {.dir = told->dir};
	struct store_reader *reader = NULL;
	struct uw_err err = {0};
	struct store_row row;

	if (!store_reader_open(&options, &reader, &err))
		atomic_store(&told->found, store_find(reader, id, &row));
	store_reader_close(reader);
}

/* Its output goes then, which a transaction that fails could not bring back. */
static void test_recorder_tells_of_who_is_forgotten_when_it_is_on_disk(void **state)
{
	struct fixture *f = *state;
	struct told told = {.dir = f->pool.path, .found = 1};
	struct store_keep keep = {.jobs = 0, .oldest_us = 1, .forget = look_for_it, .data = &told};
	struct entry ended = {.must = true, .write = write_ended, .done = ended_is_written};

	recorder_put(f->recorder, &ended);
	while (ended.next != &ended) {
		await_readable(recorder_fd(f->recorder));
		recorder_dispatch(f->recorder);
	}
	recorder_configure(f->recorder, &keep);
	UNTIL(atomic_load(&told.found) <= 0);
	assert_int_equal(atomic_load(&told.found), -ENOENT);
	recorder_free(f->recorder);
	f->recorder = NULL;
}

struct said_again {
	struct recorder *recorder;
	_Atomic bool house_is_kept;
};

static void house_kept_again(void *data, uint64_t job)
{
	struct said_again *again = data;

	(void)job;
	again->house_is_kept = true;
}

/* While house is kept, by the thread that keeps it: it is not there to be woken. */
static void say_again(void *data, uint64_t job)
{
	struct said_again *again = data;
	struct store_keep keep = {.oldest_us = 1, .forget = house_kept_again, .data = data};

	(void)job;
	recorder_configure(again->recorder, &keep);
}

static void test_recorder_what_to_keep_may_change_while_house_is_kept(void **state)
{
	struct fixture *f = *state;
	struct said_again again = {.recorder = f->recorder};
	struct store_keep keep = {
		.jobs = 1, .oldest_us = UINT64_MAX, .forget = say_again, .data = &again};
	struct entry ended[2];

	for (uint32_t i = 0; i < 2; i++) {
		ended[i] = (struct entry){
			.must = true, .write = write_ended, .done = ended_is_written};
		recorder_put(f->recorder, &ended[i]);
		while (ended[i].next != &ended[i]) {
			await_readable(recorder_fd(f->recorder));
			recorder_dispatch(f->recorder);
		}
	}
	poll(NULL, 0, 20); /* until it no longer naps, but waits to be woken */
	recorder_configure(f->recorder, &keep);
	UNTIL(again.house_is_kept);
	recorder_free(f->recorder);
	f->recorder = NULL;
}

/* Each puts the next one from the thread that writes, which so never finds that nothing waits. */
struct link {
	struct entry entry;
	struct recorder *recorder;
	uint32_t left;
};

#define LINKS 1000U

static _Atomic bool house_is_kept, chain_is_over;
static _Atomic uint32_t left_over; /* links, when house was kept */

static void house_kept(void *data, uint64_t job)
{
	(void)data, (void)job;
	house_is_kept = true;
}

static void link_done(void *data, struct entry *entry)
{
	(void)data;
	free(entry);
}

static int write_link(struct store *store, struct entry *entry);

static void put_link(struct recorder *recorder, uint32_t left)
{
	struct link *link = calloc(1, sizeof(*link));

	*link = (struct link){
		.entry = {.write = write_link, .done = link_done},
		.recorder = recorder,
		.left = left,
	};
	recorder_put(recorder, &link->entry);
}

/* What is kept is said while it is busy: it would wake one that waits. */
static int write_link(struct store *store, struct entry *entry)
{
	static const struct store_keep keep = {.forget = house_kept};
	const struct link *link = (const struct link *)entry;
	bool is_first = link->left == LINKS;

	if (is_first)
		recorder_configure(link->recorder, &keep);
	left_over = link->left;
	if (link->left && !house_is_kept)
		put_link(link->recorder, link->left - 1);
	else
		chain_is_over = true;
	return is_first ? write_ended(store, entry) : 0;
}

static void test_recorder_keeps_house_when_it_is_always_busy(void **state)
{
	struct fixture *f = *state;

	put_link(f->recorder, LINKS);
	while (!chain_is_over) {
		await_readable(recorder_fd(f->recorder));
		recorder_dispatch(f->recorder);
	}
	assert_true(left_over > 0); /* after the last one it has time for it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_recorder_nothing_overtakes_what_is_stuck),
		TEST(test_recorder_tells_the_loop_of_few_at_a_time),
		TEST(test_recorder_what_is_gone_keeps_nobody),
		TEST(test_recorder_tells_of_who_is_forgotten_when_it_is_on_disk),
		TEST(test_recorder_what_to_keep_may_change_while_house_is_kept),
		TEST(test_recorder_keeps_house_when_it_is_always_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
