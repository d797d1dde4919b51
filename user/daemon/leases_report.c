// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts leases into words for those who ask. Programs get figures of components, which any of them
 * may know; whose each lease is only the control interface tells. What a program called its lease
 * goes through json_text, as it may be any bytes.
 */
#include "user/daemon/leases_report.h"

#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/daemon/spoken.h"
#include "user/ipc/json.h"
#include "user/lease/server.h"

static struct lease_component_view view_of(const struct daemon *daemon, uint32_t component)
{
	struct lease_component_view view = {0};

	if (daemon->leases)
		lease_component_view(daemon->leases, component, clock_now_us(), &view);
	return view;
}

void leases_put(const struct daemon *daemon, uint32_t component, json_t *object)
{
	struct lease_component_view view = view_of(daemon, component);

	json_put(object, "leases", json_number(view.leases));
	json_put(object, "leased_bytes", json_number(view.leased_bytes));
	json_put(object, "pools", json_number(view.pools));
	json_put(object, "pool_bytes", json_number(view.pool_bytes));
	json_put(object, "promised_bytes", json_number(view.promised_bytes));
	json_put(object, "spoken_bytes", json_number(view.spoken_bytes));
	json_put(object, "lease_waits", json_number(view.waiting));
	json_put(object, "lease_wanted_bytes", json_number(view.wanted_bytes));
	json_put(object, "lease_grants", json_number(view.granted));
	json_put(object, "lease_denials", json_number(view.denied + view.timed_out));
	json_put(object, "lease_revocations", json_number(view.revoked));
}

json_t *leases_encode(const struct daemon *daemon)
{
	struct lease_server_stats stats;
	struct lease_totals totals;
	json_t *object;

	if (!daemon->leases)
		return json_null();
	object = json_object();
	lease_totals(daemon->leases, &totals);
	lease_server_stats(daemon->lease_server, &stats);
	json_put(object, "leases", json_number(totals.leases));
	json_put(object, "pools", json_number(totals.pools));
	json_put(object, "keepers_started", json_number(stats.keepers_started));
	json_put(object, "clients", json_number(totals.clients));
	json_put(object, "awaited", json_number(totals.awaited));
	json_put(object, "waits", json_number(totals.waiting));
	json_put(object, "expired", json_number(totals.expired));
	json_put(object, "revoked", json_number(totals.revoked));
	json_put(object, "packets", json_number(stats.packets));
	json_put(object, "requests", json_number(stats.requests));
	json_put(object, "refused", json_number(stats.refused));
	json_put(object, "dropped_bad", json_number(stats.dropped_bad));
	json_put(object, "dropped_slow", json_number(stats.dropped_slow));
	json_put(object, "turn_max_us", json_number(stats.turn_max_us));
	return object;
}

static uint64_t left(uint64_t until_us, uint64_t now_us)
{
	return until_us > now_us ? until_us - now_us : 0;
}

json_t *leases_encode_one(const struct daemon *daemon, const struct lease_view *view)
{
	uint64_t now_us = clock_now_us();
	const char *tags = view->text + strlen(view->text);
	json_t *object = json_object();

	if (tags < view->text + LEASE_TEXT_LEN - 1)
		tags++;
	json_put(object, "id", json_number(view->id));
	json_put(object, "component", json_string(daemon->config.component[view->component].name));
	json_put(object, "bytes", json_number(view->bytes));
	json_put(object, "borrowed_bytes", json_number(view->borrowed_bytes));
	json_put(object, "priority", json_integer(view->priority));
	json_put(object, "revocable", json_boolean(view->revocable));
	json_put(object, "credit", json_boolean(view->credit));
	json_put(object, "inside", json_boolean(view->inside));
	json_put(object, "awaited", json_boolean(view->awaited));
	json_put(object, "task", json_boolean(view->task));
	json_put(object, "pid", json_integer(view->pid));
	json_put(object, "uid", json_integer(view->uid));
	json_put(object, "age_us", json_number(left(now_us, view->since_us)));
	json_put(object, "expires_in_us",
		 view->expires_us ? json_number(left(view->expires_us, now_us)) : json_null());
	json_put(object, "description", json_text(view->text));
	json_put(object, "tags", json_text(tags));
	return object;
}

static json_t *shared_id(uint32_t id)
{
	return id == LEASE_NOBODY ? json_null() : json_integer(id);
}

json_t *leases_encode_pool(const struct daemon *daemon, uint32_t index,
			   const struct lease_pool_view *view)
{
	uint64_t committed;
	json_t *object = json_object();
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", view->share_mode & 0666U);
	json_put(object, "id", json_number(view->id));
	json_put(object, "name", json_text(view->name));
	json_put(object, "component", json_string(daemon->config.component[view->component].name));
	json_put(object, "bytes", json_number(view->bytes));
	json_put(object, "committed_bytes",
		 lease_server_pool_use(daemon->lease_server, index, &committed)
			 ? json_number(committed)
			 : json_null());
	json_put(object, "readers", json_integer(view->readers));
	json_put(object, "orphan", json_boolean(view->owner == LEASE_NO_CLIENT));
	json_put(object, "awaited", json_boolean(view->awaited));
	json_put(object, "pid", json_integer(view->pid));
	json_put(object, "uid", json_integer(view->uid));
	json_put(object, "age_us", json_number(left(clock_now_us(), view->since_us)));
	json_put(object, "shared_uid", shared_id(view->share_uid));
	json_put(object, "shared_gid", shared_id(view->share_gid));
	json_put(object, "shared_mode", json_string(mode));
	return object;
}

