// SPDX-License-Identifier: GPL-2.0-or-later
/* Rings of strangers: files that are none, and clients that write nonsense into one. */
#include "tests/unit/ring_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

/* ---- files ---- */

static int attach(int fd, uint32_t access)
{
	struct uw_ring *ring = NULL;
	int rc = uw_ring_attach_fd(fd, access, &ring);

	uw_ring_close(ring);
	return rc;
}

static void test_files_that_are_no_rings_are_refused(void **data)
{
	int plain = memfd_create("plain", MFD_ALLOW_SEALING), ends[2];
	struct segment *segment = NULL;

	(void)data;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(ftruncate(plain, 1 << 16), 0);
	assert_int_equal(attach(-1, UW_READ_WRITE), -EBADF);
	assert_int_equal(attach(ends[0], UW_READ_WRITE), -EINVAL);
	assert_int_equal(attach(plain, UW_READ_WRITE), -EPERM);
	assert_int_equal(attach(plain, 2), -EINVAL);
	assert_int_equal(segment_create(NULL, NULL, "empty", 1 << 16, &segment), 0);
	assert_int_equal(attach(segment_fd(segment), UW_READ_WRITE), -EINVAL); /* holes */
	assert_int_equal(segment_commit(segment, 0, 1 << 16), 0);
	assert_int_equal(attach(segment_fd(segment), UW_READ_WRITE), -EINVAL); /* zeros */
	segment_close(segment);
	close(plain);
	close(ends[0]);
	close(ends[1]);
}

static void test_read_only_file_is_not_written_to(void **data)
{
	struct uw_ring *ring = ring_make(0, 4096);
	char path[64];
	int fd;

	(void)data;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", uw_ring_fd(ring));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(attach(fd, UW_READ_WRITE), -EACCES);
	assert_int_equal(attach(fd, UW_READ_ONLY), 0);
	close(fd);
	uw_ring_close(ring);
}

struct lie {
	size_t offset, size;
	uint64_t value;
	uint32_t flags; /* of the ring it is told in */
	int rc;
};

#define LIE(field, value, flags, rc)                                                         \
	{                                                                                    \
		offsetof(struct ring_setup, field), sizeof(((struct ring_setup *)0)->field), \
			value, flags, rc                                                     \
	}

static void test_setups_that_do_not_agree_are_refused(void **data)
{
	static const struct lie lies[] = {
		LIE(magic, 0, 0, -EINVAL),
		LIE(version, 2, 0, -EPROTO),
		LIE(flags, 1U << 31, 0, -EPROTO),
		LIE(flags, MANY, 0, -EINVAL),
		LIE(flags, 0, MANY, -EINVAL),
		LIE(data_offset, 0, 0, -EINVAL),
		LIE(data_offset, ~0ULL, 0, -EINVAL),
		LIE(data_bytes, 1 << 15, 0, -EINVAL),
		LIE(data_bytes, 0, 0, -EINVAL),
		LIE(data_bytes, 12288, 0, -EINVAL),
		LIE(data_bytes, 1ULL << 63, 0, -EINVAL),
		LIE(record_bytes, ~0U, 0, -EINVAL),
		LIE(stride, 1 << 20, MANY, -EINVAL),
		LIE(stride, 0, MANY, -EINVAL),
		LIE(slot_count, 0, MANY, -EINVAL),
		LIE(slot_count, 1U << 31, MANY, -EINVAL),
		LIE(slot_count, 3, MANY, -EINVAL),
		LIE(record_bytes, 113, MANY, -EINVAL),
		LIE(record_bytes, 0, MANY, -EINVAL),
		LIE(pid_namespace, 1, 0, -EXDEV),
	};

	(void)data;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct uw_ring *ring = ring_make(lies[i].flags, 1 << 14);

		memcpy((uint8_t *)&ring->control->setup + lies[i].offset, &lies[i].value,
		       lies[i].size);
		assert_int_equal(attach(uw_ring_fd(ring), UW_READ_WRITE), lies[i].rc);
		assert_int_equal(ring_put(ring, 1, 1), 0); /* who is in believes it no more */
		uw_ring_close(ring);
	}
}

static void test_a_crowd_of_clients_is_refused(void **data)
{
	struct uw_ring *ring = ring_make(MANY, 4096), *more[RING_CLIENTS];

	(void)data;
	for (int i = 1; i < RING_CLIENTS; i++)
		more[i] = ring_attach(ring, UW_READ_WRITE);
	assert_int_equal(attach(uw_ring_fd(ring), UW_READ_WRITE), -EMFILE);
	uw_ring_close(more[7]);
	assert_int_equal(attach(uw_ring_fd(ring), UW_READ_WRITE), 0);
	for (int i = 1; i < RING_CLIENTS; i++)
		if (i != 7)
			uw_ring_close(more[i]);
	uw_ring_close(ring);
}

