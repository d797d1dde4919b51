// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seam between uwd and leases. Downwards it says what each full frame left free, what leaves
 * with clients in them use, where a client runs and what it may; upwards it tells levels as they
 * change. What lies in /run/uw and was removed is made again, as leases are kept in memory too.
 */
#include "user/daemon/leases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/daemon/entered.h"
#include "user/daemon/keepers.h"
#include "user/daemon/leases_report.h"
#include "user/daemon/loop.h"
#include "user/daemon/ration.h"
#include "user/daemon/solid.h"
#include "user/daemon/spoken.h"
#include "user/daemon/tasks.h"
#include "user/jobs/jobs.h"
#include "user/lease/file.h"
#include "user/lease/server.h"
#include "user/model/leaf_index.h"
#include "user/sense/sense.h"

#define LOOK_PERIOD_US US_PER_SEC /* of what is done now and then */

/* ---- what is free ---- */

static uint64_t sub_bytes(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void read_headroom(struct daemon *daemon, struct lease_headroom *headroom)
{
	const struct config *config = &daemon->config;
	uint64_t room = spoken_room(daemon), kept = spoken_reserve(daemon);
	uint64_t promised[UW_COMPONENTS_MAX];
	struct spoken_jobs jobs;

	*headroom = (struct lease_headroom){
		.host_valid = spoken_host(daemon)->valid,
		.usable_bytes = config->usable_bytes,
	};
	spoken_by_jobs(daemon, &jobs);
	entered_promised(daemon, promised);
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component_view *view = &daemon->component[i].view;
		uint64_t budget = config->component[i].budget_bytes;

		headroom->component[i].budget_bytes = budget;
		headroom->component[i].limit_bytes =
			view->in_force_bytes > budget ? view->in_force_bytes : budget;
		headroom->component[i].used_bytes =
			spoken_by_others(daemon, i, &jobs) + jobs.reserved_bytes[i] + promised[i];
		headroom->component[i].level = view->level;
		headroom->component[i].borrows = config->component[i].borrow;
		kept += jobs.reserved_bytes[i] - jobs.current_bytes[i] + promised[i];
	}
	headroom->host_free_bytes = sub_bytes(room, kept);
}

/* Of those that have clients: they are few, and leaves and jobs may be many. */
static void tell_leaves(struct daemon *daemon)
{
	const struct frame *frame = &daemon->frame;
	uint64_t cgid[LEASE_CLIENTS];
	uint32_t count = lease_leaves(daemon->leases, cgid);
	struct leaf_index index;

	leaf_index_build(&index, LEAF_IDS(frame->leaf, cgid), frame->leaf_count, frame->leaf_count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = leaf_index_find(&index, LEAF_IDS(frame->leaf, cgid), cgid[i]);
		const struct leaf_sample *leaf;

		if (at == LEAF_NONE)
			continue;
		leaf = &frame->leaf[at];
		lease_leaf_use(
			daemon->leases, leaf->cgid,
			solid_bytes(&daemon->frame.component[leaf->component], leaf->current_bytes),
			spoken_reserved_in(daemon, leaf->cgid));
	}
}

static void tell_pools(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct lease_component_view view;

		lease_component_view(daemon->leases, i, daemon->frame.now_us, &view);
		if (view.pools)
			lease_pools_use(daemon->leases, i, keepers_use(daemon, i));
	}
}

/* ---- what the server asks ---- */

/* "COMPONENT/LEAF", or "COMPONENT", of the process's cgroup below the pool; false outside of it. */
static bool read_position(const struct daemon *daemon, pid_t pid, char *buf, size_t size)
{
	char path[CG_PATH_LEN];
	size_t length = strlen(daemon->pool.root);

	if (lease_peer_cgroup(pid, path, sizeof(path)) < 0 ||
	    strncmp(path, daemon->pool.root, length) != 0 || path[length] != '/')
		return false;
	return text_copy(buf, size, path + length + 1);
}

