// SPDX-License-Identifier: GPL-2.0-or-later
/* Rings within one thread: order, room, what is lost, what is left out, and who may do what. */
#include "tests/unit/ring_fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>

static const uint32_t kinds[] = {0, MANY, DROP, MANY | DROP};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void test_records_come_in_order_in_each_kind(void **data)
{
	(void)data;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct uw_ring *ring = ring_make(kinds[kind], 1 << 16);
		uint64_t number = 0;

		assert_int_equal(ring_take(ring, &number), -EAGAIN);
		for (uint64_t i = 0; i < 10000; i++) {
			assert_int_equal(ring_put(ring, 2 * i, 1 + i % 14), 0);
			assert_int_equal(ring_put(ring, 2 * i + 1, 1 + i % 3), 0);
			assert_int_equal(ring_take(ring, &number), 0);
			assert_int_equal(number, 2 * i);
			assert_int_equal(ring_take(ring, &number), 0);
			assert_int_equal(number, 2 * i + 1);
		}
		assert_int_equal(ring_take(ring, &number), -EAGAIN);
		assert_int_equal(ring_stats(ring).used_bytes == 0, !(kinds[kind] == DROP));
		assert_int_equal(ring_stats(ring).lost + ring_stats(ring).torn, 0);
		uw_ring_close(ring);
	}
	uw_ring_close(NULL);
}

/* How many records of so many words fit. */
static uint64_t fill(struct uw_ring *ring, uint32_t words)
{
	uint64_t count = 0;

	while (ring_put(ring, count, words) == 0)
		count++;
	return count;
}

static void test_full_ring_refuses_until_a_record_is_released(void **data)
{
	static const uint64_t fit[] = {4096 / 72, 32};

	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(many ? MANY : 0, 4096);
		struct uw_record record = {.length = 64};
		uint64_t number = 1;

		assert_int_equal(fill(ring, 8), fit[many]);
		assert_int_equal(uw_ring_reserve(ring, &record, 1), -EAGAIN);
		assert_int_equal(uw_ring_wait(ring, UW_RING_WRITE, 1000), UW_TIMED_OUT);
		assert_int_equal(uw_ring_peek(ring, &record, 1), 1);
		assert_int_equal(ring_put(ring, 99, 8), -EAGAIN);
		assert_int_equal(uw_ring_release(ring, &record, 1), 0);
		assert_int_equal(uw_ring_wait(ring, UW_RING_WRITE, 1000), 0);
		assert_int_equal(ring_put(ring, fit[many], 8), 0);
		for (uint64_t i = 1; i <= fit[many]; i++) {
			assert_int_equal(ring_take(ring, &number), 0);
			assert_int_equal(number, i);
		}
		assert_int_equal(ring_take(ring, &number), -EAGAIN);
		uw_ring_close(ring);
	}
}

static void test_drop_oldest_keeps_the_newest_and_counts_the_rest(void **data)
{
	static const uint64_t fit[] = {4096 / 72, 32};

	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(DROP | (many ? MANY : 0), 4096);
		uint64_t number = 0;

		assert_int_equal(ring_put(ring, 0, 8), 0);
		assert_int_equal(ring_take(ring, &number), 0);
		for (uint64_t i = 1; i <= 1000; i++)
			assert_int_equal(ring_put(ring, i, 8), 0);
		for (uint64_t i = 1001 - fit[many]; i <= 1000; i++) {
			assert_int_equal(ring_take(ring, &number), 0);
			assert_int_equal(number, i);
		}
		assert_int_equal(ring_take(ring, &number), -EAGAIN);
		assert_int_equal(ring_stats(ring).lost, 1000 - fit[many]);
		uw_ring_close(ring);
	}
}

static void test_reader_that_is_overtaken_is_told(void **data)
{
	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(DROP | (many ? MANY : 0), 4096);
		struct uw_record held[2];
		uint64_t number = 0;

		ring_put(ring, 0, 8);
		ring_put(ring, 1, 8);
		assert_int_equal(uw_ring_peek(ring, held, 2), 2);
		for (uint64_t i = 2; i < 100; i++)
			assert_int_equal(ring_put(ring, i, 8), 0);
		assert_int_equal(uw_ring_release(ring, held, 2), UW_STALE);
		assert_int_equal(ring_take(ring, &number), 0);
		assert_int_equal(number, 100 - (many ? 32 : 4096 / 72));
		uw_ring_close(ring);
	}
}

