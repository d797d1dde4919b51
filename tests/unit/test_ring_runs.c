// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rings of many whose records are of one length: runs are cut, joined and left out in order, no
 * record is lost or doubled whatever others do between two instructions, and clients that die
 * between any two hold up nobody.
 */
#include "tests/unit/ring_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/any_step.h"
#include "tests/unit/hang_guard.h"

#define RUNS      (UW_RING_MANY | UW_RING_FIXED)
#define SLOTS     64
#define STEPS_MAX 20000U /* no call takes so many */
#define LOOK_US   3000ULL
/* What is promised is 100 ms; the rest is for a machine on which nobody gets a processor. */
#define STUCK_US 5000000ULL

static struct uw_ring *make(uint32_t flags, uint64_t bytes, uint32_t record_bytes)
{
	struct uw_ring_options options = {
		.size = sizeof(options),
		.flags = flags,
		.name = "runs",
		.bytes = bytes,
		.record_bytes = record_bytes,
	};
	struct uw_ring *ring = NULL;
	int rc = uw_ring_create(NULL, &options, &ring);

	assert_true(rc == 0 || rc == -EINVAL);
	return ring;
}

/* Of 64 records, of eight words each. */
static struct uw_ring *make_small(void)
{
	struct uw_ring *ring = make(RUNS, 72 * SLOTS, 64);

	assert_true(ring && ring->slot_count == SLOTS);
	return ring;
}

/* What was passed, and in which order. */
struct flow {
	struct uw_ring *writer, *reader;
	uint64_t written, read;
};

static int write_run(struct flow *flow, uint32_t count)
{
	void *bytes = NULL;
	int got = uw_ring_reserve_span(flow->writer, count, &bytes);

	for (int i = 0; i < got; i++)
		((uint64_t *)bytes)[i * 8] = ((uint64_t *)bytes)[i * 8 + 7] = flow->written++;
	if (got > 0)
		assert_int_equal(uw_ring_commit_span(flow->writer, (uint32_t)got), 0);
	return got;
}

static int read_run(struct flow *flow, uint32_t count)
{
	void *bytes = NULL;
	int got = uw_ring_peek_span(flow->reader, count, &bytes);

	for (int i = 0; i < got; i++) {
		assert_int_equal(((uint64_t *)bytes)[i * 8], flow->read);
		assert_int_equal(((uint64_t *)bytes)[i * 8 + 7], flow->read++);
	}
	if (got > 0)
		assert_int_equal(uw_ring_release_span(flow->reader, (uint32_t)got), 0);
	return got;
}

static void drain(struct flow *flow)
{
	while (read_run(flow, 300) > 0)
		continue;
	assert_int_equal(flow->read, flow->written);
}

static void test_runs_of_any_lengths_come_in_order(void **data)
{
	struct flow flow = {.writer = make_small()};

	(void)data;
	flow.reader = ring_attach(flow.writer, UW_READ_WRITE);
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		write_run(&flow, 1 + (uint32_t)random() % (i % 3 ? 5 : 70));
		read_run(&flow, 1 + (uint32_t)random() % (i % 5 ? 6 : 70));
		assert_int_equal(ring_stats(flow.writer).used_bytes,
				 (flow.written - flow.read) * 64);
	}
	drain(&flow);
	assert_int_equal(ring_stats(flow.writer).torn + ring_stats(flow.writer).abandoned, 0);
	uw_ring_close(flow.reader);
	uw_ring_close(flow.writer);
}

static void test_full_and_empty_refuse(void **data)
{
	struct flow flow = {.writer = make_small()};

	(void)data;
	flow.reader = flow.writer;
	assert_int_equal(read_run(&flow, 1), -EAGAIN);
	assert_int_equal(uw_ring_wait(flow.reader, UW_RING_READ, 1000), UW_TIMED_OUT);
	assert_int_equal(write_run(&flow, 60), 60);
	assert_int_equal(write_run(&flow, 60), 4);
	assert_int_equal(write_run(&flow, 1), -EAGAIN);
	assert_int_equal(uw_ring_wait(flow.writer, UW_RING_WRITE, 1000), UW_TIMED_OUT);
	assert_int_equal(read_run(&flow, 3), 3);
	assert_int_equal(uw_ring_wait(flow.writer, UW_RING_WRITE, 1000), 0);
	assert_int_equal(write_run(&flow, 60), 3);
	drain(&flow);
	uw_ring_close(flow.writer);
}

