// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine side of jobs: each job runs in a leaf cgroup of its own below its component. Here the
 * leaf is made with its memory.high, the shim is started into it, its sizes are read, its limit is
 * lowered or raised, and at the end what is left in it is killed and it is removed. Standing still
 * and giving up memory are only asked for: policy decides about both, and uwd passes it on.
 */
#include "user/jobs/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/jobs/shim_start.h"

#define LAUNCHER_PROGRAM UW_LIBEXEC_DIR "/uw-launcher"
#define STAT_LEN         4096

/* An attempt that follows the one before at once waits so long for its leaf. */
#define NAME_TRIES   10
#define NAME_WAIT_MS 2

/* ---- on the recorder's thread ---- */

static int open_shims_group(int pool)
{
	int fd;

	if (mkdirat(pool, CG_SHIMS, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(pool, CG_SHIMS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Below the pool, whatever is asked: without a component the path would begin at the root. */
static int leaf_path(const char *component, const char *leaf, char path[CG_PATH_LEN])
{
	int n = snprintf(path, CG_PATH_LEN, "%s/%s", component, leaf);

	return !*component || *component == '/' || n >= CG_PATH_LEN ? -ENOENT : 0;
}

/* What an ended job left behind does not go on: its memory is given to others. As a rule there is
 * nothing, and the leaf goes at once. */
static void clean_leaf(const struct jobs_machine *machine, int pool, const char *component,
		       const char *leaf)
{
	if (leaf_end(pool, component, leaf) == -EBUSY &&
	    leaf_keeper_clean(machine->keeper, component, leaf))
		log_warning("leaf stays component=%s leaf=%s error=ENOMEM", component, leaf);
}

static void op_clean(void *data, const char *component, const char *leaf)
{
	const struct jobs_machine *machine = data;
	AUTO_CLOSE int pool = machine->pool_dir(machine->data);

	if (pool >= 0)
		clean_leaf(machine, pool, component, leaf);
}

/* Where the leaf of an attempt before does not go, as something in it does not die, this one has a
 * name of its own. */
static int make_leaf(int pool, const struct jobs_launch *launch, char ret_name[JOBS_LEAF_LEN],
		     int *ret_dirfd, struct uw_err *err)
{
	const char *name = launch->leaf;
	char limit[24];
	int rc = 0;

	for (int i = 0; i < NAME_TRIES && leaf_end(pool, launch->component, name) == -EBUSY; i++)
		poll(NULL, 0, NAME_WAIT_MS);
	for (int i = 0; i < 2; i++) {
		rc = cg_leaf_create(pool, launch->component, name, ret_name, JOBS_LEAF_LEN,
				    ret_dirfd, err);
		if (rc != -EEXIST)
			break;
		name = launch->own_leaf;
	}
	if (rc)
		return rc;
	snprintf(limit, sizeof(limit), "%" PRIu64, launch->limit_bytes);
	rc = text_write_at(*ret_dirfd, cg_knob_file(CG_HIGH), limit);
	return rc ? err_set(err, rc, "leaf %s/%s: memory.high: %s", launch->component, ret_name,
			    strerror(-rc))
		  : 0;
}

static int op_launch(void *data, const struct jobs_launch *launch, struct uw_err *err)
{
	struct jobs_machine *machine = data;
	AUTO_CLOSE int pool = machine->pool_dir(machine->data), shims = -1, leaf = -1;
	struct launch_place place = {
		.dir = machine->state_dir,
		.launcher = &machine->launcher,
		.log_limit_bytes = launch->output_bytes,
	};
	char name[JOBS_LEAF_LEN] = "";
	int rc;

	shims = pool < 0 ? pool : open_shims_group(pool);
	if (shims < 0)
		return err_set(err, shims, "cgroup %s: %s", CG_SHIMS, strerror(-shims));
	rc = make_leaf(pool, launch, name, &leaf, err);
	if (!rc) {
		place.shims_dirfd = shims;
		place.leaf_dirfd = leaf;
		rc = launch_shim(&place, launch, err);
	}
	if (rc < 0 && rc != -EINPROGRESS && *name)
		cg_leaf_remove(pool, launch->component, name);
	return rc;
}

struct launcher jobs_ops_launcher(void)
{
	return (struct launcher){
		.path = LAUNCHER_SOCKET,
		.program = LAUNCHER_PROGRAM,
		.answer_ms = LAUNCHER_ANSWER_MS,
	};
}

/* ---- on the loop's thread ---- */

/* Six fds a job with its shim's and the folder's. */
#define LEAF_KNOBS \
	(1U << CG_CURRENT | 1U << CG_SWAP_CURRENT | 1U << CG_PEAK | 1U << CG_CGROUP_EVENTS)

static int op_open(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf)
{
	const struct jobs_machine *machine = data;
	AUTO_CLOSE int pool = machine->pool_dir(machine->data);
	char path[CG_PATH_LEN];
	int rc = pool < 0 ? pool : leaf_path(component, leaf, path);

	return rc ? rc : cg_group_open(pool, path, LEAF_KNOBS, ret_leaf);
}

static void read_rest(const struct cg_group *leaf, struct jobs_usage *usage)
{
	char text[STAT_LEN];

	if (cg_read_text(leaf, CG_EVENTS, text, sizeof(text)) >= 0)
		text_key_u64(text, "oom_kill", &usage->oom_kills);
	if (text_read_at(leaf->dir, "cpu.stat", text, sizeof(text)) >= 0)
		text_key_u64(text, "usage_usec", &usage->cpu_us);
}

/* A page that was read back keeps its place in swap for a while, and counts twice. */
static uint64_t read_swapped(const struct cg_group *leaf)
{
	uint64_t bytes = 0, cached = 0;
	char text[STAT_LEN];

	if (cg_read_u64(leaf, CG_SWAP_CURRENT, &bytes) || !bytes)
		return 0;
	if (text_read_at(leaf->dir, cg_knob_file(CG_STAT), text, sizeof(text)) >= 0)
		text_key_u64(text, "swapcached", &cached);
	return bytes > cached ? bytes - cached : 0;
}

static int op_usage(void *data, const struct cg_group *leaf, bool at_end,
		    struct jobs_usage *ret_usage)
{
	struct jobs_usage usage = {0};
	bool populated;
	int rc = cg_read_u64(leaf, CG_CURRENT, &usage.current_bytes);

	(void)data;
	if (rc)
		return rc;
	if (cg_read_u64(leaf, CG_PEAK, &usage.peak_bytes))
		usage.peak_bytes = usage.current_bytes;
	usage.swapped_bytes = read_swapped(leaf);
	/* Not cgroup.freeze, which does not say whether a group above it stands still. */
	if (!cg_read_state(leaf, &populated, &usage.frozen))
		usage.empty = !populated;
	if (at_end)
		read_rest(leaf, &usage);
	*ret_usage = usage;
	return 0;
}

static int op_limit(void *data, const struct cg_group *leaf, uint64_t bytes, bool raised)
{
	const struct jobs_machine *machine = data;

	return leaf_keeper_limit(machine->keeper, leaf, bytes, raised);
}

static int op_kill(void *data, const struct cg_group *leaf)
{
	(void)data;
	return cg_write_text(leaf, CG_KILL, "1");
}

/* Through policy, as a client's wish: it is in the ledger, with a deadline, before it is done. */
static int op_freeze(void *data, uint32_t component, const struct cg_group *leaf, bool on)
{
	const struct jobs_machine *machine = data;

	return machine->freeze(machine->data, component, leaf->id, on);
}

static int op_reclaim(void *data, uint32_t component, const struct cg_group *leaf, uint64_t bytes)
{
	const struct jobs_machine *machine = data;

	return machine->reclaim(machine->data, component, leaf->id, bytes);
}

const struct jobs_ops jobs_ops_real = {
	.launch = op_launch,
	.clean = op_clean,
	.open = op_open,
	.usage = op_usage,
	.limit = op_limit,
	.kill = op_kill,
	.freeze = op_freeze,
	.reclaim = op_reclaim,
};

/* ---- leaves that an uwd before us could not remove any more ---- */

struct sweep {
	const struct jobs_machine *machine;
	const struct jobs *jobs;
	int pool;
	const char *component;
};

/* Those of jobs that have ended, and empty ones. What runs and is not known is not ours to end. */
static int sweep_leaf(void *data, const char *name)
{
	const struct sweep *sweep = data;
	struct store_row row;
	uint64_t id;
	char *end;

	if (strncmp(name, JOBS_LEAF_PREFIX, strlen(JOBS_LEAF_PREFIX)) != 0)
		return 0;
	id = strtoull(name + strlen(JOBS_LEAF_PREFIX), &end, 10);
	if ((*end && *end != '-') || !id || jobs_find(sweep->jobs, id))
		return 0;
	if (!store_find(jobs_reader(sweep->jobs), id, &row) &&
	    job_state_is_end((enum job_state)row.job.state))
		clean_leaf(sweep->machine, sweep->pool, sweep->component, name);
	else
		cg_leaf_remove(sweep->pool, sweep->component, name);
	return 0;
}

void jobs_ops_sweep(const struct jobs_machine *machine, const struct jobs *jobs,
		    const struct config *config)
{
	AUTO_CLOSE int pool = machine->pool_dir(machine->data);

	for (uint32_t i = 0; pool >= 0 && i < config->component_count; i++) {
		struct sweep sweep = {machine, jobs, pool, config->component[i].name};
		AUTO_CLOSE int dir =
			openat(pool, sweep.component, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			cg_leaf_each(dir, sweep_leaf, &sweep);
	}
}
