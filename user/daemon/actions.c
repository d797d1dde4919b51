/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "user/daemon/actions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void records_init(struct records *records)
{
	memset(records, 0, sizeof(*records));
	records->next = 1;
}

struct record *records_add(struct records *records)
{
	struct record *record = &records->ring[records->next % RECORDS_MAX];

	memset(record, 0, sizeof(*record));
	record->sequence = records->next++;
	return record;
}

struct record *records_of_action(struct records *records, uint32_t id)
{
	uint64_t first = records->next > RECORDS_MAX ? records->next - RECORDS_MAX : 1;

	for (uint64_t at = records->next; at-- > first;) {
		struct record *record = &records->ring[at % RECORDS_MAX];

		if (record->action.id == id && !record->ended)
			return record;
	}
	return NULL;
}

void records_count(struct records *records, const struct record *record)
{
	struct record_counts *counts = records->counts;

	if (record->outcome.result != OUTCOME_DONE || !record->component[0])
		return;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++, counts++) {
		if (!counts->component[0])
			memcpy(counts->component, record->component, sizeof(counts->component));
		if (!strcmp(counts->component, record->component)) {
			counts->done[record->outcome.kind]++;
			return;
		}
	}
}

uint64_t records_counted(const struct records *records, const char *component,
			 enum action_kind kind)
{
	const struct record_counts *counts = records->counts;

	for (uint32_t i = 0; i < UW_COMPONENTS_MAX && counts[i].component[0]; i++)
		if (!strcmp(counts[i].component, component))
			return counts[i].done[kind];
	return 0;
}

const struct record *records_get(const struct records *records, uint64_t sequence)
{
	const struct record *record = &records->ring[sequence % RECORDS_MAX];

	return sequence && record->sequence == sequence ? record : NULL;
}

static int line_target(const struct record *record, char *buf, size_t size)
{
	return snprintf(buf, size, "component=%s%s%s",
			record->component[0] ? record->component : "-",
			record->leaf[0] ? " leaf=" : "", record->leaf);
}

const char *record_line(const struct record *record, char *buf, size_t size)
{
	const struct action *action = &record->action;
	char target[UW_NAME_LEN + RECORD_LEAF_LEN + 32];
	char why[160];

	line_target(record, target, sizeof(target));
	if (record->ended) {
		const struct outcome *outcome = &record->outcome;

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
		 action_name(action->kind), target, reason_name(action->why.reason), record->at_us,
		 action->id, tier_name(action->tier), level_name(record->level), action->amount,
		 action->why.observed, action->why.threshold, why);
	return buf;
}