/* ---- nonsense ---- */

static void test_reader_survives_a_tail_from_nowhere(void **data)
{
	static const uint64_t tails[] = {1, 4096 + 16, ~0ULL, 1ULL << 63, 8};

	(void)data;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct uw_ring *ring = ring_make(0, 4096);
		uint64_t number = 0;

		memset(ring->data, 0xff, 4096);
		atomic_store(&ring->control->tail, tails[i]);
		assert_int_equal(ring_take(ring, &number), -EBADMSG);
		assert_int_equal(ring_stats(ring).torn, 1);
		uw_ring_close(ring);
	}
}

static void test_reader_goes_on_behind_a_length_from_nowhere(void **data)
{
	struct uw_ring *ring = ring_make(0, 4096);
	uint64_t number = 0;

	(void)data;
	ring_put(ring, 1, 4);
	ring_put(ring, 2, 4);
	*(uint32_t *)(void *)(ring->data + 40) = 1000;
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(ring_take(ring, &number), -EBADMSG);
	assert_int_equal(ring_put(ring, 3, 4), 0);
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 3);
	assert_int_equal(ring_stats(ring).lost, 1);
	uw_ring_close(ring);
}

static void test_writer_survives_a_head_from_nowhere(void **data)
{
	static const uint64_t heads[] = {4, 1ULL << 40, ~0ULL - 4095};

	(void)data;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct uw_ring *ring = ring_make(0, 4096);
		int rc;

		while ((rc = ring_put(ring, 1, 4)) == 0)
			continue;
		assert_int_equal(rc, -EAGAIN);
		atomic_store(&ring->control->head, heads[i]);
		assert_int_equal(ring_put(ring, 1, 4), -EBADMSG);
		atomic_store(&ring->control->head, 40);
		assert_int_equal(ring_put(ring, 1, 4), 0);
		uw_ring_close(ring);
	}
}

static void test_dropping_writer_walks_over_nonsense(void **data)
{
	struct uw_ring *ring = ring_make(DROP, 4096);
	uint64_t number = 0;

	(void)data;
	for (uint64_t i = 0; i < 50; i++)
		ring_put(ring, i, 8);
	memset(ring->data, 0xfe, 4096);
	for (uint64_t i = 50; i < 200; i++)
		assert_int_equal(ring_put(ring, i, 8), 0);
	assert_int_equal(ring_take(ring, &number), 0);
	assert_in_range(number, 130, 199);
	assert_true(ring_stats(ring).torn > 0);
	uw_ring_close(ring);
}

static void test_slots_of_many_with_nonsense_are_passed_over(void **data)
{
	struct uw_ring *ring = ring_make(MANY, 4096);
	uint64_t number = 0;

	(void)data;
	ring_put(ring, 1, 4);
	ring_put(ring, 2, 4);
	ring_slot_at(ring, 0)->length = 113;
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 2);
	assert_int_equal(ring_stats(ring).torn, 1);
	/* A claim of a client that there is not. */
	atomic_store(&ring_slot_at(ring, 2)->word, ring_word(0, RING_CLAIMED, 250));
	atomic_store(&ring->control->tail, 3);
	ring_put(ring, 3, 4);
	while (ring_take(ring, &number) == -EAGAIN)
		assert_int_equal(uw_ring_wait(ring, UW_RING_READ, 60000000), 0);
	assert_int_equal(number, 3);
	/* A turn that no writer is in. */
	for (uint64_t i = 0; i < 32; i++)
		atomic_store(&ring_slot_at(ring, i)->word, ring_word(1 << 20, RING_FULL, 0));
	atomic_store(&ring->control->tail, 32ULL << 21);
	assert_int_equal(ring_put(ring, 4, 4), -EBADMSG);
	uw_ring_close(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_are_no_rings_are_refused),
		cmocka_unit_test(test_read_only_file_is_not_written_to),
		cmocka_unit_test(test_setups_that_do_not_agree_are_refused),
		cmocka_unit_test(test_a_crowd_of_clients_is_refused),
		cmocka_unit_test(test_reader_survives_a_tail_from_nowhere),
		cmocka_unit_test(test_reader_goes_on_behind_a_length_from_nowhere),
		cmocka_unit_test(test_writer_survives_a_head_from_nowhere),
		cmocka_unit_test(test_dropping_writer_walks_over_nonsense),
		cmocka_unit_test(test_slots_of_many_with_nonsense_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
