/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy's state as something to keep: it is plain values, so who has its bytes before a frame
 * decides from there on as it did. Which parts of it are in use, which layout it has, and whether
 * bytes that come from elsewhere can be one.
 */
#ifndef UW_POLICY_CHECKPOINT_H
#define UW_POLICY_CHECKPOINT_H

#include <stdint.h>

#include "user/policy/step.h"

#define POLICY_SPANS 3

/* Bytes of the state from, to: whole words. */
struct policy_span {
	uint32_t from, to;
};

/* The parts that hold something; what is between them may be taken for zeros. */
void policy_spans(const struct policy_state *state, struct policy_span ret_span[POLICY_SPANS]);

/* Equal for two builds whose states mean the same by the same bytes. */
uint64_t policy_layout(void);

/* Bytes of a state of another layout that can be read: one that has room for fewer leaves, and is
 * ours but for that. 0 when it is no such one. */
uint32_t policy_layout_bytes(uint64_t layout);

/* Makes of so many bytes of a state of that layout one of ours, in its place. */
void policy_renew(struct policy_state *state, uint64_t layout);

/* Of a build with room for so many leaves, at most FRAME_LEAVES_MAX. */
uint64_t policy_layout_of(uint32_t leaves);

/* 0, or -EBADMSG when a step from it would lead out of its bounds. */
int policy_check_state(const struct policy_state *state);

/* What is shown of the components, by index. */
const struct component_view *policy_views(const struct policy_state *state);

#endif
