// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts actions into the journal, one entry each, when they have ended. How loud an action is, and
 * under which id, is a table by its kind; one that failed is a warning whatever it was. Numbers are
 * fields as they are, in the unit that a field names; the text has them as people read them.
 */
#include "user/daemon/action_journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/journal.h"
#include "user/base/units.h"

#define LINE_LEN 768
#define WHY_LEN  160

static const struct row {
	enum message message;
	enum log_level level;
} rows[ACTION__COUNT] = {
	[ACTION_SET_MIN] = {MESSAGE_LIMIT, LOG_LEVEL_DEBUG},
	[ACTION_SET_LOW] = {MESSAGE_LIMIT, LOG_LEVEL_DEBUG},
	[ACTION_SET_HIGH] = {MESSAGE_LIMIT, LOG_LEVEL_DEBUG},
	[ACTION_RECLAIM] = {MESSAGE_RECLAIM, LOG_LEVEL_INFO},
	[ACTION_FREEZE] = {MESSAGE_FREEZE, LOG_LEVEL_NOTICE},
	[ACTION_THAW] = {MESSAGE_THAW, LOG_LEVEL_NOTICE},
	[ACTION_PAGE_IN] = {MESSAGE_LIMIT, LOG_LEVEL_DEBUG},
	[ACTION_KILL] = {MESSAGE_KILL, LOG_LEVEL_WARNING},
	[ACTION_ARM_MARK] = {MESSAGE_LIMIT, LOG_LEVEL_DEBUG},
	[ACTION_NOTICE] = {MESSAGE_NOTICE, LOG_LEVEL_WARNING},
};

static struct row row_of(const struct action_entry *entry)
{
	struct row row = rows[entry->action.kind];

	if (entry->action.kind == ACTION_NOTICE && entry->action.why.reason == REASON_OUT_OF_TIERS)
		row.message = MESSAGE_TIERS_EXHAUSTED;
	if (entry->outcome.result == OUTCOME_FAILED)
		row.level = LOG_LEVEL_WARNING;
	return row;
}

static uint64_t took_us(const struct outcome *outcome)
{
	return outcome->ended_us > outcome->began_us ? outcome->ended_us - outcome->began_us : 0;
}

static void add_number(struct journal_entry *to, const char *name, uint64_t value)
{
	if (value != UINT64_MAX)
		journal_add(to, name, "%" PRIu64, value);
}

static void add_reason(struct journal_entry *to, const struct why *why)
{
	journal_add(to, "UW_REASON", "%s", reason_name(why->reason));
	add_number(to, "UW_OBSERVED", why->observed);
	add_number(to, "UW_THRESHOLD", why->threshold);
	journal_add(to, "UW_UNIT", "%s", reason_unit_name(reason_unit(why->reason)));
}

static void add_outcome(struct journal_entry *to, const struct outcome *outcome)
{
	journal_add(to, "UW_RESULT", "%s", outcome_name(outcome->result));
	add_number(to, "UW_BYTES", outcome->done);
	add_number(to, "UW_TOOK_USEC", took_us(outcome));
	if (outcome->error)
		journal_add(to, "ERRNO", "%d", abs(outcome->error));
}

static void add_fields(struct journal_entry *to, const struct action_entry *entry)
{
	if (entry->component[0])
		journal_add(to, "UW_COMPONENT", "%s", entry->component);
	if (entry->leaf[0])
		journal_add(to, "UW_LEAF", "%s", entry->leaf);
	journal_add(to, "UW_ACTION", "%s", action_name(entry->action.kind));
	journal_add(to, "UW_TIER", "%s", tier_name(entry->action.tier));
	journal_add(to, "UW_LEVEL", "%s", level_name(entry->level));
	add_reason(to, &entry->action.why);
	add_outcome(to, &entry->outcome);
	add_number(to, "UW_SEQUENCE", entry->sequence);
}

/* "done in 1.3ms", "freed 64M in 1.9s", "failed: EBUSY". */
static const char *end_text(const struct outcome *outcome, char *buf, size_t size)
{
	char bytes[UNITS_TEXT_LEN], took[UNITS_TEXT_LEN];

	units_print_us(took_us(outcome), took);
	if (outcome->error)
		snprintf(buf, size, "%s: %s", outcome_name(outcome->result),
			 strerrorname_np(abs(outcome->error)) ?: "?");
	else if (outcome->kind == ACTION_RECLAIM)
		snprintf(buf, size, "freed %s in %s", units_print_bytes(outcome->done, bytes),
			 took);
	else
		snprintf(buf, size, "%s in %s", outcome_name(outcome->result), took);
	return buf;
}

static void send_ended(const struct action_entry *entry)
{
	struct row row = row_of(entry);
	struct journal_entry to;
	char why[WHY_LEN], end[WHY_LEN];

	journal_begin(&to, row.level, row.message);
	add_fields(&to, entry);
	journal_send(&to, "%s %s%s%s: %s; %s", action_name(entry->action.kind),
		     entry->component[0] ? entry->component : "host", entry->leaf[0] ? "/" : "",
		     entry->leaf, reason_text(&entry->action.why, why, sizeof(why)),
		     end_text(&entry->outcome, end, sizeof(end)));
}

static enum log_level decided_level(const struct action *action)
{
	if (action->kind == ACTION_KILL || action->kind == ACTION_NOTICE)
		return LOG_LEVEL_WARNING;
	return action->tier >= TIER_AGGRESSIVE ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO;
}

void action_journal_decided(const struct action_entry *entry)
{
	char line[LINE_LEN];

	if (!journal_is_open())
		log_line(decided_level(&entry->action), "%s",
			 action_log_line(entry, line, sizeof(line)));
}

void action_journal_ended(const struct action_entry *entry)
{
	bool failed = entry->outcome.result == OUTCOME_FAILED;
	char line[LINE_LEN];

	if (journal_is_open())
		send_ended(entry);
	else
		log_line(failed ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
			 action_log_line(entry, line, sizeof(line)));
}
