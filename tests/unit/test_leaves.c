// SPDX-License-Identifier: GPL-2.0-or-later
/* Leaves in frames, over plain files: which of them are read, and when what has changed is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tmp_pool.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/sense/sense.h"

#define MANY (FRAME_LEAVES_MAX + 5)

struct fixture {
	struct tmp_pool pool;
	struct config config;
	struct sense *sense;
	struct frame frame;
};

/* ---- how often files are read ---- */

static unsigned int reads;

ssize_t pread(int fd, void *bytes, size_t count, off_t at)
{
	reads++;
	return syscall(SYS_pread64, fd, bytes, count, at);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmp_pool_init(&f->pool);
	tmp_pool_group(&f->pool, "jobs");
	tmp_pool_write(&f->pool, "jobs", "memory.swap.current", "0");
	f->config.component_count = 1;
	text_copy(f->config.component[0].name, UW_NAME_LEN, "jobs");
	f->frame.now_us = 1000 * US_PER_SEC;
	assert_int_equal(sense_new(&f->config, f->pool.dirfd, &f->sense, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sense_free(f->sense);
	tmp_pool_done(&f->pool);
	free(f);
	return 0;
}

static const char *leaf_name(int i, char buf[static 32])
{
	snprintf(buf, 32, "jobs/leaf%d", i);
	return buf;
}

static void make_leaves(struct fixture *f, int from, int to)
{
	char name[32];

	for (int i = from; i < to; i++) {
		tmp_pool_group(&f->pool, leaf_name(i, name));
		tmp_pool_write(&f->pool, name, "memory.swap.current", "0");
	}
}

static void full(struct fixture *f)
{
	f->frame.now_us += US_PER_SEC;
	sense_full(f->sense, &f->frame, 0, 0);
}

static struct leaf_sample *leaf_called(struct fixture *f, const char *name)
{
	uint64_t cgid = sense_leaf_find(f->sense, 0, name);

	for (uint32_t i = 0; i < f->frame.leaf_count; i++)
		if (f->frame.leaf[i].cgid == cgid)
			return &f->frame.leaf[i];
	fail_msg("%s is not in the frame", name);
	return NULL;
}

/* ---- what is read ---- */

static void test_one_file_of_a_leaf_is_read_with_each_frame(void **state)
{
	struct fixture *f = *state;
	unsigned int more;

	make_leaves(f, 0, 20);
	full(f);
	reads = 0;
	sense_expect(f->sense, f->frame.leaf[0].cgid);
	full(f);
	more = reads;
	f->frame.now_us += 5 * US_PER_SEC;
	full(f);
	reads = 0;
	full(f);
	assert_in_range(reads, 20, 20 + 12); /* and the component's own */
	assert_int_equal(more, reads + 1);
	tmp_pool_write(&f->pool, "jobs/leaf7", "memory.current", "12345");
	full(f);
	assert_int_equal(leaf_called(f, "leaf7")->current_bytes, 12345);
}

static void test_what_cgroup_events_says_is_seen(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 3);
	full(f);
	assert_true(leaf_called(f, "leaf1")->populated);
	tmp_pool_write(&f->pool, "jobs/leaf1", "cgroup.freeze", "1");
	tmp_pool_write(&f->pool, "jobs/leaf1", "cgroup.events", "populated 0\nfrozen 1\n");
	full(f);
	assert_false(leaf_called(f, "leaf1")->populated);
	assert_true(leaf_called(f, "leaf1")->frozen);
	assert_true(leaf_called(f, "leaf0")->populated);
	/* While it stands frozen it is looked at with each frame. */
	tmp_pool_write(&f->pool, "jobs/leaf1", "cgroup.freeze", "0");
	full(f);
	assert_false(leaf_called(f, "leaf1")->frozen);
}

/* Its last task may be long in coming to stand, and cgroup.events says nothing until then. */
static void test_freeze_that_is_expected_is_seen_at_once(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 3);
	full(f);
	tmp_pool_write(&f->pool, "jobs/leaf2", "cgroup.freeze", "1");
	full(f);
	assert_false(leaf_called(f, "leaf2")->frozen);
	sense_expect(f->sense, leaf_called(f, "leaf2")->cgid);
	full(f);
	assert_true(leaf_called(f, "leaf2")->frozen);
}

