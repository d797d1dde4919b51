/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attach table: every BPF object and every program in it, the kernel symbol each hangs on, and
 * what is lost without it. Private to kern. Adding a program is a row here and a function in bpf/.
 */
#ifndef UW_KERN_HOOKS_H
#define UW_KERN_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "user/kern/kern.h"

struct btf;

/* One CO-RE object each. The first one has no sensor of its own: it tells the others what a
 * component is. */
enum kern_object {
	OBJECT_GROUPS,
	OBJECT_PAGES,
	OBJECT_STALL,
	OBJECT_RECLAIM,
	OBJECT_OOM,
	OBJECT_TRACE,
	OBJECT__COUNT
};

struct kern_elf {
	const char *name;
	uint32_t sensors; /* that cannot do without it, mask of 1U << enum kern_sensor */
	const void *(*bytes)(size_t *ret_size);
};

extern const struct kern_elf kern_elves[OBJECT__COUNT];

enum hook_type {
	HOOK_FUNCTION,   /* fentry or fexit */
	HOOK_TRACEPOINT, /* tp_btf */
	HOOK_ITERATOR,
};

struct kern_hook {
	enum kern_object object;
	const char *program;
	enum hook_type type;
	const char *symbol;
	int args;           /* the kernel's symbol has exactly so many arguments; 0 = any */
	const char *unless; /* only where this other program cannot be used */
	bool required;      /* the object is worth nothing without it */
	const char *lost;
};

extern const struct kern_hook kern_hooks[];
extern const size_t kern_hook_count;

/* NULL when no row has this program. */
const struct kern_hook *hook_find(const char *program);

/* Whether the kernel that btf describes has the symbol, with the right arguments, and no better
 * alternative. */
bool hook_usable(const struct btf *btf, const struct kern_hook *hook);

#endif