/* As it is now, which the frame may not know yet. */
static uint64_t read_use(const struct daemon *daemon, uint32_t component, const char *leaf)
{
	char path[CG_PATH_LEN], text[32];

	snprintf(path, sizeof(path), "%s/%s/memory.current",
		 daemon->config.component[component].name, leaf);
	if (text_read_at(daemon->pool.dir, path, text, sizeof(text)) <= 0)
		return 0;
	return solid_bytes(&daemon->frame.component[component], strtoull(text, NULL, 10));
}

static void read_leaf(const struct daemon *daemon, char *position, struct lease_place *place)
{
	char *leaf = strchr(position, '/');
	int component;

	if (leaf)
		*leaf++ = '\0';
	component = config_find(&daemon->config, position);
	if (component < 0)
		return;
	place->component = (uint32_t)component;
	if (!leaf)
		return;
	leaf[strcspn(leaf, "/")] = '\0';
	place->leaf = sense_leaf_find(daemon->sense, place->component, leaf);
	place->use_bytes = read_use(daemon, place->component, leaf);
	place->reserved_bytes = spoken_reserved_in(daemon, place->leaf);
}

static void place_peer(void *data, const struct lease_peer *peer, struct lease_place *ret_place)
{
	const struct daemon *daemon = data;
	char position[CG_PATH_LEN];

	*ret_place = (struct lease_place){.component = COMPONENT_NONE};
	if (read_position(daemon, peer->who.pid, position, sizeof(position)))
		read_leaf(daemon, position, ret_place);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (i == ret_place->component ||
		    submitters_include(&daemon->component[i].lease, &peer->who))
			ret_place->may |= 1U << i;
}

static int find_component(void *data, const char *name, uint8_t *ret_priority)
{
	const struct daemon *daemon = data;
	int index = config_find(&daemon->config, name);

	if (index >= 0)
		*ret_priority = (uint8_t)daemon->config.component[index].priority;
	return index;
}

static const char *name_component(void *data, uint32_t component)
{
	const struct daemon *daemon = data;

	return component < daemon->config.component_count ? daemon->config.component[component].name
							  : NULL;
}

static void grow_file(void *data)
{
	struct daemon *daemon = data;

	if (!lease_file_grow(daemon->lease_file))
		lease_set_room(daemon->leases, lease_file_room(daemon->lease_file));
}

static char *report(void *data)
{
	return leases_report(data);
}

/* ---- levels ---- */

static void tell_levels(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		const struct component_view *view = &daemon->component[i].view;

		if (daemon->component[i].level_told == view->level)
			continue;
		daemon->component[i].rises += view->level > daemon->component[i].level_told;
		daemon->component[i].level_told = view->level;
		lease_server_level(daemon->lease_server, i, view->level, view->use_permyriad,
				   daemon->frame.now_us);
	}
}

/* ---- in the loop ---- */

static void set_timer(struct daemon *daemon)
{
	uint64_t next_us = lease_next_us(daemon->leases);

	if (next_us != UINT64_MAX && daemon->lease_timer)
		loop_set_timer(daemon->lease_timer, next_us);
}

void leases_mend(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc;

	if (!daemon->leases)
		return;
	rc = lease_file_mend(daemon->lease_file);
	if (rc)
		log_warning("%s was removed error=%s", LEASE_FILE_PATH,
			    rc < 0 ? strerrorname_np(-rc) : "0, it is there again");
	if (lease_server_is_there(daemon->lease_server))
		return;
	rc = lease_server_listen_again(daemon->lease_server, &err);
	log_warning("the lease socket was removed: %s", rc ? err.text : "it is there again");
}

void leases_look(struct daemon *daemon)
{
	struct lease_headroom headroom;
	struct lease_totals totals;

	if (!daemon->leases)
		return;
	lease_totals(daemon->leases, &totals);
	if (totals.clients)
		tell_leaves(daemon);
	if (totals.pools)
		tell_pools(daemon);
	read_headroom(daemon, &headroom);
	lease_look(daemon->leases, &headroom);
	lease_server_settle(daemon->lease_server);
	if (daemon->frame.now_us >= daemon->leases_look_us) {
		daemon->leases_look_us = daemon->frame.now_us + LOOK_PERIOD_US;
		lease_server_keep_house(daemon->lease_server);
		keepers_keep_house(daemon);
	}
	set_timer(daemon);
}

