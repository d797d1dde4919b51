/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers of the kernel's text files, pure functions on terminated text. Unknown lines are passed
 * over, so that a newer kernel's file still reads; a value that is no 64-bit number counts as
 * missing. Each returns false, and leaves its output as it was, when what it needs is not there.
 * Cost: one pass, about 2 us for memory.stat.
 */
#ifndef UW_SENSE_PARSE_H
#define UW_SENSE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/frame.h"

/* A line of one digit string or "max" (BYTES_MAX): memory.current, memory.high. */
bool parse_bytes(const char *text, uint64_t *ret_bytes);

/* memory.stat: the fields of SAMPLE_STAT. Needs anon, active_file and inactive_file; what else is
 * missing is 0. */
bool parse_memory_stat(const char *text, struct component_sample *ret_sample);

/* memory.events: ev_*. Needs high and max. */
bool parse_memory_events(const char *text, struct component_sample *ret_sample);

/* memory.pressure and /proc/pressure/memory: the totals. Without a "full" line full is 0. */
bool parse_pressure(const char *text, uint64_t *ret_some_us, uint64_t *ret_full_us);

/* /proc/meminfo: total, available and swap. Without swap lines swap is 0. */
bool parse_meminfo(const char *text, struct host_sample *ret_sample);

/* cgroup.events. A kernel before 5.2 has no "frozen": false. */
bool parse_cgroup_events(const char *text, bool *ret_populated, bool *ret_frozen);

/* cpu.stat: usage_usec. */
bool parse_cpu_stat(const char *text, uint64_t *ret_us);

#define PARSE_LOCK_WAITS 64 /* more than that wait at once only where something else is wrong */
#define PARSE_LOCK_DEPTH 8

/*
 * Who waits for whom in /proc/locks, from its lines in their order. Pids are those of the reader's
 * pid namespace. The kernel names no process for open file description locks (-1): such pairs are
 * left out. Zeroed at first.
 */
struct lock_waits {
	int64_t above[PARSE_LOCK_DEPTH]; /* of the lines read last, by depth */
	uint32_t count;
	struct lock_wait {
		int64_t holder, waiter;
	} wait[PARSE_LOCK_WAITS];
};

/* One line, up to its end or a newline. What is no line of the file is passed over. */
void parse_lock_line(const char *line, struct lock_waits *waits);

#endif
