/* SPDX-License-Identifier: GPL-2.0-only */
/* What the gate goes by and what it has refused: shared by its program and by what removes
 * components. */
#ifndef UW_GATES_H
#define UW_GATES_H

#include "bpf/uw_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_gate);
} uw_gates __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} uw_gated __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UW_ENTRIES_MAX);
	__type(key, struct uw_cgid);
	__type(value, struct uw_refusals);
} uw_refusals __weak SEC(".maps");

#endif