static void test_freeze_by_somebody_else_is_seen_within_a_minute(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 3);
	full(f);
	tmp_pool_write(&f->pool, "jobs/leaf2", "cgroup.freeze", "1");
	for (int i = 0; i < 60; i++)
		full(f);
	assert_true(leaf_called(f, "leaf2")->frozen);
}

static void test_swap_of_a_leaf_is_read_when_that_of_its_component_moves(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 3);
	full(f);
	full(f);
	tmp_pool_write(&f->pool, "jobs/leaf2", "memory.swap.current", "4096");
	full(f);
	assert_int_equal(leaf_called(f, "leaf2")->swap_bytes, 0);
	tmp_pool_write(&f->pool, "jobs", "memory.swap.current", "4096");
	tmp_pool_write(&f->pool, "jobs", "memory.current", "99000000"); /* it is at work */
	full(f);
	assert_int_equal(leaf_called(f, "leaf2")->swap_bytes, 4096);
}

/* Of those that run; its file is kept open until nobody has asked for a while. */
static void test_cpu_time_is_read_of_who_runs_while_it_is_asked_for(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 3);
	for (int i = 0; i < 3; i++) {
		char name[32];

		tmp_pool_write(&f->pool, leaf_name(i, name), "cpu.stat", "usage_usec 5\n");
	}
	tmp_pool_write(&f->pool, "jobs/leaf1", "cgroup.events", "populated 0\nfrozen 0\n");
	full(f);
	assert_false(leaf_called(f, "leaf0")->cpu_valid);
	f->frame.now_us += US_PER_SEC;
	sense_full(f->sense, &f->frame, 0, PLAN_LOOK_CPU);
	assert_true(leaf_called(f, "leaf0")->cpu_valid);
	assert_int_equal(leaf_called(f, "leaf2")->cpu_us, 5);
	assert_false(leaf_called(f, "leaf1")->cpu_valid);
	tmp_pool_write(&f->pool, "jobs/leaf2", "cpu.stat", "usage_usec 9\n");
	f->frame.now_us += US_PER_SEC;
	sense_full(f->sense, &f->frame, 0, PLAN_LOOK_CPU);
	assert_int_equal(leaf_called(f, "leaf2")->cpu_us, 9);
	for (int i = 0; i < 12; i++)
		full(f);
	assert_false(leaf_called(f, "leaf2")->cpu_valid);
	unlinkat(f->pool.dirfd, "jobs/leaf2/cpu.stat", 0);
	sense_full(f->sense, &f->frame, 0, PLAN_LOOK_CPU);
	assert_false(leaf_called(f, "leaf2")->cpu_valid); /* it had been closed */
	assert_true(leaf_called(f, "leaf0")->cpu_valid);
}

/* ---- many of them ---- */

static void write_files(struct fixture *f, const char *name, uint64_t current, uint64_t inactive)
{
	char text[160];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)current);
	tmp_pool_write(&f->pool, name, "memory.current", text);
	snprintf(text, sizeof(text),
		 "anon 1\nactive_file 0\ninactive_file %llu\nfile_dirty 1048576\n"
		 "file_writeback 1048576\n",
		 (unsigned long long)inactive);
	tmp_pool_write(&f->pool, name, "memory.stat", text);
}

static void stalls(struct fixture *f, unsigned int some_us)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n"
		 "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		 some_us);
	tmp_pool_write(&f->pool, "jobs", "memory.pressure", text);
}

static bool reads_stat_after(struct fixture *f, uint64_t us)
{
	f->frame.now_us += us;
	sense_full(f->sense, &f->frame, 0, 0);
	return f->frame.component[0].valid & SAMPLE_STAT;
}

