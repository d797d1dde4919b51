// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A reload first does all that can be refused - it reads and checks the configuration and brings
 * the cgroups in line with it - and only then lets go of the old one. A component's index is its
 * place in the configuration, so the next step is to renumber all that is kept by index; then each
 * part is told what is configured now and turns to the components as they stand.
 */
#include "user/daemon/reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "user/act/act.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/daemon/leases.h"
#include "user/daemon/loop.h"
#include "user/daemon/pool.h"
#include "user/daemon/queue.h"
#include "user/daemon/flight_log.h"
#include "user/daemon/tick.h"
#include "user/kern/kern.h"

/* The index of component i in next, COMPONENT_NONE when it is not in there. */
static uint32_t renumbered(const struct daemon *daemon, const struct config *next, uint32_t i)
{
	int index = i < daemon->config.component_count
			    ? config_find(next, daemon->config.component[i].name)
			    : -1;

	return index < 0 ? COMPONENT_NONE : (uint32_t)index;
}

static void renumber_requests(struct daemon *daemon, const struct config *next)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < daemon->request_count; i++) {
		struct frame_request request = daemon->request[i];

		request.component = renumbered(daemon, next, request.component);
		if (request.component != COMPONENT_NONE)
			daemon->request[count++] = request;
	}
	daemon->request_count = count;
}

static void renumber_leaves(struct daemon *daemon, const struct config *next)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < daemon->frame.leaf_count; i++) {
		struct leaf_sample leaf = daemon->frame.leaf[i];

		leaf.component = renumbered(daemon, next, leaf.component);
		if (leaf.component != COMPONENT_NONE)
			daemon->frame.leaf[count++] = leaf;
	}
	daemon->frame.leaf_count = count;
}

void reload_renumber(struct daemon *daemon, const struct config *next)
{
	static struct daemon_component moved[UW_COMPONENTS_MAX]; /* large */

	pool_unwatch_psi(daemon); /* a trigger's source points at where it is kept */
	renumber_requests(daemon, next);
	renumber_leaves(daemon, next);
	memset(moved, 0, sizeof(moved));
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		uint32_t to = renumbered(daemon, next, i);

		if (to != COMPONENT_NONE)
			moved[to] = daemon->component[i];
	}
	memcpy(daemon->component, moved, sizeof(moved));
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

/* Who else hears of each change. */
struct change_listener {
	conf_change_fn each; /* NULL: nobody */
	void *arg;
};

/* The gate is the only sensor that a reload brings. */
static void configure_kern(struct daemon *daemon)
{
	struct kern_options options = pool_kern_options(daemon);
	const char *why;
	int rc;

	if (!daemon->kern)
		return;
	rc = kern_configure(daemon->kern, &options);
	if (rc < 0)
		log_warning("BPF goes by the configuration of before error=%s",
			    strerrorname_np(-rc));
	why = kern_sensor_error(daemon->kern, KERN_GATE);
	if (why)
		journal_say(LOG_LEVEL_WARNING, MESSAGE_SENSOR_OFF, "sensor is off name=%s: %s",
			    kern_sensor_name(KERN_GATE), why);
}

static void tell_change(const struct conf_change *change, void *arg)
{
	const struct change_listener *listener = arg;
	char text[CONF_PATH_LEN + 2 * CONF_VALUE_LEN];

	log_notice("reload %s", conf_change_text(change, text, sizeof(text)));
	if (listener->each)
		listener->each(change, listener->arg);
}

int reload_run(struct daemon *daemon, conf_change_fn each, void *arg, struct uw_err *err)
{
	struct change_listener listener = {each, arg};
	static struct config config; /* large, and reload is not reentrant */
	uint32_t to[UW_COMPONENTS_MAX];
	int rc = pool_read_config(daemon, &config, err);

	if (rc >= 0 && strcmp(config.root, daemon->config.root) != 0)
		rc = err_set(err, -EINVAL,
			     "pool.root: cannot change from %s to %s while uwd runs; "
			     "teardown and setup",
			     daemon->config.root, config.root);
	if (rc >= 0)
		rc = pool_set_up(daemon, &config, err);
	if (rc < 0)
		return rc;
	conf_diff(&daemon->config, &config, tell_change, &listener);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		to[i] = renumbered(daemon, &config, i);
	reload_renumber(daemon, &config);
	forget_components(daemon, &config);
	daemon->config = config;
	act_configure(daemon->act, &daemon->config.policy);
	configure_kern(daemon);
	rc = pool_sync(daemon, err);
	if (rc < 0) { /* half a set of components is worse than a restart */
		sd_event_exit(daemon->event, rc);
		return rc;
	}
	pool_watch_psi(daemon);
	flight_log_configure(daemon);
	queue_configure(daemon);
	leases_configure(daemon, to);
	tick_soon(daemon);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct daemon *daemon = data;
	struct uw_err err = {0};
	int code;

	(void)source, (void)info;
	sd_notify(0, "RELOADING=1");
	if (reload_run(daemon, NULL, NULL, &err) < 0)
		journal_say(LOG_LEVEL_ERR, MESSAGE_RELOAD_REFUSED, "%s: %s",
			    sd_event_get_exit_code(daemon->event, &code) < 0
				    ? "reload refused, nothing changed"
				    : "reload failed half way, uwd ends",
			    err.text);
	sd_notify(0, "READY=1");
	return 0;
}

int reload_watch(struct daemon *daemon)
{
	return loop_add_signal(daemon->event, SIGHUP, on_reload, daemon);
}
