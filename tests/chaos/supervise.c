// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes the calls one by one from seccomp's listener. Most are let through; the one whose turn it
 * is gets an error in place of a result, or is done here by half (through the caller's own
 * descriptor and memory), or ends its process. A cut of power kills every process that still calls.
 */
#include "tests/chaos/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/chaos/disk.h"
#include "tests/chaos/tree.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"

#define HALF_MAX   65536
#define LACK_CALLS 25 /* then there is enough again: who waits for it gets on */

/* ---- the caller ---- */

/* The kernel names the thread. */
static pid_t process_of(uint32_t thread)
{
	char path[64], line[128];
	FILE *status;
	int pid = (int)thread;

	snprintf(path, sizeof(path), "/proc/%u/status", thread);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	if (status)
		fclose(status);
	return pid;
}

static int borrow_fd(pid_t pid, int number)
{
	AUTO_CLOSE int process = (int)syscall(SYS_pidfd_open, pid, 0);

	return process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0);
}

static bool copy_from(pid_t pid, uint64_t at, void *to, size_t count)
{
	struct iovec here = {to, count}, there = {(void *)(uintptr_t)at, count};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)count;
}

static bool copy_to(pid_t pid, uint64_t at, const void *from, size_t count)
{
	struct iovec here = {(void *)(uintptr_t)from, count},
		     there = {(void *)(uintptr_t)at, count};

	return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)count;
}

static void name_path(struct supervisor *s, pid_t pid, uint64_t at)
{
	struct iovec here = {s->where, sizeof(s->where) - 1},
		     there = {(void *)(uintptr_t)at, sizeof(s->where) - 1};
	size_t room = 4096 - at % 4096;

	if (room < there.iov_len)
		there.iov_len = room;
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) <= 0)
		s->where[0] = '\0';
}

/* For who reads of it: what the call is about. */
static void name_it(struct supervisor *s, pid_t pid, const struct seccomp_data *data)
{
	char link[64];
	ssize_t len;

	memset(s->where, 0, sizeof(s->where));
	switch (data->nr) {
	case SYS_openat:
	case SYS_newfstatat:
	case SYS_unlinkat:
	case SYS_mkdirat:
		name_path(s, pid, data->args[1]);
		return;
	case SYS_open:
	case SYS_unlink:
	case SYS_rename:
	case SYS_mkdir:
	case SYS_link:
	case SYS_execve:
	case SYS_readlink:
		name_path(s, pid, data->args[0]);
		return;
	}
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid,
		 (int)data->args[data->nr == SYS_mmap ? 4 : 0]);
	len = readlink(link, s->where, sizeof(s->where) - 1);
	s->where[len < 0 ? 0 : len] = '\0';
}

/* ---- half of it ---- */

/* The kernel's own files come whole, and so do those that stand for cgroups here. */
static bool can_be_short(const struct supervisor *s, int fd)
{
	struct statfs fs;

	return fd >= 0 && !fstatfs(fd, &fs) && fs.f_type != PROC_SUPER_MAGIC &&
	       !strstr(s->where, "/" TREE_POOL "/");
}

static ssize_t half_of(const struct supervisor *s, pid_t pid, const struct seccomp_data *data)
{
	AUTO_CLOSE int fd = borrow_fd(pid, (int)data->args[0]);
	size_t count = (size_t)data->args[2] / 2;
	AUTO_FREE char *bytes = malloc(HALF_MAX);
	ssize_t n = -1;

	if (!can_be_short(s, fd) || !bytes || !count || count > HALF_MAX)
		return -1;
	switch (data->nr) {
	case SYS_write:
	case SYS_pwrite64:
		if (copy_from(pid, data->args[1], bytes, count))
			n = data->nr == SYS_write ? write(fd, bytes, count)
						  : pwrite(fd, bytes, count, (off_t)data->args[3]);
		return n;
	}
	n = data->nr == SYS_read ? read(fd, bytes, count)
				 : pread(fd, bytes, count, (off_t)data->args[3]);
	return n <= 0 || copy_to(pid, data->args[1], bytes, (size_t)n) ? n : -1;
}

/* ---- a call ---- */

static void answer(const struct supervisor *s, uint64_t id, int error, int64_t value,
		   uint32_t flags)
{
	struct seccomp_notif_resp response = {
		.id = id, .error = -error, .val = value, .flags = flags};

	/* Who was killed meanwhile waits for no answer. */
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) && errno != ENOENT)
		perror("chaos: answer");
}

static bool has_error(const struct chaos_syscall *call, int error)
{
	for (int i = 0; i < CHAOS_ERRORS && call->error[i]; i++)
		if (call->error[i] == error)
			return true;
	return false;
}

/* What a person reads is not what is tested; a query takes no lock. */
static bool is_counted(const struct seccomp_data *data)
{
	if (data->nr == SYS_write || data->nr == SYS_writev)
		return data->args[0] != STDERR_FILENO && data->args[0] != STDOUT_FILENO;
	if (data->nr == SYS_fcntl)
		return data->args[1] == F_OFD_SETLK || data->args[1] == F_OFD_GETLK ||
		       data->args[1] == F_SETLK;
	if (data->nr == SYS_mmap)
		return (int)data->args[4] >= 0;
	return true;
}

