// SPDX-License-Identifier: GPL-2.0-or-later
/* tests/unit/data/KERNEL/: one group's files after file and anonymous reclaim, as that kernel wrote
 * them. Run from the top of the tree. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/sense/parse.h"

struct kernel {
	const char *name;
	struct component_sample stat;
	uint64_t high, some_us, full_us;
	uint64_t total_kib, available_kib, swap_free_kib; /* SwapFree and SwapCached */
};

static const struct kernel kernels[] = {
	{
		"6.1",
		{.inactive_file_bytes = 290816,
		 .active_file_bytes = 348160,
		 .slab_reclaimable_bytes = 748200,
		 .refault_anon = 16109,
		 .refault_file = 952,
		 .pgscan = 94188,
		 .pgsteal = 39344},
		252,
		964946,
		964946,
		1251856,
		1092884,
		261892 + 124,
	},
	{
		"6.12",
		{.inactive_file_bytes = 1138688,
		 .active_file_bytes = 475136,
		 .slab_reclaimable_bytes = 12776,
		 .refault_anon = 22419,
		 .refault_file = 1074,
		 .pgscan = 105747,
		 .pgsteal = 46047},
		512,
		787637,
		787637,
		1246392,
		1097036,
		261680 + 124,
	},
	{
		"7.x",
		{.active_file_bytes = 102400,
		 .slab_reclaimable_bytes = 804400,
		 .refault_anon = 46399,
		 .refault_file = 7563,
		 .pgscan = 108726,
		 .pgsteal = 76835},
		667,
		1038383,
		1038383,
		1238448,
		1052440,
		262140,
	},
};

static const char *fixture(const char *kernel, const char *file)
{
	static char text[16384];
	char path[128];

	snprintf(path, sizeof(path), "tests/unit/data/%s/%s", kernel, file);
	if (text_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		fail_msg("%s is not there: run from the top of the tree", path);
	return text;
}

static void test_memory_stat_of_each_kernel_gives_its_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct component_sample sample = {.anon_bytes = 1, .unevictable_bytes = 1};

		assert_true(parse_memory_stat(fixture(kernels[i].name, "memory.stat"), &sample));
		assert_memory_equal(&sample, &kernels[i].stat, sizeof(sample));
	}
}

static void test_memory_events_of_each_kernel_gives_its_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct component_sample sample = {.ev_max = 1, .ev_oom_kill = 1};

		assert_true(
			parse_memory_events(fixture(kernels[i].name, "memory.events"), &sample));
		assert_int_equal(sample.ev_high, kernels[i].high);
		assert_int_equal(sample.ev_max, 0);
		assert_int_equal(sample.ev_oom_kill, 0);
	}
}

static void test_pressure_of_each_kernel_gives_its_totals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		uint64_t some = 0, full = 0;

		assert_true(
			parse_pressure(fixture(kernels[i].name, "memory.pressure"), &some, &full));
		assert_int_equal(some, kernels[i].some_us);
		assert_int_equal(full, kernels[i].full_us);
	}
}

static void test_meminfo_of_each_kernel_gives_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct host_sample host = {.valid = true, .psi_some_us = 7};

		assert_true(parse_meminfo(fixture(kernels[i].name, "meminfo"), &host));
		assert_int_equal(host.total_bytes, kernels[i].total_kib * KIB);
		assert_int_equal(host.available_bytes, kernels[i].available_kib * KIB);
		assert_int_equal(host.swap_total_bytes, 262140 * KIB);
		assert_int_equal(host.swap_free_bytes, kernels[i].swap_free_kib * KIB);
		assert_int_equal(host.psi_some_us, 7);
	}
}

static void test_stat_keys_match_whole_words_only(void **state)
{
	struct component_sample sample = {0};

	(void)state;
	assert_true(parse_memory_stat("anon_thp 9\nanon 1\ninactive_anon 8\ninactive_file 2\n"
				      "active_file 3\npgscan_kswapd 7\npgscan 4\npgsteal 5\n"
				      "file_dirty 6\nfile_writeback 10\nfile_mapped 11\nfile 99",
				      &sample));
	assert_int_equal(sample.anon_bytes, 1);
	assert_int_equal(sample.inactive_file_bytes, 2);
	assert_int_equal(sample.active_file_bytes, 3);
	assert_int_equal(sample.pgscan, 4);
	assert_int_equal(sample.pgsteal, 5);
	assert_int_equal(sample.dirty_bytes, 6);
	assert_int_equal(sample.writeback_bytes, 10);
	assert_int_equal(sample.mapped_bytes, 11);
}

static void test_stat_without_what_is_needed_changes_nothing(void **state)
{
	static const char *const rows[] = {
		"",
		"\n\n\n",
		"anon",
		"anon 1\nactive_file 2\n",
		"anon 1\nactive_file 2\ninactive_file\n",
		"anon 1\nactive_file 2\ninactive_file x\n",
		"anon 1\nactive_file 2\ninactive_file -3\n",
		"anon 1\nactive_file 2\ninactive_file 18446744073709551616\n",
		" anon 1\n active_file 2\n inactive_file 3\n",
		"anon\n1\nactive_file\n2\ninactive_file\n3\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct component_sample sample = {.anon_bytes = 77, .pgscan = 78};
		struct component_sample before = sample;

		assert_false(parse_memory_stat(rows[i], &sample));
		assert_memory_equal(&sample, &before, sizeof(sample));
	}
}

