// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One function a method, found by a table. A method first reads its parameters, each by a function
 * that answers for itself what is wrong with it, and then either encodes what uwd knows at this
 * moment or queues a request for the next frame. Freeze, Thaw, Reclaim and Forget are such
 * requests: policy carries them out, and what becomes of them is in the log after the entry that
 * the answer names. Methods of jobs and of leases are in files of their own, which
 * methods_queue_handle and methods_lease_handle dispatch to.
 */
#include "user/daemon/methods/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/conf/conf.h"
#include "user/daemon/leases_report.h"
#include "user/daemon/methods/encode.h"
#include "user/daemon/methods/enter.h"
#include "user/daemon/methods/explain.h"
#include "user/daemon/methods/leases.h"
#include "user/daemon/methods/metrics.h"
#include "user/daemon/methods/queue.h"
#include "user/daemon/methods/totals.h"
#include "user/daemon/reload.h"
#include "user/daemon/tick.h"
#include "user/ipc/json.h"
#include "user/sense/sense.h"

#define ENTRIES_DEFAULT 20U

/* ---- parameters: each says in answer what is wrong with it and returns false ---- */

static bool read_count(const struct ipc_call *call, struct ipc_answer *answer, const char *key,
		       uint64_t fallback, uint64_t max, uint64_t *ret_value)
{
	const json_t *value = json_object_get(call->parameters, key);
	uint64_t number = json_get_u64_or(call->parameters, key, UINT64_MAX);

	if (!value || json_is_null(value)) {
		*ret_value = fallback;
		return true;
	}
	if (number > max) {
		ipc_answer_bad_parameter(answer, key);
		return false;
	}
	*ret_value = number;
	return true;
}

static void no_component(const struct daemon *daemon, const char *name, struct ipc_answer *answer)
{
	char list[UW_COMPONENTS_MAX * (UW_NAME_LEN + 2)] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < daemon->config.component_count && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
				       daemon->config.component[i].name);
	ipc_answer_fail(answer, IPC_ERROR_NO_COMPONENT,
			"there is no component '%.64s'; there are: %s", name, list);
}

/* COMPONENT_NONE when none is named and none is needed. */
static bool read_component(const struct daemon *daemon, const struct ipc_call *call, bool is_needed,
			   struct ipc_answer *answer, uint32_t *ret_component)
{
	const json_t *value = json_object_get(call->parameters, "component");
	int index;

	if (!is_needed && (!value || json_is_null(value))) {
		*ret_component = COMPONENT_NONE;
		return true;
	}
	if (!json_is_string(value)) {
		ipc_answer_bad_parameter(answer, "component");
		return false;
	}
	index = config_find(&daemon->config, json_string_value(value));
	if (index < 0) {
		no_component(daemon, json_string_value(value), answer);
		return false;
	}
	*ret_component = (uint32_t)index;
	return true;
}

/* *ret_leaf is 0 for the whole component. */
static bool read_leaf(const struct daemon *daemon, const struct ipc_call *call, uint32_t component,
		      struct ipc_answer *answer, uint64_t *ret_leaf)
{
	const json_t *value = json_object_get(call->parameters, "leaf");
	const char *name = json_string_value(value);

	*ret_leaf = 0;
	if (!value || json_is_null(value))
		return true;
	if (!name) {
		ipc_answer_bad_parameter(answer, "leaf");
		return false;
	}
	*ret_leaf = sense_leaf_find(daemon->sense, component, name);
	if (!*ret_leaf)
		ipc_answer_fail(answer, IPC_ERROR_NO_LEAF,
				"there is no leaf '%.64s' in %s; 'uwctl status %s' lists them",
				name, daemon->config.component[component].name,
				daemon->config.component[component].name);
	return *ret_leaf != 0;
}

/* ---- reading ---- */

/* A list of what encode says of the component that is named, or of all; NULL when that is answered
 * already. */
static json_t *encode_named(struct daemon *daemon, const struct ipc_call *call,
			    struct ipc_answer *answer,
			    json_t *(*encode)(const struct daemon *daemon, uint32_t component))
{
	json_t *list;
	uint32_t only;

	if (!read_component(daemon, call, false, answer, &only))
		return NULL;
	list = json_array();
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (only == COMPONENT_NONE || only == i)
			json_array_append_new(list, encode(daemon, i));
	return list;
}

static void method_status(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	json_t *components = encode_named(daemon, call, answer, encode_component);
	struct host_sample host;

	if (!components)
		return;
	sense_host(daemon->sense, &host);
	answer->parameters =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "daemon", encode_daemon(daemon), "pool",
			  encode_pool(daemon), "host", encode_host(&host), "components", components,
			  "queue", totals_encode(daemon), "leases", leases_encode(daemon));
}

static void method_metrics(struct daemon *daemon, const struct ipc_call *call,
			   struct ipc_answer *answer)
{
	(void)call;
	answer->parameters = metrics_encode(daemon);
}