/* An eventfd, a timerfd and the like: nothing lies behind it that could fail. */
static bool is_the_kernels_own(const struct seccomp_notif *call)
{
	char link[64], name[32] = "";

	if (call->data.nr != SYS_read && call->data.nr != SYS_write)
		return false;
	snprintf(link, sizeof(link), "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
	return readlink(link, name, sizeof(name) - 1) > 0 && !strncmp(name, "anon_inode:", 11);
}

/* Of a local file a lock is given up at once, and needs nothing for it. */
static bool gives_up_a_lock(const struct seccomp_notif *call)
{
	struct flock lock;

	return call->data.nr == SYS_fcntl &&
	       copy_from(process_of(call->pid), call->data.args[2], &lock, sizeof(lock)) &&
	       lock.l_type == F_UNLCK;
}

/* What jobs run is not. */
static bool is_ours(uint32_t thread)
{
	static char own[256]; /* where all that is built lies, with what this is in it */
	char link[64], exe[256] = "";

	if (!own[0]) {
		if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
			perror("chaos: exe");
		*strrchr(own, '/') = '\0';
		*strrchr(own, '/') = '\0';
	}
	snprintf(link, sizeof(link), "/proc/%u/exe", thread);
	return readlink(link, exe, sizeof(exe) - 1) > 0 && !strncmp(exe, own, strlen(own));
}

/* A disk that is full fails who makes or writes files on it, and nothing else. */
static bool is_of_a_disk(const struct seccomp_notif *call)
{
	char link[64], name[8] = "";

	switch (chaos_syscall_find(call->data.nr)->class) {
	case CLASS_OPEN:
		return call->data.nr == SYS_openat && call->data.args[2] & O_CREAT;
	case CLASS_WRITE:
	case CLASS_SYNC:
		snprintf(link, sizeof(link), "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
		return readlink(link, name, sizeof(name) - 1) > 0 && *name == '/' &&
		       strncmp(name, "/proc/", 6) != 0;
	case CLASS_NAME:
		return true;
	default:
		return false;
	}
}

static bool fails(const struct supervisor *s)
{
	return s->fault.how == CHAOS_FAIL || s->fault.how == CHAOS_LACK;
}

/* Whether this is the one, or one of those. */
static bool is_due(const struct supervisor *s, const struct seccomp_notif *call)
{
	uint32_t most = s->fault.how == CHAOS_LACK ? LACK_CALLS : 1;

	if (s->hits == most || s->fault.how == CHAOS_COUNT || s->calls - 1 < s->fault.at)
		return false;
	if (s->fault.how == CHAOS_LACK && s->fault.error == ENOSPC && !is_of_a_disk(call))
		return false;
	return !fails(s) || (has_error(chaos_syscall_find(call->data.nr), s->fault.error) &&
			     !is_the_kernels_own(call) && !gives_up_a_lock(call));
}

static void fail_it(const struct supervisor *s, const struct seccomp_notif *call, pid_t pid)
{
	ssize_t n;

	if (s->fault.error != CHAOS_SHORT) {
		answer(s, call->id, s->fault.error, 0, 0);
		return;
	}
	n = half_of(s, pid, &call->data);
	if (n < 0)
		answer(s, call->id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	else
		answer(s, call->id, 0, n, 0);
}

static void hit(struct supervisor *s, const struct seccomp_notif *call)
{
	pid_t pid = process_of(call->pid);

	if (!s->hits++) {
		s->hit = true;
		s->hit_nr = call->data.nr;
		s->hit_pid = pid;
		name_it(s, pid, &call->data);
	}
	if (fails(s)) {
		fail_it(s, call, pid);
		return;
	}
	s->cut = s->fault.how == CHAOS_POWER;
	if (s->cut && s->disk)
		disk_stop(s->disk);
	kill(pid, SIGKILL);
}

static void arm(struct supervisor *s, const struct seccomp_notif *call)
{
	s->armed = call->data.args[0];
	answer(s, call->id, 0, 0, 0);
}

static void take(struct supervisor *s)
{
	struct seccomp_notif call;
	const struct chaos_syscall *row;

	memset(&call, 0, sizeof(call));
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return; /* it died before it was heard */
	row = chaos_syscall_find(call.data.nr);
	if (s->cut) {
		kill(process_of(call.pid), SIGKILL);
		return;
	}
	if (!row) {
		arm(s, &call);
		return;
	}
	if (s->armed && is_counted(&call.data) && is_ours(call.pid)) {
		if (s->calls < CHAOS_CALLS_MAX)
			s->nr[s->calls] = (int16_t)call.data.nr;
		s->calls++;
		if (is_due(s, &call)) {
			hit(s, &call);
			return;
		}
	}
	if (s->disk)
		disk_look(s->disk, (pid_t)call.pid, &call.data);
	answer(s, call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* ---- until it ends ---- */

static bool has_ended(pid_t pid, int *ret_status)
{
	return waitpid(pid, ret_status, WNOHANG) == pid;
}

int supervise(struct supervisor *s, pid_t pid)
{
	AUTO_CLOSE int process = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t hangs_us = clock_now_us() + CHAOS_HANG_MS * US_PER_MS;
	int status = 0;

	while (!has_ended(pid, &status)) {
		struct pollfd fds[] = {{.fd = process, .events = POLLIN},
				       {.fd = s->listener, .events = POLLIN}};

		if (poll(fds, 2, 1000) > 0 && fds[1].revents & POLLIN)
			take(s);
		if (fds[1].revents & (POLLHUP | POLLERR)) {
			close(s->listener);
			s->listener = -1;
		}
		if (clock_now_us() > hangs_us) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
	}
	return status;
}
