// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads single files of a leaf by its name, as it is wanted now and then, by who has no frame
 * for it: at the end of a task, or when a client looks.
 */
#include "user/daemon/leaf_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "user/base/text.h"

uint64_t leaf_read_u64(const struct daemon *daemon, const char *component, const char *leaf,
		       enum cg_knob knob)
{
	char path[CG_PATH_LEN], text[32];

	snprintf(path, sizeof(path), "%s/%s/%s", component, leaf, cg_knob_file(knob));
	if (text_read_at(daemon->pool.dir, path, text, sizeof(text)) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

uint64_t leaf_read_key(const struct daemon *daemon, const char *component, const char *leaf,
		       enum cg_knob knob, const char *key)
{
	char path[CG_PATH_LEN], text[512];
	uint64_t value = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", component, leaf, cg_knob_file(knob));
	if (text_read_at(daemon->pool.dir, path, text, sizeof(text)) > 0)
		text_key_u64(text, key, &value);
	return value;
}

/* One that went over what it had was held to it, and might have been larger. */
void leaf_read_run(const struct daemon *daemon, const char *component, const char *leaf,
		   struct jobs_run *run)
{
	run->peak_bytes = leaf_read_u64(daemon, component, leaf, CG_PEAK);
	run->was_held = leaf_read_key(daemon, component, leaf, CG_EVENTS, "high");
	if (run->was_held)
		run->run_us = 0;
}