/* The kernel adds it up from all below: each frame only while use moves. */
static void test_stat_of_a_component_is_read_as_its_use_moves(void **state)
{
	struct fixture *f = *state;

	sense_free(f->sense);
	write_files(f, "jobs", 64 * MIB, 20 * MIB);
	stalls(f, 1000);
	assert_int_equal(sense_new(&f->config, f->pool.dirfd, &f->sense, NULL), 0);
	full(f);
	stalls(f, 2000);
	assert_true(reads_stat_after(f, US_PER_SEC));
	stalls(f, 3000);
	assert_false(reads_stat_after(f, 100 * US_PER_MS));
	assert_true(reads_stat_after(f, 100 * US_PER_MS)); /* late, but it is read */
	assert_false(reads_stat_after(f, US_PER_SEC));     /* neither has */
	write_files(f, "jobs", 66 * MIB, 20 * MIB);
	assert_true(reads_stat_after(f, 50 * US_PER_MS));
	write_files(f, "jobs", 68 * MIB, 20 * MIB);
	assert_true(reads_stat_after(f, 50 * US_PER_MS));
	assert_int_equal(f->frame.component[0].inactive_file_bytes, 20 * MIB);
}

static void swap_of(struct fixture *f, uint64_t current_mib, uint64_t swap_mib,
		    uint64_t swapcached_mib)
{
	char text[160];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)(current_mib * MIB));
	tmp_pool_write(&f->pool, "jobs/leaf0", "memory.current", text);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)(swap_mib * MIB));
	tmp_pool_write(&f->pool, "jobs/leaf0", "memory.swap.current", text);
	snprintf(text, sizeof(text),
		 "anon 1\nswapcached %llu\nactive_file 0\ninactive_file 0\nfile_dirty 0\n",
		 (unsigned long long)(swapcached_mib * MIB));
	tmp_pool_write(&f->pool, "jobs/leaf0", "memory.stat", text);
}

/* Those of the component as well: that of a leaf is looked at as it moves. */
static uint64_t swapped_after(struct fixture *f, uint64_t us)
{
	static unsigned int moved;
	char text[32];

	snprintf(text, sizeof(text), "%u", 4096 * ++moved);
	tmp_pool_write(&f->pool, "jobs", "memory.swap.current", text);
	snprintf(text, sizeof(text), "%u", (moved % 2 + 1) << 27);
	tmp_pool_write(&f->pool, "jobs", "memory.current", text);
	f->frame.now_us += us;
	sense_full(f->sense, &f->frame, 0, 0);
	return leaf_called(f, "leaf0")->swap_bytes / MIB;
}

/* A page that came back from swap and kept its slot is in memory: it counts once. */
static void test_swap_is_what_is_not_in_memory_as_well(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 1);
	swap_of(f, 32, 30, 20);
	assert_int_equal(swapped_after(f, US_PER_SEC), 10);
	/* Slots are given up. */
	swap_of(f, 32, 12, 2);
	assert_int_equal(swapped_after(f, 100 * US_PER_MS), 10);
	/* It comes back as a whole, and then writes to its pages. */
	swap_of(f, 42, 12, 12);
	assert_int_equal(swapped_after(f, 300 * US_PER_MS), 0);
	swap_of(f, 42, 0, 0);
	assert_int_equal(swapped_after(f, 100 * US_PER_MS), 0);
	/* Next to nothing is not looked at. */
	swap_of(f, 42, 0, 0);
	tmp_pool_write(&f->pool, "jobs/leaf0", "memory.swap.current", "524288");
	swapped_after(f, US_PER_SEC);
	assert_int_equal(leaf_called(f, "leaf0")->swap_bytes, 524288);
}

/* What the component's own files do not say, as nothing has moved there: both are read at once. */
static void test_swap_of_a_leaf_that_is_asked_about_is_of_the_moment_of_its_stat(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 1);
	swap_of(f, 195, 93, 93);
	sense_ask_ages(f->sense, &f->frame, 1);
	assert_int_equal(swapped_after(f, US_PER_SEC), 0);
	swap_of(f, 195, 0, 0);
	for (int i = 0; i < 20; i++) {
		full(f);
		assert_int_equal(leaf_called(f, "leaf0")->swap_bytes, 0);
	}
}

/* Clean files that were used once: while it is asked for, and of a leaf that has any to speak of.
 */
