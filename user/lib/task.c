// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tasks for programs. While one waits its request stays among the calls that have no answer, so
 * that it is asked again over another connection as these are, and the answer makes it ready. What
 * has begun uwd knows by the id of its lease, which with a child becomes another one. Programs know
 * a task by a number of this handle, which stays what it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "user/lib/inside.h"

#define TASK_SIZE_MIN   offsetof(struct uw_task, priority) + 1
#define TASK_SIZE_INPUT offsetof(struct uw_task, input_bytes) + sizeof(uint64_t)

static struct lib_task *find(struct uw *uw, uint64_t id)
{
	struct lib_task *task = uw->tasks;

	while (task && task->id != id)
		task = task->next;
	return task;
}

static void unlink_task(struct uw *uw, const struct lib_task *task)
{
	for (struct lib_task **at = &uw->tasks; *at; at = &(*at)->next)
		if (*at == task) {
			*at = task->next;
			return;
		}
}

void lib_free_tasks(struct uw *uw)
{
	while (uw->tasks) {
		struct lib_task *task = uw->tasks;

		uw->tasks = task->next;
		free(task);
	}
}

/* ---- it is queued ---- */

static int put_task(const struct uw_task *from, struct lib_task *to)
{
	struct packet_task *task = &to->request.task;

	if (from->size < TASK_SIZE_MIN || from->flags & ~UW_REVOCABLE || !from->component)
		return -EINVAL;
	if (strlen(from->component) >= PACKET_NAME_LEN)
		return -ENOENT;
	if (from->key && strlen(from->key) >= PACKET_KEY_LEN)
		return -EINVAL;
	task->bytes = from->bytes;
	task->run_us = from->run_us;
	task->flags = from->flags & UW_REVOCABLE ? PACKET_REVOCABLE : 0U;
	task->priority = from->priority;
	strcpy(task->component, from->component);
	strcpy(task->key, from->key ? from->key : "");
	task->input_bytes = from->size >= TASK_SIZE_INPUT ? from->input_bytes : 0;
	lib_add_text(task->text, 0, from->name ? from->name : "");
	to->ready = from->ready;
	to->data = from->data;
	return 0;
}

static struct lib_task *task_of(struct lib_call *call)
{
	return (struct lib_task *)((char *)call - offsetof(struct lib_task, call));
}

/* It has its answer: it may begin, or never will. */
static void on_answer(struct uw *uw, struct lib_call *call)
{
	struct lib_task *task = task_of(call);

	lib_call_leave(uw, call);
	if (!task->answer.reply.outcome)
		task->lease = task->answer.reply.id;
	task->is_told = !task->ready;
	eventfd_write(uw->news, 1);
}

bool lib_tell_task(struct uw *uw)
{
	struct lib_task *task = uw->tasks;
	uw_task_fn ready;
	uint64_t id;
	void *data;

	while (task && (task->is_told || task->call.open))
		task = task->next;
	if (!task)
		return false;
	task->is_told = true;
	ready = task->ready;
	data = task->data;
	id = task->id;
	uw->running = UINT64_MAX; /* no watcher's */
	uw->runner = pthread_self();
	pthread_mutex_unlock(&uw->lock);
	ready(data, id);
	pthread_mutex_lock(&uw->lock);
	uw->running = 0;
	pthread_cond_broadcast(&uw->turned);
	return true;
}

/* Until it is known that it waits, or may begin, or is refused. */
static int await_word(struct uw *uw, const struct lib_task *task)
{
	uint64_t until_us = lib_now_us() + LIB_ANSWER_US, lost_us = 0;
	int rc = 0;

	while (!rc && task->call.open && !task->call.waits) {
		if (uw->socket >= 0 && lib_now_us() >= until_us)
			return -ETIMEDOUT;
		rc = lib_wait(uw, until_us, &lost_us);
	}
	return rc;
}

static int queue(struct uw *uw, struct lib_task *task, struct uw_denial *denial)
{
	int rc;

	task->call = (struct lib_call){
		.request = &task->request,
		.op = PACKET_TASK_SUBMIT,
		.count = 1,
		.answer = &task->answer,
		.ended = on_answer,
	};
	task->is_told = true; /* until its caller knows its number */
	rc = lib_call_start(uw, &task->call);
	if (!rc)
		rc = await_word(uw, task);
	if (task->call.open && rc)
		lib_call_leave(uw, &task->call);
	if (!rc && !task->call.open)
		rc = lib_give_answer(&task->answer, NULL, denial);
	return rc;
}

int uw_task_submit(struct uw *uw, const struct uw_task *from, uint64_t *ret_task,
		   struct uw_denial *denial)
{
	struct lib_task *task = calloc(1, sizeof(*task));
	int rc = task ? put_task(from, task) : -ENOMEM;

