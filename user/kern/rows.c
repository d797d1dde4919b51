// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives components rows in the map of full page tracing, which counts allocations by order. The map
 * has few rows, so that it can be per CPU: a component looks for its row at the places that its
 * cgroup id hashes to, and one that finds all of them taken is not traced.
 */
#include "user/kern/rows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/* Reads a row of all CPUs into kern->orders; whose it is, 0 when it is free. */
static uint64_t read_row(const struct kern *kern, uint32_t row)
{
	if (bpf_map_lookup_elem(kern->map[MAP_PAGES], &row, kern->orders))
		return 0;
	return kern->orders[0].cgid;
}

static int write_row(const struct kern *kern, uint32_t row, uint64_t cgid)
{
	memset(kern->orders, 0, (size_t)kern->cpus * sizeof(*kern->orders));
	for (int cpu = 0; cpu < kern->cpus; cpu++)
		kern->orders[cpu].cgid = cgid;
	return bpf_map_update_elem(kern->map[MAP_PAGES], &row, kern->orders, BPF_ANY) ? -errno : 0;
}

static bool find_row(const struct kern *kern, uint64_t cgid, uint32_t *ret_row)
{
	for (uint32_t i = 0; i < UW_ROW_TRIES; i++) {
		if (read_row(kern, UW_ROW(cgid, i)) != cgid)
			continue;
		*ret_row = UW_ROW(cgid, i);
		return true;
	}
	return false;
}

/* Of a component that is gone. */
static bool is_stale(const struct kern *kern, uint64_t cgid)
{
	struct uw_cgid key = {.cgid = cgid};
	struct uw_component component;

	return bpf_map_lookup_elem(kern->map[MAP_COMPONENTS], &key, &component) != 0;
}

int rows_add(struct kern *kern, uint64_t cgid)
{
	uint32_t row;

	if (kern->map[MAP_PAGES] < 0 || find_row(kern, cgid, &row))
		return 0;
	for (uint32_t i = 0; i < UW_ROW_TRIES; i++) {
		uint64_t owner;

		row = UW_ROW(cgid, i);
		owner = read_row(kern, row);
		if (!owner || is_stale(kern, owner))
			return write_row(kern, row, cgid);
	}
	return 0;
}

void rows_drop(struct kern *kern, uint64_t cgid)
{
	uint32_t row;

	if (kern->map[MAP_PAGES] >= 0 && find_row(kern, cgid, &row))
		write_row(kern, row, 0);
}

int kern_read_pages(const struct kern *kern, uint64_t cgid, uint64_t ret_allocations[UW_ORDERS])
{
	uint32_t row;

	if (kern->map[MAP_PAGES] < 0 || !cgid || !find_row(kern, cgid, &row))
		return -ENODATA;
	memset(ret_allocations, 0, UW_ORDERS * sizeof(*ret_allocations));
	for (int cpu = 0; cpu < kern->cpus; cpu++)
		for (int order = 0; order < UW_ORDERS; order++)
			ret_allocations[order] += kern->orders[cpu].allocations[order];
	return 0;
}