static void method_explain(struct daemon *daemon, const struct ipc_call *call,
			   struct ipc_answer *answer)
{
	json_t *components = encode_named(daemon, call, answer, explain_component);

	if (components)
		answer->parameters = json_pack("{s:o, s:o}", "host", explain_host(daemon),
					       "components", components);
}

static bool entry_is_of(const struct action_entry *entry, const char *component)
{
	return !component || !strcmp(entry->component, component);
}

/* The newest count entries after a sequence, oldest first. */
static json_t *encode_action_entries(const struct daemon *daemon, uint64_t after, uint64_t count,
				     const char *component)
{
	const struct action_log *log = &daemon->action_log;
	uint64_t first = log->next > ACTION_LOG_MAX ? log->next - ACTION_LOG_MAX : 1;
	uint64_t from = log->next;
	json_t *list = json_array();

	first = after >= first ? after + 1 : first;
	while (from > first && count) {
		const struct action_entry *entry = action_log_get(log, from - 1);

		count -= entry && entry_is_of(entry, component);
		from--;
	}
	for (; from < log->next; from++) {
		const struct action_entry *entry = action_log_get(log, from);

		if (entry && entry_is_of(entry, component))
			json_array_append_new(list, encode_action_entry(entry));
	}
	return list;
}

static void method_log(struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer)
{
	uint32_t component;
	uint64_t count, after;

	if (!read_component(daemon, call, false, answer, &component) ||
	    !read_count(call, answer, "count", ENTRIES_DEFAULT, ACTION_LOG_MAX, &count) ||
	    !read_count(call, answer, "after", 0, INT64_MAX, &after))
		return;
	answer->follow = call->more;
	answer->parameters = json_pack(
		"{s:o}", "records",
		encode_action_entries(daemon, after, count,
				      component == COMPONENT_NONE
					      ? NULL
					      : daemon->config.component[component].name));
}

static void method_why(struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer)
{
	uint32_t component;
	uint64_t count;

	if (!read_component(daemon, call, true, answer, &component) ||
	    !read_count(call, answer, "count", ENTRIES_DEFAULT, ACTION_LOG_MAX, &count))
		return;
	answer->parameters = json_pack(
		"{s:o, s:o, s:o}", "component", encode_component(daemon, component), "records",
		encode_action_entries(daemon, 0, count, daemon->config.component[component].name),
		"leases", leases_encode_news(daemon, component));
}

static void method_config(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	(void)call;
	r = out ? conf_print(&daemon->config, out) : -ENOMEM;
	if (out && fclose(out) != 0)
		r = -ENOMEM;
	if (r < 0)
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "the configuration as text: %s",
				strerror(-r));
	else
		answer->parameters = json_pack("{s:s, s:s}", "path",
					       daemon->options.config_file ?: "", "text", text);
}

/* ---- changing ---- */

static void add_change(const struct conf_change *change, void *data)
{
	char text[CONF_PATH_LEN + 2 * CONF_VALUE_LEN];

	json_array_append_new(data, json_string(conf_change_text(change, text, sizeof(text))));
}

static void method_reload(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	AUTO_JSON json_t *changes = json_array();
	struct uw_err err = {0};
	int r = reload_run(daemon, add_change, changes, &err);

	(void)call;
	if (r < 0)
		ipc_answer_fail(answer, r == -EINVAL ? IPC_ERROR_BAD_CONFIG : IPC_ERROR_FAILED,
				"%s", err.text);
	else
		answer->parameters = json_pack("{s:O}", "changes", changes);
}

/* Queues it for the next frame; what becomes of it are the entries after "after". */
static void request(struct daemon *daemon, const struct frame_request *wanted,
		    struct ipc_answer *answer)
{
	uint64_t last = daemon->action_log.next - 1;

	if (tick_request(daemon, wanted) < 0)
		ipc_answer_fail(answer, IPC_ERROR_BUSY,
				"%d requests wait for the next tick already; try again",
				FRAME_REQUESTS_MAX);
	else
		answer->parameters = json_pack("{s:I}", "after", (json_int_t)last);
}

static bool has_leaf(const struct daemon *daemon, uint32_t component)
{
	const struct frame *frame = &daemon->frame;

	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		if (frame->leaf[i].component == component && frame->leaf[i].populated)
			return true;
	}
	return false;
}

/* False, after saying so, for a leaf that somebody else froze; cgid is 0 when none is named. */
static bool is_ours_to_freeze(const struct daemon *daemon, uint64_t cgid, struct ipc_answer *answer)
{
	for (uint32_t i = 0; cgid && i < daemon->frame.leaf_count; i++) {
		const struct leaf_sample *leaf = &daemon->frame.leaf[i];

		if (leaf->cgid != cgid || !leaf->frozen || leaf->ours)
			continue;
		ipc_answer_fail(answer, IPC_ERROR_REFUSED,
				"somebody else froze it and thaws it: echo 0 > cgroup.freeze");
		return false;
	}
	return true;
}