/* Every length at every place: none is split where the ring ends. */
static void test_records_are_whole_across_the_end(void **data)
{
	struct uw_ring *ring = ring_make(0, 4096);
	uint64_t number = 0;

	(void)data;
	assert_int_equal(ring_stats(ring).record_bytes, 4096 / 4 - 8);
	for (uint64_t i = 0; i < 20000; i++) {
		assert_int_equal(ring_put(ring, i, 1 + i * 7 % 127), 0);
		assert_int_equal(ring_take(ring, &number), 0);
		assert_int_equal(number, i);
	}
	uw_ring_close(ring);
}

static void test_data_are_mapped_twice(void **data)
{
	struct uw_ring *ring = ring_make(0, 1 << 16);

	(void)data;
	ring->data[5] = 'x';
	assert_int_equal(ring->data[ring->data_bytes + 5], 'x');
	ring->data[2 * ring->data_bytes - 1] = 'y';
	assert_int_equal(ring->data[ring->data_bytes - 1], 'y');
	uw_ring_close(ring);
}

static void test_batches_hold_records_of_many_sizes(void **data)
{
	(void)data;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct uw_ring *ring = ring_make(kinds[kind], 1 << 14);
		uint64_t written = 0, read = 0;

		while (read < 5000) {
			struct uw_record in[32], out[48];
			int count;

			for (uint32_t i = 0; i < 32; i++)
				in[i].length = (uint32_t)(1 + (written + i) % 14) * 8;
			count = uw_ring_reserve(ring, in, 32);
			assert_int_equal(count, 32);
			for (int i = 0; i < count; i++)
				for (uint32_t word = 0; word < in[i].length / 8; word++)
					((uint64_t *)in[i].bytes)[word] = written + (uint64_t)i;
			written += 32;
			assert_int_equal(uw_ring_commit(ring, in, 32), 0);
			count = uw_ring_peek(ring, out, 48);
			assert_int_equal(count, 32);
			for (int i = 0; i < count; i++) {
				assert_int_equal(out[i].length, (1 + read % 14) * 8);
				assert_true(ring_is_whole(&out[i]));
				assert_int_equal(*(uint64_t *)out[i].bytes, read++);
			}
			assert_int_equal(uw_ring_release(ring, out, (uint32_t)count), 0);
		}
		uw_ring_close(ring);
	}
}

static void test_batch_is_cut_where_the_room_ends(void **data)
{
	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(many ? MANY : 0, 4096);
		struct uw_record records[100];

		for (int i = 0; i < 100; i++)
			records[i].length = 64;
		assert_int_equal(uw_ring_reserve(ring, records, 100), many ? 32 : 4096 / 72);
		uw_ring_close(ring);
	}
}

static void test_records_are_shortened_and_left_out(void **data)
{
	(void)data;
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct uw_ring *ring = ring_make(kinds[kind], 4096);

		for (int round = 0; round < 200; round++) {
			struct uw_record in[4] = {
				{.length = 100}, {.length = 64}, {.length = 100}, {.length = 30}};
			struct uw_record out[4];

			assert_int_equal(uw_ring_reserve(ring, in, 4), 4);
			for (int i = 0; i < 4; i++)
				memset(in[i].bytes, 'a' + i, in[i].length);
			in[0].length = 3;
			in[1].length = UW_RECORD_NONE;
			in[3].length = 0;
			assert_int_equal(uw_ring_commit(ring, in, 4), 0);
			assert_int_equal(uw_ring_peek(ring, out, 4), 3);
			assert_int_equal(out[0].length, 3);
			assert_memory_equal(out[0].bytes, "aaa", 3);
			assert_int_equal(out[1].length, 100);
			assert_int_equal(((char *)out[1].bytes)[99], 'c');
			assert_int_equal(out[2].length, 0);
			assert_int_equal(uw_ring_release(ring, out, 3), 0);
		}
		assert_int_equal(ring_stats(ring).lost, 0);
		uw_ring_close(ring);
	}
}

