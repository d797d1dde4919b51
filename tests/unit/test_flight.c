// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a flight recorder comes to the disk. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/record/fields.h"
#include "user/record/files.h"
#include "user/record/flight.h"
#include "user/record/thin.h"
#include "user/record/thinning.h"
#include "user/record/writer.h"

#define FULL_SLOTS 3U
#define THIN_SLOTS 1U
#define SLOTS      (FULL_SLOTS + THIN_SLOTS)

struct fixture {
	struct tmp_pool pool;
	char disk[128], stage[128];
	uint64_t a[RECORD_SLOT_BYTES / 8], b[RECORD_SLOT_BYTES / 8];
	struct record_writer writer;
	struct frame frame;
	struct plan plan;
	struct recording recording;
	uint32_t end;
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

static atomic_bool unreadable; /* the next one to read is told so */

ssize_t pread(int fd, void *bytes, size_t count, off_t at)
{
	if (atomic_exchange(&unreadable, false)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, bytes, count, at);
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

static uint32_t a_leaf(void *data, uint64_t cgid, char *buf, size_t size)
{
	(void)data;
	snprintf(buf, size, "leaf%u", (unsigned int)cgid);
	return 0;
}

/* Of very many leaves: all of it holds something. */
static void large_state(void *data, struct flight_state *ret_state)
{
	static uint64_t state[RECORD_SLOT_BYTES / 8];

	(void)data;
	memset(state, 1, sizeof(state));
	*ret_state = (struct flight_state){
		.layout = 1,
		.state = state,
		.bytes = sizeof(state) / 4 * 3,
		.areas = 1,
		.area = {{0, RECORD_SLOT_BYTES / 8 / 4 * 3}},
	};
}

static struct flight *open_flight_of(const struct fixture *f, bool many)
{
	const struct flight_conf conf = {
		.path = f->disk,
		.stage = f->stage,
		.bytes = record_file_at(SLOTS),
		.version = "test",
		.leaf_name = many ? a_leaf : no_leaf,
		.checkpoint = many ? large_state : no_state,
	};
	struct flight *flight = NULL;
	struct uw_err err = {0};

	assert_int_equal(flight_open(&conf, &flight, &err), 0);
	return flight;
}

static struct flight *open_flight(const struct fixture *f)
{
	return open_flight_of(f, false);
}

static void read_slot(const char *path, uint32_t slot, void *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, to, RECORD_SLOT_BYTES, (off_t)record_file_at(slot)),
			 RECORD_SLOT_BYTES);
	close(fd);
}

/* The second one comes when what there was of the first is on its way to the disk. */
static void put_frame_during_a_write(struct fixture *f, struct flight *flight)
{
	char byte;

	f->frame.now_us = f->frame.sequence = 1;
	atomic_store(&armed, true);
	flight_frame(flight, &f->frame);
	assert_int_equal(read(entered[0], &byte, 1), 1);
	f->frame.now_us = f->frame.sequence = 2;
	flight_frame(flight, &f->frame);
}

static void test_what_came_during_the_last_write_is_on_the_disk(void **state)
{
	struct fixture *f = *state;
	const struct record_slot_head *head = (const void *)f->a;
	struct flight *flight = open_flight(f);

	put_frame_during_a_write(f, flight);
	flight_close(flight);
	read_slot(f->stage, 0, f->a);
	read_slot(f->disk, 1, f->b);
	assert_int_equal(head->sequence, 1);
	assert_memory_equal(f->a, f->b, head->used);
}

static bool is_on_disk(struct fixture *f)
{
	const struct record_slot_head *head = (const void *)f->b;

	read_slot(f->disk, 1, f->b);
	return head->sequence;
}

/* A machine may lose power then. */
static void test_head_on_the_disk_tells_of_what_is_there(void **state)
{
	struct fixture *f = *state;
	const struct record_slot_head *head = (const void *)f->b;
	struct flight *flight = open_flight(f);
	char byte = 0;

	put_frame_during_a_write(f, flight);
	assert_int_equal(write(open_gate[1], &byte, 1), 1);
	UNTIL(is_on_disk(f));
	read_slot(f->stage, 0, f->a);
	assert_in_range(head->used, sizeof(*head), RECORD_SLOT_BYTES);
	assert_memory_equal((const char *)f->a + sizeof(*head), (const char *)f->b + sizeof(*head),
			    head->used - sizeof(*head));
	flight_close(flight);
}

