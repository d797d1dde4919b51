// SPDX-License-Identifier: GPL-2.0-or-later
/* Who holds how much of the queue, and who may have more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/jobs/accounts.h"

#define HALF 5000U

static uint64_t take_all(struct accounts *accounts, uint32_t uid, uint64_t most)
{
	uint64_t room = accounts_room(accounts, uid, ACCOUNT_JOBS, most, HALF);

	assert_int_equal(accounts_add(accounts, uid, ACCOUNT_JOBS, room), 0);
	return room;
}

static void test_accounts_leave_room_for_the_next_one(void **state)
{
	struct accounts accounts = {0};

	(void)state;
	assert_int_equal(take_all(&accounts, 1000, 100000), 50000);
	assert_int_equal(take_all(&accounts, 1000, 100000), 0); /* not again */
	assert_int_equal(take_all(&accounts, 1001, 100000), 25000);
	assert_int_equal(take_all(&accounts, 1002, 100000), 12500);
	assert_int_equal(take_all(&accounts, 0, 100000), 12500); /* root: all that is left */
	assert_int_equal(take_all(&accounts, 1003, 100000), 0);
	accounts_take(&accounts, 1000, ACCOUNT_JOBS, 50000);
	assert_int_equal(take_all(&accounts, 1003, 100000), 25000);
	accounts_done(&accounts);
}

static void test_accounts_without_a_share_give_all(void **state)
{
	struct accounts accounts = {0};

	(void)state;
	assert_int_equal(accounts_room(&accounts, 1000, ACCOUNT_BYTES, 7, 10000), 7);
	assert_int_equal(accounts_room(&accounts, 1000, ACCOUNT_BYTES, 7, 0), 7);
	assert_int_equal(accounts_room(&accounts, 1000, ACCOUNT_BYTES, UINT64_MAX, HALF),
			 UINT64_MAX / 2);
}

static void test_accounts_bound_that_was_lowered_leaves_nothing(void **state)
{
	struct accounts accounts = {0};

	(void)state;
	accounts_add(&accounts, 1000, ACCOUNT_JOBS, 10);
	assert_int_equal(accounts_room(&accounts, 1000, ACCOUNT_JOBS, 4, HALF), 0);
	assert_int_equal(accounts_room(&accounts, 1001, ACCOUNT_JOBS, 4, HALF), 0);
	assert_int_equal(accounts_room(&accounts, 0, ACCOUNT_JOBS, 4, HALF), 0);
	accounts_done(&accounts);
}

/* Whichever of its jobs goes first. */
static void test_accounts_environment_counts_until_its_last_job_has_gone(void **state)
{
	struct accounts accounts = {0};
	uint32_t env = accounts_env_new(&accounts, 1000, 4096), other;

	(void)state;
	accounts_env_hold(&accounts, env);
	assert_int_equal(accounts_held(&accounts, 1000, ACCOUNT_BYTES), 4096);
	accounts_env_drop(&accounts, env);
	assert_int_equal(accounts_held(&accounts, 1000, ACCOUNT_BYTES), 4096);
	accounts_env_drop(&accounts, env);
	assert_int_equal(accounts.total[ACCOUNT_BYTES], 0);
	other = accounts_env_new(&accounts, 1001, 1);
	assert_int_equal(other, env); /* its number is free again */
	accounts_env_drop(&accounts, other);
	assert_int_equal(accounts_env_new(&accounts, 1001, 0), 0);
	accounts_done(&accounts);
}

static void test_accounts_say_who_holds_most(void **state)
{
	struct accounts accounts = {0};

	(void)state;
	assert_null(accounts_largest(&accounts, ACCOUNT_JOBS));
	for (uint32_t uid = 2000; uid > 1000; uid -= 7)
		accounts_add(&accounts, uid, ACCOUNT_JOBS, uid == 1510 ? 9 : 5);
	assert_int_equal(accounts_largest(&accounts, ACCOUNT_JOBS)->uid, 1510);
	for (uint32_t uid = 2000; uid > 1000; uid -= 7)
		accounts_take(&accounts, uid, ACCOUNT_JOBS, 9);
	assert_int_equal(accounts.count, 0);
	assert_int_equal(accounts.total[ACCOUNT_JOBS], 0);
	accounts_done(&accounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts_leave_room_for_the_next_one),
		cmocka_unit_test(test_accounts_without_a_share_give_all),
		cmocka_unit_test(test_accounts_bound_that_was_lowered_leaves_nothing),
		cmocka_unit_test(test_accounts_environment_counts_until_its_last_job_has_gone),
		cmocka_unit_test(test_accounts_say_who_holds_most),
	};

	return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
