// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One call of uwd's Enter. A uwd that is away, just ends, hangs or has trouble of its own does not
 * hold up the cluster: what Slurm has promised stands without it. Many tasks call at once: who
 * finds uwd busy comes again.
 */
#include "user/slurm/place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/ipc/client.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"

#define ANSWER_US (5 * US_PER_SEC)  /* uwd answers between two ticks, so within milliseconds */
#define TOLD_US   (500 * US_PER_MS) /* slurmstepd waits, and only a lesson is lost */
#define ENDED_US  (2 * US_PER_SEC)  /* who is killed is gone within milliseconds, as a rule */
#define AGAIN_NS  (10 * (long)(US_PER_MS * NS_PER_US))

/* Beyond it is no size, but a mark of Slurm's that there is none. */
#define MEM_MIB_MAX (1ULL << 30)

/* As many as uwd looks at. */
static json_t *groups_of(const struct slurm_task *task)
{
	json_t *list = json_array();

	for (int i = 0; i < task->group_count && i < (int)IPC_GROUPS_MAX; i++)
		json_array_append_new(list, json_integer(task->group[i]));
	return list;
}

static const char *leaf_of(uint32_t job, char buf[static 32])
{
	snprintf(buf, 32, "slurm-%" PRIu32, job);
	return buf;
}

json_t *slurm_place_parameters(const struct slurm_task *task)
{
	char leaf[32];
	json_t *parameters;

	parameters =
		json_pack("{s:s, s:s, s:{s:I, s:I, s:o}, s:b}", "component", task->component,
			  "leaf", leaf_of(task->job, leaf), "user", "uid", (json_int_t)task->uid,
			  "gid", (json_int_t)task->gid, "groups", groups_of(task), "join", 1);
	if (parameters && task->mem_mib && task->mem_mib <= MEM_MIB_MAX)
		json_put(parameters, "bytes", json_number(task->mem_mib * MIB));
	if (parameters && task->key)
		json_put(parameters, "key", json_string(task->key));
	if (parameters && task->priority)
		json_put(parameters, "priority", json_integer(task->priority));
	if (parameters && task->freezable)
		json_put(parameters, "freezable", json_true());
	return parameters;
}

/* What uwd says of the step. All else is about uwd, or the way to it. */
static bool is_refusal(int rc)
{
	return rc == -ENOENT || rc == -EPERM || rc == -EINVAL;
}

/* What its answer says to be left, or 0. */
static int call_once(const char *socket, enum ipc_method method, json_t *parameters,
		     uint64_t within_us, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	AUTO_JSON json_t *answer = NULL;
	int rc = ipc_client_open(socket, &client, err);

	if (!rc)
		rc = ipc_client_call(&client, method, json_incref(parameters), within_us, &answer,
				     err);
	ipc_client_close(&client);
	return rc < 0 ? rc : (int)json_get_u64_or(answer, "left", 0);
}

static int call(const char *socket, enum ipc_method method, json_t *steal, uint64_t within_us,
		struct uw_err *err)
{
	const struct timespec pause = {.tv_nsec = AGAIN_NS};
	AUTO_JSON json_t *parameters = steal;
	uint64_t until_us = clock_now_us() + within_us, now_us;
	int rc;

	if (!parameters)
		return err_set(err, -ENOMEM, "a call of uwd: out of memory");
	rc = call_once(socket, method, parameters, within_us, err);
	while (rc == -EBUSY && (now_us = clock_now_us()) < until_us) {
		nanosleep(&pause, NULL);
		rc = call_once(socket, method, parameters, until_us - now_us, err);
	}
	return rc;
}

int slurm_place(const char *socket, const struct slurm_task *task, struct uw_err *err)
{
	int rc = call(socket, IPC_ENTER, slurm_place_parameters(task), ANSWER_US, err);

	return rc >= 0 ? 0 : is_refusal(rc) ? rc : SLURM_PLACE_AWAY;
}

bool slurm_tell_end(const char *socket, const struct slurm_task *task, bool well)
{
	struct uw_err err;
	char leaf[32];
	int rc = call(socket, IPC_ENDED,
		      json_pack("{s:s, s:s, s:b}", "component", task->component, "leaf",
				leaf_of(task->job, leaf), "well", well),
		      TOLD_US, &err);

	return rc >= 0 || is_refusal(rc);
}

/* A new run of the same job, after a requeue, must not find the leaf that is being ended. */
void slurm_end_job(const char *socket, uint32_t job)
{
	const struct timespec pause = {.tv_nsec = AGAIN_NS};
	uint64_t until_us = clock_now_us() + ENDED_US;
	struct uw_err err;
	char leaf[32];

	while (call(socket, IPC_VACATE, json_pack("{s:s}", "leaf", leaf_of(job, leaf)), TOLD_US,
		    &err) > 0 &&
	       clock_now_us() < until_us)
		nanosleep(&pause, NULL);
}
