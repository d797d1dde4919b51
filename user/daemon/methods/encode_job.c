// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job that has not ended is told with what the queue predicts of it, and with the reason why it
 * does not run; one that has ended with its result, from its row in the history. Reasons are a
 * word, two numbers and their unit for programs, and a text for people. A job's command is not kept
 * in memory and is read from the database for each job that is shown.
 */
#include "user/daemon/methods/encode_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/daemon/methods/encode.h"
#include "user/ipc/json.h"

#define TEXT_LEN 200

/* 0 stands for "not known". */
static json_t *known(uint64_t value)
{
	return value ? json_number(value) : json_null();
}

static json_t *from_now(uint64_t then_us, uint64_t now_us)
{
	if (!then_us || then_us == UINT64_MAX)
		return json_null();
	return json_number(then_us > now_us ? then_us - now_us : 0);
}

void encode_job_place(json_t *object, const struct job *job)
{
	bool is_element = job->index != JOB_NO_INDEX;

	json_put(object, "array", is_element ? json_number(job->array) : json_null());
	json_put(object, "index", is_element ? json_number(job->index) : json_null());
}

json_t *encode_job_why(const struct job_why *why)
{
	json_t *object = json_object();
	char text[TEXT_LEN];

	json_put(object, "reason", json_string(job_reason_name(why->reason)));
	json_put(object, "observed", json_u64(why->observed));
	json_put(object, "threshold", json_u64(why->threshold));
	json_put(object, "unit", json_string(reason_unit_name(job_reason_unit(why->reason))));
	json_put(object, "text", json_string(job_why_text(why, text, sizeof(text))));
	return object;
}

json_t *encode_admit_why(const struct jobs *jobs, const struct admit_why *why)
{
	struct job_why translated = {jobs_reason_of(why->reason), why->observed, why->threshold};
	json_t *object = encode_job_why(&translated);
	char text[TEXT_LEN];

	json_put(object, "text",
		 json_string(admit_why_text(why, jobs_now_us(jobs), text, sizeof(text))));
	return object;
}

static json_t *tags_of_text(const char *tags)
{
	json_t *list = json_array();
	size_t length;

	for (; *tags; tags += length + (tags[length] == ',')) {
		length = strcspn(tags, ",");
		json_array_append_new(list, json_stringn(tags, length));
	}
	return list;
}

static json_t *tags_of_spec(const struct job_spec *spec)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < spec->tag_count; i++)
		json_array_append_new(list, json_text(spec->tag[i]));
	return list;
}

/* ---- a job that has not ended ---- */

static void put_prediction(json_t *object, const struct jobs *jobs, const struct job *job,
			   const struct admit_view *view)
{
	uint64_t now_us = jobs_now_us(jobs);
	bool queued = job->state == JOB_QUEUED;

	json_put(object, "position", queued ? known(view->position) : json_null());
	json_put(object, "start_in_us", queued ? from_now(view->start_us, now_us) : json_null());
	json_put(object, "end_in_us", from_now(view->end_us, now_us));
	json_put(object, "reserved_bytes",
		 json_number(queued && view->footprint_bytes ? view->footprint_bytes
							     : job->reserved_bytes));
}

/* Of one that stands at its limit its state says nothing. */
static json_t *encode_cramped(const struct job_why *why, uint64_t cramped_us)
{
	json_t *object = encode_job_why(why);
	char text[TEXT_LEN], clause[TEXT_LEN / 2], time[UNITS_TEXT_LEN];

	snprintf(text, sizeof(text), "%s, for %s now", job_why_text(why, clause, sizeof(clause)),
		 units_print_us(cramped_us, time));
	json_put(object, "text", json_string(text));
	return object;
}

