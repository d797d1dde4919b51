// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a driver's process under the supervisor, then the one that checks what was left. Descriptors
 * are counted before and after, and with a leak sanitizer memory is; what is still alive in the end
 * was started by the driver, and is killed.
 */
#include "tests/chaos/run.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/disk.h"
#include "user/base/cleanup.h"

/* With the sanitizer that finds leaks it is there. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* ---- what drivers say ---- */

void chaos_violate(struct chaos *c, const char *format, ...)
{
	va_list args;

	if (atomic_fetch_add(&c->violations, 1))
		return;
	va_start(args, format);
	vsnprintf(c->violation, sizeof(c->violation), format, args);
	va_end(args);
}

bool chaos_ok(struct chaos *c, const char *what, int rc, const struct uw_err *err)
{
	if (rc >= 0)
		return true;
	snprintf(c->said, sizeof(c->said), "%s: %s", what, err->text);
	if (!c->faulty)
		chaos_violate(c, "%s fails without a fault: %d %s", what, rc, err->text);
	else if (!err->text[0])
		chaos_violate(c, "%s fails with %s and says nothing", what, strerrorname_np(-rc));
	else if (strchr(err->text, '\n'))
		chaos_violate(c, "%s says more than a line: %s", what, err->text);
	return false;
}

bool chaos_done(struct chaos *c, const char *what, int rc)
{
	struct uw_err err = {.code = rc};

	snprintf(err.text, sizeof(err.text), "%s", rc < 0 ? strerrorname_np(-rc) : "");
	return chaos_ok(c, what, rc, &err);
}

void chaos_pause(struct chaos *c)
{
	(void)c;
	syscall(CHAOS_NR_ARM, 0L);
}

void chaos_go_on(struct chaos *c)
{
	syscall(CHAOS_NR_ARM, (long)c->faulty);
}

/* ---- the folder ---- */

static void make_dirs(struct chaos *c)
{
	snprintf(c->dir, sizeof(c->dir), "%s/uw-chaos-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(c->dir)) {
		perror(c->dir);
		exit(1);
	}
	snprintf(c->disk, sizeof(c->disk), "%s/disk", c->dir);
	chmod(c->dir, 0755);
	mkdir(c->disk, 0700);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

/* ---- the driver's process ---- */

static uint32_t count_fds(void)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc/self/fd");
	uint32_t count = 0;

	while (dir && readdir(dir))
		count++;
	return count;
}

static void act_once(const struct chaos_driver *driver, struct chaos *c)
{
	uint32_t fds = count_fds(), after;

	syscall(CHAOS_NR_ARM, (long)c->faulty);
	driver->act(c);
	syscall(CHAOS_NR_ARM, 0L);
	after = count_fds();
	if (after != fds)
		chaos_violate(c, "%u descriptors were open, and then %u", fds, after);
}

static void live(const struct chaos_driver *driver, struct chaos *c)
{
	c->faulty = true;
	act_once(driver, c);
	c->faulty = false;
	c->round = 1;
	act_once(driver, c);
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
		chaos_violate(c, "memory leaks");
	_exit(0);
}

#define NOT_YET (-1)

/* The listener's number goes through memory, as all else is reported, and nobody hears yet. */
static void tell_listener(atomic_int *listener)
{
	atomic_store(listener, chaos_syscalls_report());
	syscall(SYS_futex, listener, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int await_listener(atomic_int *listener)
{
	const struct timespec timeout = {.tv_sec = CHAOS_HANG_MS / 1000};

	syscall(SYS_futex, listener, FUTEX_WAIT, NOT_YET, &timeout, NULL, 0);
	return atomic_load(listener);
}

static int borrow_listener(pid_t pid, atomic_int *listener)
{
	AUTO_CLOSE int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = await_listener(listener);

	if (fd < 0 || process < 0)
		return -1;
	return (int)syscall(SYS_pidfd_getfd, process, fd, 0);
}

static pid_t begin(const struct chaos_driver *driver, struct chaos *c, struct supervisor *s)
{
	pid_t pid;

	c->listener = NOT_YET;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (driver->prepare)
			driver->prepare(c);
		tell_listener(&c->listener);
		live(driver, c);
	}
	s->listener = borrow_listener(pid, &c->listener);
	if (s->listener < 0) {
		fprintf(stderr, "chaos: no seccomp listener: %s\n", strerror(errno));
		kill(pid, SIGKILL);
		exit(1);
	}
	return pid;
}

static void explain_end(struct chaos *c, const char *who, int status)
{
	if (status == -ETIMEDOUT)
		chaos_violate(c, "%s hangs", who);
	else if (WIFSIGNALED(status))
		chaos_violate(c, "%s dies of SIG%s", who, sigabbrev_np(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		chaos_violate(c, "%s exits with %d", who, WEXITSTATUS(status));
}

static void check(const struct chaos_driver *driver, struct chaos *c, struct supervisor *s)
{
	pid_t pid;

	c->faulty = false;
	pid = fork();
	if (!pid) {
		if (s->listener >= 0)
			close(s->listener);
		driver->check(c);
		_exit(0);
	}
	explain_end(c, "the start after it", supervise(s, pid));
}

static void end_rest(void)
{
	char path[64];
	AUTO_FCLOSE FILE *children = NULL;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void describe(const struct supervisor *s, struct outcome *outcome)
{
	const struct chaos_syscall *call = s->hit ? chaos_syscall_find(s->hit_nr) : NULL;

	snprintf(outcome->where, sizeof(outcome->where), "%s %s", call ? call->name : "-",
		 s->where);
}

void chaos_run(const struct chaos_driver *driver, const struct fault *fault, uint32_t seed,
	       struct outcome *ret_outcome)
{
	static struct supervisor s;
	struct chaos *c =
		mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char kept[96];
	int status;
	pid_t pid;

	if (c == MAP_FAILED)
		abort();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	make_dirs(c);
	c->how = fault->how;
	snprintf(kept, sizeof(kept), "%s/kept", c->dir);
	memset(&s, 0, sizeof(s));
	s.fault = *fault;
	pid = begin(driver, c, &s);
	if (fault->how == CHAOS_POWER)
		s.disk = disk_new(c->disk, kept);
	status = supervise(&s, pid);
	if (!s.hit || s.hit_pid != pid || fault->how == CHAOS_FAIL || fault->how == CHAOS_LACK)
		explain_end(c, "it", status);
	c->died = fault->how == CHAOS_KILL && s.hit && s.hit_pid == pid;
	s.armed = false;
	if (s.cut) {
		end_rest();
		disk_lose(s.disk, seed);
	}
	s.cut = false;
	if (!c->violations)
		check(driver, c, &s);
	if (s.listener >= 0)
		close(s.listener);
	end_rest();
	disk_free(s.disk);
	nftw(c->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	ret_outcome->hit = s.hit;
	ret_outcome->calls = s.calls < CHAOS_CALLS_MAX ? s.calls : CHAOS_CALLS_MAX;
	memcpy(ret_outcome->nr, s.nr, sizeof(s.nr));
	memcpy(ret_outcome->violation, c->violation, sizeof(c->violation));
	describe(&s, ret_outcome);
	munmap(c, sizeof(*c));
}
