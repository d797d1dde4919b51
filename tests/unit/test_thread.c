// SPDX-License-Identifier: GPL-2.0-or-later
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/thread.h"

struct seen {
	int policy, niceness;
};

static void *settle(void *data)
{
	struct seen *seen = data;

	setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
	thread_settle();
	seen->policy = sched_getscheduler(0);
	seen->niceness = getpriority(PRIO_PROCESS, (id_t)gettid());
	return NULL;
}

static void test_who_settles_is_as_nice_as_before(void **state)
{
	struct seen seen = {-1, 0};
	pthread_t thread;

	(void)state;
	assert_int_equal(thread_start(&thread, 16384, 0, settle, &seen), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen.policy, SCHED_OTHER);
	assert_int_equal(seen.niceness, 10);
}

static void *settle_as_batch(void *data)
{
	const struct sched_param none = {0};

	sched_setscheduler(0, SCHED_BATCH, &none);
	thread_settle();
	((struct seen *)data)->policy = sched_getscheduler(0);
	return NULL;
}

static void test_another_policy_is_left_alone(void **state)
{
	struct seen seen = {-1, 0};
	pthread_t thread;

	(void)state;
	assert_int_equal(thread_start(&thread, 16384, 0, settle_as_batch, &seen), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen.policy, SCHED_BATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_settles_is_as_nice_as_before),
		cmocka_unit_test(test_another_policy_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
