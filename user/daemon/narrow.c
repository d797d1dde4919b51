// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The unit allows system calls by a list that systemd keeps (@system-service). Here some are
 * refused by name, with all that changes the machine, looks into other processes or loads code: a
 * list of what is allowed would fail with the next C library. libseccomp would make the same 60
 * compares, with its tables of all architectures in uwd's memory; the kernel remembers which
 * calls are allowed whatever their arguments, so that none is compared twice
 * (seccomp_cache_check_allow, kernel/seccomp.c).
 */
#include "user/daemon/narrow.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65 /* since Linux 6.3, include/uapi/linux/prctl.h */
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define BIT(capability) (1ULL << (capability))
#define X32_BIT         0x40000000U

const uint64_t narrow_capabilities =
	BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_NICE) |
	BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_RESOURCE) | BIT(CAP_IPC_LOCK) | BIT(CAP_DAC_OVERRIDE) |
	BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_KILL);

/* ---- capabilities ---- */

/* Of a root in a namespace some are not there, and one that is not there is dropped already. */
static int drop_bounds(void)
{
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(narrow_capabilities & BIT(i)) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) &&
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0))
			return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, caps))
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t kept = (uint32_t)(narrow_capabilities >> (32 * i));

		caps[i].permitted &= kept;
		caps[i].effective &= kept;
		caps[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, caps) ? -errno : 0;
}

/* ---- system calls ---- */

static const uint16_t refused[] = {
	/* clocks, and what the machine is */
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_clock_settime,
	SYS_settimeofday,
	SYS_setdomainname,
	SYS_sethostname,
	SYS_reboot,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	SYS_quotactl_fd,
	SYS_syslog,
	SYS_vhangup,
	/* code in the kernel, but by bpf(2), and the bare machine */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
	/* other processes: their memory, registers and files; page_in.c reads a byte of a page by
	 * /proc/PID/mem, which these do not hold off */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_getfd,
	SYS_migrate_pages,
	SYS_move_pages,
	SYS_kcmp,
	/* other views of the machine: uwd mounts what it lacks, and no more */
	SYS_chroot,
	SYS_pivot_root,
	SYS_umount2,
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_mount_setattr,
	SYS_setns,
	SYS_unshare,
	SYS_open_by_handle_at,
	SYS_fanotify_init,
	/* other users */
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	/* what was the way of many attacks on kernels */
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_personality,
	SYS_uselib,
	SYS_vmsplice,
};

/* The two ends behind the table, and what is asked of a socket before them. */
enum tail {
	TAIL_ALLOW,
	TAIL_FAMILY, /* loads the first argument of socket(2) */
	TAIL_UNIX,
	TAIL_NO_FAMILY,
	TAIL_UNIX_ALLOW,
	TAIL_REFUSE,
	TAIL__COUNT
};

#define HEAD   5
#define LENGTH (HEAD + ARRAY_SIZE(refused) + 1 + TAIL__COUNT)

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define FAIL(error)  RETURN(SECCOMP_RET_ERRNO | (error))

/* A jump from instruction at to one of the tail. */
#define TO(at, tail) (uint8_t)(LENGTH - TAIL__COUNT + (tail) - (at)-1)

_Static_assert(LENGTH < 256, "each jump reaches the tail");

static void write_filter(struct sock_filter f[LENGTH])
{
	struct sock_filter *tail = f + LENGTH - TAIL__COUNT;
	size_t at = HEAD;

	f[0] = (struct sock_filter)LOAD(arch);
	f[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0,
					    TO(1, TAIL_REFUSE));
	f[2] = (struct sock_filter)LOAD(nr);
	f[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, TO(3, TAIL_REFUSE),
					    0);
	f[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket,
					    TO(4, TAIL_FAMILY), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++, at++)
		f[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i],
						     TO(at, TAIL_REFUSE), 0);
	f[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair,
					     TO(at, TAIL_FAMILY), 0);
	tail[TAIL_ALLOW] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	tail[TAIL_FAMILY] = (struct sock_filter)LOAD(args[0]); /* the low half of it, an int */
	tail[TAIL_UNIX] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
	tail[TAIL_NO_FAMILY] = (struct sock_filter)FAIL(EAFNOSUPPORT);
	tail[TAIL_UNIX_ALLOW] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	tail[TAIL_REFUSE] = (struct sock_filter)FAIL(EPERM);
}

/* The unit's is narrower than this one. */
static int filter_calls(void)
{
	struct sock_filter filter[LENGTH];
	struct sock_fprog program = {.len = LENGTH, .filter = filter};

	if (prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER)
		return 0;
	write_filter(filter);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -errno : 0;
}

/* ---- all of it ---- */

int narrow(struct uw_err *err)
{
	int bounds, caps, calls;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, -errno, "no_new_privs: %s", strerror(errno));
	prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); /* an older kernel has it not */
	bounds = drop_bounds(); /* by CAP_SETPCAP, which goes with the others */
	caps = drop_capabilities();
	calls = filter_calls();
	if (calls)
		return err_set(err, calls, "filter of system calls: %s", strerror(-calls));
	if (caps || bounds)
		return err_set(err, caps ?: bounds, "capabilities: %s",
			       strerror(-(caps ?: bounds)));
	return 0;
}
