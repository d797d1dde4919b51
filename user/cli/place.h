/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pool that is set up on this machine, for commands that work in it without uwd. */
#ifndef UW_CLI_PLACE_H
#define UW_CLI_PLACE_H

#include "cgroups/cgroups.h"

struct place {
	struct cg_host host;
	char root[CG_PATH_LEN]; /* of the pool, relative to the mount */
	int dir;                /* of the pool; -1 when not open */
};

/* -ENOENT when nothing is set up; the text says what to do. */
int place_open(struct place *ret_place, struct uw_err *err);
void place_close(struct place *place);

/* 0 when the pool has such a component; else -ENOENT with a text that names what there is. */
int place_find(const struct place *place, const char *component, struct uw_err *err);

#endif
