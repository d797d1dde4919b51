// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the table of components and leaves that can be acted upon, with the fds by which their
 * files are written. Act's part of a reload is done here, but for act_configure: components that
 * stay keep their worker and take new limits to go back to, those that go are undone at once and
 * closed when their worker has ended, and new ones are opened. A leaf's freeze is cleared from the
 * ledger only when the leaf is gone or runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/act/internal.h"
#include "user/base/text.h"

/* What the loop writes itself, and what a worker writes, each by fds of its own. */
#define COMPONENT_KNOBS                                                                     \
	(1U << CG_CURRENT | 1U << CG_HIGH | 1U << CG_MIN | 1U << CG_LOW | 1U << CG_FREEZE | \
	 1U << CG_KILL | 1U << CG_CGROUP_EVENTS)
#define WORKER_KNOBS (1U << CG_CURRENT | 1U << CG_HIGH | 1U << CG_RECLAIM)
#define LEAF_KNOBS   (1U << CG_FREEZE | 1U << CG_KILL | 1U << CG_CGROUP_EVENTS)

static const enum cg_knob limit_knob[ACT_LIMITS] = {
	[LEDGER_HIGH] = CG_HIGH,
	[LEDGER_MIN] = CG_MIN,
	[LEDGER_LOW] = CG_LOW,
};

/* A worker that is ending is polled for 3 s: so long may a batch of reclaim take in the kernel. */
#define POLL_NS   10000000L
#define POLLS_MAX 300

/* ---- what the ledger holds of a component ---- */

/* What is restored in the end: what is configured, as the kernel shows it, in whole pages. */
static void set_homes(struct act_component *component, const struct component *conf)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t budget = conf->budget_bytes / page * page;

	component->home[LEDGER_HIGH] = budget;
	component->home[LEDGER_LOW] = conf->protect == PROTECT_NONE ? 0 : budget;
	component->home[LEDGER_MIN] = 0; /* measured anew */
}

/* An entry of a limit that stands at home, or above it, has nothing to undo, and a home of its own
 * that may be an earlier one. */
static void clear_overtaken(struct act *act, struct act_component *component, enum ledger_kind kind)
{
	uint64_t in_force = 0;

	if (act->ops->dry || (kind == LEDGER_HIGH && act_worker_is_lowering(&component->worker)) ||
	    act->ops->read(act->ops_data, &component->group, limit_knob[kind], &in_force))
		return;
	if (in_force >= component->home[kind])
		ledger_clear(act->ledger, kind, component->group.id);
}

static void take_homes(struct act *act, struct act_component *component,
		       const struct component *conf)
{
	set_homes(component, conf);
	for (enum ledger_kind kind = 0; kind < ACT_LIMITS; kind++)
		clear_overtaken(act, component, kind);
}

static void undo(struct act *act, const struct act_component *component, enum ledger_undo how)
{
	struct ledger_undone undone;

	if (!act->ops->dry)
		ledger_undo_group(act->ledger, act->pool_dirfd, how, component->name, &undone);
}

/* Its budget belongs to others now, and so does what its measured use was protected by. */
static void end_protection(struct act *act, struct act_component *component)
{
	for (enum ledger_kind kind = LEDGER_MIN; kind <= LEDGER_LOW; kind++) {
		if (!act->ops->dry)
			ledger_clear(act->ledger, kind, component->group.id);
		act_write_u64(act, &component->group, limit_knob[kind], 0);
	}
}

/* Above use a lowered memory.high is only a number; below it whoever writes it would wait. */
static void end_loan(struct act *act, struct act_component *component)
{
	uint64_t home = component->home[LEDGER_HIGH], high = 0, use = 0;
	const struct cg_group *group = &component->group;

	if (act->ops->read(act->ops_data, group, CG_HIGH, &high) ||
	    act->ops->read(act->ops_data, group, CG_CURRENT, &use))
		return;
	if (high > home && use < home)
		act_write_u64(act, group, CG_HIGH, home);
}

/* ---- components that go ---- */

static void drop_leaf(struct act *act, uint32_t at)
{
	cg_group_close(&act->leaf[at].group);
	act->leaf[at] = (struct act_leaf){0};
	if (act->leaf_hole > at)
		act->leaf_hole = at;
	while (act->leaf_end && !act->leaf[act->leaf_end - 1].used)
		act->leaf_end--;
}

static void drop_leaves(struct act *act, const struct act_component *component)
{
	for (uint32_t i = act->leaf_end; i-- > 0;)
		if (act->leaf[i].used && act->leaf[i].component == component)
			drop_leaf(act, i);
}

