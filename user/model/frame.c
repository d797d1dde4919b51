// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names the kinds of events that a frame may carry, for logs and traces, and sums up what a frame
 * tells of leaves to what it tells of their components.
 */
#include "user/model/frame.h"

#include "user/base/units.h"

static const char *const event_names[EVENT__COUNT] = {
	[EVENT_USAGE_MARK] = "usage-mark",
	[EVENT_STALL_FIRST] = "stall-first",
	[EVENT_STALL_BURST] = "stall-burst",
	[EVENT_OOM] = "oom",
	[EVENT_PSI] = "psi",
	[EVENT_MEMORY] = "memory",
};

const char *event_name(enum event_kind kind)
{
	return (unsigned int)kind < EVENT__COUNT ? event_names[kind] : "?";
}

#define UNTOLD_BYTES MIB /* of a leaf that is too small to matter */

static void add_ages(struct component_sample *component, const struct leaf_sample *leaf)
{
	struct ages_sample *sum = &component->ages;
	const struct ages_sample *ages = &leaf->ages;

	if (!ages->valid || (ages->held && !leaf->frozen)) {
		sum->hot_bytes += leaf->current_bytes;
		sum->valid &= leaf->current_bytes < UNTOLD_BYTES;
		return;
	}
	sum->hot_bytes += ages->hot_bytes;
	if (!ages->held) {
		sum->cold_anon_bytes += ages->cold_anon_bytes;
		sum->cold_file_bytes += ages->cold_file_bytes;
		sum->long_bytes += ages->long_bytes;
	}
	if (!sum->looked_us || ages->looked_us < sum->looked_us)
		sum->looked_us = ages->looked_us;
	if (!sum->read_us || ages->read_us < sum->read_us)
		sum->read_us = ages->read_us;
}

void frame_sum_ages(struct frame *frame)
{
	uint64_t held[UW_COMPONENTS_MAX] = {0};

	for (uint32_t i = 0; i < frame->component_count; i++)
		frame->component[i].ages = (struct ages_sample){.valid = true};
	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		const struct leaf_sample *leaf = &frame->leaf[i];

		if (leaf->component >= frame->component_count)
			continue;
		add_ages(&frame->component[leaf->component], leaf);
		held[leaf->component] += leaf->current_bytes;
	}
	for (uint32_t i = 0; i < frame->component_count; i++) {
		struct component_sample *c = &frame->component[i];

		c->ages.valid &= c->ages.looked_us != 0 && frame->leaf_count < FRAME_LEAVES_MAX;
		if (c->current_bytes > held[i])
			c->ages.cold_file_bytes += c->current_bytes - held[i];
	}
}