	if (!rc) {
		pthread_mutex_lock(&uw->lock);
		rc = uw->forked ? -ECHILD : queue(uw, task, denial);
		if (!rc) {
			task->id = ++uw->last_task;
			task->next = uw->tasks;
			uw->tasks = task;
			*ret_task = task->id;
			if (!task->is_told)
				eventfd_write(uw->news, 1);
		}
		pthread_mutex_unlock(&uw->lock);
	}
	if (rc)
		free(task);
	return rc;
}

/* ---- it begins ---- */

static int call_lease(struct uw *uw, enum packet_op op, uint64_t id, uint64_t value,
		      union packet_answer *answer)
{
	union packet_request request;
	struct lib_call call = {.request = &request, .op = op, .count = 1, .answer = answer};

	memset(&request, 0, sizeof(request));
	memset(answer, 0, sizeof(*answer));
	request.lease.id = id;
	request.lease.value = value;
	return lib_call(uw, &call, 0);
}

static int call_begin(struct uw *uw, const struct lib_task *task, int pidfd,
		      union packet_answer *answer)
{
	union packet_request request;
	struct lib_call call = {
		.request = &request,
		.op = PACKET_TASK_BEGIN,
		.count = 1,
		.answer = answer,
		.passes = true,
		.passed = pidfd,
	};

	memset(&request, 0, sizeof(request));
	memset(answer, 0, sizeof(*answer));
	request.begin.id = task->lease;
	request.begin.input_bytes = task->request.task.input_bytes;
	strcpy(request.begin.key, task->request.task.key);
	return lib_call(uw, &call, 0);
}

/* It is nobody else's to begin from now on. */
static int claim(struct uw *uw, uint64_t id, struct lib_task *ret_task)
{
	struct lib_task *task;
	int rc = 0;

	pthread_mutex_lock(&uw->lock);
	task = find(uw, id);
	if (uw->forked)
		rc = -ECHILD;
	else if (!task || task->begins || task->is_cancelled)
		rc = UW_STALE;
	else if (task->call.open)
		rc = -EAGAIN;
	else if (!task->lease)
		rc = UW_STALE;
	else {
		task->begins = true;
		*ret_task = *task;
	}
	pthread_mutex_unlock(&uw->lock);
	return rc;
}

/* One that was ended meanwhile has nobody to note it for, and is ended. */
static int note_begun(struct uw *uw, uint64_t id, uint64_t lease, bool has_child)
{
	union packet_answer answer;
	struct lib_task *task;

	pthread_mutex_lock(&uw->lock);
	task = find(uw, id);
	if (task) {
		task->has_begun = true;
		task->has_child = has_child;
		task->lease = lease;
	}
	pthread_mutex_unlock(&uw->lock);
	if (!task)
		call_lease(uw, PACKET_TASK_END, lease, 0, &answer);
	return task ? 0 : UW_STALE;
}

/* Another try is welcome; where uwd has freed the lease by now, that says so. */
static void unclaim(struct uw *uw, uint64_t id)
{
	struct lib_task *task;

	pthread_mutex_lock(&uw->lock);
	task = find(uw, id);
	if (task)
		task->begins = false;
	pthread_mutex_unlock(&uw->lock);
}

int uw_task_begin(struct uw *uw, uint64_t id, int pidfd)
{
	union packet_answer answer;
	struct lib_task task;
	int rc = claim(uw, id, &task);

	if (rc)
		return rc;
	if (pidfd < 0)
		return note_begun(uw, id, task.lease, false);
	rc = call_begin(uw, &task, pidfd, &answer);
	if (!rc)
		rc = lib_give_answer(&answer, NULL, NULL);
	if (!rc)
		return note_begun(uw, id, answer.reply.id, true);
	unclaim(uw, id);
	return rc;
}

/* ---- how it is ---- */

static enum uw_task_state state_of(const struct lib_task *task)
{
	if (task->is_cancelled && !task->has_begun)
		return UW_TASK_CANCELLED;
	if (task->call.open)
		return UW_TASK_QUEUED;
	if (task->answer.reply.outcome)
		return UW_TASK_LOST;
	return task->has_begun ? UW_TASK_RUNNING : UW_TASK_READY;
}

/* A copy of it as it is, after its turn has come or at until_us. */
static int await_turn(struct uw *uw, uint64_t id, uint64_t until_us, struct lib_task *ret_task)
{
	uint64_t lost_us = 0;
	struct lib_task *task;
	int rc;

	pthread_mutex_lock(&uw->lock);
	rc = uw->forked ? -ECHILD : 0;
	while (!rc) {
		task = find(uw, id); /* it may have been ended meanwhile */
		if (!task) {
			rc = UW_STALE;
			break;
		}
		*ret_task = *task;
		if (state_of(task) != UW_TASK_QUEUED || lib_now_us() >= until_us)
			break;
		rc = lib_wait(uw, until_us, &lost_us);
	}
	pthread_mutex_unlock(&uw->lock);
	return rc;
}

