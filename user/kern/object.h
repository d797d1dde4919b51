/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads, attaches and pins one BPF object, as a part of an installation. Private to kern. */
#ifndef UW_KERN_OBJECT_H
#define UW_KERN_OBJECT_H

#include "user/kern/hooks.h"
#include "user/kern/loader.h"
#include "user/kern/pins.h"

struct btf;

/* One generation of programs in the making. */
struct install {
	const struct kern_options *options;
	struct loader_outcome *outcome;
	const struct btf *btf; /* of the running kernel */
	uint32_t generation;
	uint64_t build;
	uint32_t links;         /* pinned so far */
	char dir[PIN_PATH_LEN]; /* where */
};

/*
 * Takes over the maps that are pinned, pins the others, and attaches what fits this kernel; nothing
 * counts yet. A failure is told in outcome->text of each sensor that needs the object, and
 * returned.
 */
int object_install(struct install *install, enum kern_object which);

#endif
