/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a person may have done from within top: what it is called, what exactly is written or asked
 * for, and with which call. Nothing is done here.
 */
#ifndef UW_CLI_TOP_ACT_H
#define UW_CLI_TOP_ACT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "user/cli/top/frame.h"
#include "user/ipc/interface.h"

enum top_act_kind {
	TOP_ACT_NONE,
	TOP_ACT_FREEZE,
	TOP_ACT_THAW,
	TOP_ACT_RECLAIM,
	TOP_ACT_HOLD,
	TOP_ACT_RELEASE,
	TOP_ACT_CANCEL,
	TOP_ACT__COUNT
};

struct top_act {
	enum top_act_kind kind;
	char component[UW_NAME_LEN];
	char leaf[TOP_LEAF_LEN]; /* "": all of them */
	uint64_t bytes;          /* of a reclaim */
	uint64_t job;            /* its id, or that of an array */
};

/* "freeze ml_models/leak", "reclaim 64M of cache", "cancel job 12". */
const char *act_text(const struct top_act *act, char *buf, size_t size);

/*
 * The write with number i, "/sys/fs/cgroup/uw/ml_models/leak/cgroup.freeze = 1", by what there is
 * in frame; mount is where cgroups are. NULL after the last one.
 */
const char *act_write(const struct top_act *act, const struct top_frame *frame, const char *mount,
		      uint32_t i, char *buf, size_t size);

/* The call for it, with its parameters, the caller's. */
enum ipc_method act_call(const struct top_act *act, json_t **ret_parameters);

#endif
