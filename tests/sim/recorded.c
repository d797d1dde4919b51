// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the flight recorder around the policy of a simulated machine. Its configuration is read from
 * text, so that what is recorded reads back; what the plant does not know of is at its default.
 */
#include "tests/sim/recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/conf/conf.h"
#include "user/policy/checkpoint.h"
#include "user/record/load.h"

#define FILE_BYTES (8 * MIB)

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "recorded: %s\n", what);
	abort();
}

/* In memory: the plant makes frames much faster than the machine, and no disk keeps up with it. */
void recorded_init(struct recorded *recorded)
{
	memset(recorded, 0, sizeof(*recorded));
	snprintf(recorded->folder, sizeof(recorded->folder), "/dev/shm/uw-recorded.XXXXXX");
	require(mkdtemp(recorded->folder) != NULL, "no folder in /dev/shm");
	snprintf(recorded->disk, sizeof(recorded->disk), "%s/disk", recorded->folder);
	snprintf(recorded->stage, sizeof(recorded->stage), "%s/stage", recorded->folder);
}

void recorded_done(struct recorded *recorded)
{
	unlink(recorded->disk);
	unlink(recorded->stage);
	rmdir(recorded->folder);
}

static uint32_t leaf_name(void *data, uint64_t cgid, char *buf, size_t size)
{
	const struct recorded *recorded = data;

	for (uint32_t i = 0; i < recorded->plant.leaf_count; i++)
		if (recorded->plant.leaf[i].cgid == cgid) {
			snprintf(buf, size, "leaf%u", i);
			return recorded->plant.leaf[i].component;
		}
	return COMPONENT_NONE;
}

static void checkpoint(void *data, struct flight_state *ret_state)
{
	const struct recorded *recorded = data;
	struct policy_span span[POLICY_SPANS];

	policy_spans(recorded->plant.state, span);
	ret_state->layout = policy_layout();
	ret_state->state = recorded->plant.state;
	ret_state->bytes = (uint32_t)policy_state_size();
	ret_state->areas = POLICY_SPANS;
	for (uint32_t i = 0; i < POLICY_SPANS; i++)
		ret_state->area[i] = (struct record_area){span[i].from / 8, span[i].to / 8};
}

static void before(struct plant *plant)
{
	struct recorded *recorded = plant->data;

	flight_frame(recorded->flight, plant->frame);
}

static void after(struct plant *plant)
{
	struct recorded *recorded = plant->data;
	struct flight_stats stats;

	flight_plan(recorded->flight, &plant->plan, policy_views(plant->state),
		    plant->config.component_count);
	if (!recorded->done)
		return;
	flight_read_stats(recorded->flight, &stats);
	while (stats.lost) /* it makes frames a thousand times as fast as they are meant to come */
		pause();
	*recorded->done = plant->frame->sequence;
}

static void configure(struct recorded *recorded)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	require(out && !conf_print(&recorded->plant.config, out) && !fclose(out), "no text");
	require(!flight_configure(recorded->flight, recorded->plant.config.usable_bytes, text, len),
		"a configuration that does not fit");
}

void recorded_start(struct recorded *recorded, const char *text, uint64_t swap_bytes)
{
	struct flight_conf conf = {
		.path = recorded->disk,
		.stage = recorded->stage,
		.bytes = FILE_BYTES,
		.version = "test",
		.leaf_name = leaf_name,
		.checkpoint = checkpoint,
		.data = recorded,
	};
	struct uw_err err = {0};
	struct plant *plant = &recorded->plant;

	plant_init(plant, 1217 * MIB, 90 * MIB, swap_bytes);
	if (conf_parse_text("test", text, strlen(text), &plant->config, &err) ||
	    flight_open(&conf, &recorded->flight, &err))
		require(0, err.text);
	plant_start(plant, 1014 * MIB);
	configure(recorded);
	plant->before = before;
	plant->check = after;
	plant->data = recorded;
}

void recorded_stop(struct recorded *recorded)
{
	flight_close(TAKE(recorded->flight));
	plant_done(&recorded->plant);
}

void *recorded_export(const struct recorded *recorded, size_t *ret_size)
{
	struct record_export done;
	struct uw_err err = {0};
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, ret_size);

	require(out != NULL, "no memory");
	if (record_export(recorded->disk, recorded->stage, 0, out, &done, &err))
		require(0, err.text);
	require(!fclose(out) && *ret_size == done.bytes,
		"the export has another size than it says");
	return bytes;
}
