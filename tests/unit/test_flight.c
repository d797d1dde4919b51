// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a flight recorder comes to the disk. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/record/files.h"
#include "user/record/flight.h"

#define SLOTS 4U

struct fixture {
	struct tmp_pool pool;
	char disk[128], stage[128];
	uint64_t a[RECORD_SLOT_BYTES / 8], b[RECORD_SLOT_BYTES / 8];
	struct frame frame;
};

/* ---- a disk that stands still in the middle of a write, until the recorder is waited for ---- */

static atomic_bool armed;
static int entered[2], open_gate[2];

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	char byte = 0;

	if (atomic_exchange(&armed, false) &&
	    (write(entered[1], &byte, 1) != 1 || read(open_gate[0], &byte, 1) != 1))
		abort();
	return syscall(SYS_pwrite64, fd, bytes, count, at);
}

int pthread_join(pthread_t thread, void **result)
{
	int (*next)(pthread_t thread, void **result);
	char byte = 0;

	*(void **)&next = dlsym(RTLD_NEXT, "pthread_join");
	if (write(open_gate[1], &byte, 1) != 1)
		abort();
	return next(thread, result);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmp_pool_init(&f->pool);
	snprintf(f->disk, sizeof(f->disk), "%s/disk", f->pool.path);
	snprintf(f->stage, sizeof(f->stage), "%s/stage", f->pool.path);
	assert_int_equal(pipe(entered), 0);
	assert_int_equal(pipe(open_gate), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		close(entered[i]);
		close(open_gate[i]);
	}
	tmp_pool_done(&f->pool);
	free(f);
	return 0;
}

static uint32_t no_leaf(void *data, uint64_t cgid, char *buf, size_t size)
{
	(void)data, (void)cgid, (void)buf, (void)size;
	return COMPONENT_NONE;
}

static void no_state(void *data, struct flight_state *ret_state)
{
	(void)data;
	*ret_state = (struct flight_state){0};
}

static struct flight *open_flight(const struct fixture *f)
{
	const struct flight_conf conf = {
		.path = f->disk,
		.stage = f->stage,
		.bytes = record_file_at(SLOTS),
		.version = "test",
		.leaf_name = no_leaf,
		.checkpoint = no_state,
	};
	struct flight *flight = NULL;
	struct uw_err err = {0};

	assert_int_equal(flight_open(&conf, &flight, &err), 0);
	return flight;
}

static void read_slot(const char *path, uint32_t slot, void *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, to, RECORD_SLOT_BYTES, (off_t)record_file_at(slot)),
			 RECORD_SLOT_BYTES);
	close(fd);
}

static void test_what_came_during_the_last_write_is_on_the_disk(void **state)
{
	struct fixture *f = *state;
	const struct record_slot_head *head = (const void *)f->a;
	struct flight *flight = open_flight(f);
	char byte;

	f->frame.now_us = 1;
	f->frame.sequence = 1;
	atomic_store(&armed, true);
	flight_frame(flight, &f->frame);
	assert_int_equal(read(entered[0], &byte, 1), 1);
	f->frame.now_us = f->frame.sequence = 2;
	flight_frame(flight, &f->frame);
	flight_close(flight);
	read_slot(f->stage, 0, f->a);
	read_slot(f->disk, 1, f->b);
	assert_int_equal(head->sequence, 1);
	assert_memory_equal(f->a, f->b, head->used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_came_during_the_last_write_is_on_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