static void test_bytes_reads_numbers_and_max(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} rows[] = {
		{"0\n", true, 0},
		{"4096", true, 4096},
		{"18446744073709551615\n", true, UINT64_MAX},
		{"max\n", true, BYTES_MAX},
		{"max", true, BYTES_MAX},
		{"", false, 0},
		{"\n", false, 0},
		{"maximum\n", false, 0},
		{"-1\n", false, 0},
		{" 1\n", false, 0},
		{"12 kB\n", false, 0},
		{"18446744073709551616\n", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t bytes = 5;

		assert_int_equal(parse_bytes(rows[i].text, &bytes), rows[i].ok);
		assert_int_equal(bytes, rows[i].ok ? rows[i].bytes : 5);
	}
}

static void test_pressure_without_full_line_gives_some(void **state)
{
	uint64_t some = 0, full = 3;

	(void)state;
	assert_true(parse_pressure("some avg10=0.00 total=42\n", &some, &full));
	assert_int_equal(some, 42);
	assert_int_equal(full, 0);
}

static void test_pressure_hostile_text_changes_nothing(void **state)
{
	static const char *const rows[] = {
		"",
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=0.00\nfull total=3\n",
		"some avg10=0.00\n total=3\n",
		"some total=\n",
		"some avg10=0.00 total=99999999999999999999\n",
		"something total=4\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t some = 11, full = 12;

		assert_false(parse_pressure(rows[i], &some, &full));
		assert_int_equal(some, 11);
		assert_int_equal(full, 12);
	}
}

static void test_meminfo_without_available_or_too_large_is_refused(void **state)
{
	struct host_sample host = {.total_bytes = 5};

	(void)state;
	assert_false(parse_meminfo("MemTotal: 100 kB\nMemFree: 3 kB\n", &host));
	assert_false(
		parse_meminfo("MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n", &host));
	assert_int_equal(host.total_bytes, 5);
	assert_true(parse_meminfo("MemTotal: 100 kB\nMemAvailable: 3 kB\n", &host));
	assert_int_equal(host.total_bytes, 100 * KIB);
	assert_int_equal(host.swap_total_bytes, 0);
}

/* Who is in memory too goes out again into the place that it has there. */
static void test_swap_that_holds_what_is_in_memory_too_is_free(void **state)
{
	struct host_sample host = {0};

	(void)state;
	assert_true(parse_meminfo("MemTotal: 100 kB\nMemAvailable: 3 kB\nSwapCached: 7 kB\n"
				  "SwapTotal: 40 kB\nSwapFree: 2 kB\n",
				  &host));
	assert_int_equal(host.swap_free_bytes, 9 * KIB);
	assert_true(parse_meminfo("MemTotal: 100 kB\nMemAvailable: 3 kB\nSwapCached: 7 kB\n"
				  "SwapTotal: 40 kB\nSwapFree: 38 kB\n",
				  &host));
	assert_int_equal(host.swap_free_bytes, 40 * KIB); /* read at two moments */
}

/* The kernel passes over all anonymous pages then. */
static void test_swap_without_a_free_slot_takes_nothing(void **state)
{
	struct host_sample host = {0};

	(void)state;
	assert_true(parse_meminfo("MemTotal: 1000 kB\nMemAvailable: 3 kB\nSwapCached: 200 kB\n"
				  "SwapTotal: 640 kB\nSwapFree: 0 kB\n",
				  &host));
	assert_int_equal(host.swap_free_bytes, 0);
	assert_true(
		parse_meminfo("MemTotal: 1000 kB\nMemAvailable: 3 kB\nSwapCached: 200 kB\n"
			      "SwapTotal: 640 kB\nSwapFree: 10 kB\n", /* counts for eight more */
			      &host));
	assert_int_equal(host.swap_free_bytes, 90 * KIB);
}

static void test_cgroup_events_reads_both_and_does_without_frozen(void **state)
{
	bool populated = false, frozen = true;

	(void)state;
	assert_true(parse_cgroup_events("populated 1\nfrozen 0\n", &populated, &frozen));
	assert_true(populated);
	assert_false(frozen);
	assert_true(parse_cgroup_events("frozen 1\npopulated 0\n", &populated, &frozen));
	assert_false(populated);
	assert_true(frozen);
	assert_true(parse_cgroup_events("populated 1\n", &populated, &frozen));
	assert_false(frozen);
	assert_false(parse_cgroup_events("frozen 1\n", &populated, &frozen));
}

static void test_cpu_stat_gives_its_first_total(void **state)
{
	uint64_t us = 3;

	(void)state;
	assert_true(parse_cpu_stat("usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n"
				   "nice_usec 0\nnr_periods 0\n",
				   &us));
	assert_int_equal(us, 1234);
	assert_false(parse_cpu_stat("user_usec 1\nusage_usec\n", &us));
	assert_int_equal(us, 1234);
}

