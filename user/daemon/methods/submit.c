// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each item of the call is read, held against who may submit to its component, and given the memory
 * that was learned where it names none. Then all of them go to the queue at once, or none does, and
 * the client is answered when they are on disk. A dry run makes the same checks and is answered
 * with what would come of it. All of that is done in parts, in the turns of the clients, as a call
 * may have thousands of items; the JSON is given up as soon as the queue has a copy, so that the
 * next long call can be parsed.
 */
#include "user/daemon/methods/submit.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/submit_read.h"
#include "user/daemon/submitters.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

/* One call, until it is answered. */
struct submit_task {
	struct ipc_work work;
	struct daemon *daemon;
	struct ipc_call call; /* its parameters until all is copied, its peer is ours */
	struct ipc_peer peer;
	struct ipc_answer answer;
	struct submit_call submit;
	bool (*part)(struct submit_task *task);
	bool dry_run;
	uint32_t at; /* item to go on with */
	struct submission *submission;
	struct json_writer text;
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

/* The most that a component can come to: its budget and, where it borrows, all that nobody keeps.
 */
static uint64_t most_of(const struct config *config, const struct component *own)
{
	uint64_t most = config->usable_bytes;

	if (!own->borrow)
		return own->budget_bytes;
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component *other = &config->component[i];

		if (other != own && !other->lend)
			most -= most < other->budget_bytes ? most : other->budget_bytes;
	}
	return most > own->budget_bytes ? most : own->budget_bytes;
}

/* What could never start is refused; what a smaller budget of later makes so waits, and says why.
 */
static bool can_ever_fit(const struct daemon *daemon, const struct submit_call *submit,
			 const struct job_spec *spec)
{
	const struct config *config = &daemon->config;
	const struct component *own = &config->component[config_find(config, spec->component)];
	uint64_t most = most_of(config, own);
	char asked[UNITS_TEXT_LEN], budget[UNITS_TEXT_LEN], loans[UNITS_TEXT_LEN];
	struct admit_view view;

	if (spec->memory_bytes <= most)
		return true;
	if (!jobs_preview(daemon->jobs, spec, &view) && view.footprint_bytes <= most)
		return true;
	units_print_bytes_apart(spec->memory_bytes, most, asked, loans);
	units_print_bytes(own->budget_bytes, budget);
	ipc_answer_fail(submit->answer, IPC_ERROR_BAD_JOB,
			"%s: memory: %s is more than %s can ever have: %s%s%s",
			*submit->name ? submit->name : "job", asked, own->name, loans,
			own->borrow ? ", of which its budget is " : "", own->borrow ? budget : "");
	return false;
}

static bool take_item(const struct daemon *daemon, struct submit_call *submit, uint32_t at)
{
	struct job_spec *spec = &submit->item[at].spec;

	return submit_read_names(submit, at) && is_permitted(daemon, submit, spec->component) &&
	       submit_read_rest(submit, at) && find_memory(daemon, submit, spec) &&
	       can_ever_fit(daemon, submit, spec);
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

/* ---- from part to part: each says whether there is another at once ---- */

static void forget_parameters(struct submit_task *task)
{
	if (!task->call.parameters)
		return;
	json_decref((json_t *)task->call.parameters);
	task->call.parameters = NULL;
	if (task->daemon->server)
		ipc_server_forget_call(task->daemon->server, task->call.token);
}

static void task_free(struct submit_task *task)
{
	if (task->submission)
		jobs_submit_drop(task->submission);
	forget_parameters(task);
	submit_read_done(&task->submit);
	ipc_answer_done(&task->answer);
	free(task->text.bytes);
	free(task);
}

static bool reply(struct submit_task *task)
{
	struct daemon *daemon = task->daemon;

	forget_parameters(task);
	if (daemon->server)
		ipc_server_answer(daemon->server, task->call.token, &task->answer, clock_now_us());
	task_free(task);
	return false;
}

static bool refuse(struct submit_task *task, int rc, const struct uw_err *err)
{
	ipc_answer_fail(&task->answer, error_of(rc), "%s", err->text);
	return reply(task);
}

static bool answer_some(struct submit_task *task)
{
	uint64_t until_us = clock_now_us() + IPC_PART_US;

	while (task->at < task->submit.count && clock_now_us() < until_us)
		json_write_element(&task->text, encode_submitted(task->daemon->jobs,
								 &task->submit.item[task->at++]));
	if (task->at < task->submit.count)
		return true;
	json_write(&task->text, "]}");
	ipc_answer_write(&task->answer, &task->text);
	return reply(task);
}

static bool begin_answer(struct submit_task *task)
{
	task->at = 0;
	task->part = answer_some;
	json_write(&task->text, "{\"jobs\":[");
	return true;
}

static void on_disk(void *data, int rc, const struct uw_err *err, const struct jobs_item *items,
		    uint32_t count)
{
	struct submit_task *task = data;

	(void)items, (void)count;
	if (rc || !task->daemon->server) {
		refuse(task, rc, err);
		return;
	}
	begin_answer(task);
	ipc_server_put_work(task->daemon->server, &task->work);
}

/* Of what is on its way only its items are kept, for the answer. */
static bool submit_some(struct submit_task *task)
{
	struct uw_err err = {0};
	int rc = jobs_submit_some(task->submission, clock_now_us() + IPC_PART_US, &err);

	if (rc > 0)
		return true;
	task->submission = NULL;
	if (rc)
		return refuse(task, rc, &err);
	submit_read_forget(&task->submit);
	forget_parameters(task);
	return task->dry_run && begin_answer(task);
}

static bool begin_submission(struct submit_task *task)
{
	struct submit_call *submit = &task->submit;

	task->submission = jobs_submit_begin(task->daemon->jobs, submit->item, submit->count,
					     task->dry_run ? NULL : on_disk, task);
	if (!task->submission) {
		ipc_answer_fail(&task->answer, IPC_ERROR_FAILED, "out of memory");
		return reply(task);
	}
	task->part = submit_some;
	return true;
}

static bool read_some(struct submit_task *task)
{
	uint64_t until_us = clock_now_us() + IPC_PART_US;

	if (!task->submit.count && !submit_read_list(&task->submit))
		return reply(task);
	while (task->at < task->submit.count && clock_now_us() < until_us)
		if (!take_item(task->daemon, &task->submit, task->at++))
			return reply(task);
	return task->at < task->submit.count || begin_submission(task);
}

static struct submit_task *task_of(struct ipc_work *work)
{
	return (struct submit_task *)((char *)work - offsetof(struct submit_task, work));
}

/* Who has gone before it was on its way wants nothing any more. */
static bool step(struct ipc_work *work)
{
	struct submit_task *task = task_of(work);

	if (task->call.parameters &&
	    !ipc_server_is_awaited(task->daemon->server, task->call.token)) {
		task_free(task);
		return false;
	}
	return task->part(task);
}

static void drop(struct ipc_work *work)
{
	task_free(task_of(work));
}

void method_submit(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct submit_task *task = calloc(1, sizeof(*task));

	if (!task) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	task->work = (struct ipc_work){.step = step, .drop = drop};
	task->daemon = daemon;
	task->peer = *call->peer;
	task->call = *call;
	task->call.peer = &task->peer;
	task->call.parameters = json_incref((json_t *)call->parameters);
	task->submit = (struct submit_call){.call = &task->call, .answer = &task->answer};
	task->dry_run = json_get_bool(call->parameters, "dry_run");
	task->part = read_some;
	answer->later = true;
	ipc_server_put_work(daemon->server, &task->work);
}
