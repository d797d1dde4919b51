// SPDX-License-Identifier: GPL-2.0-or-later
/* The thread on a pipe in place of the kernel's file: it takes as long to read as the test wants.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/hang_guard.h"
#include "user/base/clock.h"
#include "user/sense/locks_thread.h"

static const char waiting[] = "1: POSIX  ADVISORY  WRITE 41 00:1f:7 0 EOF\n"
			      "1: -> POSIX  ADVISORY  WRITE 42 00:1f:7 0 EOF\n";

static char directory[] = "/tmp/uw-locks-XXXXXX", path[sizeof(directory) + 8];

static int make_pipe(void **data)
{
	(void)data;
	strcpy(directory + sizeof(directory) - 7, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/locks", directory);
	return mkfifo(path, 0600);
}

static int remove_pipe(void **data)
{
	(void)data;
	return rmdir(directory);
}

/* One reading ends: it waits for the reader, as the kernel has the reader wait. */
static void say(const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Whatever is being read ends, and nothing is there to be read any more. */
static void end(struct locks_thread *thread)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	close(fd);
	locks_thread_done(thread);
}

static void test_who_asks_never_waits_and_is_told_once(void **data)
{
	struct locks_thread thread;
	struct lock_waits waits;
	bool told = false;

	(void)data;
	locks_thread_init(&thread, path);
	for (int i = 0; i < 100; i++)
		assert_false(locks_thread_ask(&thread, &waits));
	say(waiting);
	UNTIL((told = locks_thread_ask(&thread, &waits)));
	assert_int_equal(waits.count, 1);
	assert_int_equal(waits.wait[0].holder, 41);
	assert_int_equal(waits.wait[0].waiter, 42);
	assert_false(locks_thread_ask(&thread, &waits));
	say(""); /* the reading that was asked for last */
	UNTIL(locks_thread_ask(&thread, &waits));
	assert_int_equal(waits.count, 0);
	end(&thread);
}

static void test_what_was_read_long_ago_is_not_told(void **data)
{
	struct locks_thread thread;
	struct lock_waits waits;
	uint64_t told_us = 0;

	(void)data;
	locks_thread_init(&thread, path);
	assert_false(locks_thread_ask(&thread, &waits));
	say(waiting);
	UNTIL((pthread_mutex_lock(&thread.lock), told_us = thread.told_us,
	       pthread_mutex_unlock(&thread.lock), told_us));
	pthread_mutex_lock(&thread.lock);
	thread.told_us = clock_now_us() - LOCKS_FRESH_US - 1;
	pthread_mutex_unlock(&thread.lock);
	assert_false(locks_thread_ask(&thread, &waits));
	end(&thread);
}

static void test_a_file_that_is_not_there_tells_nothing(void **data)
{
	struct locks_thread thread;
	struct lock_waits waits;

	(void)data;
	locks_thread_init(&thread, "/nowhere");
	for (int i = 0; i < 10; i++, usleep(1000))
		assert_false(locks_thread_ask(&thread, &waits));
	locks_thread_done(&thread);
	locks_thread_init(&thread, "/nowhere"); /* nobody asked */
	locks_thread_done(&thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_asks_never_waits_and_is_told_once,
						make_pipe, remove_pipe),
		cmocka_unit_test_setup_teardown(test_what_was_read_long_ago_is_not_told, make_pipe,
						remove_pipe),
		cmocka_unit_test(test_a_file_that_is_not_there_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
