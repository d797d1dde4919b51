/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The attach table: every BPF program, the sensor it is for, the kernel symbol it hangs on, and
 * what is lost without it. Private to kern. Adding a program is a row here and a function in bpf/.
 */
#ifndef UW_KERN_HOOKS_H
#define UW_KERN_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "user/kern/kern.h"

struct btf;

/* As an owner: no sensor works without it, for it tells the others what a component is. */
#define HOOK_OF_ALL KERN_SENSOR__COUNT

enum hook_type {
	HOOK_FUNCTION,   /* fentry or fexit */
	HOOK_TRACEPOINT, /* tp_btf */
	HOOK_ITERATOR,
	HOOK_VERDICT, /* fmod_ret, attached by gate.c while it is wanted */
};

struct kern_hook {
	enum kern_sensor owner; /* or HOOK_OF_ALL */
	const char *program;
	enum hook_type type;
	const char *symbol;
	int args;           /* the kernel's symbol has exactly so many arguments; 0 = any */
	const char *unless; /* only where this other program cannot be used */
	bool required;      /* its owner is worth nothing without it */
	const char *lost;
};

extern const struct kern_hook kern_hooks[];
extern const size_t kern_hook_count;

/* NULL when no row has this program. */
const struct kern_hook *hook_find(const char *program);

/* Whether the kernel that btf describes has the symbol, with the right arguments, and no better
 * alternative. */
bool hook_usable(const struct btf *btf, const struct kern_hook *hook);

/* Whether programs of these owners (mask of 1U << owner) use the map of that name. */
bool hook_needs_map(uint32_t owners, const char *map);

#endif