static void test_spare_files_are_read_while_they_are_asked_for(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, 2);
	write_files(f, "jobs/leaf0", 32 * MIB, 20 * MIB);
	write_files(f, "jobs/leaf1", 15 * MIB, 15 * MIB);
	full(f);
	assert_false(leaf_called(f, "leaf0")->spare_valid);
	sense_ask_ages(f->sense, &f->frame, 1);
	full(f);
	assert_true(leaf_called(f, "leaf0")->spare_valid);
	assert_int_equal(leaf_called(f, "leaf0")->spare_bytes, 18 * MIB);
	assert_true(leaf_called(f, "leaf1")->spare_valid);
	assert_int_equal(leaf_called(f, "leaf1")->spare_bytes, 0);
	/* Within a second a small change is not looked at, and a large one is. */
	write_files(f, "jobs/leaf0", 32 * MIB + 4096, 30 * MIB);
	f->frame.now_us -= US_PER_SEC - 100 * US_PER_MS;
	full(f);
	assert_int_equal(leaf_called(f, "leaf0")->spare_bytes, 18 * MIB);
	/* One that had such files is looked at until next to nothing is left of it. */
	write_files(f, "jobs/leaf0", 6 * MIB, 5 * MIB);
	full(f);
	assert_in_range(leaf_called(f, "leaf0")->spare_bytes, MIB, 5 * MIB);
	write_files(f, "jobs/leaf0", 33 * MIB, 1 * MIB);
	f->frame.now_us -= US_PER_SEC - 100 * US_PER_MS;
	full(f);
	assert_int_equal(leaf_called(f, "leaf0")->spare_bytes, 0); /* all of it is dirty */
	sense_ask_ages(f->sense, &f->frame, 0);
	full(f);
	assert_false(leaf_called(f, "leaf0")->spare_valid);
	/* A leaf whose file cannot be read: nobody knows. */
	sense_ask_ages(f->sense, &f->frame, 1);
	tmp_pool_write(&f->pool, "jobs/leaf0", "memory.stat", "anon 1\n");
	full(f);
	assert_false(leaf_called(f, "leaf0")->spare_valid);
}

static void test_leaves_keep_their_places_as_others_come(void **state)
{
	struct fixture *f = *state;
	uint64_t was[100];

	make_leaves(f, 0, 100);
	full(f);
	assert_int_equal(f->frame.leaf_count, 100);
	for (int i = 0; i < 100; i++)
		was[i] = f->frame.leaf[i].cgid;
	make_leaves(f, 100, 130);
	full(f);
	assert_int_equal(f->frame.leaf_count, 130);
	for (int i = 0; i < 100; i++)
		assert_int_equal(f->frame.leaf[i].cgid, was[i]);
}

static void remove_leaf(struct fixture *f, int i)
{
	char path[128], name[32];

	snprintf(path, sizeof(path), "%s/pool/%s", f->pool.path, leaf_name(i, name));
	nftw(path, tmp_pool_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_more_leaves_than_are_followed_take_the_places_of_others(void **state)
{
	struct fixture *f = *state;

	make_leaves(f, 0, MANY);
	log_set_level(LOG_LEVEL_ERR);
	full(f);
	assert_int_equal(f->frame.leaf_count, FRAME_LEAVES_MAX);
	for (int i = 0; i < 700; i++)
		remove_leaf(f, i);
	full(f);
	assert_int_equal(f->frame.leaf_count, MANY - 700);
	tmp_pool_write(&f->pool, "jobs/leaf1500", "memory.current", "777");
	full(f);
	assert_int_equal(leaf_called(f, "leaf1500")->current_bytes, 777);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_file_of_a_leaf_is_read_with_each_frame),
		TEST(test_what_cgroup_events_says_is_seen),
		TEST(test_freeze_that_is_expected_is_seen_at_once),
		TEST(test_freeze_by_somebody_else_is_seen_within_a_minute),
		TEST(test_swap_of_a_leaf_is_read_when_that_of_its_component_moves),
		TEST(test_cpu_time_is_read_of_who_runs_while_it_is_asked_for),
		TEST(test_stat_of_a_component_is_read_as_its_use_moves),
		TEST(test_swap_is_what_is_not_in_memory_as_well),
		TEST(test_swap_of_a_leaf_that_is_asked_about_is_of_the_moment_of_its_stat),
		TEST(test_spare_files_are_read_while_they_are_asked_for),
		TEST(test_leaves_keep_their_places_as_others_come),
		TEST(test_more_leaves_than_are_followed_take_the_places_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
