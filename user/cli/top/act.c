// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Says of each kind of action, by a table, its words and its method. Those on components are writes
 * to cgroup files, a leaf a write as uwd makes them; those on jobs are entries in uwd's queue.
 */
#include "user/cli/top/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/units.h"

static const struct act_row {
	const char *verb;
	enum ipc_method method;
	const char *value; /* written to cgroup.freeze; NULL: to no such file */
} rows[TOP_ACT__COUNT] = {
	[TOP_ACT_FREEZE] = {"freeze", IPC_FREEZE, "1"},
	[TOP_ACT_THAW] = {"thaw", IPC_THAW, "0"},
	[TOP_ACT_RECLAIM] = {"reclaim", IPC_RECLAIM, NULL},
	[TOP_ACT_HOLD] = {"hold", IPC_HOLD, NULL},
	[TOP_ACT_RELEASE] = {"release", IPC_RELEASE, NULL},
	[TOP_ACT_CANCEL] = {"cancel", IPC_CANCEL, NULL},
};

const char *act_text(const struct top_act *act, char *buf, size_t size)
{
	const char *verb = rows[act->kind].verb;
	char bytes[UNITS_TEXT_LEN];

	if (act->kind >= TOP_ACT_HOLD)
		snprintf(buf, size, "%s job %" PRIu64, verb, act->job);
	else if (act->kind == TOP_ACT_RECLAIM)
		snprintf(buf, size, "%s %s of %s", verb, units_print_bytes(act->bytes, bytes),
			 act->component);
	else
		snprintf(buf, size, "%s %s%s%s", verb, act->component, *act->leaf ? "/" : "",
			 act->leaf);
	return buf;
}

/* A thaw is of what uwd froze, a freeze of what runs. */
static bool is_written(const struct top_act *act, const struct top_frame *frame,
		       const struct top_leaf *leaf)
{
	if (strcmp(frame->component[leaf->component].name, act->component) != 0 ||
	    (*act->leaf && strcmp(act->leaf, leaf->name) != 0))
		return false;
	return act->kind == TOP_ACT_THAW ? leaf->frozen && !leaf->by_other
					 : leaf->populated && !leaf->frozen;
}

static const struct top_leaf *written_leaf(const struct top_act *act, const struct top_frame *frame,
					   uint32_t i)
{
	for (uint32_t l = 0; l < frame->leaf_count; l++) {
		if (is_written(act, frame, &frame->leaf[l]) && !i--)
			return &frame->leaf[l];
	}
	return NULL;
}

const char *act_write(const struct top_act *act, const struct top_frame *frame, const char *mount,
		      uint32_t i, char *buf, size_t size)
{
	const struct top_leaf *leaf;

	if (act->kind >= TOP_ACT_HOLD || (act->kind == TOP_ACT_RECLAIM && i))
		return NULL;
	if (act->kind == TOP_ACT_RECLAIM) {
		snprintf(buf, size, "%s/%s/%s/memory.reclaim = %" PRIu64, mount, frame->head.root,
			 act->component, act->bytes);
		return buf;
	}
	leaf = written_leaf(act, frame, i);
	if (!leaf)
		return NULL;
	snprintf(buf, size, "%s/%s/%s/%s/cgroup.freeze = %s", mount, frame->head.root,
		 act->component, leaf->name, rows[act->kind].value);
	return buf;
}

enum ipc_method act_call(const struct top_act *act, json_t **ret_parameters)
{
	json_int_t id = (json_int_t)act->job;

	if (act->kind >= TOP_ACT_HOLD)
		*ret_parameters = json_pack("{s:{s:[{s:I, s:I}]}}", "select", "jobs", "first", id,
					    "last", id);
	else if (act->kind == TOP_ACT_RECLAIM)
		*ret_parameters = json_pack("{s:s, s:I}", "component", act->component, "bytes",
					    (json_int_t)act->bytes);
	else
		*ret_parameters = json_pack("{s:s, s:s*}", "component", act->component, "leaf",
					    *act->leaf ? act->leaf : NULL);
	return rows[act->kind].method;
}
