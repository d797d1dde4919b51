/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which system calls can be made to fail, and how each may: what its manual page names. */
#ifndef UW_TESTS_CHAOS_SYSCALLS_H
#define UW_TESTS_CHAOS_SYSCALLS_H

#include <linux/filter.h>
#include <stdint.h>

#define CHAOS_ERRORS 4
#define CHAOS_SHORT  (-1) /* stands among the errors: half of it is done */

/* Tells the supervisor that faults begin (1) or end (0): no kernel has a call of this number. */
#define CHAOS_NR_ARM 0x7557

enum chaos_class {
	CLASS_OPEN,
	CLASS_READ,
	CLASS_WRITE,
	CLASS_SYNC,
	CLASS_NAME,
	CLASS_STAT,
	CLASS_LOCK,
	CLASS_MAP,
	CLASS_SOCKET,
	CLASS_EVENT,
	CLASS_PROCESS,
	CLASS__COUNT
};

struct chaos_syscall {
	int nr;
	const char *name;
	enum chaos_class class;
	int error[CHAOS_ERRORS]; /* ends with 0 */
};

const char *chaos_class_name(enum chaos_class class);
const struct chaos_syscall *chaos_syscall_find(int nr); /* NULL: none of these */

/* Has this process and all it starts report these calls; the descriptor to listen at, or -errno. */
int chaos_syscalls_report(void);

#endif