static void test_what_is_not_committed_is_left_out(void **data)
{
	struct flow flow = {.writer = make_small()};
	void *bytes = NULL;

	(void)data;
	flow.reader = flow.writer;
	for (uint32_t i = 0; i < 500; i++) {
		int got = uw_ring_reserve_span(flow.writer, 5, &bytes);
		uint32_t count = i % 6 < (uint32_t)got ? i % 6 : (uint32_t)got;

		assert_int_equal(uw_ring_reserve_span(flow.writer, 1, &bytes), 1); /* the same */
		for (uint32_t at = 0; at < count; at++)
			((uint64_t *)bytes)[at * 8] = ((uint64_t *)bytes)[at * 8 + 7] =
				flow.written++;
		assert_int_equal(uw_ring_commit_span(flow.writer, 6), -EINVAL);
		assert_int_equal(uw_ring_commit_span(flow.writer, count), 0);
		drain(&flow);
	}
	assert_int_equal(ring_stats(flow.writer).used_bytes, 0);
	uw_ring_close(flow.writer);
}

static void test_what_is_not_released_stays_in_hand(void **data)
{
	struct flow flow = {.writer = make_small()};
	struct uw_ring *other = ring_attach(flow.writer, UW_READ_WRITE);
	void *bytes = NULL, *rest = NULL;

	(void)data;
	assert_int_equal(write_run(&flow, 64), 64);
	assert_int_equal(uw_ring_peek_span(other, 10, &bytes), 10);
	assert_int_equal(uw_ring_release_span(other, 11), -EINVAL);
	assert_int_equal(uw_ring_release_span(other, 4), 0);
	assert_int_equal(uw_ring_peek_span(other, 10, &rest), 6);
	assert_ptr_equal(rest, (uint8_t *)bytes + 4 * 64);
	assert_int_equal(write_run(&flow, 64), 4);
	assert_int_equal(write_run(&flow, 64), -EAGAIN);
	flow.reader = flow.writer;
	flow.read = 10;
	assert_int_equal(read_run(&flow, 300), 54);
	assert_int_equal(write_run(&flow, 64), -EAGAIN); /* room comes in order */
	uw_ring_close(other);                            /* gives up what it had */
	assert_int_equal(write_run(&flow, 64), 60);
	drain(&flow);
	uw_ring_close(flow.writer);
}