/* Records that were all left out are nobody's to release. */
static void test_nothing_but_left_out_records_frees_the_room(void **data)
{
	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(many ? MANY : 0, 4096);

		for (int i = 0; i < 1000; i++) {
			struct uw_record record = {.length = 100}, none;

			assert_int_equal(uw_ring_reserve(ring, &record, 1), 1);
			record.length = UW_RECORD_NONE;
			assert_int_equal(uw_ring_commit(ring, &record, 1), 0);
			assert_int_equal(uw_ring_peek(ring, &none, 1), -EAGAIN);
		}
		uw_ring_close(ring);
	}
}

/* What is behind the last record that was handed out goes with it: a writer that waits for that
 * room and a reader that waits for records would wait for ever. */
static void test_room_behind_a_shortened_record_is_given_back(void **data)
{
	(void)data;
	for (uint32_t apart = 0; apart < 2; apart++) {
		struct uw_ring *ring = ring_make(0, 4096);
		struct uw_record in[4] = {{.length = 8}, {.length = 1000}, {.length = 1000}},
				 out[4];

		assert_int_equal(uw_ring_reserve(ring, in, 3), 3);
		in[1].length = in[2].length = UW_RECORD_NONE;
		assert_int_equal(uw_ring_commit(ring, in, 3), 0);
		assert_int_equal(uw_ring_peek(ring, out, apart ? 1 : 4), 1);
		if (apart)
			assert_int_equal(uw_ring_peek(ring, out + 1, 1), -EAGAIN);
		assert_int_equal(uw_ring_release(ring, out, 1), 0);
		assert_int_equal(ring_stats(ring).used_bytes, 0);
		for (int i = 0; i < 4; i++)
			in[i].length = 1000;
		assert_int_equal(uw_ring_reserve(ring, in, 4), 4);
		uw_ring_close(ring);
	}
}

/* A mark has 32 bits, and so counts 32 GiB: a reader that sleeps for longer, or comes to a ring
 * that had none, is as any other. */
static void test_reader_wakes_after_more_than_a_mark_counts(void **data)
{
	(void)data;
	for (uint32_t observes = 0; observes < 2; observes++) {
		struct uw_ring *ring = ring_make(DROP, 4096);
		struct uw_ring *reader = ring_attach(ring, observes ? UW_READ_ONLY : UW_READ_WRITE);
		struct uw_record held;
		uint64_t far = (1ULL << 35) + 48, number = 0;

		ring_put(ring, 1, 1);
		assert_int_equal(uw_ring_peek(reader, &held, 1), 1);
		ring->writer.tail = ring->writer.reserved = ring->writer.oldest = far;
		atomic_store(&ring->control->oldest, far);
		for (uint64_t i = 2; i < 5; i++)
			ring_put(ring, i, 1);
		assert_int_equal(uw_ring_release(reader, &held, 1), UW_STALE);
		for (uint64_t i = 2; i < 5; i++) {
			assert_int_equal(ring_take(reader, &number), 0);
			assert_int_equal(number, i);
		}
		assert_int_equal(uw_ring_release(reader, &held, 1), UW_STALE);
		uw_ring_close(reader);
		uw_ring_close(ring);
	}
}

/* Where the oldest go, the readers' position may be far behind. */
static void test_full_ring_of_many_is_all_in_use(void **data)
{
	struct uw_ring *ring = ring_make(MANY | DROP, 4096);

	(void)data;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(ring_put(ring, i, 1), 0);
	assert_int_equal(ring_stats(ring).used_bytes, ring_stats(ring).bytes);
	uw_ring_close(ring);
}

