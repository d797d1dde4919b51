// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of running jobs: torn records, locks, a making that was cut short. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "tests/unit/tmp_pool.h"
#include "user/shim/slots.h"

struct fixture {
	struct tmp_pool pool;
};

static int setup(void **state)
{
	static struct fixture f;

	tmp_pool_init(&f.pool);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tmp_pool_done(&f->pool);
	return 0;
}

/* What is synced last; in a folder, names are. */
static ino_t synced;

int fsync(int fd)
{
	struct stat file;

	assert_int_equal(fstat(fd, &file), 0);
	if (S_ISDIR(file.st_mode))
		synced = file.st_ino;
	return 0;
}

static void spoil(const struct fixture *f, off_t at, const char *bytes)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->pool.path, SLOTS_FILE);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	close(fd);
}

static void test_slots_torn_record_is_no_record(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = {.job = 3, .attempt = 1, .phase = SLOT_RUN, .status = -1}, back;
	struct uw_err err = {0};
	int fd = -1;

	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	assert_int_equal(slot_read(fd, 9, &back), -ENODATA);
	assert_int_equal(slot_write(fd, 9, &slot, true), 0);
	assert_int_equal(slot_read(fd, 9, &back), 0);
	assert_int_equal(back.job, 3);
	assert_int_equal(back.phase, SLOT_RUN);
	spoil(f, 9 * SLOT_SIZE + 40, "torn");
	assert_int_equal(slot_read(fd, 9, &back), -EUCLEAN);
	assert_int_equal(back.job, 0);
	assert_int_equal(slot_write(fd, 0, &slot, false), -EINVAL);
	assert_int_equal(slot_write(fd, SLOTS_COUNT + 1, &slot, false), -EINVAL);
	close(fd);
}

/* uwd was updated while a job of the shim before runs: its record ends before the last fields. */
static void test_slots_records_of_an_older_shim_are_read(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = {.job = 3, .attempt = 1, .phase = SLOT_RUN, .shim_pid = 7}, back;
	size_t size = offsetof(struct slot_record, began_us);
	uint32_t head[2] = {0x31534c54, 0x811c9dc5};
	struct uw_err err = {0};
	int fd = -1;

	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	for (size_t i = 0; i < size; i++)
		head[1] = (head[1] ^ ((const unsigned char *)&slot)[i]) * 0x01000193U;
	slot.began_us = slot.ran_us = UINT64_MAX; /* what lies behind it is not its own */
	assert_int_equal(pwrite(fd, head, sizeof(head), 9 * SLOT_SIZE), sizeof(head));
	assert_int_equal(pwrite(fd, &slot, sizeof(slot), 9 * SLOT_SIZE + sizeof(head)),
			 sizeof(slot));
	assert_int_equal(slot_read(fd, 9, &back), 0);
	assert_int_equal(back.shim_pid, 7);
	assert_int_equal(back.began_us, 0);
	assert_int_equal(back.ran_us, 0);
	close(fd);
}

static void test_slots_note_stands_beside_the_record(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = {.job = 3, .attempt = 1, .phase = SLOT_RUN}, back;
	struct slot_note note = {.job = 3, .attempt = 1, .frozen_us = 5, .seen_us = 6}, read;
	struct uw_err err = {0};
	int fd = -1;

	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	assert_int_equal(slot_read_note(fd, 9, &read), -ENODATA);
	assert_int_equal(slot_write(fd, 9, &slot, false), 0);
	assert_int_equal(slot_write_note(fd, 9, &note), 0);
	assert_int_equal(slot_write(fd, 9, &slot, false), 0);
	assert_int_equal(slot_read(fd, 9, &back), 0);
	assert_int_equal(slot_read_note(fd, 9, &read), 0);
	assert_memory_equal(&read, &note, sizeof(note));
	assert_int_equal(slot_read_note(fd, 10, &read), -ENODATA);
	assert_int_equal(slot_write_note(fd, 0, &note), -EINVAL);
	spoil(f, 9 * SLOT_SIZE + SLOT_SIZE / 2 + 12, "torn");
	assert_int_equal(slot_read_note(fd, 9, &read), -EUCLEAN);
	close(fd);
}

static void test_slots_lock_is_seen_by_others_only(void **state)
{
	const struct fixture *f = *state;
	struct uw_err err = {0};
	int fd = -1, other;

	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	other = slots_reopen(f->pool.path);
	assert_true(other >= 0);
	assert_int_equal(slot_lock(other, 4), 0);
	assert_true(slot_is_locked(fd, 4));
	assert_false(slot_is_locked(other, 4));
	assert_false(slot_is_locked(fd, 5));
	assert_int_equal(slot_lock(fd, 4), -EAGAIN);
	close(other);
	assert_false(slot_is_locked(fd, 4));
	close(fd);
}

static void test_slots_remember_the_last_id_and_survive_a_cut_short_making(void **state)
{
	const struct fixture *f = *state;
	struct uw_err err = {0};
	uint64_t id = 1;
	int fd = -1;

	spoil(f, 0, "\1\2\3"); /* a file of three bytes */
	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	assert_int_equal(slots_read_last_id(fd, &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(slots_write_last_id(fd, 12345), 0);
	close(fd);
	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	assert_int_equal(slots_read_last_id(fd, &id), 0);
	assert_int_equal(id, 12345);
	close(fd);
}

static void *write_it_whole(void *data)
{
	const struct timespec later = {.tv_nsec = 20 * 1000 * 1000};
	const struct slot_record slot = {.job = 3, .attempt = 1, .phase = SLOT_RUN};

	nanosleep(&later, NULL);
	slot_write(*(int *)data, 9, &slot, false);
	return NULL;
}

/* As uw-login finds it while uw-shim enters the process that this one is. */
static void test_slots_record_that_is_being_written_is_waited_for(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = {.job = 3, .attempt = 1, .phase = SLOT_TAKEN}, back;
	struct uw_err err = {0};
	pthread_t writer;
	int fd = -1;

	assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
	assert_int_equal(slot_write(fd, 9, &slot, false), 0);
	spoil(f, 9 * SLOT_SIZE + 40, "torn");
	assert_int_equal(slot_read_again(fd, 9, &back), -EUCLEAN); /* nobody writes it */
	assert_int_equal(pthread_create(&writer, NULL, write_it_whole, &fd), 0);
	assert_int_equal(slot_read_again(fd, 9, &back), 0);
	assert_int_equal(back.phase, SLOT_RUN);
	assert_int_equal(pthread_join(writer, NULL), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_slots_are_found_after_a_power_loss(void **state)
{
	const struct fixture *f = *state;
	struct uw_err err = {0};
	struct stat dir;
	int fd = -1;

	assert_int_equal(stat(f->pool.path, &dir), 0);
	for (int start = 0; start < 2; start++) { /* the first one may have been cut short */
		synced = 0;
		assert_int_equal(slots_open(f->pool.path, &fd, &err), 0);
		assert_int_equal(synced, dir.st_ino);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slots_torn_record_is_no_record),
		TEST(test_slots_record_that_is_being_written_is_waited_for),
		TEST(test_slots_records_of_an_older_shim_are_read),
		TEST(test_slots_note_stands_beside_the_record),
		TEST(test_slots_lock_is_seen_by_others_only),
		TEST(test_slots_remember_the_last_id_and_survive_a_cut_short_making),
		TEST(test_slots_are_found_after_a_power_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