static void test_wrong_calls_and_options_are_refused(void **data)
{
	struct uw_ring *ring = make_small(), *other;
	struct uw_record record = {.length = 8};
	void *bytes = NULL;

	(void)data;
	assert_null(make(RUNS | DROP, 4096, 8));
	assert_null(make(RUNS, 4096, 0));
	assert_null(make(RUNS, 4096, 4096));
	assert_null(make(RUNS, 4095, 8));
	assert_int_equal(uw_ring_reserve(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_peek(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_commit(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_release(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_reserve_span(ring, 0, &bytes), -EAGAIN);
	assert_int_equal(uw_ring_commit_span(ring, 1), -EINVAL);
	assert_int_equal(uw_ring_release_span(ring, 1), -EINVAL);
	other = ring_attach(ring, UW_READ_ONLY);
	assert_int_equal(uw_ring_peek_span(other, 1, &bytes), -EACCES);
	assert_int_equal(uw_ring_reserve_span(other, 1, &bytes), -EACCES);
	uw_ring_close(other);
	uw_ring_close(ring);
}

/* ---- threads ---- */

#define RECORDS 200000ULL
#define THREADS 3

struct crowd {
	struct uw_ring *ring;
	_Atomic uint64_t writers, readers, taken, sum;
	_Atomic bool bad;
};

/* The first of each side have one together, the others one of their own. */
static struct uw_ring *handle_of(struct crowd *crowd, uint64_t which)
{
	return which ? ring_attach(crowd->ring, UW_READ_WRITE) : crowd->ring;
}

/* Number in the low 40 bits, writer above. */
static void *write_share(void *data)
{
	struct crowd *crowd = data;
	uint64_t writer = atomic_fetch_add(&crowd->writers, 1);
	struct uw_ring *ring = handle_of(crowd, writer);

	for (uint64_t at = 0; at < RECORDS;) {
		uint64_t left = RECORDS - at, count = 1 + (at * 7 + writer) % 40;
		void *bytes;
		int got =
			uw_ring_reserve_span(ring, (uint32_t)(count < left ? count : left), &bytes);

		if (got < 0)
			uw_ring_wait(ring, UW_RING_WRITE, HANG_GUARD_US);
		for (int i = 0; i < got; i++)
			((uint64_t *)bytes)[i * 8] = writer << 40 | at++;
		if (got > 0)
			uw_ring_commit_span(ring, (uint32_t)got);
	}
	if (ring != crowd->ring)
		uw_ring_close(ring);
	return NULL;
}

/* Of each writer numbers only grow. */
static void check_run(struct crowd *crowd, uint64_t *last, const uint64_t *bytes, int count)
{
	for (int i = 0; i < count; i++) {
		uint64_t *of = &last[bytes[i * 8] >> 40 & 3];
		uint64_t at = bytes[i * 8] & ((1ULL << 40) - 1);

		if (*of > at)
			atomic_store(&crowd->bad, true);
		*of = at + 1;
		atomic_fetch_add(&crowd->sum, at);
	}
	atomic_fetch_add(&crowd->taken, (uint64_t)count);
}

static void *read_share(void *data)
{
	struct crowd *crowd = data;
	struct uw_ring *ring = handle_of(crowd, atomic_fetch_add(&crowd->readers, 1));
	uint64_t last[4] = {0};

	while (atomic_load(&crowd->taken) < RECORDS * THREADS) {
		void *bytes;
		int got = uw_ring_peek_span(ring, 1 + (uint32_t)(last[0] % 37), &bytes);

		if (got < 0) {
			uw_ring_wait(ring, UW_RING_READ, 1000);
			continue;
		}
		check_run(crowd, last, bytes, got);
		uw_ring_release_span(ring, (uint32_t)got);
	}
	if (ring != crowd->ring)
		uw_ring_close(ring);
	return NULL;
}

static void test_threads_lose_nothing(void **data)
{
	struct crowd crowd = {.ring = make_small()};
	pthread_t threads[2 * THREADS];

	(void)data;
	for (size_t i = 0; i < 2 * THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i % 2 ? write_share : read_share, &crowd),
			0);
	for (size_t i = 0; i < 2 * THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(crowd.bad);
	assert_int_equal(crowd.taken, RECORDS * THREADS);
	assert_int_equal(crowd.sum, RECORDS * (RECORDS - 1) / 2 * THREADS);
	assert_int_equal(ring_stats(crowd.ring).torn + ring_stats(crowd.ring).abandoned, 0);
	uw_ring_close(crowd.ring);
}

/* ---- between any two instructions ---- */

/* Others, and how far they go. */
static void pass_turns(void *data)
{
	struct flow *others = data;

	for (uint32_t i = 0; i < others->written % 150; i++) {
		struct flow flow = *others;
		void *bytes;
		int got = uw_ring_reserve_span(flow.writer, 1 + i % 9, &bytes);

		for (int at = 0; at < got; at++)
			((uint64_t *)bytes)[at * 8] = 1;
		if (got > 0)
			uw_ring_commit_span(flow.writer, (uint32_t)got);
		if (i % 16 == 0)
			continue;
		got = uw_ring_peek_span(flow.reader, 1 + i % 7, &bytes);
		if (got > 0)
			uw_ring_release_span(flow.reader, (uint32_t)got);
	}
}

/* A ring's worth comes through in one piece, twice. */
static void check_ring(struct uw_ring *ring)
{
	struct flow flow = {.writer = ring, .reader = ring};
	void *bytes;
	int got;

	while ((got = uw_ring_peek_span(ring, 300, &bytes)) > 0)
		uw_ring_release_span(ring, (uint32_t)got);
	for (int i = 0; i < 2; i++) {
		while (write_run(&flow, 300) > 0)
			continue;
		assert_int_equal(flow.written - flow.read, SLOTS);
		drain(&flow);
	}
	assert_int_equal(ring_stats(ring).torn + ring_stats(ring).abandoned, 0);
}

/* One call is held up at each of its instructions while others go on, a few records or turns. */
static void test_claims_are_overtaken_at_any_instruction(void **data)
{
	struct uw_ring *ring = make_small();
	struct flow others = {.writer = ring_attach(ring, UW_READ_WRITE)};

	(void)data;
	others.reader = others.writer;
	for (uint32_t kind = 0; kind < 8; kind++) {
		bool came = true;

		for (unsigned steps = 1; came; steps++) {
			uint32_t count = kind & 2 ? 1 : 11;
			void *bytes;
			int got;

			others.written = kind & 4 ? 149 : 1 + steps % 20;
			pass_turns(&others);
			any_step_begin(steps, pass_turns, &others);
			got = kind & 1 ? uw_ring_reserve_span(ring, count, &bytes)
				       : uw_ring_peek_span(ring, count, &bytes);
			came = any_step_end();
			assert_true(steps < STEPS_MAX);
			if (got > 0)
				(kind & 1 ? uw_ring_commit_span
					  : uw_ring_release_span)(ring, (uint32_t)got);
			if (steps % 8 == 0)
				check_ring(ring);
		}
		check_ring(ring);
	}
	uw_ring_close(others.writer);
	uw_ring_close(ring);
}

/* ---- death ---- */

static void die(void *data)
{
	(void)data;
	kill(getpid(), SIGKILL);
}

/* Reserves, commits less, peeks and releases less, until it is killed. */
__attribute__((noreturn)) static void live(int fd, unsigned steps)
{
	struct uw_ring *ring = NULL;
	void *bytes;

	if (uw_ring_attach_fd(fd, UW_READ_WRITE, &ring))
		_exit(1);
	any_step_begin(steps, die, NULL);
	for (uint32_t i = steps;; i++) {
		int got = uw_ring_reserve_span(ring, 1 + i % 11, &bytes);

		if (got > 0)
			uw_ring_commit_span(ring, (uint32_t)got - (i % 3 == 0));
		got = uw_ring_peek_span(ring, 1 + i % 7, &bytes);
		if (got > 0)
			uw_ring_release_span(ring, (uint32_t)got - (i % 3 == 1));
	}
}

/* Everything that is there is taken, then a ring's worth comes through whole. */
static void recover(struct uw_ring *ring)
{
	struct flow flow = {.writer = ring, .reader = ring};
	uint64_t began_us = clock_now_us();

	while (atomic_load(&ring->control->head) != atomic_load(&ring->control->tail)) {
		void *bytes;
		int got = uw_ring_peek_span(ring, 300, &bytes);

		if (got > 0)
			uw_ring_release_span(ring, (uint32_t)got);
		else
			uw_ring_wait(ring, UW_RING_READ, LOOK_US);
		assert_true(clock_now_us() - began_us < STUCK_US);
	}
	while (flow.written < SLOTS) {
		if (write_run(&flow, (uint32_t)(SLOTS - flow.written)) < 0)
			uw_ring_wait(ring, UW_RING_WRITE, LOOK_US);
		assert_true(clock_now_us() - began_us < STUCK_US);
	}
	drain(&flow);
}

static void test_clients_die_at_any_instruction(void **data)
{
	struct uw_ring *ring = make_small();
	struct flow flow = {.writer = ring, .reader = ring};

	(void)data;
	for (unsigned steps = 1; steps < 700; steps += 5) {
		int fd = dup(uw_ring_fd(ring)), status;
		pid_t pid;

		for (unsigned i = 0; i < steps % 9; i++)
			write_run(&flow, 1 + steps % 5);
		pid = fork();
		if (!pid)
			live(fd, steps);
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status)); /* and did not give up by itself */
		recover(ring);
	}
#ifdef __x86_64__
	assert_true(ring_stats(ring).abandoned > 0);
#endif
	assert_int_equal(ring_stats(ring).torn, 0);
	uw_ring_close(ring);
}

/* Who lives and came second holds up nobody when the first one dies. */
static void take_the_last(void *data)
{
	struct uw_ring *other = data;
	void *bytes;

	uw_ring_reserve_span(other, 1, &bytes);
}

static void test_who_came_second_does_not_keep_the_claim_of_a_dead_one(void **data)
{
	bool came = true;

	(void)data;
	for (unsigned steps = 1; came; steps++) {
		struct flow flow = {.writer = make_small()};
		struct uw_ring *dies = ring_attach(flow.writer, UW_READ_WRITE);
		void *bytes;

		assert_int_equal(write_run(&flow, SLOTS - 1), SLOTS - 1);
		any_step_begin(steps, take_the_last, dies);
		uw_ring_reserve_span(flow.writer, 1, &bytes);
		came = any_step_end();
		if (dies->run[RING_WRITER].count) {
			atomic_store(&flow.writer->control->client[dies->client], 1);
			flow.reader = flow.writer;
			assert_int_equal(read_run(&flow, 300), SLOTS - 1);
			while (uw_ring_peek_span(flow.reader, 1, &bytes) == -EAGAIN &&
			       !ring_stats(flow.reader).abandoned)
				uw_ring_wait(flow.reader, UW_RING_READ, LOOK_US);
			assert_int_equal(ring_stats(flow.reader).abandoned, 1);
		}
		dies->run[RING_WRITER].count = 0;
		uw_ring_close(dies);
		uw_ring_close(flow.writer);
	}
}

static void test_child_of_fork_has_no_ring(void **data)
{
	struct uw_ring *ring = make_small();
	void *bytes = NULL;
	int status;
	pid_t pid;

	(void)data;
	assert_int_equal(uw_ring_reserve_span(ring, 3, &bytes), 3);
	pid = fork();
	if (!pid) {
		bool right = uw_ring_reserve_span(ring, 1, &bytes) == -ECHILD &&
			     uw_ring_commit_span(ring, 1) == -ECHILD &&
			     uw_ring_peek_span(ring, 1, &bytes) == -ECHILD;

		uw_ring_close(ring);
		_exit(!right);
	}
	assert_true(waitpid(pid, &status, 0) == pid && !status);
	assert_int_equal(uw_ring_commit_span(ring, 3), 0);
	assert_int_equal(uw_ring_peek_span(ring, 4, &bytes), 3);
	uw_ring_close(ring);
}

/* ---- nonsense ---- */

static void test_positions_from_nowhere_are_survived(void **data)
{
	static const uint64_t nonsense[] = {100, 1ULL << 40, 1ULL << 63, 0 - 100ULL};

	(void)data;
	for (size_t i = 0; i < 2 * sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct flow flow = {.writer = make_small()};
		struct ring_control *control = flow.writer->control;
		void *bytes;

		atomic_store(i % 2 ? &control->head : &control->tail, nonsense[i / 2]);
		uw_ring_reserve_span(flow.writer, 1, &bytes);
		uw_ring_commit_span(flow.writer, 0);
		assert_int_equal(uw_ring_peek_span(flow.writer, 1, &bytes), -EBADMSG);
		assert_true(ring_stats(flow.writer).torn > 0);
		assert_int_equal(atomic_load(&control->head), atomic_load(&control->tail));
		uw_ring_close(flow.writer);
	}
}

static void test_words_from_nowhere_are_cleared(void **data)
{
	static const uint64_t nonsense[] = {~0ULL, 1ULL << 40, 0x00ff0000, 0x00ff0002, 0xff};

	(void)data;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct uw_ring *ring = make_small();

		for (uint32_t at = 0; at < SLOTS; at++)
			atomic_store(&ring->words[at], nonsense[i]);
		recover(ring);
		recover(ring);
		uw_ring_close(ring);
	}
}

static void test_setups_that_do_not_agree_are_refused(void **data)
{
	static const struct {
		size_t offset;
		uint32_t value;
		int rc;
	} lies[] = {
		{offsetof(struct ring_setup, stride), 72, -EINVAL},
		{offsetof(struct ring_setup, slot_count), 63, -EINVAL},
		{offsetof(struct ring_setup, slot_count), 128, -EINVAL},
		{offsetof(struct ring_setup, record_bytes), 0, -EINVAL},
		{offsetof(struct ring_setup, record_bytes), 65, -EINVAL},
		{offsetof(struct ring_setup, data_bytes), 72 * SLOTS, -EINVAL},
		{offsetof(struct ring_setup, flags), RUNS | DROP, -EPROTO},
		{offsetof(struct ring_setup, flags), MANY, -EINVAL},
		{offsetof(struct ring_setup, flags), UW_RING_FIXED, -EINVAL},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct uw_ring *ring = make_small(), *other = NULL;

		memcpy((uint8_t *)&ring->control->setup + lies[i].offset, &lies[i].value, 4);
		assert_int_equal(uw_ring_attach_fd(uw_ring_fd(ring), UW_READ_WRITE, &other),
				 lies[i].rc);
		uw_ring_close(ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_of_any_lengths_come_in_order),
		cmocka_unit_test(test_full_and_empty_refuse),
		cmocka_unit_test(test_what_is_not_committed_is_left_out),
		cmocka_unit_test(test_what_is_not_released_stays_in_hand),
		cmocka_unit_test(test_wrong_calls_and_options_are_refused),
		cmocka_unit_test(test_threads_lose_nothing),
		cmocka_unit_test(test_claims_are_overtaken_at_any_instruction),
		cmocka_unit_test(test_clients_die_at_any_instruction),
		cmocka_unit_test(test_who_came_second_does_not_keep_the_claim_of_a_dead_one),
		cmocka_unit_test(test_child_of_fork_has_no_ring),
		cmocka_unit_test(test_positions_from_nowhere_are_survived),
		cmocka_unit_test(test_words_from_nowhere_are_cleared),
		cmocka_unit_test(test_setups_that_do_not_agree_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