/* With its worker ended. What that may have written on its way out is undone too. */
static void close_component(struct act *act, struct act_component *component)
{
	undo(act, component, LEDGER_UNDO_CLEAR);
	if (!act->ops->dry)
		ledger_clear(act->ledger, LEDGER_HIGH, component->group.id); /* a loan */
	cg_group_close(&component->group);
	*component = (struct act_component){0};
}

static void drop_component(struct act *act, struct act_component *component)
{
	act_worker_end(&component->worker);
	undo(act, component, LEDGER_UNDO_KEEP);
	end_protection(act, component);
	end_loan(act, component);
	drop_leaves(act, component);
	component->ending = true;
}

void act_reap(struct act *act)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++) {
		struct act_component *component = &act->slot[i];

		if (component->ending && act_worker_reap(&component->worker))
			close_component(act, component);
	}
}

/* The heart beats on meanwhile. */
static void await_end(struct act *act, const struct act_component *component)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	act_reap(act);
	for (int polls = 0; component->ending && polls < POLLS_MAX; polls++) {
		if (act->ledger)
			ledger_beat(act->ledger, LEDGER_UWD, act->ops->now_us(act->ops_data));
		nanosleep(&pause, NULL);
		act_reap(act);
	}
}

/* ---- components that come, or are made anew ---- */

static int open_groups(const struct act *act, const char *name, struct cg_group *ret_group,
		       struct cg_group *ret_worker)
{
	int rc = cg_group_open(act->pool_dirfd, name, COMPONENT_KNOBS, ret_group);

	if (rc)
		return rc;
	rc = cg_group_open(act->pool_dirfd, name, WORKER_KNOBS, ret_worker);
	if (!rc && ret_worker->id != ret_group->id) {
		cg_group_close(ret_worker);
		rc = -ENOENT; /* made anew in between: the next call finds it */
	}
	if (rc)
		cg_group_close(ret_group);
	return rc;
}

static struct act_component *unused_slot(struct act *act)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		if (!act->slot[i].used)
			return &act->slot[i];
	return NULL;
}

/* Waits for those that are still ending and are called name, or for all of them with NULL. */
static void await_ends(struct act *act, const char *name)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		if (act->slot[i].ending && (!name || !strcmp(act->slot[i].name, name)))
			await_end(act, &act->slot[i]);
}

static bool is_ending(const struct act *act, const char *name)
{
	for (uint32_t i = 0; i < ACT_SLOTS; i++)
		if (act->slot[i].ending && !strcmp(act->slot[i].name, name))
			return true;
	return false;
}

/* A cgroup has one worker at a time. NULL: the last one is still ending. */
static struct act_component *take_slot(struct act *act, const char *name)
{
	struct act_component *component;

	await_ends(act, name);
	if (is_ending(act, name))
		return NULL;
	component = unused_slot(act);
	if (component)
		return component;
	await_ends(act, NULL);
	return unused_slot(act);
}

static int track(struct act *act, const char *name, struct act_component **ret_component)
{
	struct act_component *component = take_slot(act, name);
	struct cg_group worker = {0};
	int rc = component ? open_groups(act, name, &component->group, &worker) : -ENOENT;

	if (rc)
		return rc;
	rc = act_worker_start(&component->worker, act, &worker);
	if (rc) {
		cg_group_close(&worker);
		cg_group_close(&component->group);
		return rc;
	}
	text_copy(component->name, sizeof(component->name), name);
	component->used = true;
	*ret_component = component;
	return 0;
}

/* By name and by fd: a memory controller that was off and on leaves the id, but no fd that works.
 */
static bool is_current(const struct act *act, const struct act_component *component)
{
	struct stat st;
	uint64_t bytes;

	return !fstatat(act->pool_dirfd, component->name, &st, AT_SYMLINK_NOFOLLOW) &&
	       st.st_ino == component->group.id &&
	       !act->ops->read(act->ops_data, &component->group, CG_CURRENT, &bytes);
}

static int sync_component(struct act *act, struct act_component *component)
{
	struct cg_group group = {0}, worker = {0};
	int rc;

	if (is_current(act, component))
		return 0;
	rc = open_groups(act, component->name, &group, &worker);
	if (rc)
		return rc;
	if (group.id != component->group.id)
		undo(act, component, LEDGER_UNDO_CLEAR); /* what is gone is only cleared */
	drop_leaves(act, component);
	cg_group_close(&component->group);
	component->group = group;
	act_worker_move(&component->worker, &worker);
	component->high_settling = false;
	return 0;
}

static struct act_component *find_named(struct act *act, const char *name)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (act->component[i] && !strcmp(act->component[i]->name, name))
			return act->component[i];
	return NULL;
}

