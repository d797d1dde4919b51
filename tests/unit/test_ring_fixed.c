// SPDX-License-Identifier: GPL-2.0-or-later
/* Rings of records of one length: runs of them in order, between threads and processes, full and
 * empty, across fork and death, and with nonsense from who shares them. */
#include "tests/unit/ring_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define FIXED UW_RING_FIXED

static struct uw_ring_options options_of(uint64_t bytes, uint32_t record_bytes)
{
	return (struct uw_ring_options){
		.size = sizeof(struct uw_ring_options),
		.flags = FIXED,
		.name = "fixed",
		.bytes = bytes,
		.record_bytes = record_bytes,
	};
}

static struct uw_ring *make(uint64_t bytes, uint32_t record_bytes)
{
	struct uw_ring_options options = options_of(bytes, record_bytes);
	struct uw_ring *ring = NULL;

	assert_int_equal(uw_ring_create(NULL, &options, &ring), 0);
	return ring;
}

/* Up to count records of words each, whose first and last say which they are. */
static int put_run(struct uw_ring *ring, uint64_t number, uint32_t count, uint64_t words)
{
	void *run = NULL;
	int got = uw_ring_reserve_span(ring, count, &run), rc;

	for (int i = 0; i < got; i++) {
		uint64_t *record = (uint64_t *)run + (uint64_t)i * words;

		record[0] = record[words - 1] = number + (uint64_t)i;
	}
	rc = got > 0 ? uw_ring_commit_span(ring, (uint32_t)got) : 0;
	return rc ? rc : got;
}

static int take_run(struct uw_ring *ring, uint64_t number, uint32_t count, uint64_t words)
{
	void *run = NULL;
	int got = uw_ring_peek_span(ring, count, &run), rc;

	for (int i = 0; i < got; i++) {
		const uint64_t *record = (const uint64_t *)run + (uint64_t)i * words;

		if (record[0] != number + (uint64_t)i || record[words - 1] != record[0])
			return -EILSEQ;
	}
	rc = got > 0 ? uw_ring_release_span(ring, (uint32_t)got) : 0;
	return rc ? rc : got;
}

static void test_runs_come_in_order_and_across_the_end(void **data)
{
	(void)data;
	for (uint32_t words = 1; words < 8; words++) {
		struct uw_ring *ring = make(4096, words * 8);
		uint64_t written = 0, read = 0;

		for (uint32_t i = 0; i < 20000; i++) {
			int rc = put_run(ring, written, 1 + i % 50, words);

			written += rc > 0 ? (uint64_t)rc : 0;
			rc = take_run(ring, read, 1 + i % 37, words);
			assert_true(rc > 0 || rc == -EAGAIN);
			read += rc > 0 ? (uint64_t)rc : 0;
		}
		assert_true(read > 300000);
		assert_int_equal(ring_stats(ring).used_bytes, (written - read) * words * 8);
		assert_int_equal(ring_stats(ring).record_bytes, words * 8);
		uw_ring_close(ring);
	}
}

static void test_length_is_rounded_up_to_words(void **data)
{
	struct uw_ring *ring = make(4096, 13);
	void *run = NULL;

	(void)data;
	assert_int_equal(uw_ring_reserve_span(ring, 1000, &run), 256);
	memset(run, 0xff, 4096);
	assert_int_equal(uw_ring_commit_span(ring, 256), 0);
	uw_ring_close(ring);
}

static void test_full_refuses_until_some_is_released(void **data)
{
	struct uw_ring *ring = make(4096, 24);
	void *run = NULL;

	(void)data;
	assert_int_equal(take_run(ring, 0, 1, 3), -EAGAIN);
	assert_int_equal(uw_ring_wait(ring, UW_RING_READ, 1000), UW_TIMED_OUT);
	assert_int_equal(put_run(ring, 0, 1000, 3), 170);
	assert_int_equal(put_run(ring, 0, 1, 3), -EAGAIN);
	assert_int_equal(uw_ring_wait(ring, UW_RING_WRITE, 1000), UW_TIMED_OUT);
	assert_int_equal(take_run(ring, 0, 7, 3), 7);
	assert_int_equal(uw_ring_wait(ring, UW_RING_WRITE, 1000), 0);
	assert_int_equal(uw_ring_reserve_span(ring, 8, &run), 7);
	assert_int_equal(uw_ring_commit_span(ring, 8), -EINVAL);
	assert_int_equal(uw_ring_commit_span(ring, 7), 0);
	assert_int_equal(uw_ring_peek_span(ring, 1000, &run), 170);
	assert_int_equal(uw_ring_release_span(ring, 171), -EINVAL);
	assert_int_equal(uw_ring_release_span(ring, 0), 0);
	assert_int_equal(uw_ring_release_span(ring, 170), 0);
	uw_ring_close(ring);
}

