// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs that were no jobs', and teach the same keys: the core hears of them at once, and the store
 * by the recorder, as of what jobs taught. Losing one at a full disk loses no more than that
 * lesson.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/jobs/state.h"

struct learn_entry {
	struct entry entry;
	struct admit_key key;
	uint64_t at_us; /* of the wall clock */
};

static int write_key(struct store *store, struct entry *base)
{
	struct learn_entry *entry = (struct learn_entry *)base;

	return store_put_key(store, entry->key.key, entry->at_us, &entry->key, sizeof(entry->key));
}

static void done(void *data, struct entry *base)
{
	(void)data;
	free(base);
}

static int keep(struct jobs *jobs, uint64_t key)
{
	struct learn_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	if (admit_key_export(jobs->admit, key, &entry->key)) {
		free(entry);
		return -ENOSPC;
	}
	entry->entry.write = write_key;
	entry->entry.done = done;
	entry->at_us = jobs_wall_us(jobs, jobs_now_us(jobs));
	recorder_put(jobs->recorder, &entry->entry);
	return 0;
}

static uint32_t in_units(uint64_t value, uint64_t unit)
{
	uint64_t units = value / unit + (value % unit != 0);

	return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

int jobs_learn(struct jobs *jobs, const char *component, uint32_t uid, const char *key,
	       const struct jobs_run *run)
{
	uint64_t id = jobs_learn_key(jobs, component, uid, key);
	const struct admit_run lesson = {
		.peak_kib = in_units(run->peak_bytes, 1024),
		.input_kib = in_units(run->input_bytes, 1024),
		.asked_kib = in_units(run->asked_bytes, 1024),
		.run_ms = in_units(run->run_us, US_PER_MS),
	};
	struct admit_key known;
	int rc;

	if (!id || !lesson.peak_kib)
		return -EINVAL;
	if (admit_key_export(jobs->admit, id, NULL) && !jobs_recall(jobs, id, &known))
		admit_key_import(jobs->admit, &known);
	rc = admit_key_teach(jobs->admit, id, &lesson);
	return rc ? rc : keep(jobs, id);
}