/* ---- what went wrong ---- */

static json_t *encode_holders(const struct daemon *daemon, const struct lease_denial *denial)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < denial->holder_count; i++) {
		const struct lease_holder *holder = &denial->holder[i];
		json_t *object = json_object();

		if (holder->component < daemon->config.component_count)
			json_put(object, "component",
				 json_string(daemon->config.component[holder->component].name));
		else
			json_put(object, "component", json_string(""));
		json_put(object, "bytes", json_number(holder->bytes));
		json_put(object, "pid", json_integer(holder->pid));
		json_put(object, "uid", json_integer(holder->uid));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *encode_one_news(const struct daemon *daemon, const struct lease_news *news,
			       uint64_t now_us)
{
	const struct lease_denial *denial = &news->denial;
	bool lost = news->kind == LEASE_NEWS_REVOKED || news->kind == LEASE_NEWS_TAKEN;
	const char *reason =
		lost ? (news->kind == LEASE_NEWS_TAKEN ? "by hand" : lease_why_name(news->why))
		     : lease_reason_name(denial->reason);
	json_t *object = json_object();

	json_put(object, "kind", json_string(lease_news_name(news->kind)));
	json_put(object, "reason", json_string(reason));
	json_put(object, "ago_us", json_number(left(now_us, news->last_us)));
	json_put(object, "times", json_number(news->times));
	json_put(object, "pid", json_integer(news->pid));
	json_put(object, "uid", json_integer(news->uid));
	json_put(object, "id", lost ? json_number(news->id) : json_null());
	json_put(object, "asked_bytes", lost ? json_null() : json_number(denial->asked_bytes));
	json_put(object, "available_bytes",
		 lost ? json_null() : json_number(denial->available_bytes));
	json_put(object, "held_bytes", json_number(denial->held_bytes));
	json_put(object, "holders", encode_holders(daemon, denial));
	return object;
}

json_t *leases_encode_news(const struct daemon *daemon, uint32_t component)
{
	json_t *list = json_array();
	uint64_t now_us = clock_now_us();
	struct lease_news news;

	for (uint32_t i = LEASE_NEWS; daemon->leases && i-- > 0;)
		if (lease_news_read(daemon->leases, component, i, &news))
			json_array_append_new(list, encode_one_news(daemon, &news, now_us));
	return list;
}

/* ---- for programs ---- */

static uint64_t done(const struct daemon *daemon, uint32_t component, enum action_kind kind)
{
	return action_log_counted(&daemon->action_log, daemon->config.component[component].name,
				  kind, OUTCOME_DONE);
}

/* What was done to it so that it or others have room. */
static json_t *report_cleanup(const struct daemon *daemon, uint32_t component)
{
	json_t *object = json_object();

	json_put(object, "reclaims", json_number(done(daemon, component, ACTION_RECLAIM)));
	json_put(object, "reclaimed_bytes",
		 json_number(action_log_reclaimed(&daemon->action_log,
						  daemon->config.component[component].name)));
	json_put(object, "freezes", json_number(done(daemon, component, ACTION_FREEZE)));
	json_put(object, "kills", json_number(done(daemon, component, ACTION_KILL)));
	return object;
}

/* The most that it may ever lease, with what others may lend it. */
static uint64_t most_bytes(const struct daemon *daemon, uint32_t component)
{
	return daemon->config.component[component].borrow
		       ? daemon->config.usable_bytes
		       : daemon->component[component].view.budget_bytes;
}

static json_t *report_component(const struct daemon *daemon, uint32_t component)
{
	const struct component_view *view = &daemon->component[component].view;
	json_t *object = json_object();

	json_put(object, "level", json_string(level_name(view->level)));
	json_put(object, "priority", json_integer(daemon->config.component[component].priority));
	json_put(object, "budget_bytes", json_number(view->budget_bytes));
	json_put(object, "in_force_bytes", json_number(view->in_force_bytes));
	json_put(object, "used_bytes", json_number(view->current_bytes));
	json_put(object, "use_permyriad", json_number(view->use_permyriad));
	json_put(object, "most_bytes", json_number(most_bytes(daemon, component)));
	json_put(object, "pressure_events", json_number(daemon->component[component].rises));
	json_put(object, "cleanup", report_cleanup(daemon, component));
	leases_put(daemon, component, object);
	return object;
}

static json_t *report_system(struct daemon *daemon)
{
	const struct host_sample *host = spoken_host(daemon);
	enum level level = LEVEL_NORMAL;
	uint64_t leased = 0;

	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		leased += view_of(daemon, i).leased_bytes;
		if (daemon->component[i].view.level > level)
			level = daemon->component[i].view.level;
	}
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o}", "level", level_name(level), "total_bytes",
		host->valid ? json_number(host->total_bytes) : json_null(), "available_bytes",
		host->valid ? json_number(host->available_bytes) : json_null(), "usable_bytes",
		json_number(daemon->config.usable_bytes), "leased_bytes", json_number(leased));
}

char *leases_report(struct daemon *daemon)
{
	json_t *components = json_object();
	AUTO_JSON json_t *report = NULL;

	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		json_put(components, daemon->config.component[i].name, report_component(daemon, i));
	report = json_pack("{s:i, s:o, s:o}", "v", 1, "system", report_system(daemon), "components",
			   components);
	return report ? json_dumps(report, JSON_COMPACT) : NULL;
}
