// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hands to the flight recorder what a tick has: the frame and the policy's state before the step,
 * the plan and the views after it. The configuration goes in as the text that uwctl config show
 * prints, made at the start and at a reload, since printing allocates.
 */
#include "user/daemon/flight_log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/policy/checkpoint.h"
#include "user/record/flight.h"
#include "user/sense/sense.h"

static uint32_t name_leaf(void *data, uint64_t cgid, char *buf, size_t size)
{
	const struct daemon *daemon = data;

	return sense_leaf_name(daemon->sense, cgid, buf, size);
}

static void checkpoint(void *data, struct flight_state *ret_state)
{
	const struct daemon *daemon = data;
	struct policy_span span[POLICY_SPANS];

	policy_spans(daemon->policy, span);
	*ret_state = (struct flight_state){
		.layout = policy_layout(),
		.state = daemon->policy,
		.bytes = (uint32_t)policy_state_size(),
		.areas = POLICY_SPANS,
	};
	for (uint32_t i = 0; i < POLICY_SPANS; i++)
		ret_state->area[i] = (struct record_area){span[i].from / sizeof(record_word),
							  span[i].to / sizeof(record_word)};
}

static int enter_config(struct daemon *daemon)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc;

	if (!out)
		return -ENOMEM;
	rc = conf_print(&daemon->config, out);
	if (fclose(out) != 0 || rc)
		return -ENOMEM;
	return flight_configure(daemon->flight, daemon->config.usable_bytes, text, len);
}

static void open_flight(struct daemon *daemon)
{
	struct flight_conf conf = {
		.path = daemon->config.record.file,
		.stage = FLIGHT_STAGE,
		.bytes = daemon->config.record.size_bytes,
		.version = UW_VERSION,
		.leaf_name = name_leaf,
		.checkpoint = checkpoint,
		.data = daemon,
	};
	struct uw_err err = {0};
	int rc = flight_open(&conf, &daemon->flight, &err);

	if (!rc) {
		rc = enter_config(daemon);
		if (rc)
			err_set(&err, rc, "configuration: %s", strerror(-rc));
	}
	if (rc) {
		flight_close(TAKE(daemon->flight));
		log_err("nothing is recorded: %s", err.text);
	}
}

void flight_log_open(struct daemon *daemon)
{
	if (daemon->config.record.enabled && !daemon->options.dry_run)
		open_flight(daemon);
	daemon->recorded = daemon->config.record;
}

static bool is_same(const struct record_conf *a, const struct record_conf *b)
{
	return a->enabled == b->enabled && a->size_bytes == b->size_bytes &&
	       !strcmp(a->file, b->file);
}

void flight_log_configure(struct daemon *daemon)
{
	if (!is_same(&daemon->recorded, &daemon->config.record)) {
		flight_log_close(daemon);
		flight_log_open(daemon);
	} else if (daemon->flight && enter_config(daemon) < 0) {
		log_err("nothing is recorded: the configuration is too long for it");
		flight_log_close(daemon);
	}
}

void flight_log_frame(struct daemon *daemon)
{
	if (daemon->flight)
		flight_frame(daemon->flight, &daemon->frame);
}

void flight_log_plan(struct daemon *daemon)
{
	if (daemon->flight)
		flight_plan(daemon->flight, &daemon->plan, policy_views(daemon->policy),
			    daemon->config.component_count);
}

void flight_log_look(struct daemon *daemon)
{
	struct flight_stats stats;

	if (!daemon->flight)
		return;
	flight_read_stats(daemon->flight, &stats);
	if (stats.error && stats.error != daemon->record_error)
		log_warning("recording is not on the disk file=%s error=%s", daemon->recorded.file,
			    strerrorname_np(-stats.error));
	else if (!stats.error && daemon->record_error)
		log_notice("recording is on the disk again file=%s lost_frames=%" PRIu64,
			   daemon->recorded.file, stats.lost);
	daemon->record_error = stats.error;
}

void flight_log_close(struct daemon *daemon)
{
	flight_close(TAKE(daemon->flight));
}
