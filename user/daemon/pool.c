// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwd and the tree it keeps: the configuration and the pool are read and made in one way at the
 * start, by a reload, and when a cgroup of ours was removed under a living uwd.
 */
#include "user/daemon/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "user/act/setup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/daemon/loop.h"
#include "user/daemon/queue.h"

int tree_read_config(const struct daemon *daemon, struct config *ret_config, struct uw_err *err)
{
	return setup_read_config(&daemon->host, daemon->options.config_file, daemon->options.root,
				 ret_config, err);
}

int tree_open_pool(struct daemon *daemon, struct uw_err *err)
{
	struct cg_change change = {.dry_run = daemon->options.dry_run};
	int rc = setup_pool(&daemon->host, &daemon->config, &change, &daemon->pool, err);

	if (rc >= 0 && !change.dry_run)
		daemon->pool_had_uwd = cg_pool_note_uwd(daemon->pool.dir);
	return rc;
}

static uint32_t path_depth(const char *path)
{
	uint32_t depth = 1;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

struct kern_options tree_kern_options(const struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct kern_options options = {
		.sensors = KERN_SENSORS_DEFAULT,
		.component_level = path_depth(daemon->pool.root) + 1,
		.calm_us = US_PER_SEC,
		.burst_us = config->policy.stall_burst_us,
		.window_us = config->policy.stall_window_us,
	};

	if (config->pages == SENSE_PAGES_OFF)
		options.sensors &= ~(1U << KERN_PAGES);
	if (config->pages == SENSE_PAGES_FULL)
		options.sensors |= 1U << KERN_TRACE;
	return options;
}

/* ---- everybody follows ---- */

static void on_leaf(void *data, uint32_t component, uint64_t cgid, const char *name)
{
	struct daemon *daemon = data;
	uint64_t seen;
	int rc;

	if (!name) {
		act_untrack_leaf(daemon->act, cgid);
		return;
	}
	rc = act_track_leaf(daemon->act, component, name, &seen);
	if (rc < 0 && rc != -ENOENT)
		log_warning("leaf cannot be acted upon component=%s leaf=%s error=%s",
			    daemon->config.component[component].name, name, strerrorname_np(-rc));
}

static void follow_by_kern(struct daemon *daemon)
{
	for (uint32_t i = 0; daemon->kern && i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;
		uint64_t cgid = sense_component_cgid(daemon->sense, i);
		int rc = cgid ? kern_track(daemon->kern, name, cgid, i) : 0;

		if (rc < 0)
			log_warning("component is not counted by BPF component=%s error=%s", name,
				    strerrorname_np(-rc));
	}
}

/* act first: of what goes it undoes everything, before sense says that it is gone. */
int tree_follow(struct daemon *daemon, struct uw_err *err)
{
	int rc = act_sync(daemon->act, &daemon->config, err);

	if (rc < 0)
		return rc;
	sense_sync(daemon->sense, &daemon->config, daemon->pool.dir);
	follow_by_kern(daemon);
	memset(daemon->frame.component, 0, sizeof(daemon->frame.component)); /* other indices */
	sense_watch_leaves(daemon->sense, on_leaf, daemon);
	daemon->followed = sense_generation(daemon->sense);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (sense_component_cgid(daemon->sense, i) != act_component_cgid(daemon->act, i)) {
			loop_mend_in(daemon, MEND_AGAIN_US); /* its last worker is still ending */
			break;
		}
	return 0;
}

/* Without the stall sensor each component gets a PSI trigger. */
void tree_watch_psi(struct daemon *daemon)
{
	const struct policy_conf *policy = &daemon->config.policy;

	loop_unwatch_psi(daemon);
	if (daemon->kern && (kern_sensors(daemon->kern) & (1U << KERN_STALL)))
		return;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		int fd;
		int rc = sense_psi_open(daemon->sense, i, policy->stall_burst_us,
					policy->stall_window_us, &fd);

		if (rc >= 0)
			rc = loop_watch_psi(daemon, i, fd);
		if (rc < 0)
			log_warning("no PSI trigger component=%s error=%s",
				    daemon->config.component[i].name, strerrorname_np(-rc));
	}
}

/* ---- a pool that was made anew ---- */

static bool is_same_group(int a, int b)
{
	struct stat one, other;

	return !fstat(a, &one) && !fstat(b, &other) && one.st_ino == other.st_ino;
}

/* The same pool, and the guard that setup found or started in it. */
static int take_guard(struct daemon *daemon, struct cg_pool *pool)
{
	if (daemon->guard_source) {
		cg_pool_close(pool);
		return 0;
	}
	daemon->stats.guard_restarts++;
	cg_pool_take_guard(&daemon->pool, pool);
	return loop_watch_guard(daemon);
}

