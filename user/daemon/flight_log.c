// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hands to the flight recorder what a tick has: the frame and the policy's state before the step,
 * the plan and the views after it. The configuration goes in as the text that uwctl config show
 * prints, made at the start and at a reload, since printing allocates. A reload that names another
 * file has the one closed and the other opened by a thread.
 */
#include "user/daemon/flight_log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/daemon/loop.h"
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

static int open_flight(struct daemon *daemon, const struct record_conf *record,
		       struct flight **ret_flight, struct uw_err *err)
{
	struct flight_conf conf = {
		.path = record->file,
		.stage = FLIGHT_STAGE,
		.bytes = record->size_bytes,
		.version = UW_VERSION,
		.leaf_name = name_leaf,
		.checkpoint = checkpoint,
		.data = daemon,
	};

	if (!record->enabled || daemon->options.dry_run)
		return 0;
	return flight_open(&conf, ret_flight, err);
}

static void begin(struct daemon *daemon)
{
	if (!daemon->flight || enter_config(daemon) >= 0)
		return;
	log_err("nothing is recorded: the configuration is too long for it");
	flight_log_close(daemon);
}

void flight_log_open(struct daemon *daemon)
{
	struct uw_err err = {0};

	daemon->recorded = daemon->config.record;
	if (open_flight(daemon, &daemon->recorded, &daemon->flight, &err))
		log_err("nothing is recorded: %s", err.text);
	begin(daemon);
}

/* ---- another file, or none ---- */

/* What is under way on a thread of its own: to close the one and to open the other wait for the
 * disk. Meanwhile nothing is recorded. */
struct flight_change {
	struct daemon *daemon;
	struct flight *before, *after; /* NULL: none */
	struct record_conf record;     /* as it is to be */
	struct uw_err err;
	int rc, done; /* an eventfd; -1 */
	pthread_t thread;
	bool has_thread;
	sd_event_source *source;
};

static void *run_change(void *data)
{
	struct flight_change *change = data;

	flight_close(change->before);
	change->rc = open_flight(change->daemon, &change->record, &change->after, &change->err);
	if (change->done >= 0 && eventfd_write(change->done, 1) < 0)
		return NULL; /* cannot be: it is new */
	return NULL;
}

static void end_change(struct daemon *daemon)
{
	AUTO_FREE struct flight_change *change = TAKE(daemon->record_change);

	if (change->has_thread)
		pthread_join(change->thread, NULL);
	sd_event_source_disable_unref(change->source);
	if (change->done >= 0)
		close(change->done);
	daemon->flight = change->after;
	if (change->rc)
		log_err("nothing is recorded: %s", change->err.text);
}

static int on_changed(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	end_change(data);
	flight_log_configure(data); /* as it is by now */
	return 0;
}

static int start_change(struct flight_change *change)
{
	int rc;

	change->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (change->done < 0)
		return -errno;
	rc = loop_add_io(change->daemon->event, change->done, EPOLLIN, on_changed, change->daemon,
			 LOOP_REPAIR, &change->source);
	if (rc >= 0)
		rc = -pthread_create(&change->thread, NULL, run_change, change);
	change->has_thread = !rc;
	return rc;
}

static void begin_change(struct daemon *daemon)
{
	struct flight_change *change = calloc(1, sizeof(*change));

	if (!change) {
		log_err("it is recorded as before: out of memory");
		return;
	}
	change->daemon = daemon;
	change->before = TAKE(daemon->flight);
	change->record = daemon->config.record;
	daemon->record_change = change;
	daemon->recorded = daemon->config.record;
	if (start_change(change) >= 0)
		return;
	run_change(change); /* here, then */
	end_change(daemon);
	begin(daemon);
}

static bool is_same(const struct record_conf *a, const struct record_conf *b)
{
	return a->enabled == b->enabled && a->size_bytes == b->size_bytes &&
	       !strcmp(a->file, b->file);
}

void flight_log_configure(struct daemon *daemon)
{
	if (daemon->record_change)
		return; /* its end comes here again */
	if (is_same(&daemon->recorded, &daemon->config.record))
		begin(daemon);
	else
		begin_change(daemon);
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
	if (daemon->record_change)
		end_change(daemon);
	flight_close(TAKE(daemon->flight));
}
