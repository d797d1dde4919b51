// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwd's hands, from a start after one that died: what that left is undone, a leaf is frozen twice
 * and thawed, its component squeezed and let go, protections rise and fall, and everything is
 * undone at the end. At each moment whatever is frozen or squeezed stands in the ledger, each
 * action has one outcome, and what a killed uwd leaves the guard undoes.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "tests/chaos/tree.h"
#include "user/act/act.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/guard/guard.h"

#define AWAIT_MS 30000

static const char *const groups[] = {"jobs", "jobs/train", "jobs/left"};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static void ledger_path(const struct chaos *c, char path[96])
{
	snprintf(path, 96, "%s/ledger", c->dir);
}

static void enter(struct chaos *c, struct ledger *ledger, enum ledger_kind kind, const char *group,
		  uint64_t old_value)
{
	struct ledger_entry entry = {
		.kind = kind, .cgid = tree_cgid(c, group), .old_value = old_value};

	text_copy(entry.path, sizeof(entry.path), group);
	chaos_done(c, "ledger_enter", ledger_enter(ledger, &entry));
}

/* A uwd before this one froze a leaf and squeezed its component, and was killed. */
static void live_and_die(struct chaos *c)
{
	struct ledger *ledger = NULL;
	struct uw_err err = {0};
	char path[96];

	ledger_path(c, path);
	if (!chaos_ok(c, "ledger_open", ledger_open(path, true, &ledger, &err), &err) ||
	    !chaos_done(c, "ledger_take", ledger_take(ledger, LEDGER_UWD, 0)))
		_exit(1);
	enter(c, ledger, LEDGER_FREEZE, "jobs/left", 0);
	tree_write(c, "jobs/left", "cgroup.freeze", "1");
	enter(c, ledger, LEDGER_HIGH, "jobs", TREE_HIGH);
	tree_write(c, "jobs", "memory.high", "104857600");
	_exit(0);
}

static void prepare(struct chaos *c)
{
	pid_t pid;

	tree_make(c, "");
	for (size_t i = 0; i < GROUPS; i++)
		tree_make(c, groups[i]);
	pid = fork();
	if (!pid)
		live_and_die(c);
	waitpid(pid, NULL, 0);
}

/* ---- what must hold ---- */

static void look(struct chaos *c, const struct ledger *ledger, const char *after)
{
	struct ledger_entry entry;

	chaos_pause(c);
	for (size_t i = 0; i < GROUPS; i++) {
		uint64_t cgid = tree_cgid(c, groups[i]);

		if (tree_read(c, groups[i], "cgroup.freeze") &&
		    !ledger_find(ledger, LEDGER_FREEZE, cgid, &entry))
			chaos_violate(c, "after %s %s is frozen and nobody's", after, groups[i]);
		if (tree_read(c, groups[i], "memory.high") < TREE_HIGH &&
		    !ledger_find(ledger, LEDGER_HIGH, cgid, &entry))
			chaos_violate(c, "after %s %s is squeezed and nobody's", after, groups[i]);
	}
	/* What a component was lent is set anew at each start; of a leaf's only the ledger tells.
	 */
	if (tree_read(c, "jobs/train", "memory.low") &&
	    !ledger_find(ledger, LEDGER_LOW, tree_cgid(c, "jobs/train"), &entry))
		chaos_violate(c, "after %s memory.low of jobs/train is nobody's", after);
	chaos_go_on(c);
}

/* ---- uwd ---- */

/* A value ends with a line here, as there is no kernel to replace the one before. */
static int write_line(void *data, const struct cg_group *group, enum cg_knob knob,
		      const char *value)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\n", value);
	return act_ops_real.write(data, group, knob, line);
}

struct hands {
	struct ledger *ledger;
	struct act *act;
	int pool;
	uint64_t train;
	uint32_t next_id;
};

static void do_one(struct chaos *c, struct hands *h, struct action action)
{
	static struct plan plan;
	struct outcome outcome = {0};
	uint64_t until_us = clock_now_us() + AWAIT_MS * US_PER_MS;
	uint32_t taken = 0;

	action.id = ++h->next_id;
	action.deadline_us = clock_now_us() + 60 * US_PER_SEC;
	plan = (struct plan){.action_count = 1, .action = {action}};
	act_plan(h->act, &plan);
	while (!(taken = act_outcomes_take(h->act, &outcome, 1)) && clock_now_us() < until_us)
		poll(&(struct pollfd){.fd = act_outcomes_fd(h->act), .events = POLLIN}, 1, 100);
	if (!taken || outcome.id != action.id)
		chaos_violate(c, "%s has no outcome", action_name(action.kind));
	else if (outcome.result == OUTCOME_FAILED)
		chaos_done(c, action_name(action.kind), -outcome.error);
	look(c, h->ledger, action_name(action.kind));
}

