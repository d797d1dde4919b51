// SPDX-License-Identifier: GPL-2.0-or-later
/* Rings whose other side goes on between any two instructions of a call. */
#include "tests/unit/ring_fixture.h"

#include <sys/wait.h>

#include "tests/unit/any_step.h"

#define STEPS_MAX 20000U /* no call takes so many */

/* The other side's part, and what it is done to. */
struct pair {
	struct uw_ring *ring, *other; /* other: of who reads */
	uint64_t written, last;
	uint32_t count; /* of records that the other side writes at once */
	bool takes;     /* and reads them, as another reader does */
};

static void write_some(void *data)
{
	struct pair *pair = data;
	uint64_t number;

	for (uint32_t i = 0; i < pair->count; i++) {
		struct uw_record record = {.length = 100};

		assert_int_equal(ring_put(pair->ring, ++pair->written, 1 + i % 14), 0);
		if (pair->takes)
			assert_int_equal(ring_take(pair->ring, &number), 0);
		if (i % 3 || uw_ring_reserve(pair->ring, &record, 1) != 1)
			continue;
		record.length = UW_RECORD_NONE;
		assert_int_equal(uw_ring_commit(pair->ring, &record, 1), 0);
	}
}

/* All that there is to read is whole, comes in order, and ends with the newest. */
static void read_all(struct pair *pair)
{
	uint64_t number;
	int rc;

	while ((rc = ring_take(pair->other, &number)) != -EAGAIN) {
		assert_true(rc == 0 || rc == UW_STALE);
		if (rc)
			continue;
		assert_true(number > pair->last);
		pair->last = number;
	}
}

static bool take_cut(struct pair *pair, unsigned steps)
{
	uint64_t number = 0;
	bool came;
	int rc;

	any_step_begin(steps, write_some, pair);
	rc = ring_take(pair->other, &number);
	came = any_step_end();
	assert_true(rc == 0 || rc == UW_STALE || rc == -EAGAIN);
	if (!rc) {
		assert_true(number > pair->last);
		pair->last = number;
	}
	return came;
}

/* With records there, and with none. */
static void overtake_at_any_step(uint32_t flags, uint32_t access, uint32_t count, bool takes)
{
	struct pair pair = {.ring = ring_make(flags, 4096), .count = count, .takes = takes};
	unsigned steps = 1;
	bool came = true;

	pair.other = access == UW_READ_WRITE ? pair.ring : ring_attach(pair.ring, access);
	for (; came; steps++) {
		assert_true(steps < STEPS_MAX);
		read_all(&pair);
		if (steps % 2)
			write_some(&pair);
		came = take_cut(&pair, (steps + 1) / 2);
		read_all(&pair);
		if (!takes)
			assert_int_equal(pair.last, pair.written);
		assert_int_equal(ring_stats(pair.other).torn, 0);
	}
	if (pair.other != pair.ring)
		uw_ring_close(pair.other);
	uw_ring_close(pair.ring);
}

static void test_reader_is_overtaken_at_any_instruction(void **data)
{
	static const uint32_t counts[] = {1, 80};

	(void)data;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		overtake_at_any_step(DROP, UW_READ_WRITE, counts[i], false);
		overtake_at_any_step(DROP, UW_READ_ONLY, counts[i], false);
		overtake_at_any_step(MANY | DROP, UW_READ_WRITE, counts[i], false);
	}
}

static void test_observer_is_overtaken_at_any_instruction(void **data)
{
	static const uint32_t counts[] = {1, 80};

	(void)data;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		overtake_at_any_step(0, UW_READ_ONLY, counts[i], true);
}

static void leave_out_a_ring(void *data)
{
	struct pair *pair = data;

	for (int i = 0; i < 40; i++) {
		struct uw_record record = {.length = 8};

		if (uw_ring_reserve(pair->ring, &record, 1) != 1)
			return; /* it was one that is being written */
		record.length = UW_RECORD_NONE;
		assert_int_equal(uw_ring_commit(pair->ring, &record, 1), 0);
	}
}