static void take_look(const struct packet_look *look, const struct lib_task *task,
		      struct uw_task_status *to)
{
	memcpy(to->reason, look->reason, sizeof(to->reason));
	to->ahead = look->ahead;
	to->start_in_us = look->start_in_us;
	to->bytes = look->reply.bytes;
	to->used = look->used_bytes;
	to->peak = look->peak_bytes;
	to->throttled = look->throttled;
	if (task->has_child && look->reply.flags & PACKET_FROZEN)
		to->state = UW_TASK_FROZEN;
	if (look->reply.flags & PACKET_ENDING)
		to->flags |= UW_TASK_ENDING;
}

/* What uwd knows of it. It may have had its turn, or have ended, since. */
static int ask(struct uw *uw, const struct lib_task *task, struct uw_task_status *to)
{
	bool waits = to->state == UW_TASK_QUEUED;
	union packet_answer answer;
	int rc;

	if (!waits && !task->lease)
		return 0;
	rc = call_lease(uw, PACKET_TASK_LOOK, waits ? 0 : task->lease,
			waits ? task->call.cookie : 0, &answer);
	if (rc)
		return rc;
	if (!answer.reply.outcome)
		take_look(&answer.look, task, to);
	else if (answer.reply.outcome != PACKET_STALE)
		return answer.reply.outcome < 0 ? answer.reply.outcome : -EPROTO;
	else if (!waits)
		to->state = UW_TASK_OVER;
	return 0;
}

int uw_task_status(struct uw *uw, uint64_t id, uint64_t timeout_us, struct uw_task_status *status)
{
	uint64_t now_us = lib_now_us();
	struct uw_task_status to = {0};
	struct lib_task task;
	int rc = await_turn(
		uw, id, timeout_us < UINT64_MAX - now_us ? now_us + timeout_us : UINT64_MAX, &task);

	if (rc)
		return rc;
	to.state = state_of(&task);
	to.start_in_us = to.state == UW_TASK_QUEUED ? UINT64_MAX : 0;
	to.flags = task.is_cancelled ? UW_TASK_ENDING : 0;
	if (to.state == UW_TASK_LOST)
		to.error = task.answer.reply.outcome < 0 ? task.answer.reply.outcome : -ENOENT;
	rc = ask(uw, &task, &to);
	if (rc)
		return rc;
	lib_give(status, &to, status->size, sizeof(to));
	return timeout_us && to.state == UW_TASK_QUEUED ? UW_TIMED_OUT : 0;
}

/* ---- it ends ---- */

static int withdraw(struct uw *uw, uint32_t cookie)
{
	union packet_answer answer;

	/* It may have been granted meanwhile: what nobody waits for is given back. */
	return call_lease(uw, PACKET_TASK_WITHDRAW, 0, cookie, &answer);
}

static int free_lease(struct uw *uw, uint64_t lease)
{
	union packet_answer answer;
	int rc = lease ? call_lease(uw, PACKET_TASK_END, lease, 0, &answer) : 0;

	if (rc || !lease)
		return rc;
	rc = answer.reply.outcome;
	return rc == PACKET_STALE ? 0 : rc < 0 ? rc : rc ? -EPROTO : 0; /* it ended by itself */
}

int uw_task_cancel(struct uw *uw, uint64_t id, uint64_t grace_us)
{
	union packet_answer answer;
	struct lib_task *task, copy;
	bool was_queued;

	pthread_mutex_lock(&uw->lock);
	task = uw->forked ? NULL : find(uw, id);
	if (!task) {
		int rc = uw->forked ? -ECHILD : UW_STALE;

		pthread_mutex_unlock(&uw->lock);
		return rc;
	}
	copy = *task;
	was_queued = task->call.open;
	task->is_cancelled = true;
	if (was_queued) {
		task->call.open = 0;
		lib_call_leave(uw, &task->call);
	}
	if (!task->begins)
		task->lease = 0;
	pthread_mutex_unlock(&uw->lock);
	if (was_queued)
		return withdraw(uw, copy.call.cookie);
	if (!copy.begins)
		return free_lease(uw, copy.lease);
	if (!copy.has_child)
		return 0;
	return call_lease(uw, PACKET_TASK_CANCEL, copy.lease, grace_us, &answer);
}

int uw_task_end(struct uw *uw, uint64_t id)
{
	struct lib_task *task;
	uint64_t lease = 0;
	uint32_t cookie = 0;
	bool was_queued = false;
	int rc;

	pthread_mutex_lock(&uw->lock);
	rc = uw->forked ? -ECHILD : UW_STALE;
	task = uw->forked ? NULL : find(uw, id);
	if (task) {
		was_queued = task->call.open;
		cookie = task->call.cookie;
		lease = task->lease;
		if (was_queued)
			lib_call_leave(uw, &task->call);
		unlink_task(uw, task);
	}
	pthread_mutex_unlock(&uw->lock);
	if (!task)
		return rc;
	free(task);
	return was_queued ? withdraw(uw, cookie) : free_lease(uw, lease);
}