static json_t *why_it_waits(const struct jobs *jobs, const struct job *job,
			    const struct admit_view *view)
{
	struct job_why why = {(enum job_reason)job->reason, job->observed, job->threshold};
	struct job_why slots = {.reason = JOB_BECAUSE_SLOTS};

	if (job->state == JOB_QUEUED &&
	    (why.reason == JOB_BECAUSE_USER_SLOTS || why.reason == JOB_BECAUSE_START_FAILED))
		return encode_job_why(&why);
	/* The core, which counts memory only, is then told that the host has none. */
	if (job->state == JOB_QUEUED && view->why.reason == ADMIT_WHY_NO_ROOM_HOST &&
	    jobs_is_full(jobs, &slots.observed, &slots.threshold))
		return encode_job_why(&slots);
	if (job->state == JOB_QUEUED && view->why.reason != ADMIT_WHY_NONE)
		return encode_admit_why(jobs, &view->why);
	if (jobs_cramped_us(jobs, job) && why.reason == JOB_BECAUSE_NO_GROWTH)
		return encode_cramped(&why, jobs_cramped_us(jobs, job));
	return encode_job_why(&why);
}

/* Not in memory, as each job's is another: 10 us from the database for what is shown. */
static json_t *command_of(const struct jobs *jobs, const struct job *job)
{
	char command[JOB_COMMAND_LEN] = "";
	struct store_row row;

	if (!store_find(jobs_reader(jobs), job->id, &row))
		job_command_text(&row.spec, command, sizeof(command));
	return json_string(command);
}

json_t *encode_told(const struct admit_told *told)
{
	json_t *object = json_object();
	bool memory = told->runs && told->peak_by < ADMIT_PEAK__COUNT;
	bool time = told->runs && told->run_by < ADMIT_RUN__COUNT;

	json_put(object, "memory", json_string(admit_peak_by_name(told->peak_by)));
	json_put(object, "memory_off_permyriad",
		 memory ? json_number(told->peak_error * 10ULL) : json_null());
	json_put(object, "time", json_string(admit_run_by_name(told->run_by)));
	json_put(object, "time_off_permyriad",
		 time ? json_number(told->run_error * 10ULL) : json_null());
	json_put(object, "runs", json_number(told->runs));
	return object;
}

json_t *encode_predicted_by(const struct jobs *jobs, const struct job *job)
{
	struct admit_view view;

	if (!job || admit_view(jobs_admit(jobs), job->id, jobs_now_us(jobs), &view))
		return json_null();
	return encode_told(&view.told);
}

json_t *encode_queue_entry(const struct jobs *jobs, const struct job *job)
{
	struct admit_view view = {0};
	uint64_t current_bytes = 0, peak_bytes = 0;
	bool runs = jobs_usage_of(jobs, job, &current_bytes, &peak_bytes);
	json_t *object = json_object();

	if (admit_view(jobs_admit(jobs), job->id, jobs_now_us(jobs), &view))
		view = (struct admit_view){0};
	json_put(object, "id", json_number(job->id));
	encode_job_place(object, job);
	json_put(object, "name", json_text(job->name));
	json_put(object, "component", json_text(jobs_component_name(jobs, job)));
	json_put(object, "key", json_text(jobs_key(jobs, job)));
	json_put(object, "tags", tags_of_text(jobs_tags(jobs, job)));
	json_put(object, "user", json_number(job->uid));
	json_put(object, "state", json_string(job_state_name((enum job_state)job->state)));
	json_put(object, "priority", json_number(job->priority));
	json_put(object, "memory_priority", json_number(job->memory_priority));
	json_put(object, "memory_bytes", json_number(job->memory_bytes));
	json_put(object, "current_bytes", runs ? json_number(current_bytes) : json_null());
	json_put(object, "peak_bytes", runs ? json_number(peak_bytes) : json_null());
	json_put(object, "time_us", known(job->time_us));
	json_put(object, "input_bytes", known(job->input_bytes));
	json_put(object, "submit_wall_us", json_number(jobs_wall_us(jobs, job->submit_us)));
	json_put(object, "start_wall_us", known(jobs_wall_us(jobs, job->start_us)));
	put_prediction(object, jobs, job, &view);
	json_put(object, "at_limit_us", known(jobs_cramped_us(jobs, job)));
	json_put(object, "attempts", json_number(job->attempts));
	json_put(object, "freezable", json_boolean(job->flags & JOB_FREEZABLE));
	json_put(object, "command", command_of(jobs, job));
	json_put(object, "why", why_it_waits(jobs, job, &view));
	return object;
}