static void read_locks(const char *text, struct lock_waits *waits)
{
	*waits = (struct lock_waits){0};
	for (const char *line = text; *line; line += *line == '\n') {
		parse_lock_line(line, waits);
		line = strchrnul(line, '\n');
	}
}

/* As 6.12 wrote it: two wait for a lock of 291, and one of them has one behind it. */
static void test_locks_give_who_waits_for_whom(void **state)
{
	struct lock_waits waits;

	(void)state;
	read_locks("1: POSIX  ADVISORY  WRITE 291 fe:00:262 0 EOF\n"
		   "1: -> POSIX  ADVISORY  WRITE 305 fe:00:262 0 99\n"
		   "1:  -> POSIX  ADVISORY  WRITE 309 fe:00:262 50 59\n"
		   "1: -> POSIX  ADVISORY  READ  307 fe:00:262 0 EOF\n"
		   "2: FLOCK  ADVISORY  WRITE 280 00:1a:1234 0 EOF\n"
		   "3: LEASE  BREAKING  READ  291 fe:00:270 0 EOF\n"
		   "3: -> LEASE  BREAKER   WRITE 311 fe:00:270 0 EOF\n",
		   &waits);
	assert_int_equal(waits.count, 4);
	assert_int_equal(waits.wait[0].holder, 291);
	assert_int_equal(waits.wait[0].waiter, 305);
	assert_int_equal(waits.wait[1].holder, 305);
	assert_int_equal(waits.wait[1].waiter, 309);
	assert_int_equal(waits.wait[2].holder, 291);
	assert_int_equal(waits.wait[2].waiter, 307);
	assert_int_equal(waits.wait[3].holder, 291);
	assert_int_equal(waits.wait[3].waiter, 311);
}

static void test_locks_without_a_pid_and_hostile_lines_give_nothing(void **state)
{
	static const char *const rows[] = {
		"",
		"\n\n",
		"1: -> POSIX  ADVISORY  WRITE 305 fe:00:262 0 EOF\n",
		"1: OFDLCK ADVISORY  WRITE -1 fe:00:262 0 EOF\n"
		"1: -> OFDLCK ADVISORY  WRITE -1 fe:00:262 0 EOF\n",
		"1: POSIX  ADVISORY  WRITE 291 fe:00:262 0 EOF\n1: -> OFDLCK ADVISORY  WRITE -1 f\n",
		"1: OFDLCK ADVISORY  WRITE -1 fe:00:262 0 EOF\n1: -> POSIX  ADVISORY  WRITE 3 f\n",
		"1: POSIX  ADVISORY  WRITE 291\n1: -> \n1: -> POSIX\n1: ->",
		"1: POSIX  ADVISORY  WRITE 99999999999\n1: -> POSIX  ADVISORY  WRITE 3\n",
		"1: POSIX  ADVISORY  WRITE 2\n1:                    -> POSIX  ADVISORY  WRITE 3\n",
		"x: POSIX  ADVISORY  WRITE 2\nx: -> POSIX  ADVISORY  WRITE 3\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lock_waits waits;

		read_locks(rows[i], &waits);
		if (waits.count)
			fail_msg("row %zu", i);
	}
}

static void test_locks_of_many_waiters_are_cut(void **state)
{
	struct lock_waits waits = {0};

	(void)state;
	parse_lock_line("1: FLOCK  ADVISORY  WRITE 2 fe:00:262 0 EOF", &waits);
	for (int i = 0; i < 2 * PARSE_LOCK_WAITS; i++)
		parse_lock_line("1: -> FLOCK  ADVISORY  WRITE 3 fe:00:262 0 EOF", &waits);
	assert_int_equal(waits.count, PARSE_LOCK_WAITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_stat_of_each_kernel_gives_its_figures),
		cmocka_unit_test(test_memory_events_of_each_kernel_gives_its_figures),
		cmocka_unit_test(test_pressure_of_each_kernel_gives_its_totals),
		cmocka_unit_test(test_meminfo_of_each_kernel_gives_bytes),
		cmocka_unit_test(test_stat_keys_match_whole_words_only),
		cmocka_unit_test(test_stat_without_what_is_needed_changes_nothing),
		cmocka_unit_test(test_bytes_reads_numbers_and_max),
		cmocka_unit_test(test_pressure_without_full_line_gives_some),
		cmocka_unit_test(test_pressure_hostile_text_changes_nothing),
		cmocka_unit_test(test_meminfo_without_available_or_too_large_is_refused),
		cmocka_unit_test(test_swap_that_holds_what_is_in_memory_too_is_free),
		cmocka_unit_test(test_swap_without_a_free_slot_takes_nothing),
		cmocka_unit_test(test_cgroup_events_reads_both_and_does_without_frozen),
		cmocka_unit_test(test_cpu_stat_gives_its_first_total),
		cmocka_unit_test(test_locks_give_who_waits_for_whom),
		cmocka_unit_test(test_locks_without_a_pid_and_hostile_lines_give_nothing),
		cmocka_unit_test(test_locks_of_many_waiters_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
