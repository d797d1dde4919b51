// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of calls, and the filter made of it. The filter is seccomp's: what it picks is handed
 * to a listener in another process before the kernel does anything, whoever made the call - the
 * program, a library, libc for itself, or a static program that was started. So nothing needs to
 * be linked in another way to be tested.
 */
#include "tests/chaos/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ROW(name, class, ...)                     \
	{                                         \
		SYS_##name, #name, CLASS_##class, \
		{                                 \
			__VA_ARGS__               \
		}                                 \
	}

static const struct chaos_syscall table[] = {
	ROW(open, OPEN, EMFILE, EIO),
	ROW(openat, OPEN, EMFILE, EIO, ENOSPC),
	ROW(creat, OPEN, EMFILE, EIO, ENOSPC),
	ROW(memfd_create, OPEN, EMFILE, ENOMEM),
	ROW(pipe2, OPEN, EMFILE),
	ROW(read, READ, EIO, EINTR, CHAOS_SHORT),
	ROW(pread64, READ, EIO, EINTR, CHAOS_SHORT),
	ROW(write, WRITE, EIO, ENOSPC, EINTR, CHAOS_SHORT),
	ROW(pwrite64, WRITE, EIO, ENOSPC, EINTR, CHAOS_SHORT),
	ROW(writev, WRITE, EIO, ENOSPC, EINTR),
	ROW(ftruncate, WRITE, EIO, EINTR),
	ROW(fallocate, WRITE, EIO, ENOSPC, EINTR),
	ROW(fsync, SYNC, EIO, ENOSPC),
	ROW(fdatasync, SYNC, EIO, ENOSPC),
	ROW(rename, NAME, EIO, ENOSPC),
	ROW(renameat, NAME, EIO, ENOSPC),
	ROW(renameat2, NAME, EIO, ENOSPC),
	ROW(link, NAME, EIO, ENOSPC),
	ROW(linkat, NAME, EIO, ENOSPC),
	ROW(symlink, NAME, EIO, ENOSPC),
	ROW(mkdir, NAME, EIO, ENOSPC),
	ROW(mkdirat, NAME, EIO, ENOSPC),
	ROW(unlink, NAME, EIO),
	ROW(unlinkat, NAME, EIO, EBUSY),
	ROW(rmdir, NAME, EIO, EBUSY),
	ROW(chmod, NAME, EIO),
	ROW(fchmod, NAME, EIO),
	ROW(fchown, NAME, EIO),
	ROW(fchownat, NAME, EIO),
	ROW(newfstatat, STAT, EIO, ENOMEM),
	ROW(fstat, STAT, EIO),
	ROW(statx, STAT, EIO, ENOMEM),
	ROW(statfs, STAT, EIO),
	ROW(fstatfs, STAT, EIO),
	ROW(getdents64, STAT, EIO),
	ROW(readlink, STAT, EIO),
	ROW(fcntl, LOCK, ENOLCK, EINTR),
	ROW(flock, LOCK, ENOLCK, EINTR),
	ROW(mmap, MAP, ENOMEM),
	ROW(socket, SOCKET, EMFILE, ENOMEM),
	ROW(socketpair, SOCKET, EMFILE),
	ROW(bind, SOCKET, ENOMEM, EADDRINUSE),
	ROW(listen, SOCKET, EADDRINUSE),
	ROW(connect, SOCKET, ECONNREFUSED, EAGAIN, EINTR),
	ROW(accept4, SOCKET, EMFILE, ECONNABORTED, EINTR),
	ROW(sendto, SOCKET, ENOMEM, EPIPE, EINTR, EAGAIN),
	ROW(sendmsg, SOCKET, ENOMEM, EPIPE, EINTR, EAGAIN),
	ROW(recvfrom, SOCKET, ENOMEM, ECONNRESET, EINTR, EAGAIN),
	ROW(recvmsg, SOCKET, ENOMEM, ECONNRESET, EINTR, EAGAIN),
	ROW(getsockopt, SOCKET, ENOMEM),
	ROW(setsockopt, SOCKET, ENOMEM),
	ROW(epoll_create1, EVENT, EMFILE, ENOMEM),
	ROW(epoll_ctl, EVENT, ENOMEM, ENOSPC),
	ROW(epoll_wait, EVENT, EINTR),
	ROW(ppoll, EVENT, EINTR),
	ROW(poll, EVENT, EINTR),
	ROW(eventfd2, EVENT, EMFILE, ENOMEM),
	ROW(timerfd_create, EVENT, EMFILE, ENOMEM),
	ROW(timerfd_settime, EVENT, ECANCELED),
	ROW(inotify_init1, EVENT, EMFILE, ENOMEM),
	ROW(inotify_add_watch, EVENT, ENOSPC, ENOMEM),
	ROW(signalfd4, EVENT, EMFILE, ENOMEM),
	ROW(pidfd_open, EVENT, EMFILE, ENOMEM),
	ROW(clone, PROCESS, EAGAIN, ENOMEM),
	ROW(clone3, PROCESS, EAGAIN, ENOMEM),
	ROW(fork, PROCESS, EAGAIN, ENOMEM),
	ROW(vfork, PROCESS, EAGAIN, ENOMEM),
	ROW(execve, PROCESS, ENOMEM, EIO),
};

#define ROWS (sizeof(table) / sizeof(table[0]))

static const char *const class_names[CLASS__COUNT] = {
	[CLASS_OPEN] = "open",   [CLASS_READ] = "read",       [CLASS_WRITE] = "write",
	[CLASS_SYNC] = "sync",   [CLASS_NAME] = "name",       [CLASS_STAT] = "stat",
	[CLASS_LOCK] = "lock",   [CLASS_MAP] = "map",         [CLASS_SOCKET] = "socket",
	[CLASS_EVENT] = "event", [CLASS_PROCESS] = "process",
};

const char *chaos_class_name(enum chaos_class class)
{
	return class_names[class];
}

const struct chaos_syscall *chaos_syscall_find(int nr)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].nr == nr)
			return &table[i];
	return NULL;
}

/* Memory that belongs to no file is malloc's, whose failures are not these. */
static int filter_head(struct sock_filter *at)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	int count = sizeof(head) / sizeof(head[0]);

	for (int i = 0; i < count; i++)
		at[i] = head[i];
	return count;
}

int chaos_syscalls_report(void)
{
	struct sock_filter code[2 * ROWS + 16];
	struct sock_fprog program = {.filter = code};
	int count = filter_head(code);
	long fd;

	for (size_t i = 0; i <= ROWS; i++) {
		uint32_t nr = i < ROWS ? (uint32_t)table[i].nr : CHAOS_NR_ARM;

		code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
		code[count++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		     &program);
	return fd < 0 ? -errno : (int)fd;
}