/* ---- thinning ---- */

static void put(int fd, uint32_t slot, const void *bytes, size_t count)
{
	assert_int_equal(pwrite(fd, bytes, count, (off_t)record_file_at(slot)), count);
}

static void put_tick(struct fixture *f)
{
	assert_true(record_put_frame(&f->writer, &f->frame, 5));
	assert_true(record_put_plan(&f->writer, &f->plan));
}

static void begin_full_slot(struct fixture *f)
{
	char schema[RECORD_SCHEMA_MAX];
	struct record_begin about = {.wall_us = 1, .version = "test"};

	about.schema_bytes = record_schema_print(schema, sizeof(schema));
	record_slot_begin(&f->writer, f->a, RECORD_SLOT_BYTES, 3, 0, 1);
	assert_true(record_put_begin(&f->writer, &about, schema));
	f->frame.kind = FRAME_FULL;
	f->frame.now_us = 1 << 30;
	put_tick(f);
}

static void test_thin_slot_with_a_damaged_head_is_left_behind(void **state)
{
	struct fixture *f = *state;
	struct record_slot_head head = {
		.sequence = 1,
		.bytes = RECORD_SLOT_BYTES,
		.flags = RECORD_SLOT_THIN,
		.used = 1 << 30,
	};
	struct uw_err err = {0};
	struct stat now;
	int fd = -1;

	assert_int_equal(record_file_open(f->disk, SLOTS, THIN_SLOTS, &fd, &err), 0);
	begin_full_slot(f);
	put(fd, 0, f->a, f->writer.at * sizeof(uint64_t));
	memcpy(head.magic, RECORD_SLOT_MAGIC, sizeof(head.magic));
	put(fd, FULL_SLOTS, &head, sizeof(head));
	assert_int_equal(record_thin_file(fd, FULL_SLOTS, THIN_SLOTS, 0), 0);
	assert_int_equal(fstat(fd, &now), 0);
	assert_int_equal(now.st_size, record_file_at(SLOTS));
	assert_int_equal(record_file_head(fd, FULL_SLOTS, &head), 0);
	assert_int_equal(head.sequence, 2);
	assert_in_range(head.used, sizeof(head) + 1, RECORD_SLOT_BYTES);
	close(fd);
}

/* As where the disk fails: it is said, and nothing is taken for empty and written over. */
static void test_what_cannot_be_read_is_not_empty(void **data)
{
	struct fixture *f = *data;
	struct record_slot_head head;
	struct uw_err err = {0};
	int fd = -1;

	assert_int_equal(record_file_open(f->disk, SLOTS, THIN_SLOTS, &fd, &err), 0);
	assert_int_equal(record_file_head(fd, FULL_SLOTS, &head), 0);
	assert_int_equal(head.sequence, 0);
	atomic_store(&unreadable, true);
	assert_int_equal(record_file_head(fd, FULL_SLOTS, &head), -EIO);
	atomic_store(&unreadable, true);
	assert_int_equal(record_thin_file(fd, FULL_SLOTS, THIN_SLOTS, 0), -EIO);
	close(fd);
}

static bool next_in_b(void *data, struct record_writer *writer, uint64_t wall_us)
{
	struct fixture *f = data;

	record_slot_begin(writer, f->b, RECORD_SLOT_BYTES, 1, RECORD_SLOT_THIN, wall_us);
	if (f->end)
		writer->end = f->end;
	f->end = 0; /* of the first one alone */
	return true;
}

/* Of what is in slot a into slot b. Returns the word that is free behind it. */
static uint32_t thin_to_b(struct fixture *f)
{
	struct thin *thin = calloc(1, sizeof(*thin));
	uint32_t at;

	thin->next = next_in_b;
	thin->data = f;
	assert_true(recording_open_slot(&f->recording, f->a, RECORD_SLOT_BYTES));
	assert_true(thin_slot(thin, &f->recording));
	at = thin->writer.at;
	free(thin);
	return at;
}