/* ---- one that has ended ---- */

static uint64_t since(uint64_t then_us, uint64_t before_us)
{
	return before_us && then_us > before_us ? then_us - before_us : 0;
}

static void put_result(json_t *object, const struct job_result *result)
{
	json_put(object, "state", json_string(job_state_name(result->state)));
	json_put(object, "status",
		 result->status >= 0 && !result->signal ? json_integer(result->status)
							: json_null());
	json_put(object, "signal", result->signal ? json_integer(result->signal) : json_null());
	json_put(object, "code", json_integer(job_exit_code(result)));
	json_put(object, "why", encode_job_why(&result->why));
}

json_t *encode_job_end(const struct job *job, const struct job_result *result)
{
	json_t *object = json_object();

	json_put(object, "id", json_number(job->id));
	encode_job_place(object, job);
	json_put(object, "user", json_number(job->uid));
	put_result(object, result);
	return object;
}

/* With its spec it can be said what could not be run. */
static void put_why_of(json_t *object, const struct store_row *row)
{
	json_t *why = encode_job_why(&row->result.why);
	char text[TEXT_LEN];

	json_put(why, "text",
		 json_text(job_why_text_of(&row->result.why, &row->spec, text, sizeof(text))));
	json_put(object, "why", why);
}

json_t *encode_history_entry(const struct store_row *row)
{
	const struct job *job = &row->job;
	const struct job_result *result = &row->result;
	json_t *object = json_object();
	char command[JOB_COMMAND_LEN];

	json_put(object, "id", json_number(job->id));
	encode_job_place(object, job);
	json_put(object, "name", json_text(job->name));
	json_put(object, "component", json_text(row->component));
	json_put(object, "key", json_text(row->key));
	json_put(object, "tags", tags_of_spec(&row->spec));
	json_put(object, "user", json_number(job->uid));
	put_result(object, result);
	put_why_of(object, row);
	json_put(object, "priority", json_number(job->priority));
	json_put(object, "memory_priority", json_number(job->memory_priority));
	json_put(object, "memory_bytes", json_number(job->memory_bytes));
	json_put(object, "reserved_bytes", json_number(job->reserved_bytes));
	json_put(object, "peak_bytes", known(result->peak_bytes));
	json_put(object, "time_us", known(job->time_us));
	json_put(object, "input_bytes", known(job->input_bytes));
	json_put(object, "submit_wall_us", json_number(job->submit_us));
	json_put(object, "queued_wall_us", json_number(job->queued_us));
	json_put(object, "start_wall_us", known(job->start_us));
	json_put(object, "end_wall_us", json_number(job->end_us));
	json_put(object, "wait_us",
		 json_number(since(job->start_us ? job->start_us : job->end_us, job->queued_us)));
	json_put(object, "run_us", json_number(since(job->end_us, job->start_us)));
	json_put(object, "cpu_us", json_number(result->cpu_us));
	json_put(object, "oom_kills", json_number(result->oom_kills));
	json_put(object, "attempts", json_number(job->attempts));
	json_put(object, "command",
		 json_text(job_command_text(&row->spec, command, sizeof(command))));
	return object;
}

json_t *encode_job_step(const struct job_event *event)
{
	json_t *object = json_object();
	bool has_bytes = event->before_bytes || event->after_bytes;

	json_put(object, "wall_us", json_number(event->wall_us));
	json_put(object, "step", json_string(job_step_name(event->step)));
	json_put(object, "attempt", json_number(event->attempt));
	json_put(object, "before_bytes",
		 has_bytes ? json_number(event->before_bytes) : json_null());
	json_put(object, "after_bytes", has_bytes ? json_number(event->after_bytes) : json_null());
	json_put(object, "why", encode_job_why(&event->why));
	return object;
}