int leases_take(struct daemon *daemon, uint64_t id)
{
	int rc = lease_take(daemon->leases, id, clock_now_us());

	lease_server_settle(daemon->lease_server);
	return rc;
}

static int on_lease_client(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct daemon *daemon = data;
	uint64_t began_us = ration_begin(daemon);
	int rc = lease_server_dispatch(daemon->lease_server);

	(void)source, (void)fd, (void)revents;
	ration_end(daemon, began_us);
	set_timer(daemon);
	if (rc < 0)
		log_err("lease socket failed error=%s", strerrorname_np(-rc));
	return rc;
}

static int on_lease_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct daemon *daemon = data;

	(void)source, (void)usec;
	lease_server_settle(daemon->lease_server);
	set_timer(daemon);
	return 0;
}

int leases_watch(struct daemon *daemon)
{
	int rc;

	if (!daemon->leases)
		return 0;
	rc = loop_add_timer(daemon->event, on_lease_timer, daemon, LOOP_CLIENTS,
			    &daemon->lease_timer);
	if (rc >= 0)
		rc = loop_add_io(daemon->event, lease_server_fd(daemon->lease_server), EPOLLIN,
				 on_lease_client, daemon, LOOP_CLIENTS, &daemon->lease_source);
	return rc;
}

void leases_unwatch(struct daemon *daemon)
{
	daemon->lease_source = sd_event_source_disable_unref(daemon->lease_source);
	daemon->lease_timer = sd_event_source_disable_unref(daemon->lease_timer);
}

/* ---- from the start to the end ---- */

static void resolve_lists(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		submitters_resolve_lease(&daemon->config.component[i], &daemon->component[i].lease);
}

void leases_configure(struct daemon *daemon, const uint32_t to[static UW_COMPONENTS_MAX])
{
	if (!daemon->leases)
		return;
	resolve_lists(daemon);
	lease_configure(daemon->leases, &daemon->config);
	lease_server_renumber(daemon->lease_server, to);
	keepers_look_again(daemon);
}

static int open_server(struct daemon *daemon, struct uw_err *err)
{
	struct lease_server_conf conf = {
		.path = LEASE_SOCKET_PATH,
		.ledger = daemon->leases,
		.place = place_peer,
		.component = find_component,
		.name = name_component,
		.keeper = keepers_connect,
		.grow = grow_file,
		.report = report,
		.data = daemon,
	};

	tasks_serve(&conf);
	return lease_server_new(&conf, &daemon->lease_server, err);
}

/* What an earlier uwd left. */
static void adopt(struct daemon *daemon)
{
	struct lease_totals totals;
	uint32_t freed, gone;

	lease_adopt(daemon->leases, lease_file_room(daemon->lease_file), clock_now_us(), &freed);
	gone = lease_server_adopt(daemon->lease_server);
	tasks_sweep(daemon);
	lease_totals(daemon->leases, &totals);
	if (totals.leases || freed || gone)
		log_notice("leases of an earlier uwd kept=%u clients=%u pools=%u freed=%u gone=%u",
			   totals.leases, totals.clients, totals.pools, freed, gone);
}

int leases_open(struct daemon *daemon, struct uw_err *err)
{
	int rc = lease_file_open(LEASE_FILE_PATH, &daemon->lease_file, err);

	if (rc)
		return rc;
	daemon->leases = calloc(1, lease_ledger_size());
	if (!daemon->leases)
		return err_set(err, -ENOMEM, "leases: out of memory");
	resolve_lists(daemon);
	lease_init(daemon->leases, lease_file_slots(daemon->lease_file));
	lease_configure(daemon->leases, &daemon->config);
	rc = open_server(daemon, err);
	if (rc) {
		free(daemon->leases);
		daemon->leases = NULL;
		return rc;
	}
	adopt(daemon);
	keepers_look_again(daemon);
	daemon->stepped = tell_levels;
	return 0;
}

void leases_close(struct daemon *daemon)
{
	daemon->stepped = NULL;
	lease_server_free(daemon->lease_server);
	lease_file_close(daemon->lease_file);
	free(daemon->leases);
	daemon->lease_server = NULL;
	daemon->lease_file = NULL;
	daemon->leases = NULL;
}
