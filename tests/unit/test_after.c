// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/jobs/after.h"

#define MANY 20000U

struct told {
	struct after_list after;
	uint8_t times[MANY + 1];
	uint32_t in_this_go;
	uint64_t again_on; /* who is told of waits for that again */
};

static void note(void *data, uint64_t job)
{
	struct told *told = data;

	told->times[job]++;
	told->in_this_go++;
	if (told->again_on)
		assert_int_equal(after_add(&told->after, told->again_on, job), 0);
}

static uint32_t tell_all(struct told *told)
{
	uint32_t goes = 0;
	bool more;

	do {
		told->in_this_go = 0;
		more = after_tell_some(&told->after, note, told);
		assert_true(told->in_this_go <= 10);
		assert_true(++goes < 10 * MANY);
	} while (more);
	return goes;
}

static struct told *told_new(void)
{
	struct told *told = calloc(1, sizeof(*told));

	assert_int_equal(after_init(&told->after), 0);
	return told;
}

static void told_free(struct told *told)
{
	after_done(&told->after);
	free(told);
}

static void test_after_all_are_told_once_a_few_at_a_time(void **state)
{
	struct told *told = told_new();

	(void)state;
	for (uint64_t job = 1; job <= MANY; job++)
		assert_int_equal(after_add(&told->after, job % 3 ? 7 : 8, job), 0);
	assert_int_equal(after_end(&told->after, 7), 0);
	assert_true(tell_all(told) > MANY / 3 * 2 / 10);
	for (uint64_t job = 1; job <= MANY; job++)
		assert_int_equal(told->times[job], job % 3 ? 1 : 0);
	assert_false(after_waits(&told->after, 7));
	assert_true(after_waits(&told->after, 8));
	told_free(told);
}

/* As its end was that of an attempt only: what is told of once waits for the next. */
static void test_after_who_waits_again_is_not_told_without_end(void **state)
{
	struct told *told = told_new();

	(void)state;
	told->again_on = 7;
	for (uint64_t job = 1; job <= 100; job++)
		assert_int_equal(after_add(&told->after, 7, job), 0);
	assert_int_equal(after_end(&told->after, 7), 0);
	tell_all(told);
	for (uint64_t job = 1; job <= 100; job++)
		assert_int_equal(told->times[job], 1);
	assert_true(after_waits(&told->after, 7));
	told_free(told);
}

static void test_after_ends_that_come_together_are_all_told(void **state)
{
	struct told *told = told_new();

	(void)state;
	for (uint64_t job = 1; job <= MANY; job++)
		assert_int_equal(after_add(&told->after, job, job), 0);
	for (uint64_t on = 1; on <= MANY; on++)
		assert_int_equal(after_end(&told->after, on), 0);
	tell_all(told);
	for (uint64_t job = 1; job <= MANY; job++)
		assert_int_equal(told->times[job], 1);
	assert_false(after_has_due(&told->after));
	told_free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_all_are_told_once_a_few_at_a_time),
		cmocka_unit_test(test_after_who_waits_again_is_not_told_without_end),
		cmocka_unit_test(test_after_ends_that_come_together_are_all_told),
	};

	return cmocka_run_group_tests_name("who waits for whom", tests, NULL, NULL);
}