static uint32_t outcomes_in_b(struct fixture *f)
{
	uint32_t count = 0;

	assert_true(recording_open_slot(&f->recording, f->b, RECORD_SLOT_BYTES));
	while (recording_next(&f->recording))
		if (f->recording.kind == RECORD_FRAME)
			count += f->recording.frame.outcome_count;
	return count;
}

/* Where the policy's state leaves no room for the frame and the names it is left out. */
static void test_frame_goes_before_the_state(void **state)
{
	struct fixture *f = *state;
	struct flight *flight = open_flight_of(f, true);
	uint32_t frames = 0, names = 0, states = 0;
	struct flight_stats stats;

	f->frame.component_count = 1;
	f->frame.leaf_count = 1500;
	for (uint32_t i = 0; i < f->frame.leaf_count; i++)
		f->frame.leaf[i] = (struct leaf_sample){
			.cgid = i + 1, .born_us = i + 1, .current_bytes = 4096 * i + 1};
	for (int i = 0; i < 3; i++) {
		f->frame.sequence++;
		f->frame.leaf[7].current_bytes++;
		flight_frame(flight, &f->frame);
	}
	flight_read_stats(flight, &stats);
	flight_close(flight);
	assert_int_equal(stats.frames, 3);
	read_slot(f->disk, 1, f->a);
	assert_true(recording_open_slot(&f->recording, f->a, RECORD_SLOT_BYTES));
	while (recording_next(&f->recording)) {
		if (f->recording.kind == RECORD_FRAME) {
			assert_int_equal(f->recording.frame.leaf_count, 1500);
			assert_string_equal(recording_leaf_name(&f->recording, 1500), "leaf1500");
		}
		frames += f->recording.kind == RECORD_FRAME;
		names += f->recording.kind == RECORD_LEAF;
		states += f->recording.kind == RECORD_STATE;
	}
	assert_int_equal(frames, 3);
	assert_int_equal(names, 1500);
	assert_int_equal(states, 0);
}

/* What is kept of it are the samples of the frame before, and those take more room than its own. */
static void test_news_at_the_end_of_a_thin_slot_is_kept(void **state)
{
	struct fixture *f = *state;

	f->frame.leaf_count = FRAME_LEAVES_MAX;
	memset(f->frame.leaf, 1, sizeof(f->frame.leaf));
	for (int i = 0; i < FRAME_LEAVES_MAX; i++)
		f->frame.leaf[i].component = 0;
	begin_full_slot(f);
	f->end = thin_to_b(f);
	f->frame.leaf_count = 0;
	f->frame.kind = FRAME_URGENT;
	f->frame.outcome_count = 1;
	put_tick(f);
	f->end += record_tick_words(&f->writer, &f->frame) + 1;
	thin_to_b(f);
	assert_int_equal(outcomes_in_b(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_recording_that_cannot_be_read_now_is_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct uw_err err = {0};
	struct stat was, now;
	int fd = -1;

	flight_close(open_flight(f));
	assert_int_equal(stat(f->disk, &was), 0);
	atomic_store(&unreadable, true);
	assert_int_equal(record_file_open(f->disk, SLOTS, THIN_SLOTS, &fd, &err), -EIO);
	assert_non_null(strstr(err.text, f->disk));
	assert_int_equal(stat(f->disk, &now), 0);
	assert_int_equal(now.st_ino, was.st_ino);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_came_during_the_last_write_is_on_the_disk),
		TEST(test_head_on_the_disk_tells_of_what_is_there),
		TEST(test_thin_slot_with_a_damaged_head_is_left_behind),
		TEST(test_frame_goes_before_the_state),
		TEST(test_news_at_the_end_of_a_thin_slot_is_kept),
		TEST(test_what_cannot_be_read_is_not_empty),
		TEST(test_recording_that_cannot_be_read_now_is_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