static void test_wrong_calls_are_refused(void **data)
{
	struct uw_ring *one = ring_make(0, 4096), *many = ring_make(MANY, 4096);
	struct uw_record record = {.length = 1017}, other = {.length = 8};

	(void)data;
	assert_int_equal(uw_ring_reserve(one, &record, 1), -EMSGSIZE);
	assert_int_equal(uw_ring_reserve(many, &record, 1), -EMSGSIZE);
	record.length = 8;
	assert_int_equal(uw_ring_commit(one, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_reserve(one, &record, 1), 1);
	assert_int_equal(uw_ring_reserve(one, &other, 1), -EBUSY);
	record.length = 17;
	assert_int_equal(uw_ring_commit(one, &record, 1), -EINVAL);
	record.length = 8;
	assert_int_equal(uw_ring_commit(one, &record, 1), 0);
	assert_int_equal(uw_ring_commit(one, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_peek(one, &record, 1), 1);
	other = record;
	other.mark += 2;
	assert_int_equal(uw_ring_release(one, &other, 1), -EINVAL);
	assert_int_equal(uw_ring_release(one, &record, 1), 0);
	assert_int_equal(uw_ring_release(one, &record, 1), -EINVAL);
	assert_int_equal(uw_ring_wait(one, 7, 0), -EINVAL);
	record.length = 8;
	assert_int_equal(uw_ring_reserve(many, &record, 1), 1);
	assert_int_equal(uw_ring_release(many, &record, 1), UW_STALE);
	record.length = 113;
	assert_int_equal(uw_ring_commit(many, &record, 1), -EINVAL);
	record.length = 8;
	assert_int_equal(uw_ring_commit(many, &record, 1), 0);
	assert_int_equal(uw_ring_commit(many, &record, 1), UW_STALE);
	uw_ring_close(one);
	uw_ring_close(many);
}

static void test_wrong_options_are_refused(void **data)
{
	static const struct uw_ring_options wrong[] = {
		{.size = 8, .name = "x", .bytes = 4096},
		{.size = sizeof(wrong[0]), .name = "x", .bytes = 4095},
		{.size = sizeof(wrong[0]), .name = "x", .bytes = (4ULL << 30) + 1},
		{.size = sizeof(wrong[0]), .name = "x", .bytes = 4096, .flags = 4},
		{.size = sizeof(wrong[0]), .name = "x", .bytes = 4096, .record_bytes = 1017},
		{.size = sizeof(wrong[0]), .name = "x", .bytes = 4096, .flags = MANY},
		{.size = sizeof(wrong[0]),
		 .name = "x",
		 .bytes = 4096,
		 .flags = MANY,
		 .record_bytes = 4096},
		{.size = sizeof(wrong[0]),
		 .name = "x",
		 .bytes = 4096,
		 .flags = MANY,
		 .record_bytes = ~0U},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct uw_ring *ring = NULL;

		assert_int_equal(uw_ring_create(NULL, &wrong[i], &ring), -EINVAL);
		assert_null(ring);
	}
}

static void test_one_writer_and_one_reader_at_a_time(void **data)
{
	struct uw_ring *first = ring_make(0, 4096), *second = ring_attach(first, UW_READ_WRITE);
	uint64_t number = 0;

	(void)data;
	assert_int_equal(ring_put(first, 1, 1), 0);
	assert_int_equal(ring_put(second, 2, 1), -EBUSY);
	assert_int_equal(ring_take(second, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(ring_take(first, &number), -EBUSY);
	uw_ring_close(first);
	assert_int_equal(ring_put(second, 3, 1), 0);
	assert_int_equal(ring_take(second, &number), 0);
	assert_int_equal(number, 3);
	uw_ring_close(second);
}

static void test_close_gives_up_what_is_in_hand(void **data)
{
	struct uw_ring *ring = ring_make(MANY, 4096), *other = ring_attach(ring, UW_READ_WRITE);
	struct uw_record record = {.length = 8};
	uint64_t number = 0;

	(void)data;
	assert_int_equal(uw_ring_reserve(other, &record, 1), 1);
	assert_int_equal(ring_put(ring, 5, 1), 0);
	assert_int_equal(ring_take(ring, &number), -EAGAIN);
	uw_ring_close(other);
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 5);
	assert_int_equal(ring_stats(ring).abandoned, 1);
	uw_ring_close(ring);
}

static uint64_t thread_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A wait that spins first takes a hundred times as long as one look. */
static void test_wait_without_a_timeout_only_looks(void **data)
{
	enum {
		LOOKS = 1000
	};
	struct uw_ring *ring = ring_make(0, 4096);
	uint64_t spent_us[2]; /* of the processor: where it only looks, and where it spins first */

	(void)data;
	for (uint64_t timeout_us = 0; timeout_us < 2; timeout_us++) {
		uint64_t began_us = thread_us();

		for (int i = 0; i < LOOKS; i++)
			assert_int_equal(uw_ring_wait(ring, UW_RING_READ, timeout_us),
					 UW_TIMED_OUT);
		spent_us[timeout_us] = thread_us() - began_us;
	}
	assert_true(spent_us[0] < spent_us[1] / 2);
	ring_put(ring, 1, 1);
	assert_int_equal(uw_ring_wait(ring, UW_RING_READ, 0), 0);
	uw_ring_close(ring);
}

static void test_observer_sees_all_and_takes_none(void **data)
{
	struct uw_ring *ring = ring_make(0, 4096), *observer = ring_attach(ring, UW_READ_ONLY);
	struct uw_record record = {.length = 8};
	uint64_t number = 0;

	(void)data;
	assert_int_equal(uw_ring_reserve(observer, &record, 1), -EACCES);
	assert_int_equal(uw_ring_wait(observer, UW_RING_READ, 100), UW_TIMED_OUT);
	ring_put(ring, 1, 1);
	ring_put(ring, 2, 1);
	assert_int_equal(uw_ring_wait(observer, UW_RING_READ, 100), 0);
	assert_int_equal(ring_take(observer, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(uw_ring_peek(observer, &record, 1), 1);
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(uw_ring_release(observer, &record, 1), 0);
	for (uint64_t i = 3; i < 5000; i++) {
		ring_put(ring, i, 1);
		assert_int_equal(ring_take(ring, &number), 0);
		assert_int_equal(number, i - 1);
	}
	assert_int_equal(ring_take(observer, &number), 0);
	assert_int_equal(number, 4999);
	assert_int_equal(ring_stats(observer).lost, 4999 - 3);
	uw_ring_close(observer);
	uw_ring_close(ring);
}

static void test_child_of_fork_has_no_ring(void **data)
{
	struct uw_ring *ring = ring_make(0, 4096);
	struct uw_record record = {.length = 8};
	struct uw_ring_stats stats = {.size = sizeof(stats)};
	int status;
	pid_t pid = fork();

	(void)data;
	if (!pid) {
		bool none = uw_ring_reserve(ring, &record, 1) == -ECHILD &&
			    uw_ring_commit(ring, &record, 1) == -ECHILD &&
			    uw_ring_peek(ring, &record, 1) == -ECHILD &&
			    uw_ring_release(ring, &record, 1) == -ECHILD &&
			    uw_ring_wait(ring, UW_RING_READ, 0) == -ECHILD &&
			    uw_ring_stats(ring, &stats) == -ECHILD && uw_ring_fd(ring) == -ECHILD;

		uw_ring_close(ring);
		_exit(none ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ring_put(ring, 1, 1), 0);
	uw_ring_close(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_come_in_order_in_each_kind),
		cmocka_unit_test(test_full_ring_refuses_until_a_record_is_released),
		cmocka_unit_test(test_drop_oldest_keeps_the_newest_and_counts_the_rest),
		cmocka_unit_test(test_reader_that_is_overtaken_is_told),
		cmocka_unit_test(test_records_are_whole_across_the_end),
		cmocka_unit_test(test_data_are_mapped_twice),
		cmocka_unit_test(test_batches_hold_records_of_many_sizes),
		cmocka_unit_test(test_batch_is_cut_where_the_room_ends),
		cmocka_unit_test(test_records_are_shortened_and_left_out),
		cmocka_unit_test(test_nothing_but_left_out_records_frees_the_room),
		cmocka_unit_test(test_room_behind_a_shortened_record_is_given_back),
		cmocka_unit_test(test_reader_wakes_after_more_than_a_mark_counts),
		cmocka_unit_test(test_full_ring_of_many_is_all_in_use),
		cmocka_unit_test(test_wrong_calls_are_refused),
		cmocka_unit_test(test_wrong_options_are_refused),
		cmocka_unit_test(test_one_writer_and_one_reader_at_a_time),
		cmocka_unit_test(test_close_gives_up_what_is_in_hand),
		cmocka_unit_test(test_wait_without_a_timeout_only_looks),
		cmocka_unit_test(test_observer_sees_all_and_takes_none),
		cmocka_unit_test(test_child_of_fork_has_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
