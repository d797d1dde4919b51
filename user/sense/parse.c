// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses the kernel's text files: memory.stat, memory.events, pressure files, meminfo and locks. A
 * table a file says which keys go to which field and which of them must be there. Nothing is read
 * or opened here, so that a test and a fuzzer can feed it any text.
 */
#include "user/sense/parse.h"

#include <stddef.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"

#define NEED(i)          (1U << (i))
#define SWAP_CACHED_PART 8 /* times what is free: more that is in memory too takes no part */

/* The first fields of each table are those that are needed. */
struct sample_field {
	const char *key;
	size_t len;
	size_t offset;
};

#define FIELD(key, type, member)                             \
	{                                                    \
		key, sizeof(key) - 1, offsetof(type, member) \
	}

static const struct sample_field stat_fields[] = {
	FIELD("anon", struct component_sample, anon_bytes),
	FIELD("active_file", struct component_sample, active_file_bytes),
	FIELD("inactive_file", struct component_sample, inactive_file_bytes),
	FIELD("unevictable", struct component_sample, unevictable_bytes),
	FIELD("slab_reclaimable", struct component_sample, slab_reclaimable_bytes),
	FIELD("workingset_refault_anon", struct component_sample, refault_anon),
	FIELD("workingset_refault_file", struct component_sample, refault_file),
	FIELD("pgscan", struct component_sample, pgscan),
	FIELD("pgsteal", struct component_sample, pgsteal),
	FIELD("file_dirty", struct component_sample, dirty_bytes),
	FIELD("file_writeback", struct component_sample, writeback_bytes),
	FIELD("file_mapped", struct component_sample, mapped_bytes),
};

static const struct sample_field events_fields[] = {
	FIELD("high", struct component_sample, ev_high),
	FIELD("max", struct component_sample, ev_max),
	FIELD("oom", struct component_sample, ev_oom),
	FIELD("oom_kill", struct component_sample, ev_oom_kill),
};

struct meminfo {
	uint64_t total, available, swap_total, swap_free, swap_cached; /* kB */
};

static const struct sample_field meminfo_fields[] = {
	FIELD("MemTotal", struct meminfo, total),
	FIELD("MemAvailable", struct meminfo, available),
	FIELD("SwapTotal", struct meminfo, swap_total),
	FIELD("SwapFree", struct meminfo, swap_free),
	FIELD("SwapCached", struct meminfo, swap_cached),
};

struct cgroup_events {
	uint64_t populated, frozen;
};

static const struct sample_field cgroup_events_fields[] = {
	FIELD("populated", struct cgroup_events, populated),
	FIELD("frozen", struct cgroup_events, frozen),
};

static const struct sample_field cpu_fields[] = {
	{"usage_usec", sizeof("usage_usec") - 1, 0},
};

static bool read_number(const char **at, uint64_t *ret_value)
{
	const char *digit = *at;
	uint64_t value = 0;

	if (*digit < '0' || *digit > '9')
		return false;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
			return false;
	*at = digit;
	*ret_value = value;
	return true;
}

static const struct sample_field *find_field(const struct sample_field *fields, size_t count,
					     const char *key, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].len == len && !memcmp(fields[i].key, key, len))
			return &fields[i];
	return NULL;
}

/* "key 123", "key: 123 kB". Returns the mask of the fields that were there. */
static uint32_t read_fields(const char *text, const struct sample_field *fields, size_t count,
			    void *base)
{
	uint32_t found = 0;

	while (*text) {
		size_t len = strcspn(text, " :\n");
		const struct sample_field *field = find_field(fields, count, text, len);
		uint64_t value;

		text += len;
		if (field) {
			text += strspn(text, " :");
			if (read_number(&text, &value)) {
				memcpy((char *)base + field->offset, &value, sizeof(value));
				found |= 1U << (field - fields);
			}
		}
		text = strchrnul(text, '\n');
		if (*text)
			text++;
	}
	return found;
}

static bool has_all(uint32_t found, uint32_t needed)
{
	return (found & needed) == needed;
}

bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
	uint64_t value = BYTES_MAX;

	if (!strncmp(text, "max", 3))
		text += 3;
	else if (!read_number(&text, &value))
		return false;
	if (*text && *text != '\n')
		return false;
	*ret_bytes = value;
	return true;
}

bool parse_memory_stat(const char *text, struct component_sample *ret_sample)
{
	struct component_sample read = *ret_sample;

	read.unevictable_bytes = read.slab_reclaimable_bytes = 0;
	read.refault_anon = read.refault_file = read.pgscan = read.pgsteal = 0;
	read.dirty_bytes = read.writeback_bytes = read.mapped_bytes = 0;
	if (!has_all(read_fields(text, stat_fields, ARRAY_SIZE(stat_fields), &read),
		     NEED(0) | NEED(1) | NEED(2)))
		return false;
	*ret_sample = read;
	return true;
}