/* One that is left out has no length; the reader under which it takes the slot finds none. */
static void test_record_that_is_left_out_is_never_torn(void **data)
{
	struct pair pair = {.ring = ring_make(MANY | DROP, 4096)};
	uint64_t number = 0;
	bool came = true;

	(void)data;
	for (unsigned steps = 1; came; steps++) {
		assert_int_equal(ring_put(pair.ring, steps, 1), 0);
		any_step_begin(steps, leave_out_a_ring, &pair);
		ring_take(pair.ring, &number);
		came = any_step_end();
		while (ring_take(pair.ring, &number) != -EAGAIN)
			continue;
		assert_int_equal(ring_stats(pair.ring).torn, 0);
	}
	uw_ring_close(pair.ring);
}

/* ---- figures ---- */

static void pass_some(void *data)
{
	struct pair *pair = data;
	uint64_t number;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(ring_put(pair->ring, 1, 14), 0);
		assert_int_equal(ring_take(pair->ring, &number), 0);
	}
}

static void test_figures_are_possible_at_any_instruction(void **data)
{
	static const uint32_t kinds[] = {0, MANY, DROP, MANY | DROP};

	(void)data;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct pair pair = {.ring = ring_make(kinds[i], 4096)};
		uint32_t unit = kinds[i] & MANY ? pair.ring->stride : 8;
		bool came = true;

		for (unsigned steps = 1; came; steps++) {
			struct uw_ring_stats stats = {.size = sizeof(stats)};

			any_step_begin(steps, pass_some, &pair);
			assert_int_equal(uw_ring_stats(pair.ring, &stats), 0);
			came = any_step_end();
			assert_true(stats.used_bytes <= stats.bytes);
			assert_int_equal(stats.used_bytes % unit, 0);
		}
		uw_ring_close(pair.ring);
	}
}

/* ---- roles ---- */

struct heir {
	struct uw_ring *ring, *third;
	int rc;
};

/* The writer that died is forgotten, and its place in the table goes to one that writes. */
static void inherit(void *data)
{
	struct heir *heir = data;

	heir->third = ring_attach(heir->ring, UW_READ_WRITE);
	heir->rc = ring_put(heir->third, 3, 1);
}

static void leave_dead_writer(const struct uw_ring *ring)
{
	int fd = dup(uw_ring_fd(ring));
	pid_t pid = fork();

	if (!pid) {
		struct uw_ring *theirs = NULL;

		_exit(uw_ring_attach_fd(fd, UW_READ_WRITE, &theirs) || ring_put(theirs, 1, 1));
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
}

static void test_two_never_write_whenever_one_died(void **data)
{
	bool came = true;

	(void)data;
	for (unsigned steps = 1; came; steps++) {
		struct heir heir = {.ring = ring_make(0, 4096), .rc = -EBUSY};
		struct uw_record record = {.length = 8};
		int rc;

		leave_dead_writer(heir.ring);
		any_step_begin(steps, inherit, &heir);
		rc = uw_ring_reserve(heir.ring, &record, 1);
		came = any_step_end();
		assert_true(rc == 1 || rc == -EBUSY);
		assert_true(rc == -EBUSY || heir.rc == -EBUSY);
		uw_ring_close(heir.third);
		uw_ring_close(heir.ring);
	}
}

static int skip_elsewhere(void **state)
{
	(void)state;
	if (!ANY_STEP)
		print_message("no instruction is stepped on this processor\n");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_is_overtaken_at_any_instruction),
		cmocka_unit_test(test_observer_is_overtaken_at_any_instruction),
		cmocka_unit_test(test_record_that_is_left_out_is_never_torn),
		cmocka_unit_test(test_figures_are_possible_at_any_instruction),
		cmocka_unit_test(test_two_never_write_whenever_one_died),
	};

	return cmocka_run_group_tests(tests, skip_elsewhere, NULL);
}