/* Takes pool. Fds of one that is the old one stay: nothing in it has come or gone. */
static int take_pool(struct daemon *daemon, struct cg_pool *pool)
{
	if (daemon->options.dry_run) {
		cg_pool_close(pool);
		return 0;
	}
	if (is_same_group(daemon->pool.dir, pool->dir))
		return take_guard(daemon, pool);
	daemon->stats.guard_restarts++;
	loop_unwatch_guard(daemon);
	act_set_pool(daemon->act, pool->dir);
	sense_sync(daemon->sense, &daemon->config, pool->dir);
	pthread_mutex_lock(&daemon->pool_lock);
	cg_pool_close(&daemon->pool);
	daemon->pool = *pool;
	pthread_mutex_unlock(&daemon->pool_lock);
	cg_pool_note_uwd(pool->dir);
	return loop_watch_guard(daemon);
}

/* Beside whom another setup or teardown works: the loop does not wait for it. */
static int set_up(struct daemon *daemon, const struct config *config, struct uw_err *err)
{
	struct cg_change change = {.dry_run = daemon->options.dry_run, .no_wait = true};
	struct cg_pool pool;
	int rc = setup_pool(&daemon->host, config, &change, &pool, err);

	if (rc >= 0)
		rc = take_pool(daemon, &pool);
	return rc;
}

bool tree_is_followed(const struct daemon *daemon)
{
	return daemon->followed == sense_generation(daemon->sense);
}

void daemon_mend_tree(struct daemon *daemon)
{
	struct uw_err err = {0};
	int rc = set_up(daemon, &daemon->config, &err);

	if (rc >= 0)
		rc = tree_follow(daemon, &err);
	if (rc == -EAGAIN) {
		loop_mend_in(daemon, MEND_AFTER_US);
		return;
	}
	if (rc < 0) {
		log_err("the pool is incomplete, looked at again in 5 s: %s", err.text);
		loop_mend_in(daemon, MEND_AGAIN_US);
		return;
	}
	log_notice("the pool is as configured again pool=%s guard=%d", daemon->pool.root,
		   (int)daemon->pool.guard_pid);
	tree_watch_psi(daemon);
	loop_tick_now(daemon);
}

/* ---- reload ---- */

/* The index of component i in next, COMPONENT_NONE when it is not in there. */
static uint32_t renumbered(const struct daemon *daemon, const struct config *next, uint32_t i)
{
	int index = i < daemon->config.component_count
			    ? config_find(next, daemon->config.component[i].name)
			    : -1;

	return index < 0 ? COMPONENT_NONE : (uint32_t)index;
}

/* What waits, and what clients see, until the next frame. */
static void renumber(struct daemon *daemon, const struct config *next)
{
	struct component_view view[UW_COMPONENTS_MAX] = {0};
	uint32_t count = 0;

	for (uint32_t i = 0; i < daemon->request_count; i++) {
		struct frame_request request = daemon->request[i];

		request.component = renumbered(daemon, next, request.component);
		if (request.component != COMPONENT_NONE)
			daemon->request[count++] = request;
	}
	daemon->request_count = count;
	count = 0;
	for (uint32_t i = 0; i < daemon->frame.leaf_count; i++) {
		struct leaf_sample leaf = daemon->frame.leaf[i];

		leaf.component = renumbered(daemon, next, leaf.component);
		if (leaf.component != COMPONENT_NONE)
			daemon->frame.leaf[count++] = leaf;
	}
	daemon->frame.leaf_count = count;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		uint32_t to = renumbered(daemon, next, i);

		if (to != COMPONENT_NONE)
			view[to] = daemon->view[i];
	}
	memcpy(daemon->view, view, sizeof(view));
	daemon->psi_fired = 0;
}

/* Those that the new configuration does not know are counted no longer. */
static void forget_components(struct daemon *daemon, const struct config *next)
{
	for (uint32_t i = 0; daemon->kern && i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;

		if (config_find(next, name) < 0)
			kern_untrack(daemon->kern, name);
	}
}

static void log_change(const struct conf_change *change, void *arg)
{
	char text[CONF_PATH_LEN + 2 * CONF_VALUE_LEN];

	(void)arg;
	log_notice("reload %s", conf_change_text(change, text, sizeof(text)));
}

int daemon_reload(struct daemon *daemon, struct uw_err *err)
{
	static struct config config; /* large, and reload is not reentrant */
	struct kern_options options;
	int rc = tree_read_config(daemon, &config, err);

	if (rc >= 0 && strcmp(config.root, daemon->config.root) != 0)
		rc = err_set(err, -EINVAL,
			     "pool.root: cannot change from %s to %s while uwd runs; "
			     "teardown and setup",
			     daemon->config.root, config.root);
	if (rc >= 0)
		rc = set_up(daemon, &config, err);
	if (rc < 0)
		return rc;
	conf_diff(&daemon->config, &config, log_change, NULL);

	renumber(daemon, &config);
	forget_components(daemon, &config);
	daemon->config = config;
	act_configure(daemon->act, &daemon->config.policy);
	if (daemon->kern) {
		options = tree_kern_options(daemon);
		kern_configure(daemon->kern, &options);
	}
	rc = tree_follow(daemon, err);
	if (rc < 0) {
		loop_stop(daemon, rc); /* half a set of components is worse than a restart */
		return rc;
	}
	tree_watch_psi(daemon);
	queue_configure(daemon);
	loop_tick_now(daemon);
	return 0;
}
