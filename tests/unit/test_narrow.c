// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwd may still do once it is locked up, each time in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/daemon/narrow.h"

/* The exit status of run, once locked up; 100: it could not be. */
static int locked_up(int (*run)(void))
{
	struct uw_err err = {0};
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(narrow(&err) < 0 ? 100 : run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* ---- capabilities ---- */

static uint64_t status_of(const char *key)
{
	AUTO_FCLOSE FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	uint64_t value = UINT64_MAX;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ":\t%" SCNx64, &value);
	return value;
}

static int look_at_rights(void)
{
	uint64_t may = status_of("CapPrm"), all = narrow_capabilities;

	if (may & ~all || status_of("CapEff") & ~all || status_of("CapInh"))
		return 1;
	if (!geteuid() && status_of("CapBnd") & ~all)
		return 2;
	return status_of("NoNewPrivs") == 1 && status_of("Seccomp") == 2 ? 0 : 3;
}

static void test_rights_are_those_that_are_needed(void **state)
{
	(void)state;
	assert_int_equal(locked_up(look_at_rights), 0);
}

static int narrow_again(void)
{
	struct uw_err err = {0};

	return narrow(&err) < 0 ? 1 : look_at_rights();
}

static void test_what_is_narrow_already_stays_so(void **state)
{
	(void)state;
	assert_int_equal(locked_up(narrow_again), 0);
}

static int run_program(void)
{
	execl("/bin/sh", "sh", "-c",
	      "grep -q '^NoNewPrivs:.1' /proc/self/status && "
	      "grep -q '^Seccomp:.2' /proc/self/status",
	      NULL);
	return 1;
}

static void test_what_is_started_inherits_it(void **state)
{
	(void)state;
	assert_int_equal(locked_up(run_program), 0);
}

/* ---- the unit ---- */

static uint64_t bit_of(const char *name)
{
	static const struct {
		const char *name;
		int bit;
	} names[] = {
		{"CAP_BPF", CAP_BPF},
		{"CAP_PERFMON", CAP_PERFMON},
		{"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
		{"CAP_SYS_NICE", CAP_SYS_NICE},
		{"CAP_SYS_PTRACE", CAP_SYS_PTRACE},
		{"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE},
		{"CAP_IPC_LOCK", CAP_IPC_LOCK},
		{"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
		{"CAP_CHOWN", CAP_CHOWN},
		{"CAP_FOWNER", CAP_FOWNER},
		{"CAP_KILL", CAP_KILL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return 1ULL << names[i].bit;
	fail_msg("%s: no capability that is known here", name);
	return 0;
}

static void test_capabilities_are_those_of_the_unit(void **state)
{
	static const char key[] = "CapabilityBoundingSet=";
	AUTO_FCLOSE FILE *unit = fopen("scripts/uwd.service", "re");
	uint64_t all = 0;
	char line[512], *rest, *name;

	(void)state;
	assert_non_null(unit);
	while (fgets(line, sizeof(line), unit)) {
		if (strncmp(line, key, sizeof(key) - 1))
			continue;
		rest = line + sizeof(key) - 1;
		while ((name = strsep(&rest, " \n")))
			if (*name)
				all |= bit_of(name);
	}
	assert_int_equal(all, narrow_capabilities);
}

/* ---- system calls ---- */

/* What is refused fails before any argument is looked at; what is not, fails for its arguments. */
static const struct {
	long number;
	int error;
} calls[] = {
	{SYS_swapoff, EPERM},      {SYS_init_module, EPERM}, {SYS_ptrace, EPERM},
	{SYS_settimeofday, EPERM}, {SYS_vmsplice, EPERM},    {SYS_umount2, EPERM},
	{SYS_setgroups, EPERM},    {SYS_unshare, EPERM},     {SYS_kexec_load, EPERM},
	{SYS_mount, EFAULT},       {SYS_close, EBADF},       {SYS_sched_setattr, EINVAL},
	{SYS_pidfd_open, EINVAL},
};

static int make_calls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		long rc = syscall(calls[i].number, -1L, -1L, -1L, -1L, -1L, 0L);

		if (rc != -1 || errno != calls[i].error)
			return (int)i + 1;
	}
	return 0;
}

static void test_calls_that_are_never_made_are_refused(void **state)
{
	(void)state;
	assert_int_equal(locked_up(make_calls), 0);
}

static int make_sockets(void)
{
	int ends[2];

	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT)
		return 1;
	if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != EAFNOSUPPORT)
		return 2;
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return 3;
	/* The kernel looks at an int, so the filter does. */
	if (syscall(SYS_socket, 1UL << 32 | AF_INET, SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT)
		return 4;
	return syscall(SYS_socket, 1UL << 32 | AF_UNIX, SOCK_STREAM, 0) < 0 ? 5 : 0;
}

static void test_sockets_are_of_this_machine(void **state)
{
	(void)state;
	assert_int_equal(locked_up(make_sockets), 0);
}

static int call_by_x32(void)
{
	return syscall(0x40000000L | SYS_getpid) == -1 && errno == EPERM ? 0 : 1;
}

static void test_calls_by_another_number_are_refused(void **state)
{
	(void)state;
	assert_int_equal(locked_up(call_by_x32), 0);
}

/* ---- what uwd does ---- */

static void *look_in_thread(void *data)
{
	*(int *)data = look_at_rights();
	return NULL;
}

static int begin_thread(void)
{
	pthread_t thread;
	int seen = 9;

	if (pthread_create(&thread, NULL, look_in_thread, &seen))
		return 10;
	pthread_join(thread, NULL);
	return seen;
}

static void test_threads_inherit_it(void **state)
{
	(void)state;
	assert_int_equal(locked_up(begin_thread), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights_are_those_that_are_needed),
		cmocka_unit_test(test_what_is_narrow_already_stays_so),
		cmocka_unit_test(test_what_is_started_inherits_it),
		cmocka_unit_test(test_capabilities_are_those_of_the_unit),
		cmocka_unit_test(test_calls_that_are_never_made_are_refused),
		cmocka_unit_test(test_sockets_are_of_this_machine),
		cmocka_unit_test(test_calls_by_another_number_are_refused),
		cmocka_unit_test(test_threads_inherit_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
