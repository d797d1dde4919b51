// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spank_uw.so, which Slurm loads into srun, sbatch, salloc and slurmstepd: an option that names a
 * component, and on the node each task of a step goes there while it is still root, so that it is
 * there at its first instruction as its user. A task that is refused ends its step; afterwards
 * Slurm would no longer pass that on as a status. Between calls little is kept: where it was typed
 * the key, and in slurmstepd that uwd did not answer.
 */
#include <fcntl.h>
#include <slurm/spank.h>
#include <stdbool.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/ipc/interface.h"
#include "user/model/job.h"
#include "user/slurm/defaults.h"
#include "user/slurm/key_env.h"
#include "user/slurm/place.h"
#include "user/slurm/tracked.h"

SPANK_PLUGIN(spank_uw, 1)

/* Once, where it was typed. */
static int say_bad(const char *option, int rc, const struct uw_err *err, int remote)
{
	if (rc && !remote)
		slurm_error("--%s: %s", option, err->text);
	return rc;
}

static int on_component(int value, const char *name, int remote)
{
	struct uw_err err = {0};

	(void)value;
	return say_bad("uw-component", slurm_check_component(name, &err), &err, remote);
}

/* What was typed, as Slurm does not say it again before the job has been asked for. */
static char typed_key[JOB_KEY_LEN];

static int on_key(int value, const char *key, int remote)
{
	struct uw_err err = {0};
	int rc = slurm_check_key(key, &err);

	(void)value;
	if (!rc && !remote)
		text_copy(typed_key, sizeof(typed_key), key);
	return say_bad("uw-key", rc, &err, remote);
}

/* As plugstack.conf says where the command line is read: on the node more is lowered. */
static struct slurm_defaults typed_by = {.max_priority = PRIORITY_MAX};

static int on_priority(int value, const char *text, int remote)
{
	struct uw_err err = {0};
	uint8_t priority;
	int rc = slurm_read_priority(text, &priority, &err);

	(void)value;
	if (!rc && !remote)
		rc = slurm_check_priority(&typed_by, priority, &err);
	return say_bad("uw-priority", rc, &err, remote);
}

static struct spank_option component_option = {
	.name = "uw-component",
	.arginfo = "NAME",
	.usage = "run in this component of uwctl",
	.has_arg = 1,
	.cb = on_component,
};

static struct spank_option key_option = {
	.name = "uw-key",
	.arginfo = "KEY",
	.usage = "jobs of this key are alike: uwctl learns what they use",
	.has_arg = 1,
	.cb = on_key,
};

static struct spank_option priority_option = {
	.name = "uw-priority",
	.arginfo = "1-10",
	.usage = "how much it matters beside its like in the component",
	.has_arg = 1,
	.cb = on_priority,
};

static struct spank_option freezable_option = {
	.name = "uw-freezable",
	.usage = "it takes no harm from standing still for a while",
};

static struct spank_option *const options[] = {&component_option, &key_option, &priority_option,
					       &freezable_option};

static const char *asked_for(spank_t spank, struct spank_option *option)
{
	char *value = NULL;

	return spank_option_getopt(spank, option, &value) == ESPANK_SUCCESS ? value : NULL;
}

static bool asked(spank_t spank, struct spank_option *option)
{
	return spank_option_getopt(spank, option, NULL) == ESPANK_SUCCESS;
}

/* slurmd itself, and what it runs before and after a job, have no options. */
int slurm_spank_init(spank_t spank, int argc, char *argv[])
{
	struct slurm_defaults defaults;
	struct uw_err err = {0};
	spank_context_t context = spank_context();

	if (slurm_defaults_read(argc, argv, IPC_SOCKET_PATH, &defaults, &err)) {
		slurm_error("%s", err.text);
		return err.code;
	}
	if (context != S_CTX_LOCAL && context != S_CTX_ALLOCATOR && context != S_CTX_REMOTE)
		return 0;
	typed_by = defaults;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (spank_option_register(spank, options[i]) != ESPANK_SUCCESS)
			return -1;
	return 0;
}

/* For job_submit/uw. What is set so early goes with the request of srun, sbatch and salloc. */
int slurm_spank_init_post_opt(spank_t spank, int argc, char *argv[])
{
	spank_context_t context = spank_context();

	(void)argc;
	(void)argv;
	if (*typed_key && (context == S_CTX_LOCAL || context == S_CTX_ALLOCATOR))
		spank_job_control_setenv(spank, SLURM_KEY_ENV, typed_key, 1);
	return 0;
}

