// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads uwd's answers to Queue, Log and Explain into a frame, a row each. The words for what was
 * done and what came of it are those of `uwctl log`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/actions.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/remote.h"
#include "user/cli/top/read.h"

/* For how long it should have ended; absent while it need not have, or nobody knows. */
static uint64_t late_us(const json_t *job, uint64_t wall_us)
{
	uint64_t start_us = json_get_u64(job, "start_wall_us");
	uint64_t time_us = json_get_u64(job, "time_us");

	if (json_get_u64_or(job, "end_in_us", 1) || start_us == UINT64_MAX ||
	    time_us > UINT64_MAX - start_us)
		return FRAME_ABSENT;
	return wall_us > start_us + time_us ? wall_us - start_us - time_us : 0;
}

static void read_job(const json_t *from, uint64_t wall_us, struct top_job *job)
{
	const json_t *why = json_object_get(from, "why");
	char clause[TABLE_CELL_LEN];

	*job = (struct top_job){
		.id = json_get_u64_or(from, "id", 0),
		.array = json_get_u64(from, "array"),
		.index = json_get_u64(from, "index"),
		.used_bytes = json_get_u64(from, "current_bytes"),
		.reserved_bytes = json_get_u64_or(from, "reserved_bytes", 0),
		.end_in_us = json_get_u64(from, "end_in_us"),
		.start_in_us = json_get_u64(from, "start_in_us"),
		.late_us = late_us(from, wall_us),
		.at_limit_us = json_get_u64(from, "at_limit_us"),
		.position = json_get_u64(from, "position"),
		.end_is_guess = json_get_u64(from, "time_us") == UINT64_MAX,
	};
	READ_TEXT(job->name, from, "name");
	READ_TEXT(job->component, from, "component");
	READ_TEXT(job->state, from, "state");
	text_copy(job->why, sizeof(job->why), job_text_clause(from, clause));
	/* Why it was started is of no use in few words, and when it ends has a column. */
	if (!strcmp(json_get_text(why, "reason"), "request"))
		text_copy(job->brief, sizeof(job->brief), job->why);
	else if (strcmp(job->state, "running") != 0 || job->at_limit_us != FRAME_ABSENT)
		job_text_why(why, job->brief);
}

void read_jobs(const json_t *answer, uint64_t wall_us, struct top_frame *frame)
{
	const json_t *job;
	size_t i;

	frame->job_total = json_get_u64_or(answer, "total", 0);
	json_array_foreach (json_object_get(answer, "jobs"), i, job) {
		if (frame->job_count < TOP_JOBS_MAX)
			read_job(job, wall_us, &frame->job[frame->job_count++]);
	}
}

static void read_record(const json_t *from, struct top_record *record)
{
	const json_t *why = json_object_get(from, "why");
	const char *result = json_get_text(from, "result");

	*record = (struct top_record){
		.sequence = json_get_u64_or(from, "sequence", 0),
		.ended = *result,
		.failed = !strcmp(result, "failed") || !strcmp(result, "gone"),
	};
	read_clock(json_get_u64_or(from, "wall_us", 0), record->when);
	READ_TEXT(record->component, from, "component");
	READ_TEXT(record->level, from, "level");
	READ_TEXT(record->tier, from, "tier");
	READ_TEXT(record->reason, why, "reason");
	READ_TEXT(record->why, why, "text");
	action_what(from, record->what, sizeof(record->what));
	action_effect(from, record->effect, sizeof(record->effect));
}

void read_records(const json_t *answer, struct top_frame *frame)
{
	const json_t *record;
	size_t i;

	json_array_foreach (json_object_get(answer, "records"), i, record) {
		if (frame->record_count < TOP_RECORDS_MAX)
			read_record(record, &frame->record[frame->record_count++]);
	}
}

static void read_condition(const json_t *from, struct top_condition *condition)
{
	const char *unit = json_get_text(from, "unit"), *tier = json_get_text(from, "tier");
	char text[VALUE_LEN];

	*condition = (struct top_condition){
		.met = json_get_bool(from, "met"),
		.at_most = !strcmp(json_get_text(from, "op"), "at_most"),
	};
	READ_TEXT(condition->name, from, "name");
	READ_TEXT(condition->leads_to, from, "leads_to");
	READ_TEXT(condition->text, from, "text");
	text_copy(condition->tier, sizeof(condition->tier), strcmp(tier, "none") ? tier : "");
	text_copy(condition->observed, sizeof(condition->observed),
		  value_in_unit(from, "observed", unit, text));
	text_copy(condition->threshold, sizeof(condition->threshold),
		  value_in_unit(from, "threshold", unit, text));
}

void read_conditions(const json_t *answer, struct top_frame *frame)
{
	const json_t *explanation = json_array_get(json_object_get(answer, "components"), 0);
	const json_t *condition;
	size_t i;

	for (int met = 1; met >= 0; met--) {
		json_array_foreach (json_object_get(explanation, "conditions"), i, condition) {
			if (json_get_bool(condition, "met") == met &&
			    frame->condition_count < TOP_CONDITIONS_MAX)
				read_condition(condition,
					       &frame->condition[frame->condition_count++]);
		}
	}
}
