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

#endif
