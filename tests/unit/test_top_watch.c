// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl top on a terminal that goes away. */
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/cli_fixture.h"
#include "tests/unit/hang_guard.h"

/* Without a session on the terminal nobody gets SIGHUP. */
static void run_top(const struct fake *fake, int terminal)
{
	char *text;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(terminal, fd);
	close(terminal);
	setenv("TERM", "xterm", 1);
	_exit(UWCTL(fake, 80, &text, "top"));
}

static void test_it_ends_with_a_terminal_that_is_not_its_sessions(void **state)
{
	struct fake *fake = *state;
	int ours, its, status = -1;
	pid_t pid;

	fake->answer[IPC_STATUS][0] = "{\"components\": []}";
	fake->answer[IPC_LOG][0] = "{\"records\": []}";
	assert_int_equal(openpty(&ours, &its, NULL, NULL, NULL), 0);
	pid = fork();
	if (!pid) {
		close(ours);
		run_top(fake, its);
	}
	close(its);
	await_readable(ours); /* it draws */
	close(ours);
	UNTIL(waitpid(pid, &status, WNOHANG) == pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_it_ends_with_a_terminal_that_is_not_its_sessions, fake_setup,
			fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