/* Any task's, or 0 where Slurm does not know. */
static int read_task(spank_t spank, struct slurm_task *task)
{
	gid_t *group = NULL;
	int rc = spank_get_item(spank, S_JOB_ID, &task->job);

	if (rc == ESPANK_SUCCESS)
		rc = spank_get_item(spank, S_JOB_UID, &task->uid);
	if (rc == ESPANK_SUCCESS)
		rc = spank_get_item(spank, S_JOB_GID, &task->gid);
	if (rc == ESPANK_SUCCESS)
		rc = spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &group, &task->group_count);
	if (rc == ESPANK_SUCCESS)
		rc = spank_get_item(spank, S_JOB_ALLOC_MEM, &task->mem_mib);
	task->group = group;
	return rc;
}

/* Of the tasks of a step on a node one speaks for all. */
static bool speaks(spank_t spank)
{
	int id = 0;

	return spank_get_item(spank, S_TASK_ID, &id) != ESPANK_SUCCESS || !id;
}

/* What the others would say again stands in slurmd's log alone. */
static void say_outside(spank_t spank, const char *component, const char *why)
{
	if (speaks(spank))
		slurm_spank_log("spank_uw: %s; the step runs outside of %s", why, component);
	else
		slurm_info("spank_uw: %s; a task runs outside of %s", why, component);
}

static void say_refused(spank_t spank, const char *component, const char *why)
{
	if (speaks(spank))
		slurm_error("spank_uw: %s", why);
	else
		slurm_info("spank_uw: a task is refused in %s: %s", component, why);
}

static bool is_tracked(void)
{
	char text[4096];

	return slurm_is_tracked(text,
				text_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)));
}

static int place(spank_t spank, const struct slurm_defaults *defaults, const char *component)
{
	struct slurm_task task = {.component = component,
				  .key = asked_for(spank, &key_option),
				  .freezable = asked(spank, &freezable_option)};
	const char *priority = asked_for(spank, &priority_option);
	struct uw_err err = {0};
	int rc = read_task(spank, &task);

	if (priority)
		(void)slurm_read_priority(priority, &task.priority, &err); /* was looked at */
	task.priority = slurm_priority_of(defaults, task.priority);
	if (rc) {
		slurm_error("spank_uw: Slurm does not say whose task it is: %s",
			    spank_strerror((spank_err_t)rc));
		return -1;
	}
	rc = slurm_place(defaults->socket, &task, &err);
	if (rc == SLURM_PLACE_AWAY)
		say_outside(spank, component, err.text);
	else if (rc < 0)
		say_refused(spank, component, err.text);
	return rc < 0 ? rc : 0;
}

/* Of the step; "": none. Valid as long as defaults are. */
static const char *component_of(spank_t spank, const struct slurm_defaults *defaults)
{
	char partition[SLURM_PARTITION_LEN];
	bool known = spank_getenv(spank, "SLURM_JOB_PARTITION", partition, sizeof(partition)) ==
		     ESPANK_SUCCESS;

	return slurm_component_of(defaults, asked_for(spank, &component_option),
				  known ? partition : NULL);
}

int slurm_spank_task_init_privileged(spank_t spank, int argc, char *argv[])
{
	struct slurm_defaults defaults;
	struct uw_err err = {0};
	const char *component;

	if (slurm_defaults_read(argc, argv, IPC_SOCKET_PATH, &defaults, &err))
		return err.code; /* was said at the start */
	component = component_of(spank, &defaults);
	if (!*component)
		return 0;
	if (!is_tracked())
		return place(spank, &defaults, component);
	if (speaks(spank))
		slurm_spank_log(
			"spank_uw: Slurm keeps its steps in cgroups, and would lose this one "
			"in %s; the step runs outside: spank_uw(8) says what to set in "
			"slurm.conf",
			component);
	return 0;
}

/* In slurmstepd, which waits for it: a uwd that hangs holds up one task of a step, not each. */
int slurm_spank_task_exit(spank_t spank, int argc, char *argv[])
{
	struct slurm_task task = {0};
	struct slurm_defaults defaults;
	struct uw_err err = {0};
	static bool unheard;
	int status = -1;

	if (unheard || !asked_for(spank, &key_option) ||
	    slurm_defaults_read(argc, argv, IPC_SOCKET_PATH, &defaults, &err) ||
	    spank_get_item(spank, S_JOB_ID, &task.job) != ESPANK_SUCCESS ||
	    spank_get_item(spank, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS)
		return 0;
	task.component = component_of(spank, &defaults);
	if (*task.component)
		unheard = !slurm_tell_end(defaults.socket, &task, !status);
	return 0;
}

/* Beside slurmd, as root, after the last step of the job here. Whatever it says other than 0 would
 * drain the node. */
int slurm_spank_job_epilog(spank_t spank, int argc, char *argv[])
{
	struct slurm_defaults defaults;
	struct uw_err err = {0};
	uint32_t job;

	if (!slurm_defaults_read(argc, argv, IPC_SOCKET_PATH, &defaults, &err) &&
	    spank_get_item(spank, S_JOB_ID, &job) == ESPANK_SUCCESS)
		slurm_end_job(defaults.socket, job);
	return 0;
}
