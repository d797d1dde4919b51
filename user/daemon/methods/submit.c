// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each item of the call is read, held against who may submit to its component, and given the memory
 * that was learned where it names none. Then all of them go to the queue at once, or none does, and
 * the client is answered when they are on disk. A dry run makes the same checks and answers at once
 * with what would come of it.
 */
#include "user/daemon/methods/submit.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/submit_read.h"
#include "user/daemon/submitters.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

/* The answer is to go to whom, when it is on disk. */
struct submit_waiter {
	struct daemon *daemon;
	uint64_t token;
};

/* ---- what is submitted ---- */

static bool is_permitted(const struct daemon *daemon, const struct submit_call *submit,
			 const char *name)
{
	const struct config *config = &daemon->config;
	const struct ipc_peer *peer = submit->call->peer;
	int at = config_find(config, name);

	if (at < 0) {
		ipc_answer_fail(submit->answer, IPC_ERROR_NO_COMPONENT,
				"there is no component '%s'; uw.conf names them", name);
		return false;
	}
	if (submitters_include(&daemon->component[at].allow, peer))
		return true;
	ipc_answer_fail(submit->answer, IPC_ERROR_NOT_PERMITTED,
			"uid %u may not submit to %s; 'submit' of [component %s] in uw.conf "
			"says who may",
			(unsigned int)peer->uid, name, name);
	return false;
}

/* What was learned of its key stands in for a size that is not given. */
static bool find_memory(const struct daemon *daemon, const struct submit_call *submit,
			struct job_spec *spec)
{
	if (spec->memory_bytes || !jobs_learned_memory(daemon->jobs, spec, &spec->memory_bytes))
		return true;
	ipc_answer_fail(submit->answer, IPC_ERROR_BAD_JOB,
			"%s: memory: is needed, as nothing was learned of the key '%.63s' yet",
			submit->name, spec->key);
	return false;
}

static bool take_item(const struct daemon *daemon, struct submit_call *submit, uint32_t at)
{
	struct job_spec *spec = &submit->item[at].spec;

	return submit_read_names(submit, at) && is_permitted(daemon, submit, spec->component) &&
	       submit_read_rest(submit, at) && find_memory(daemon, submit, spec);
}

static bool take_call(const struct daemon *daemon, struct submit_call *submit)
{
	if (!submit_read_list(submit))
		return false;
	for (uint32_t i = 0; i < submit->count; i++)
		if (!take_item(daemon, submit, i))
			return false;
	return true;
}

/* ---- the answer ---- */

static uint32_t learned_runs(const struct jobs *jobs, const struct jobs_item *item)
{
	uint64_t key = jobs_learn_key(jobs, item->spec.component, item->spec.uid, item->spec.key);
	struct admit_key known;

	return key && !admit_key_export(jobs_admit(jobs), key, &known) ? known.total : 0;
}

/* Of one that was not queued: what would be. */
static void put_preview(json_t *object, struct jobs *jobs, const struct jobs_item *item,
			enum job_state state)
{
	struct job_why after = {JOB_BECAUSE_AFTER, 0, 0};
	struct admit_view view;
	uint64_t now_us;

	if (jobs_preview(jobs, &item->spec, &view))
		return;
	now_us = jobs_now_us(jobs); /* not before that of the preview */
	json_put(object, "reserved_bytes", json_u64(view.footprint_bytes));
	if (item->spec.after_count)
		after.observed = item->spec.after[0];
	if (state == JOB_WAITING && after.observed)
		json_put(object, "why", encode_job_why(&after));
	if (state != JOB_QUEUED)
		return;
	if (view.position)
		json_put(object, "position", json_u64(view.position));
	if (view.start_us)
		json_put(object, "start_in_us",
			 json_u64(view.start_us > now_us ? view.start_us - now_us : 0));
	json_put(object, "why", encode_admit_why(jobs, &view.why));
}