/* uw.conf may say that nobody freezes it; who means it all the same says so. */
static bool may_freeze(const struct daemon *daemon, const struct ipc_call *call, uint32_t component,
		       struct ipc_answer *answer)
{
	const struct component *conf = &daemon->config.component[component];

	if (conf->freeze || json_get_bool(call->parameters, "force"))
		return true;
	ipc_answer_fail(answer, IPC_ERROR_REFUSED,
			"%s has freeze = no in uw.conf; --force freezes it all the same",
			conf->name);
	return false;
}

/* At most freeze-max, which the answer says. */
static void method_freeze(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	struct frame_request wanted = {.kind = REQUEST_FREEZE};
	uint64_t max_us = daemon->config.policy.freeze_max_us;

	if (!read_component(daemon, call, true, answer, &wanted.component) ||
	    !read_leaf(daemon, call, wanted.component, answer, &wanted.leaf) ||
	    !read_count(call, answer, "for_us", max_us, INT64_MAX, &wanted.amount) ||
	    !may_freeze(daemon, call, wanted.component, answer) ||
	    !is_ours_to_freeze(daemon, wanted.leaf, answer))
		return;
	/* One that is named may have come since the last look. */
	if (!wanted.leaf && !has_leaf(daemon, wanted.component)) {
		ipc_answer_fail(answer, IPC_ERROR_REFUSED, "nothing runs in %s",
				daemon->config.component[wanted.component].name);
		return;
	}
	if (!wanted.amount || wanted.amount > max_us)
		wanted.amount = max_us;
	request(daemon, &wanted, answer);
	if (!answer->error)
		json_put(answer->parameters, "for_us", json_u64(wanted.amount));
}

static void method_thaw(struct daemon *daemon, const struct ipc_call *call,
			struct ipc_answer *answer)
{
	struct frame_request wanted = {.kind = REQUEST_THAW};

	if (!read_component(daemon, call, true, answer, &wanted.component) ||
	    !read_leaf(daemon, call, wanted.component, answer, &wanted.leaf) ||
	    !is_ours_to_freeze(daemon, wanted.leaf, answer))
		return;
	if (!daemon->component[wanted.component].view.frozen_leaves)
		ipc_answer_fail(answer, IPC_ERROR_REFUSED, "uwd has frozen nothing in %s",
				daemon->config.component[wanted.component].name);
	else
		request(daemon, &wanted, answer);
}

static void method_reclaim(struct daemon *daemon, const struct ipc_call *call,
			   struct ipc_answer *answer)
{
	struct frame_request wanted = {.kind = REQUEST_RECLAIM};

	if (!read_component(daemon, call, true, answer, &wanted.component) ||
	    !read_count(call, answer, "bytes", 0, INT64_MAX, &wanted.amount))
		return;
	if (!wanted.amount)
		ipc_answer_bad_parameter(answer, "bytes");
	else
		request(daemon, &wanted, answer);
}

static void method_forget(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	struct frame_request wanted = {.kind = REQUEST_FORGET};

	if (!read_component(daemon, call, true, answer, &wanted.component))
		return;
	request(daemon, &wanted, answer);
	if (answer->error)
		return;
	daemon->thresholds.asked = true;
	json_decref(answer->parameters);
	answer->parameters = json_pack(
		"{s:I}", "edge_shift_permyriad",
		(json_int_t)daemon->component[wanted.component].view.edge_shift_permyriad);
}

typedef void (*method_fn)(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer);

static const method_fn methods[IPC_METHOD__COUNT] = {
	[IPC_STATUS] = method_status,   [IPC_LOG] = method_log,
	[IPC_WHY] = method_why,         [IPC_EXPLAIN] = method_explain,
	[IPC_CONFIG] = method_config,   [IPC_RELOAD] = method_reload,
	[IPC_FREEZE] = method_freeze,   [IPC_THAW] = method_thaw,
	[IPC_RECLAIM] = method_reclaim, [IPC_METRICS] = method_metrics,
	[IPC_ENTER] = method_enter,     [IPC_FORGET] = method_forget,
	[IPC_ENDED] = method_ended,     [IPC_VACATE] = method_vacate,
};

void methods_handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	if (methods[call->method]) {
		methods[call->method](data, call, answer);
		return;
	}
	if (methods_queue_handle(data, call, answer) || methods_lease_handle(data, call, answer))
		return;
	answer->error = IPC_ERROR_NOT_IMPLEMENTED;
	answer->parameters = json_pack("{s:s}", "method", ipc_method_row(call->method)->name);
}

void methods_publish(struct daemon *daemon, const struct action_entry *entry)
{
	AUTO_JSON json_t *parameters = NULL;
	struct ipc_server_stats stats;

	ipc_server_stats(daemon->server, &stats);
	if (!stats.followers)
		return;
	parameters = json_pack("{s:[o]}", "records", encode_action_entry(entry));
	if (parameters)
		ipc_server_publish(daemon->server, IPC_LOG, parameters, clock_now_us());
}
