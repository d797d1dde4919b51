/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What plugstack.conf says behind the name of spank_uw.so, and which component that makes it. Words
 * only: nothing is asked or opened.
 */
#ifndef UW_SLURM_DEFAULTS_H
#define UW_SLURM_DEFAULTS_H

#include <stdint.h>

#include "user/base/err.h"
#include "user/model/component.h"

#define SLURM_PARTITIONS_MAX 32U /* that have a component of their own here */
#define SLURM_PARTITION_LEN  64U
#define SLURM_SOCKET_LEN     108U /* of sun_path */

struct slurm_partition {
	char name[SLURM_PARTITION_LEN];
	char component[UW_NAME_LEN];
};

struct slurm_defaults {
	char component[UW_NAME_LEN]; /* "" = none */
	char socket[SLURM_SOCKET_LEN];
	uint8_t max_priority; /* that a user may name */
	uint32_t partition_count;
	struct slurm_partition partition[SLURM_PARTITIONS_MAX];
};

/*
 * Reads component=NAME, partition=PARTITION:NAME (again for each), max-priority=N and socket=PATH.
 * socket is the one of uwd where nothing is said, and max_priority 10. -EINVAL with the word and
 * what is allowed.
 */
int slurm_defaults_read(int argc, char *const *argv, const char *socket,
			struct slurm_defaults *ret_defaults, struct uw_err *err);

/*
 * The component of a step: what it asked for, else its partition's, else the default. asked and
 * partition may be NULL. "" = none, and the step is no business of uwd's.
 */
const char *slurm_component_of(const struct slurm_defaults *defaults, const char *asked,
			       const char *partition);

/* What can be the name of a component, and a key. 0, or -EINVAL with what it has to be like. */
int slurm_check_component(const char *name, struct uw_err *err);
int slurm_check_key(const char *key, struct uw_err *err);

/* 1 to 10. 0, or -EINVAL with that. */
int slurm_read_priority(const char *text, uint8_t *ret_priority, struct uw_err *err);

/* 0, or -EINVAL with what is allowed here. */
int slurm_check_priority(const struct slurm_defaults *defaults, uint8_t priority,
			 struct uw_err *err);

/*
 * What uwd is told of a task whose user said that, 0 being nothing: no more than is allowed. On the
 * node it is what counts, as the file of who submits may be another. 0: nothing.
 */
uint8_t slurm_priority_of(const struct slurm_defaults *defaults, uint8_t said);

#endif
