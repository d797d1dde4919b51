/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads the BPF object, attaches its programs and pins what is to stay. Private to kern. */
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

/* Of the programs as they were built into this binary. */
uint64_t object_hash(void);

/*
 * Takes over the maps that are pinned, pins the others, and attaches what is wanted and fits this
 * kernel; nothing counts yet. outcome->sensors tells what there is, and outcome->text why one is
 * not.
 */
void object_install(struct install *install);

#endif
