// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where `uwctl log` and `uwctl why` get their lines from. An action is entered when it is decided,
 * and its entry is found again by the action's id when the outcome arrives one or more ticks later;
 * the search goes from the newest entry back, because outcomes are seldom old. The counts by
 * component are kept beside the ring, so that they outlive the entries that were overwritten.
 */
#include "user/daemon/action_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/text.h"

void action_log_init(struct action_log *log)
{
	memset(log, 0, sizeof(*log));
	log->next = 1;
}

struct action_entry *action_log_add(struct action_log *log)
{
	struct action_entry *entry = &log->ring[log->next % ACTION_LOG_MAX];

	memset(entry, 0, sizeof(*entry));
	entry->sequence = log->next++;
	return entry;
}

struct action_entry *action_log_find(struct action_log *log, uint32_t id)
{
	uint64_t first = log->next > ACTION_LOG_MAX ? log->next - ACTION_LOG_MAX : 1;

	for (uint64_t at = log->next; at-- > first;) {
		struct action_entry *entry = &log->ring[at % ACTION_LOG_MAX];

		if (entry->action.id == id && !entry->ended)
			return entry;
	}
	return NULL;
}

/* The counts of a component, entered if they are not there yet; NULL when there is no room. */
static struct action_counts *counts_of(struct action_log *log, const char *component)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct action_counts *counts = &log->counts[i];

		if (!counts->component[0])
			text_copy(counts->component, sizeof(counts->component), component);
		if (!strcmp(counts->component, component))
			return counts;
	}
	return NULL;
}

static const struct action_counts *find_counts(const struct action_log *log, const char *component)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX && log->counts[i].component[0]; i++)
		if (!strcmp(log->counts[i].component, component))
			return &log->counts[i];
	return NULL;
}

void action_log_count(struct action_log *log, const struct action_entry *entry)
{
	const struct outcome *outcome = &entry->outcome;
	struct action_counts *counts =
		entry->component[0] ? counts_of(log, entry->component) : NULL;

	if (!counts)
		return;
	counts->ended[outcome->kind][outcome->result]++;
	if (outcome->kind == ACTION_RECLAIM)
		counts->reclaimed_bytes += outcome->done;
}

uint64_t action_log_counted(const struct action_log *log, const char *component,
			    enum action_kind kind, enum outcome_result result)
{
	const struct action_counts *counts = find_counts(log, component);

	return counts ? counts->ended[kind][result] : 0;
}

uint64_t action_log_reclaimed(const struct action_log *log, const char *component)
{
	const struct action_counts *counts = find_counts(log, component);

	return counts ? counts->reclaimed_bytes : 0;
}

const struct action_entry *action_log_get(const struct action_log *log, uint64_t sequence)
{
	const struct action_entry *entry = &log->ring[sequence % ACTION_LOG_MAX];

	return sequence && entry->sequence == sequence ? entry : NULL;
}

static int line_target(const struct action_entry *entry, char *buf, size_t size)
{
	return snprintf(buf, size, "component=%s%s%s", entry->component[0] ? entry->component : "-",
			entry->leaf[0] ? " leaf=" : "", entry->leaf);
}

const char *action_log_line(const struct action_entry *entry, char *buf, size_t size)
{
	const struct action *action = &entry->action;
	char target[UW_NAME_LEN + ACTION_LEAF_LEN + 32];
	char why[160];

	line_target(entry, target, sizeof(target));
	if (entry->ended) {
		const struct outcome *outcome = &entry->outcome;

		snprintf(buf, size,
			 "end=%s %s id=%" PRIu32 " outcome=%s asked_bytes=%" PRIu64
			 " done_bytes=%" PRIu64 " took_us=%" PRIu64 "%s%s",
			 action_name(outcome->kind), target, outcome->id,
			 outcome_name(outcome->result), outcome->asked, outcome->done,
			 outcome->ended_us - outcome->began_us, outcome->error ? " error=" : "",
			 outcome->error ? strerrorname_np(outcome->error) : "");
		return buf;
	}
	reason_text(&action->why, why, sizeof(why));
	snprintf(buf, size,
		 "act=%s %s reason=%s at_us=%" PRIu64 " id=%" PRIu32
		 " tier=%s level=%s amount=%" PRIu64 " observed=%" PRIu64 " threshold=%" PRIu64
		 " why=\"%s\"",
		 action_name(action->kind), target, reason_name(action->why.reason), entry->at_us,
		 action->id, tier_name(action->tier), level_name(entry->level), action->amount,
		 action->why.observed, action->why.threshold, why);
	return buf;
}
