// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tells the BPF programs which cgroups to count, and reads what they have counted of each. To
 * track a component its entry is added to the maps, and an iterator program run on its cgroup
 * registers the page counter by which charges are recognised. A cgroup that was made anew under
 * the same name takes the place of the old one. Marks, at which the kernel wakes uwd, are armed
 * here by kern_mark_set.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/kern/inside.h"
#include "user/kern/rows.h"

/* Runs the iterator for one cgroup: it registers the address of the page counter. */
static int register_counter(const struct kern *kern, uint64_t cgid)
{
	union bpf_iter_link_info where = {
		.cgroup = {.order = BPF_CGROUP_ITER_SELF_ONLY, .cgroup_id = cgid}};
	struct bpf_link_create_opts opts = {
		.sz = sizeof(opts), .iter_info = &where, .iter_info_len = sizeof(where)};
	AUTO_CLOSE int link = bpf_link_create(kern->groups, 0, BPF_TRACE_ITER, &opts);
	AUTO_CLOSE int iterator = link < 0 ? -1 : bpf_iter_create(link);
	char nothing[8];

	if (link < 0 || iterator < 0)
		return -errno;
	return read(iterator, nothing, sizeof(nothing)) < 0 ? -errno : 0;
}

/* Removes the addresses registered for cgid before seen_ns: of a controller that was off and on. */
static void drop_counters(const struct kern *kern, uint64_t cgid, uint64_t seen_ns)
{
	int map = kern->map[MAP_COUNTERS];
	struct uw_counter key, next;
	struct uw_owner owner;
	int r = bpf_map_get_next_key(map, NULL, &next);

	while (!r) {
		key = next;
		r = bpf_map_get_next_key(map, &key, &next);
		if (!bpf_map_lookup_elem(map, &key, &owner) && owner.cgid == cgid &&
		    owner.seen_ns < seen_ns)
			bpf_map_delete_elem(map, &key);
	}
}

static void drop_entries(struct kern *kern, uint64_t cgid)
{
	struct uw_cgid key = {.cgid = cgid};
	struct tracked *tracked = kern_find_tracked(kern, cgid);

	drop_counters(kern, cgid, UINT64_MAX);
	bpf_map_delete_elem(kern->map[MAP_MARKS], &key);
	bpf_map_delete_elem(kern->map[MAP_STALLS], &key);
	rows_drop(kern, cgid);
	kern_gate_clear(kern, cgid);
	bpf_map_delete_elem(kern->map[MAP_COMPONENTS], &key);
	if (tracked)
		memset(tracked, 0, sizeof(*tracked));
}

/* A cgroup that is removed takes its rows with it (uw_rmdir): an event of it that is still to come
 * is nobody's, and there is room for another. */
static void forget_removed(struct kern *kern)
{
	for (size_t i = 0; i < ARRAY_SIZE(kern->tracked); i++) {
		struct uw_cgid key = {.cgid = kern->tracked[i].cgid};
		struct uw_component component;

		if (key.cgid && bpf_map_lookup_elem(kern->map[MAP_COMPONENTS], &key, &component) &&
		    errno == ENOENT)
			kern->tracked[i] = (struct tracked){0};
	}
}

/* All of that name but cgid: the cgroup was recreated, its name is on another id. */
static void drop_namesakes(struct kern *kern, const char *name, uint64_t cgid)
{
	int map = kern->map[MAP_COMPONENTS];
	struct uw_component component;
	struct uw_cgid key, next;
	int r = bpf_map_get_next_key(map, NULL, &next);

	while (!r) {
		key = next;
		r = bpf_map_get_next_key(map, &key, &next);
		if (key.cgid != cgid && !bpf_map_lookup_elem(map, &key, &component) &&
		    !strncmp(component.name, name, sizeof(component.name)))
			drop_entries(kern, key.cgid);
	}
	forget_removed(kern);
}

/* Adds a zeroed entry; one that is there stays as it is. */
static int add_entry(int map, uint64_t cgid, const void *value)
{
	struct uw_cgid key = {.cgid = cgid};

	if (bpf_map_update_elem(map, &key, value, BPF_NOEXIST) && errno != EEXIST)
		return errno == E2BIG ? -ENOSPC : -errno;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

int kern_track(struct kern *kern, const char *name, uint64_t cgid, uint32_t slot)
{
	static const char no_stall[UW_STALL_SIZE] __attribute__((aligned(8)));
	struct uw_component component = {0};
	uint64_t before_ns = now_ns();
	struct tracked *tracked;
	int r;

	if (!cgid || !text_copy(component.name, sizeof(component.name), name))
		return -EINVAL;
	drop_namesakes(kern, name, cgid);
	tracked = kern_find_tracked(kern, cgid);
	if (!tracked)
		tracked = kern_find_tracked(kern, 0);
	if (!tracked)
		return -ENOSPC;
	r = add_entry(kern->map[MAP_COMPONENTS], cgid, &component);
	if (!r)
		r = add_entry(kern->map[MAP_STALLS], cgid, no_stall);
	if (!r)
		r = rows_add(kern, cgid);
	if (!r)
		r = register_counter(kern, cgid);
	if (r) {
		drop_entries(kern, cgid);
		return r;
	}
	drop_counters(kern, cgid, before_ns);
	tracked->cgid = cgid;
	tracked->slot = slot;
	return 0;
}

void kern_untrack(struct kern *kern, const char *name)
{
	drop_namesakes(kern, name, 0);
}

int kern_mark_set(struct kern *kern, uint64_t cgid, uint64_t bytes)
{
	struct uw_cgid key = {.cgid = cgid};
	struct uw_mark mark = {.bytes = bytes, .armed = bytes != 0};

	if (!cgid || !kern_find_tracked(kern, cgid))
		return -ENOENT;
	return bpf_map_update_elem(kern->map[MAP_MARKS], &key, &mark, BPF_ANY) ? -errno : 0;
}

int kern_read_counts(const struct kern *kern, uint64_t cgid, struct uw_component *ret_counts)
{
	struct uw_cgid key = {.cgid = cgid};

	return bpf_map_lookup_elem(kern->map[MAP_COMPONENTS], &key, ret_counts) ? -errno : 0;
}
