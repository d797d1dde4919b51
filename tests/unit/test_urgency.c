// SPDX-License-Identifier: GPL-2.0-or-later
/* Who comes before others, who does not, and when that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/urgency.h"

static int niceness(void)
{
	return getpriority(PRIO_PROCESS, (id_t)gettid());
}

/* In a child, since what is done to a thread here cannot be undone by everybody. */
static void in_child(int (*check)(void))
{
	int status;
	pid_t pid;

	if (getuid() || niceness())
		skip();
	pid = fork();
	if (!pid)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *tell_niceness(void *data)
{
	*(int *)data = niceness();
	return NULL;
}

static int check_inheritance(void)
{
	struct urgency urgency;
	pthread_t thread;
	int of_thread = 99, status = 0;
	pid_t pid;

	urgency_begin(&urgency, URGENCY_UWD, clock_now_us());
	if (!urgency.stands || niceness() != -20)
		return 1;
	if (pthread_create(&thread, NULL, tell_niceness, &of_thread) || pthread_join(thread, NULL))
		return 2;
	pid = fork();
	if (!pid)
		_exit(niceness() != 0);
	waitpid(pid, &status, 0);
	return of_thread != 0 || status != 0 ? 3 : 0;
}

static void test_what_it_starts_is_as_nice_as_anybody(void **data)
{
	(void)data;
	in_child(check_inheritance);
}

static int check_given(void)
{
	struct urgency urgency;

	setpriority(PRIO_PROCESS, 0, 5);
	urgency_begin(&urgency, URGENCY_UWD, clock_now_us());
	urgency_judge(&urgency, clock_now_us() + 10 * US_PER_SEC);
	return urgency.wanted || niceness() != 5;
}

static void test_given_niceness_stays(void **data)
{
	(void)data;
	in_child(check_given);
}

static uint64_t cpu_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * US_PER_SEC + (uint64_t)used.tv_nsec / NS_PER_US;
}

static int check_budget(void)
{
	uint64_t now_us = clock_now_us(), until_us;
	struct urgency urgency;

	urgency_begin(&urgency, URGENCY_UWD, now_us);
	/* 300 ms of a second, whatever the machine's clock says of it. */
	until_us = cpu_us() + 300 * US_PER_MS;
	while (cpu_us() < until_us)
		;
	urgency_judge(&urgency, now_us + US_PER_SEC / 2);
	if (niceness() != -20)
		return 1; /* too early to tell */
	urgency_judge(&urgency, now_us + US_PER_SEC);
	if (niceness() != 0)
		return 2;
	urgency_judge(&urgency, now_us + 3 * US_PER_SEC);
	return niceness() == -20 ? 0 : 3;
}

static void test_who_uses_much_comes_before_nobody_until_it_does_not(void **data)
{
	(void)data;
	in_child(check_budget);
}

static void use_cpu_us(uint64_t us)
{
	uint64_t until_us = cpu_us() + us;

	while (cpu_us() < until_us)
		;
}

/* One that never sleeps, on the processor of this one. */
static pid_t start_rival(void)
{
	cpu_set_t one;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return -1;
	pid = fork();
	while (!pid)
		;
	return pid;
}

static int check_ration(void)
{
	uint64_t now_us = clock_now_us();
	struct urgency urgency;
	pid_t rival;
	int rc = 0;

	urgency_begin(&urgency, URGENCY_UWD, now_us);
	use_cpu_us(260 * US_PER_MS);
	urgency_judge(&urgency, now_us + US_PER_SEC);
	if (niceness() != 0 || urgency_pause_us(&urgency, now_us + US_PER_SEC, 100))
		return 1;
	rival = start_rival();
	use_cpu_us(120 * US_PER_MS); /* and as much to the other one */
	urgency_judge(&urgency, now_us + 2 * US_PER_SEC);
	if (niceness() != -20)
		rc = 2;
	else if (urgency_pause_us(&urgency, now_us + 2 * US_PER_SEC, 100) != 700)
		rc = 3; /* of eight parts those who ask have one */
	else if (urgency_pause_us(&urgency, now_us + 63 * US_PER_SEC, 100))
		rc = 4; /* for a minute */
	if (rival > 0)
		kill(rival, SIGKILL);
	return rc;
}

static void test_who_waits_for_a_processor_comes_first_and_gives_those_who_ask_a_part(void **data)
{
	(void)data;
	in_child(check_ration);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_starts_is_as_nice_as_anybody),
		cmocka_unit_test(test_given_niceness_stays),
		cmocka_unit_test(test_who_uses_much_comes_before_nobody_until_it_does_not),
		cmocka_unit_test(
			test_who_waits_for_a_processor_comes_first_and_gives_those_who_ask_a_part),
	};

	return cmocka_run_group_tests_name("urgency", tests, NULL, NULL);
}