/* An array is told of by its first element. */
static json_t *encode_submitted(struct jobs *jobs, const struct jobs_item *item)
{
	const struct job *job = item->first_id ? jobs_find(jobs, item->first_id) : NULL;
	const struct job_spec *spec = &item->spec;
	json_t *object = json_object(), *entry = NULL;
	struct job_why why = {JOB_BECAUSE_SUBMIT, 0, 0};
	struct job fresh;

	job_init(&fresh, spec);
	if (item->after_item_count && !spec->held)
		fresh.state = JOB_WAITING;
	if (job)
		entry = encode_queue_entry(jobs, job);
	json_put(object, "id", item->first_id ? json_u64(item->first_id) : json_null());
	json_put(object, "count", json_integer(item->count));
	json_put(object, "name", json_text(fresh.name));
	json_put(object, "component", json_text(spec->component));
	json_put(object, "key", json_text(spec->key));
	json_put(object, "state",
		 json_string(job_state_name((enum job_state)(job ? job : &fresh)->state)));
	json_put(object, "memory_bytes", json_u64(spec->memory_bytes));
	json_put(object, "learned_runs", json_integer(learned_runs(jobs, item)));
	json_put(object, "time_us", spec->time_us ? json_u64(spec->time_us) : json_null());
	json_put(object, "reserved_bytes", json_u64(spec->memory_bytes));
	json_put(object, "position", json_null());
	json_put(object, "start_in_us", json_null());
	json_put(object, "why", encode_job_why(&why));
	if (entry) {
		static const char *const same[] = {"reserved_bytes", "position", "start_in_us",
						   "why"};

		for (size_t i = 0; i < ARRAY_SIZE(same); i++)
			json_object_set(object, same[i], json_object_get(entry, same[i]));
		json_decref(entry);
	}
	if (!item->first_id)
		put_preview(object, jobs, item, (enum job_state)fresh.state);
	return object;
}

static json_t *encode_all(struct jobs *jobs, const struct jobs_item *items, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, encode_submitted(jobs, &items[i]));
	return json_pack("{s:o}", "jobs", list);
}

static const char *error_of(int rc)
{
	switch (rc) {
	case -ESRCH:
		return IPC_ERROR_NO_JOB;
	case -EDQUOT:
	case -ENOSPC:
		return IPC_ERROR_QUEUE_FULL;
	case -EINVAL:
		return IPC_ERROR_BAD_JOB;
	default:
		return IPC_ERROR_FAILED;
	}
}

static void on_disk(void *data, int rc, const struct uw_err *err, const struct jobs_item *items,
		    uint32_t count)
{
	struct submit_waiter *waiter = data;
	struct daemon *daemon = waiter->daemon;
	struct ipc_answer answer = {0};

	if (rc)
		ipc_answer_fail(&answer, error_of(rc), "%s", err->text);
	else
		answer.parameters = encode_all(daemon->jobs, items, count);
	if (daemon->server)
		ipc_server_answer(daemon->server, waiter->token, &answer, clock_now_us());
	else
		json_decref(answer.parameters);
	free(waiter);
}

static void enqueue(struct daemon *daemon, const struct submit_call *submit)
{
	struct submit_waiter *waiter = malloc(sizeof(*waiter));
	struct uw_err err = {0};
	int rc;

	if (!waiter) {
		ipc_answer_fail(submit->answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	*waiter = (struct submit_waiter){.daemon = daemon, .token = submit->call->token};
	rc = jobs_submit(daemon->jobs, submit->item, submit->count, on_disk, waiter, &err);
	if (rc) {
		free(waiter);
		ipc_answer_fail(submit->answer, error_of(rc), "%s", err.text);
		return;
	}
	submit->answer->later = true;
}

static void try_only(struct daemon *daemon, const struct submit_call *submit)
{
	struct uw_err err = {0};
	int rc = jobs_check(daemon->jobs, submit->item, submit->count, &err);

	if (rc)
		ipc_answer_fail(submit->answer, error_of(rc), "%s", err.text);
	else
		submit->answer->parameters = encode_all(daemon->jobs, submit->item, submit->count);
}

void method_submit(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct submit_call submit = {.call = call, .answer = answer};

	if (take_call(daemon, &submit)) {
		if (json_get_bool(call->parameters, "dry_run"))
			try_only(daemon, &submit);
		else
			enqueue(daemon, &submit);
	}
	submit_read_done(&submit);
}
