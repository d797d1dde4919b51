// SPDX-License-Identifier: GPL-2.0-or-later
/* The thread on a plain file in place of the kernel's: what it reads stays the same, and what it
 * writes stands behind that. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/hang_guard.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/sense/ages_thread.h"

#define TEXT_LEN 4096

/* 3 MB untouched for a minute, 1 MB in use, looked at 11 s ago. */
static const char blocks[] = "memcg     7 /uw/jobs/a\n node     0\n"
			     "   4  90000  768  0 \n   5  31000  0  0 \n"
			     "   6  21000  256  0 \n   7  11000  0  0 \n";

static char path[] = "/tmp/uw-ages-XXXXXX";
static char switch_path[] = "/tmp/uw-lru-XXXXXX";
static const struct ages_files files = {.ages = path, .on = switch_path};

static int make_file(char *name, const char *text)
{
	size_t len = strlen(text);
	int fd;

	strcpy(name + strlen(name) - 6, "XXXXXX");
	fd = mkstemp(name);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return -1;
	return close(fd);
}

static int make_files(void **data)
{
	(void)data;
	return make_file(path, blocks) || make_file(switch_path, "0x0007\n");
}

static int remove_files(void **data)
{
	(void)data;
	return unlink(path) || unlink(switch_path);
}

/* What the thread has written behind the blocks. */
static const char *written(char text[static TEXT_LEN])
{
	assert_true(text_read_at(AT_FDCWD, path, text, TEXT_LEN) > 0);
	return text + sizeof(blocks) - 1;
}

static struct ages_thread *start(void)
{
	struct ages_thread *thread;
	struct uw_err err = {0};

	assert_int_equal(ages_thread_new(&files, "uw", &thread, &err), 0);
	return thread;
}

static bool is_told(struct ages_thread *thread, struct leaf_sample *leaf)
{
	ages_thread_tell(thread, leaf, 1, clock_now_us());
	return leaf->ages.valid;
}

static bool has_read(struct ages_thread *thread)
{
	struct ages_stats stats;

	ages_thread_read_stats(thread, &stats);
	return stats.readings > 0;
}

static void test_asked_leaf_is_aged_and_told(void **data)
{
	static const struct ages_wish wish = {.cgid = 100, .path = "jobs/a"};
	struct leaf_sample leaf[2] = {{.cgid = 99}, {.cgid = 100}};
	struct ages_thread *thread = start();
	struct ages_stats stats;
	char text[TEXT_LEN];

	(void)data;
	ages_thread_ask(thread, &wish, 1);
	UNTIL(is_told(thread, &leaf[1]));
	ages_thread_tell(thread, leaf, 2, clock_now_us());
	assert_false(leaf[0].ages.valid);
	assert_int_equal(leaf[1].ages.hot_bytes, 256 * (uint64_t)getpagesize());
	assert_int_equal(leaf[1].ages.cold_anon_bytes, 768 * (uint64_t)getpagesize());
	assert_string_equal(written(text), "+ 7 0 7 1 1\n");
	ages_thread_read_stats(thread, &stats);
	assert_int_equal(stats.agings, 1);
	assert_int_equal(stats.readings, 2);
	assert_true(stats.aging_us <= stats.cpu_us);
	/* What was looked at too long ago is not told. */
	ages_thread_tell(thread, leaf, 2, clock_now_us() + 2 * AGES_FRESH_US);
	assert_false(leaf[1].ages.valid);
	/* Nobody asks any more. */
	ages_thread_ask(thread, NULL, 0);
	ages_thread_tell(thread, leaf, 2, clock_now_us());
	assert_false(leaf[1].ages.valid);
	ages_thread_free(thread);
}

static void test_frozen_leaf_is_not_aged(void **data)
{
	static const struct ages_wish wish = {.cgid = 100, .frozen = true, .path = "jobs/a"};
	struct ages_thread *thread = start();
	char text[TEXT_LEN];

	(void)data;
	ages_thread_ask(thread, &wish, 1);
	UNTIL(has_read(thread));
	assert_string_equal(written(text), "");
	ages_thread_free(thread);
}

/* Off, every list is empty, which would read as memory of which nothing is in use. */
static void test_switched_off_nothing_is_read_and_told(void **data)
{
	static const struct ages_wish wish = {.cgid = 100, .path = "jobs/a"};
	struct leaf_sample leaf = {.cgid = 100};
	struct ages_thread *thread = start();
	struct ages_stats stats;

	(void)data;
	ages_thread_ask(thread, &wish, 1);
	UNTIL(is_told(thread, &leaf));
	assert_int_equal(text_write_at(AT_FDCWD, switch_path, "0x0001\n"), 0);
	UNTIL(!is_told(thread, &leaf));
	ages_thread_read_stats(thread, &stats);
	assert_false(stats.on);
	assert_int_equal(text_write_at(AT_FDCWD, switch_path, "0x0003\n"), 0);
	UNTIL(is_told(thread, &leaf));
	ages_thread_free(thread);
}

static void test_absent_files_say_so(void **data)
{
	const struct ages_files absent = {.ages = "/nonexistent/lru_gen", .on = switch_path};
	const struct ages_files no_switch = {.ages = path, .on = "/nonexistent/enabled"};
	struct ages_thread *thread = NULL;
	struct uw_err err = {0};

	(void)data;
	assert_int_equal(ages_thread_new(&absent, "uw", &thread, &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/lru_gen: No such file or directory");
	assert_int_equal(ages_thread_new(&no_switch, "uw", &thread, &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/enabled: No such file or directory");
	assert_null(thread);
	ages_thread_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asked_leaf_is_aged_and_told, make_files,
						remove_files),
		cmocka_unit_test_setup_teardown(test_frozen_leaf_is_not_aged, make_files,
						remove_files),
		cmocka_unit_test_setup_teardown(test_switched_off_nothing_is_read_and_told,
						make_files, remove_files),
		cmocka_unit_test_setup_teardown(test_absent_files_say_so, make_files, remove_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
