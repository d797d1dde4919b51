// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs that were no jobs', and teach the same keys: the core hears of them at once, and the store
 * by the recorder, as of what jobs taught. Losing one at a full disk loses no more than that
 * lesson.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/base/text.h"
#include "user/jobs/state.h"

struct learn_entry {
	struct entry entry;
	struct admit_key key;
	uint64_t at_us; /* of the wall clock */
	uint32_t uid;
	char component[UW_NAME_LEN], name[JOB_KEY_LEN];
	struct jobs_run run;
};

static int write_run(struct store *store, const struct learn_entry *entry)
{
	const struct jobs_run *run = &entry->run;
	const struct job job = {.uid = entry->uid,
				.state = JOB_DONE,
				.memory_bytes = run->asked_bytes,
				.reserved_bytes = run->asked_bytes,
				.input_bytes = run->input_bytes};
	uint64_t start_us = entry->at_us > run->ran_us ? entry->at_us - run->ran_us : 0;
	const struct job_result result = {.state = JOB_DONE,
					  .queued_us = start_us,
					  .start_us = start_us,
					  .end_us = entry->at_us,
					  .peak_bytes = run->peak_bytes};

	return store_add_run(store, &(struct store_run){.job = &job,
							.component = entry->component,
							.key = entry->name,
							.result = &result,
							.has_run = true,
							.outgrew = run->was_held,
							.no_job = true});
}

static int write_lesson(struct store *store, struct entry *base)
{
	struct learn_entry *entry = (struct learn_entry *)base;
	int rc =
		store_put_key(store, entry->key.key, entry->at_us, &entry->key, sizeof(entry->key));

	return rc || !entry->run.ran_us ? rc : write_run(store, entry);
}

static void done(void *data, struct entry *base)
{
	(void)data;
	free(base);
}

static int keep(struct jobs *jobs, uint64_t key, const struct learn_entry *lesson)
{
	struct learn_entry *entry = malloc(sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	*entry = *lesson;
	if (admit_key_export(jobs->admit, key, &entry->key)) {
		free(entry);
		return -ENOSPC;
	}
	entry->entry.write = write_lesson;
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
	struct learn_entry entry = {.uid = uid, .run = *run};
	struct admit_key known;
	int rc;

	if (!id || !lesson.peak_kib)
		return -EINVAL;
	if (admit_key_export(jobs->admit, id, NULL) && !jobs_recall(jobs, id, &known))
		admit_key_import(jobs->admit, &known);
	rc = admit_key_teach(jobs->admit, id, &lesson);
	text_copy(entry.component, sizeof(entry.component), component);
	text_copy(entry.name, sizeof(entry.name), key);
	return rc ? rc : keep(jobs, id, &entry);
}
