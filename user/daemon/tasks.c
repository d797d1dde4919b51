// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the server of leases, which knows whose task may begin, and the mover, which makes, fills
 * and removes leaves. A leaf that ends is read before it goes, and what its task came to is learned
 * of its key and the size of its input, as of a job's.
 */
#include "user/daemon/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/daemon/leaf_files.h"
#include "user/daemon/mover.h"
#include "user/jobs/jobs.h"
#include "user/lease/peer.h"

/* Whose move it is. */
struct task_moved {
	uint32_t client;
	uint64_t id;
};

/* ---- moves ---- */

static void on_moved(struct daemon *daemon, void *data, int rc, uint64_t cgid)
{
	const struct task_moved *moved = data;

	lease_server_moved(daemon->lease_server, moved->client, moved->id, rc, cgid);
}

static int move(void *data, const struct lease_move *wanted)
{
	struct daemon *daemon = data;
	AUTO_FREE struct task_moved *moved = malloc(sizeof(*moved));
	struct leaf_move leaf = {
		.pidfd = wanted->pidfd,
		.pid = wanted->pid,
		.bytes = wanted->bytes,
	};
	int rc;

	if (!moved)
		return -ENOMEM;
	if (!text_copy(leaf.component, sizeof(leaf.component), wanted->component) ||
	    !text_copy(leaf.leaf, sizeof(leaf.leaf), wanted->leaf))
		return -ENAMETOOLONG;
	*moved = (struct task_moved){.client = wanted->client, .id = wanted->id};
	rc = mover_move(daemon, &leaf, on_moved, moved);
	if (!rc)
		(void)TAKE(moved);
	return rc;
}

/* ---- leaves ---- */

static int look(void *data, const char *component, const char *leaf,
		struct lease_leaf_look *ret_look)
{
	const struct daemon *daemon = data;

	*ret_look = (struct lease_leaf_look){
		.frozen = leaf_read_key(daemon, component, leaf, CG_CGROUP_EVENTS, "frozen"),
		.used_bytes = leaf_read_u64(daemon, component, leaf, CG_CURRENT),
		.peak_bytes = leaf_read_u64(daemon, component, leaf, CG_PEAK),
		.throttled = leaf_read_key(daemon, component, leaf, CG_EVENTS, "high"),
	};
	return 0;
}

static void learn(struct daemon *daemon, const struct lease_leaf_end *end)
{
	struct jobs_run run = {
		.asked_bytes = end->bytes,
		.input_bytes = end->input_bytes,
		.run_us = end->by_itself ? end->run_us : 0,
	};

	leaf_read_run(daemon, end->component, end->leaf, &run);
	if (daemon->jobs && *end->key && run.peak_bytes)
		jobs_learn(daemon->jobs, end->component, end->uid, end->key, &run);
}

static void end(void *data, const struct lease_leaf_end *end)
{
	struct daemon *daemon = data;

	learn(daemon, end);
	mover_clean(daemon, end->component, end->leaf);
}

static struct lease_learned learned(void *data, uint32_t component, uint32_t uid, const char *key,
				    uint64_t input_bytes)
{
	const struct daemon *daemon = data;
	struct job_spec spec = {.uid = uid, .input_bytes = input_bytes};
	struct lease_learned of = {0};

	text_copy(spec.component, sizeof(spec.component), daemon->config.component[component].name);
	text_copy(spec.key, sizeof(spec.key), key);
	if (daemon->jobs)
		jobs_learned_task(daemon->jobs, &spec, &of.bytes, &of.run_us);
	return of;
}

/* ---- what an earlier uwd left ---- */

/* "task-PID-ID" as user/lease names them: others may begin like that, and are not ours to end. */
static bool is_of_task(const char *name)
{
	const char *at = name + strlen(LEASE_LEAF_PREFIX);
	size_t digits;

	if (strncmp(name, LEASE_LEAF_PREFIX, strlen(LEASE_LEAF_PREFIX)) != 0)
		return false;
	digits = strspn(at, "0123456789");
	if (!digits || at[digits] != '-')
		return false;
	at += digits + 1;
	return strspn(at, "0123456789abcdef") > 8 && !at[strspn(at, "0123456789abcdef")];
}

static bool find_leaf(void *data, int32_t pid, char component[static UW_NAME_LEN],
		      char leaf[static LEASE_LEAF_LEN])
{
	const struct daemon *daemon = data;
	size_t length = strlen(daemon->pool.root);
	char path[CG_PATH_LEN], *at, *name;

	if (lease_peer_cgroup(pid, path, sizeof(path)) < 0 ||
	    strncmp(path, daemon->pool.root, length) != 0 || path[length] != '/')
		return false;
	at = path + length + 1;
	name = strchr(at, '/');
	if (!name)
		return false;
	*name++ = '\0';
	name[strcspn(name, "/")] = '\0'; /* it may have made groups below its own */
	return is_of_task(name) && text_copy(component, UW_NAME_LEN, at) &&
	       text_copy(leaf, LEASE_LEAF_LEN, name);
}

struct task_sweep {
	struct daemon *daemon;
	const char *component;
};

static int sweep_leaf(void *data, const char *name)
{
	const struct task_sweep *sweep = data;

	if (is_of_task(name) &&
	    !lease_server_has_leaf(sweep->daemon->lease_server, sweep->component, name))
		mover_clean(sweep->daemon, sweep->component, name);
	return 0;
}

void tasks_sweep(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct task_sweep sweep = {daemon, daemon->config.component[i].name};
		AUTO_CLOSE int dir = openat(daemon->pool.dir, sweep.component,
					    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			cg_leaf_each(dir, sweep_leaf, &sweep);
	}
}

/* ---- from the start to the end ---- */

void tasks_serve(struct lease_server_conf *conf)
{
	conf->learned = learned;
	conf->move = move;
	conf->end = end;
	conf->look = look;
	conf->find_leaf = find_leaf;
}