int act_sync(struct act *act, const struct config *config, struct uw_err *err)
{
	struct act_component *next[UW_COMPONENTS_MAX] = {NULL};

	for (uint32_t i = 0; i < config->component_count; i++)
		next[i] = find_named(act, config->component[i].name);
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (act->component[i] && config_find(config, act->component[i]->name) < 0)
			drop_component(act, act->component[i]);
	memcpy(act->component, next, sizeof(next));
	act_reap(act);
	for (uint32_t i = 0; i < config->component_count; i++) {
		const char *name = config->component[i].name;
		int rc = act->component[i] ? sync_component(act, act->component[i])
					   : track(act, name, &act->component[i]);

		if (rc && rc != -ENOENT)
			return err_set(err, rc, "component %s: its cgroup cannot be acted upon: %s",
				       name, strerror(-rc));
		if (!rc)
			take_homes(act, act->component[i], &config->component[i]);
	}
	act_bounds_count(act);
	return 0;
}

void act_set_pool(struct act *act, int pool_dirfd)
{
	act->pool_dirfd = pool_dirfd;
	act_bounds_close(act);
	act_bounds_open(act);
	if (!act->ops->dry)
		ledger_write_pool(act->ledger, pool_dirfd);
}

uint64_t act_component_cgid(const struct act *act, uint32_t index)
{
	if (index >= UW_COMPONENTS_MAX || !act->component[index])
		return 0;
	return act->component[index]->group.id;
}

/* ---- leaves ---- */

#define IDS(act) LEAF_IDS((act)->leaf, group.id)

struct act_leaf *act_find_leaf(struct act *act, uint64_t cgid)
{
	uint32_t at = leaf_index_find(&act->leaf_index, IDS(act), cgid);

	return at == LEAF_NONE ? NULL : &act->leaf[at];
}

static void add_leaf(struct act *act, const struct act_component *component,
		     const struct cg_group *group)
{
	uint32_t at = act->leaf_hole;

	act->leaf[at] = (struct act_leaf){.used = true, .component = component, .group = *group};
	if (act->leaf_end == at)
		act->leaf_end++;
	if (!leaf_index_add(&act->leaf_index, IDS(act), at))
		leaf_index_build(&act->leaf_index, IDS(act), act->leaf_end, act->leaf_end);
}

/* What may have to be entered of each leaf: a freeze and a memory.low. */
#define ENTRIES_OF(leaves) (4 * UW_COMPONENTS_MAX + 2 * (leaves))
_Static_assert(ENTRIES_OF(FRAME_LEAVES_MAX) <= LEDGER_ENTRIES_MAX, "of all that are followed");

/* Before it is needed: on the way to a freeze there is no time, and may be no memory. */
static int reserve(struct act *act)
{
	return act->ops->dry ? 0 : ledger_reserve(act->ledger, ENTRIES_OF(act->leaf_end + 1));
}

static bool has_room(struct act *act)
{
	while (act->leaf_hole < act->leaf_end && act->leaf[act->leaf_hole].used)
		act->leaf_hole++;
	return act->leaf_hole < FRAME_LEAVES_MAX;
}

int act_track_leaf(struct act *act, uint32_t index, const char *name, uint64_t *ret_cgid)
{
	struct cg_group group;
	int rc;

	if (index >= UW_COMPONENTS_MAX || !act->component[index])
		return -EINVAL;
	if (!has_room(act))
		return -ENOSPC;
	rc = reserve(act);
	if (rc)
		return rc;
	rc = cg_group_open(act->component[index]->group.dir, name, LEAF_KNOBS, &group);
	if (rc)
		return rc;
	*ret_cgid = group.id;
	if (act_find_leaf(act, group.id)) {
		cg_group_close(&group);
		return 0;
	}
	add_leaf(act, act->component[index], &group);
	return 0;
}

void act_untrack_leaf(struct act *act, uint64_t cgid)
{
	struct act_leaf *leaf = act_find_leaf(act, cgid);
	uint64_t frozen = 1;
	bool is_gone;

	if (!leaf)
		return;
	/* Lost from sight only, its freeze stands, and so does the entry: for who finds it again,
	 * or undoes it. */
	is_gone = act->ops->read(act->ops_data, &leaf->group, CG_FREEZE, &frozen) == -ENODEV;
	drop_leaf(act, (uint32_t)(leaf - act->leaf));
	if (!act->ops->dry && (is_gone || !frozen))
		ledger_clear(act->ledger, LEDGER_FREEZE, cgid);
	if (!act->ops->dry && is_gone)
		ledger_clear(act->ledger, LEDGER_LOW, cgid);
}
