// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what the BPF programs have lost. They count full rings and missing storage themselves; the
 * kernel counts the runs that it skipped because a program was active on that CPU already. Each
 * kind has a name that status shows.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/kern/inside.h"
#include "user/kern/pins.h"

static const char *const drop_names[UW_DROP__COUNT] = {
	[UW_DROP_EVENT_MARK] = "mark events: ring full",
	[UW_DROP_EVENT_STALL] = "stall events: ring full",
	[UW_DROP_EVENT_OOM] = "OOM events: ring full",
	[UW_DROP_STALL_STORAGE] = "stalls not counted: no task storage",
	[UW_DROP_STALL_TIMER] = "burst timers not armed",
	[UW_DROP_STALL_RESET] = "stall ends missed",
	[UW_DROP_RECLAIM_STORAGE] = "reclaims not timed: no task storage",
	[UW_DROP_COUNTER_INSERT] = "page counters not registered",
};

/* Runs that the kernel skipped because the program was active on that CPU already; 0 for what is
 * not a link. */
static uint64_t link_misses(const char *path)
{
	AUTO_CLOSE int link = bpf_obj_get(path);
	struct bpf_link_info link_info = {0};
	struct bpf_prog_info info = {0};
	AUTO_CLOSE int program = -1;
	__u32 size = sizeof(link_info);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &link_info, &size))
		return 0;
	program = bpf_prog_get_fd_by_id(link_info.prog_id);
	size = sizeof(info);
	if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &size))
		return 0;
	return info.recursion_misses;
}

static uint64_t all_misses(uint32_t generation)
{
	char dir_path[PIN_PATH_LEN];
	char path[PIN_PATH_LEN + 256];
	const struct dirent *entry;
	uint64_t misses = 0;

	snprintf(dir_path, sizeof(dir_path), KERN_PIN_DIR "/programs-%u", generation);
	AUTO_CLOSEDIR DIR *dir = opendir(dir_path);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir_path, entry->d_name);
		misses += link_misses(path);
	}
	return misses;
}

size_t kern_drops(const struct kern *kern, struct kern_drop *ret_drops, size_t capacity)
{
	struct uw_drop_count drop;
	size_t n = 0;

	for (; n < UW_DROP__COUNT && n < capacity; n++) {
		struct uw_drop_key key = {.what = (enum uw_drop)n};

		ret_drops[n].name = drop_names[n];
		ret_drops[n].count =
			bpf_map_lookup_elem(kern->map[MAP_DROPS], &key, &drop) ? 0 : drop.count;
	}
	if (n < capacity) {
		ret_drops[n].name = "program runs skipped: active on that CPU already";
		ret_drops[n++].count = all_misses(kern->generation);
	}
	return n;
}