static void do_all(struct chaos *c, struct hands *h)
{
	const struct action script[] = {
		{.kind = ACTION_FREEZE, .leaf = h->train},
		{.kind = ACTION_FREEZE, .leaf = h->train},
		{.kind = ACTION_SET_HIGH, .amount = 300 * MIB},
		{.kind = ACTION_SET_HIGH, .amount = 200 * MIB},
		{.kind = ACTION_SET_MIN, .amount = 50 * MIB},
		{.kind = ACTION_SET_LOW, .amount = 60 * MIB},
		{.kind = ACTION_SET_LOW, .leaf = h->train, .amount = 10 * MIB},
		{.kind = ACTION_SET_LOW, .leaf = h->train, .amount = 20 * MIB},
		{.kind = ACTION_THAW, .leaf = h->train},
		{.kind = ACTION_FREEZE, .leaf = h->train},
		{.kind = ACTION_SET_HIGH, .amount = TREE_HIGH},
		{.kind = ACTION_SET_MIN},
		{.kind = ACTION_SET_LOW},
		{.kind = ACTION_SET_LOW, .leaf = h->train},
	};

	for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++)
		do_one(c, h, script[i]);
}

static int begin(struct chaos *c, struct hands *h)
{
	static const struct policy_conf conf = {.reclaim_chunk_bytes = MIB,
						.reclaim_deadline_us = US_PER_SEC};
	static struct config config;
	static struct act_ops ops;
	struct act_setup setup = {.ops = &ops, .conf = &conf};
	struct uw_err err = {0};
	char path[96];
	uint64_t left;

	ops = act_ops_real;
	ops.write = write_line;
	ledger_path(c, path);
	if (!chaos_ok(c, "ledger_open", ledger_open(path, true, &h->ledger, &err), &err) ||
	    !chaos_done(c, "ledger_take", ledger_take(h->ledger, LEDGER_UWD, US_PER_SEC)))
		return -1;
	chaos_pause(c);
	h->pool = tree_open(c);
	chaos_go_on(c);
	setup.ledger = h->ledger;
	setup.pool_dirfd = h->pool;
	if (!chaos_ok(c, "act_open", act_open(&setup, &h->act, &err), &err))
		return -1;
	config.component_count = 1;
	config.component[0].budget_bytes = TREE_HIGH;
	text_copy(config.component[0].name, UW_NAME_LEN, "jobs");
	if (!chaos_ok(c, "act_sync", act_sync(h->act, &config, &err), &err))
		return -1;
	look(c, h->ledger, "act_sync");
	chaos_done(c, "act_track_leaf", act_track_leaf(h->act, 0, "left", &left));
	return chaos_done(c, "act_track_leaf", act_track_leaf(h->act, 0, "train", &h->train)) ? 0
											      : -1;
}

static void act(struct chaos *c)
{
	struct hands h = {.pool = -1};

	if (!begin(c, &h))
		do_all(c, &h);
	if (h.act) {
		uint32_t failed = act_release_all(h.act);

		if (failed)
			chaos_done(c, "act_release_all", -EIO);
		chaos_pause(c);
		for (size_t i = 0; i < GROUPS && !failed; i++)
			tree_check_rest(c, "after act_release_all", groups[i]);
		chaos_go_on(c);
		look(c, h.ledger, "act_release_all");
	}
	act_close(h.act);
	ledger_close(h.ledger);
	if (h.pool >= 0)
		close(h.pool);
}

static void check(struct chaos *c)
{
	char path[96], pool[96];
	struct guard_options options = {.pool = pool, .ledger = path};
	struct uw_err err = {0};

	ledger_path(c, path);
	snprintf(pool, sizeof(pool), "%s/%s", c->dir, TREE_POOL);
	chaos_ok(c, "guard_undo_once", guard_undo_once(&options, &err), &err);
	for (size_t i = 0; i < GROUPS; i++)
		tree_check_rest(c, "after the guard", groups[i]);
}

const struct chaos_driver chaos_act = {
	.name = "act",
	.how = CHAOS_FAILS | CHAOS_KILLS,
	.prepare = prepare,
	.act = act,
	.check = check,
};

/* ---- the guard ---- */

/* One that says that all is well has undone it. */
static void act_guard(struct chaos *c)
{
	char path[96], pool[96];
	struct guard_options options = {.pool = pool, .ledger = path};
	struct uw_err err = {0};
	bool done;

	ledger_path(c, path);
	snprintf(pool, sizeof(pool), "%s/%s", c->dir, TREE_POOL);
	done = chaos_ok(c, "guard_undo_once", guard_undo_once(&options, &err), &err);
	chaos_pause(c);
	for (size_t i = 0; i < GROUPS && done; i++)
		tree_check_rest(c, "after a guard that says so", groups[i]);
	chaos_go_on(c);
}

const struct chaos_driver chaos_guard = {
	.name = "guard",
	.how = CHAOS_FAILS | CHAOS_KILLS,
	.prepare = prepare,
	.act = act_guard,
	.check = check,
};
