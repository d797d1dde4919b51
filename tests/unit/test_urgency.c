// SPDX-License-Identifier: GPL-2.0-or-later
/* Who comes before others, who does not, and when that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
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
	return urgency.stands || niceness() != 5;
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

static void use_cpu_us(uint64_t us)
{
	uint64_t until_us = cpu_us() + us; /* whatever the machine's clock says of it */

	while (cpu_us() < until_us)
		;
}

#define PRESSURE "/tmp/uw-test-urgency-pressure"

static void set_waited(uint64_t us)
{
	FILE *out = fopen(PRESSURE, "we");

	fprintf(out, "some avg10=0.00 avg60=0.00 avg300=0.00 total=%" PRIu64 "\n", us);
	fclose(out);
}

/* A second in which it has used so much, and somebody has waited for so long. */
static void pass(struct urgency *urgency, uint64_t *now_us, uint64_t used_us, uint64_t waited_us)
{
	use_cpu_us(used_us);
	set_waited(waited_us);
	*now_us += US_PER_SEC;
	urgency_judge(urgency, *now_us);
}

static int check_alone(void)
{
	uint64_t now_us = clock_now_us();
	struct urgency urgency;

	urgency_begin(&urgency, URGENCY_UWD, now_us);
	urgency.pressure = PRESSURE;
	for (int i = 0; i < 3; i++)
		pass(&urgency, &now_us, 260 * US_PER_MS, 1000);
	unlink(PRESSURE);
	return niceness() != -20 || urgency_pause_us(&urgency, now_us, 100) != 0;
}

static void test_who_uses_much_while_nobody_waits_goes_on(void **data)
{
	(void)data;
	in_child(check_alone);
}

static int check_ration(void)
{
	uint64_t now_us = clock_now_us();
	struct urgency urgency;
	int rc = 0;

	urgency_begin(&urgency, URGENCY_UWD, now_us);
	urgency.pressure = PRESSURE;
	pass(&urgency, &now_us, 100 * US_PER_MS, 500000);
	pass(&urgency, &now_us, 260 * US_PER_MS, 900000);
	if (urgency_pause_us(&urgency, now_us, 100))
		rc = 1; /* a second alone may be a tick that was long */
	pass(&urgency, &now_us, 260 * US_PER_MS, 950000);
	if (niceness() != -20)
		rc = 2; /* it would starve beside many */
	else if (urgency_pause_us(&urgency, now_us, 100) != 700)
		rc = 3; /* of eight parts those who ask have one */
	else if (urgency_pause_us(&urgency, now_us + 60 * US_PER_SEC, 100))
		rc = 4; /* for a minute */
	unlink(PRESSURE);
	return rc;
}

static void test_who_uses_much_while_others_wait_comes_first_and_gives_who_ask_a_part(void **data)
{
	(void)data;
	in_child(check_ration);
}

static int check_uncounted(void)
{
	uint64_t now_us = clock_now_us();
	struct urgency urgency;

	urgency_begin(&urgency, URGENCY_UWD, now_us);
	urgency.pressure = "/nonexistent";
	for (int i = 0; i < 2; i++)
		pass(&urgency, &now_us, 260 * US_PER_MS, 0);
	unlink(PRESSURE);
	return urgency_pause_us(&urgency, now_us, 100) != 700;
}

static void test_where_waiting_is_not_counted_somebody_waits(void **data)
{
	(void)data;
	in_child(check_uncounted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_starts_is_as_nice_as_anybody),
		cmocka_unit_test(test_given_niceness_stays),
		cmocka_unit_test(test_who_uses_much_while_nobody_waits_goes_on),
		cmocka_unit_test(
			test_who_uses_much_while_others_wait_comes_first_and_gives_who_ask_a_part),
		cmocka_unit_test(test_where_waiting_is_not_counted_somebody_waits),
	};

	return cmocka_run_group_tests_name("urgency", tests, NULL, NULL);
}
