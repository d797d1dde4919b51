// SPDX-License-Identifier: GPL-2.0-or-later
/* The programs of tests/examples and the one of the README, linked with libuw.so as others link it.
 */
#include "tests/unit/uw_fixture.h"

#include <fcntl.h>

#ifndef EXAMPLES
#error "EXAMPLES: where they were built"
#endif

struct run {
	pid_t pid;
	int out;
};

static struct run start(const char *name, char *const words[])
{
	char path[128];
	struct run run;
	int fds[2];

	snprintf(path, sizeof(path), EXAMPLES "/%s", name);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	run.pid = fork();
	if (!run.pid) {
		dup2(fds[1], STDOUT_FILENO);
		setenv("LD_LIBRARY_PATH", EXAMPLES "/../..", 1);
		execv(path, words);
		_exit(127);
	}
	close(fds[1]);
	run.out = fds[0];
	return run;
}

/* What it says until it ends, which it has to do well. */
static void finish(struct run *run, char *buf, size_t size)
{
	size_t at = 0;
	ssize_t count;
	int status;

	while ((count = read(run->out, buf + at, size - 1 - at)) > 0)
		at += (size_t)count;
	buf[at] = '\0';
	close(run->out);
	waitpid(run->pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_leases_of_all_kinds(void **data)
{
	struct uw_fixture *f = *data;
	char component[] = "ml_models", name[] = "lease", text[1024];
	char *words[] = {name, component, f->socket, NULL};
	struct run run = start("lease", words);

	finish(&run, text, sizeof(text));
	assert_string_equal(text, "alloc: 100M\nresize: 150M\nadaptive: 300M\n"
				  "first of a list: 20M\ntoo much: not now (never), 130M are free\n"
				  "many: 0\n");
	uw_fixture_await(f, 0);
}

static void test_cache_gives_back_what_it_borrowed(void **data)
{
	struct uw_fixture *f = *data;
	char component[] = "ml_models", name[] = "borrow", size[] = "700", text[1024];
	char *words[] = {name, component, size, f->socket, NULL};
	struct run run;

	uw_fixture_say(f, UW_LENDS + 20);
	run = start("borrow", words);
	uw_fixture_await(f, 1);
	uw_fixture_say(f, UW_LENDS + 4);
	finish(&run, text, sizeof(text));
	assert_string_equal(text, "borrows 100M\nasked to keep 640M (payback): 0\n");
}

static void test_program_of_the_readme(void **data)
{
	struct uw_fixture *f = *data;
	char name[] = "readme", text[1024];
	char *words[] = {name, f->socket, NULL};
	struct uw *uw = uw_fixture_open(f);
	struct run run = start("readme", words);

	finish(&run, text, sizeof(text));
	assert_string_equal(text, "100 MB are ours\n");
	uw_get(uw, 550);
	run = start("readme", words);
	finish(&run, text, sizeof(text));
	assert_string_equal(text, "budget: 50 MB are free\n");
	uw_close(uw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uw_fixture_setup, uw_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_leases_of_all_kinds),
		TEST(test_cache_gives_back_what_it_borrowed),
		TEST(test_program_of_the_readme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
