// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables that become resident as they are used, and that a fork leaves out. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/sparse.h"

#define BYTES (1UL << 30)

static void test_what_is_not_used_costs_nothing(void **data)
{
	uint8_t *at = sparse_map(BYTES * 64);

	(void)data;
	assert_non_null(at);
	assert_int_equal(at[0], 0);
	at[BYTES * 64 - 1] = 1;
	assert_int_equal(at[BYTES * 64 - 1], 1);
	sparse_unmap(at, BYTES * 64);
	sparse_unmap(NULL, BYTES);
}

static void test_no_child_has_it(void **data)
{
	volatile uint8_t *at = sparse_map(BYTES);
	int status;
	pid_t pid;

	(void)data;
	at[0] = 7;
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(at[0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_int_equal(at[0], 7);
	sparse_unmap((void *)at, BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_used_costs_nothing),
		cmocka_unit_test(test_no_child_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