bool parse_memory_events(const char *text, struct component_sample *ret_sample)
{
	struct component_sample read = *ret_sample;

	read.ev_oom = read.ev_oom_kill = 0;
	if (!has_all(read_fields(text, events_fields, ARRAY_SIZE(events_fields), &read),
		     NEED(0) | NEED(1)))
		return false;
	*ret_sample = read;
	return true;
}

/*
 * What is in memory too goes out again without room of its own: it takes none away. But only as
 * long as the kernel looks through anonymous pages at all, which it does not once no slot is free
 * (mm/vmscan.c, get_swappiness).
 */
static uint64_t swap_free_kib(const struct meminfo *read)
{
	uint64_t most = read->swap_free * SWAP_CACHED_PART, free = read->swap_free;

	free += read->swap_cached < most ? read->swap_cached : most;
	return free < read->swap_total ? free : read->swap_total;
}

bool parse_meminfo(const char *text, struct host_sample *ret_sample)
{
	struct meminfo read = {0};

	if (!has_all(read_fields(text, meminfo_fields, ARRAY_SIZE(meminfo_fields), &read),
		     NEED(0) | NEED(1)))
		return false;
	if ((read.total | read.available | read.swap_total | read.swap_free | read.swap_cached) >
	    UINT64_MAX / KIB / 16)
		return false;
	ret_sample->total_bytes = read.total * KIB;
	ret_sample->available_bytes = read.available * KIB;
	ret_sample->swap_total_bytes = read.swap_total * KIB;
	ret_sample->swap_free_bytes = swap_free_kib(&read) * KIB;
	return true;
}

bool parse_cgroup_events(const char *text, bool *ret_populated, bool *ret_frozen)
{
	struct cgroup_events read = {0};

	if (!has_all(read_fields(text, cgroup_events_fields, ARRAY_SIZE(cgroup_events_fields),
				 &read),
		     NEED(0)))
		return false;
	*ret_populated = read.populated != 0;
	*ret_frozen = read.frozen != 0;
	return true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345" */
static bool read_total(const char *line, size_t len, uint64_t *ret_us)
{
	static const char key[] = " total=";
	const char *at = memmem(line, len, key, sizeof(key) - 1);

	if (!at)
		return false;
	at += sizeof(key) - 1;
	return read_number(&at, ret_us);
}

bool parse_pressure(const char *text, uint64_t *ret_some_us, uint64_t *ret_full_us)
{
	uint64_t some = 0, full = 0;
	bool found = false;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!strncmp(text, "some ", 5))
			found = read_total(text, len, &some);
		else if (!strncmp(text, "full ", 5))
			read_total(text, len, &full);
		text += len + (text[len] == '\n');
	}
	if (!found)
		return false;
	*ret_some_us = some;
	*ret_full_us = full;
	return true;
}

bool parse_cpu_stat(const char *text, uint64_t *ret_us)
{
	return read_fields(text, cpu_fields, ARRAY_SIZE(cpu_fields), ret_us) != 0;
}

/* Behind "POSIX  ADVISORY  WRITE ". 0 where there is none. */
static int64_t read_lock_pid(const char *at)
{
	uint64_t pid;

	for (int word = 0; word < 3; word++) {
		at += strcspn(at, " \n");
		at += strspn(at, " ");
	}
	return read_number(&at, &pid) && pid <= INT32_MAX ? (int64_t)pid : 0;
}

/* fs/locks.c, lock_get_status: "12: POSIX ...", and below it who waits, a space deeper for each
 * that waits for who waits: "12: -> POSIX ...", "12:  -> POSIX ...". */
void parse_lock_line(const char *line, struct lock_waits *waits)
{
	size_t depth = 0, indent;
	uint64_t id;
	int64_t pid;

	if (!read_number(&line, &id) || strncmp(line, ": ", 2) != 0)
		return;
	line += 2;
	indent = strspn(line, " ");
	if (!strncmp(line + indent, "-> ", 3)) {
		depth = indent + 1;
		line += indent + 3;
	}
	if (depth >= PARSE_LOCK_DEPTH)
		return;
	pid = read_lock_pid(line);
	waits->above[depth] = pid;
	if (!depth || !pid || !waits->above[depth - 1] || waits->count == PARSE_LOCK_WAITS)
		return;
	waits->wait[waits->count++] = (struct lock_wait){waits->above[depth - 1], pid};
}
