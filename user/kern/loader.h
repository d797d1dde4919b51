/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Installs the BPF programs: loads, attaches and pins them, and hands over from an older build.
 * Runs in a child of its own, because libbpf and the kernel's BTF take 20 MB that the daemon need
 * not keep. Private to kern.
 */
#ifndef UW_KERN_LOADER_H
#define UW_KERN_LOADER_H

#include "user/kern/kern.h"

#define LOADER_TEXT_LEN 240

struct loader_outcome {
	int code; /* 0, or a negative errno when nothing works */
	uint32_t sensors;
	char text[KERN_SENSOR__COUNT][LOADER_TEXT_LEN]; /* why a wanted sensor is not there */
	struct uw_err err;
};

/*
 * Leaves what is pinned alone when it is this build with the wanted sensors. Otherwise attaches the
 * new programs beside the old, lets them take over in one write, and removes the old. Fills
 * *ret_outcome also when it fails.
 */
int loader_run(const struct kern_options *options, struct loader_outcome *ret_outcome);

#endif