static void test_what_is_not_committed_is_reserved_again(void **data)
{
	struct uw_ring *ring = make(4096, 8);
	void *first = NULL, *again = NULL;

	(void)data;
	assert_int_equal(uw_ring_reserve_span(ring, 10, &first), 10);
	assert_int_equal(uw_ring_commit_span(ring, 3), 0);
	assert_int_equal(uw_ring_reserve_span(ring, 1, &again), 1);
	assert_ptr_equal(again, (uint64_t *)first + 3);
	assert_int_equal(uw_ring_peek_span(ring, 10, &again), 3);
	assert_int_equal(uw_ring_peek_span(ring, 2, &again), 2);
	uw_ring_close(ring);
}

static void test_wrong_calls_and_options_are_refused(void **data)
{
	static const struct {
		uint64_t bytes;
		uint32_t flags, record_bytes;
	} wrong[] = {
		{4096, FIXED, 0},        {4096, FIXED, 2049},     {4096, FIXED, UINT32_MAX},
		{4096, FIXED | MANY, 0}, {4096, FIXED | DROP, 8}, {4095, FIXED, 8},
	};
	struct uw_ring *ring = make(4096, 8), *other = ring_make(0, 4096), *none = NULL;
	struct uw_record record = {.length = 8};
	void *run = NULL;

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct uw_ring_options options = options_of(wrong[i].bytes, wrong[i].record_bytes);

		options.flags = wrong[i].flags;
		assert_int_equal(uw_ring_create(NULL, &options, &none), -EINVAL);
	}
	assert_int_equal(uw_ring_reserve(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_commit(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_peek(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_release(ring, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_reserve_span(other, 1, &run), -EINVAL);
	assert_int_equal(uw_ring_commit_span(other, 1), -EINVAL);
	assert_int_equal(uw_ring_peek_span(other, 1, &run), -EINVAL);
	assert_int_equal(uw_ring_release_span(other, 1), -EINVAL);
	uw_ring_close(other);
	uw_ring_close(ring);
}

static void test_one_of_each_and_no_observers(void **data)
{
	struct uw_ring *ring = make(4096, 8), *other = ring_attach(ring, UW_READ_WRITE),
		       *observer = ring_attach(ring, UW_READ_ONLY);
	void *run = NULL;

	(void)data;
	assert_int_equal(put_run(ring, 0, 5, 1), 5);
	assert_int_equal(put_run(other, 0, 1, 1), -EBUSY);
	assert_int_equal(take_run(other, 0, 2, 1), 2);
	assert_int_equal(take_run(ring, 2, 1, 1), -EBUSY);
	assert_int_equal(uw_ring_peek_span(observer, 1, &run), -EACCES);
	assert_int_equal(uw_ring_reserve_span(observer, 1, &run), -EACCES);
	atomic_store(&ring->control->waits[RING_WRITER].sleeps, 1); /* and wakes nobody */
	assert_int_equal(uw_ring_release_span(observer, 0), 0);
	uw_ring_close(ring);
	assert_int_equal(put_run(other, 5, 1, 1), 1);
	assert_int_equal(take_run(other, 2, 9, 1), 4);
	uw_ring_close(observer);
	uw_ring_close(other);
}

/* ---- threads ---- */

#define RECORDS 200000

static void *write_all(void *data)
{
	struct uw_ring *ring = data;

	for (uint64_t i = 0; i < RECORDS;) {
		uint32_t count = 1 + (uint32_t)(i % 40), left = RECORDS - (uint32_t)i;
		int rc = put_run(ring, i, count < left ? count : left, 3);

		if (rc > 0)
			i += (uint64_t)rc;
		else if (rc == -EAGAIN)
			uw_ring_wait(ring, UW_RING_WRITE, UINT64_MAX);
		else
			return data;
	}
	return NULL;
}

static void test_threads_lose_nothing_and_are_woken(void **data)
{
	struct uw_ring *ring = make(4096, 24);
	pthread_t writer;
	uint64_t read = 0;
	void *failed;

	(void)data;
	assert_int_equal(pthread_create(&writer, NULL, write_all, ring), 0);
	while (read < RECORDS) {
		int rc = take_run(ring, read, 64, 3);

		if (rc == -EAGAIN) {
			assert_int_equal(uw_ring_wait(ring, UW_RING_READ, 60000000), 0);
			continue;
		}
		assert_true(rc > 0);
		read += (uint64_t)rc;
	}
	pthread_join(writer, &failed);
	assert_null(failed);
	assert_int_equal(ring_stats(ring).torn, 0);
	uw_ring_close(ring);
}

/* ---- processes ---- */

static void test_child_of_fork_has_no_ring(void **data)
{
	struct uw_ring *ring = make(4096, 8);
	void *run = NULL;
	int status;
	pid_t pid;

	(void)data;
	assert_int_equal(put_run(ring, 0, 9, 1), 9);
	assert_int_equal(take_run(ring, 0, 2, 1), 2); /* both may go on without looking */
	pid = fork();
	if (!pid)
		_exit(uw_ring_reserve_span(ring, 1, &run) == -ECHILD &&
				      uw_ring_commit_span(ring, 1) == -ECHILD &&
				      uw_ring_peek_span(ring, 1, &run) == -ECHILD &&
				      uw_ring_release_span(ring, 1) == -ECHILD
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(take_run(ring, 2, 9, 1), 7);
	uw_ring_close(ring);
}

/* A process that has reserved more than it has committed, and is killed. */
static pid_t start_half_a_writer(const struct uw_ring *ring)
{
	int fd = dup(uw_ring_fd(ring)), said[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (!pid) {
		struct uw_ring *mine = NULL;
		void *run = NULL;

		if (uw_ring_attach_fd(fd, UW_READ_WRITE, &mine) || put_run(mine, 0, 10, 1) != 10 ||
		    uw_ring_reserve_span(mine, 20, &run) != 20)
			_exit(1);
		memset(run, 0xff, 160);
		_exit(write(said[1], "", 1) == 1 && pause());
	}
	assert_int_equal(read(said[0], &byte, 1), 1);
	close(said[0]);
	close(said[1]);
	close(fd);
	return pid;
}

static void test_dead_writer_is_replaced_and_its_half_left_out(void **data)
{
	struct uw_ring *ring = make(4096, 8);
	pid_t pid = start_half_a_writer(ring);

	(void)data;
	assert_int_equal(put_run(ring, 10, 1, 1), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(put_run(ring, 10, 5, 1), 5);
	assert_int_equal(take_run(ring, 0, 100, 1), 15);
	uw_ring_close(ring);
}

/* ---- nonsense ---- */

static const uint64_t nonsense[] = {513, 1ULL << 40, 1ULL << 63, ~0ULL, ~0ULL - 511};

static void test_reader_survives_a_tail_from_nowhere(void **data)
{
	(void)data;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct uw_ring *ring = make(4096, 8);
		void *run = NULL;

		assert_int_equal(take_run(ring, 0, 1, 1), -EAGAIN);
		atomic_store(&ring->control->tail, nonsense[i]);
		assert_int_equal(uw_ring_peek_span(ring, 512, &run), -EBADMSG);
		assert_int_equal(uw_ring_release_span(ring, 1), -EINVAL);
		assert_int_equal(ring_stats(ring).torn, 1);
		atomic_fetch_add(&ring->control->tail, 512); /* as far as can be */
		assert_int_equal(uw_ring_peek_span(ring, 1000, &run), 512);
		assert_in_range((uintptr_t)run, (uintptr_t)ring->data,
				(uintptr_t)ring->data + 4095);
		uw_ring_close(ring);
	}
}

static void test_writer_survives_a_head_from_nowhere(void **data)
{
	(void)data;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct uw_ring *ring = make(4096, 8);
		void *run = NULL;

		assert_int_equal(put_run(ring, 0, 512, 1), 512);
		atomic_store(&ring->control->head, nonsense[i]);
		assert_int_equal(uw_ring_reserve_span(ring, 1, &run), -EBADMSG);
		assert_int_equal(uw_ring_commit_span(ring, 1), -EINVAL);
		atomic_store(&ring->control->head, 2);
		assert_int_equal(uw_ring_reserve_span(ring, 9, &run), 2);
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
		{offsetof(struct ring_setup, stride), 8, -EINVAL},
		{offsetof(struct ring_setup, stride), 0, -EINVAL},
		{offsetof(struct ring_setup, slot_count), 171, -EINVAL},
		{offsetof(struct ring_setup, record_bytes), 0, -EINVAL},
		{offsetof(struct ring_setup, record_bytes), ~0U, -EINVAL},
		{offsetof(struct ring_setup, data_bytes), 8192, -EINVAL},
		{offsetof(struct ring_setup, data_bytes), 4095, -EINVAL},
		{offsetof(struct ring_setup, flags), 0, -EINVAL},
		{offsetof(struct ring_setup, flags), MANY, -EINVAL},
		{offsetof(struct ring_setup, flags), FIXED | DROP, -EPROTO},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct uw_ring *ring = make(4096, 24), *other = NULL;

		memcpy((uint8_t *)&ring->control->setup + lies[i].offset, &lies[i].value, 4);
		assert_int_equal(uw_ring_attach_fd(uw_ring_fd(ring), UW_READ_WRITE, &other),
				 lies[i].rc);
		assert_int_equal(put_run(ring, 0, 1, 3), 1);
		uw_ring_close(ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_come_in_order_and_across_the_end),
		cmocka_unit_test(test_length_is_rounded_up_to_words),
		cmocka_unit_test(test_full_refuses_until_some_is_released),
		cmocka_unit_test(test_what_is_not_committed_is_reserved_again),
		cmocka_unit_test(test_wrong_calls_and_options_are_refused),
		cmocka_unit_test(test_one_of_each_and_no_observers),
		cmocka_unit_test(test_threads_lose_nothing_and_are_woken),
		cmocka_unit_test(test_child_of_fork_has_no_ring),
		cmocka_unit_test(test_dead_writer_is_replaced_and_its_half_left_out),
		cmocka_unit_test(test_reader_survives_a_tail_from_nowhere),
		cmocka_unit_test(test_writer_survives_a_head_from_nowhere),
		cmocka_unit_test(test_setups_that_do_not_agree_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
