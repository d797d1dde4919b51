// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel moves whoever has a number, and a number may be another's by then. It is not while the
 * process that it was asked for runs: so that is looked at after the write, through its pidfd.
 * Where it has ended, whoever is in the leaf may have come by its number: nothing there is killed,
 * and no limit holds it.
 */
#include "user/jobs/leaf_move.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"

static bool runs(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	return !poll(&ended, 1, 0);
}

static int write_number(int dir, const char *file, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return text_write_at(dir, file, text);
}

static int move_in(int dir, const struct leaf_move *move)
{
	int rc = runs(move->pidfd) ? 0 : -ESRCH;

	if (!rc)
		rc = write_number(dir, "cgroup.procs", (uint64_t)move->pid);
	return rc || runs(move->pidfd) ? rc : -ESRCH;
}

static int put_in(int dir, const struct leaf_move *move)
{
	int rc = move->entered ? cg_leaf_note_entered(dir, move->uid) : 0;

	if (!rc && (move->said.priority || move->said.freezable))
		rc = cg_leaf_note_said(dir, &move->said);
	if (!rc)
		rc = write_number(dir, cg_knob_file(CG_HIGH), move->bytes);
	return rc ? rc : move_in(dir, move);
}

static int open_leaf(int pool, const struct leaf_move *move, struct cg_group *ret_leaf)
{
	char path[CG_PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", move->component, move->leaf);
	return cg_group_open(pool, path, 0, ret_leaf);
}

/* As its user has entered it: what is noted there and its limit stay. */
static int join(int pool, const struct leaf_move *move, uint64_t *ret_cgid)
{
	struct cg_group leaf;
	uid_t uid;
	int rc = open_leaf(pool, move, &leaf);

	if (rc)
		return rc;
	rc = cg_leaf_read_entered(leaf.dir, &uid) || uid != move->uid ? -EEXIST
								      : move_in(leaf.dir, move);
	if (!rc)
		*ret_cgid = leaf.id;
	cg_group_close(&leaf);
	return rc;
}

static void give_up(int pool, int dir, const struct leaf_move *move)
{
	if (cg_leaf_remove(pool, move->component, move->leaf) != -EBUSY)
		return;
	text_write_at(dir, cg_knob_file(CG_HIGH), "max");
	log_warning("leaf stays, somebody is in it whose task has ended component=%s leaf=%s",
		    move->component, move->leaf);
}

static int read_id(int pool, const struct leaf_move *move, uint64_t *ret_cgid)
{
	struct cg_group leaf;
	int rc = open_leaf(pool, move, &leaf);

	if (rc)
		return rc;
	*ret_cgid = leaf.id;
	cg_group_close(&leaf);
	return 0;
}

/* -EEXIST: somebody runs there. */
static int make(int pool, const struct leaf_move *move, uint64_t *ret_cgid)
{
	AUTO_CLOSE int dir = -1;
	char name[JOBS_LEAF_LEN];
	struct uw_err err;
	int rc = cg_leaf_create(pool, move->component, move->leaf, name, sizeof(name), &dir, &err);

	if (rc)
		return rc;
	rc = read_id(pool, move, ret_cgid);
	if (!rc)
		rc = put_in(dir, move);
	if (rc)
		give_up(pool, dir, move);
	return rc;
}

int leaf_move_in(int pool, const struct leaf_move *move, uint64_t *ret_cgid)
{
	int rc = make(pool, move, ret_cgid);

	if (rc != -EEXIST || !move->joins)
		return rc;
	rc = join(pool, move, ret_cgid);
	/* They have left, and it went with them. */
	return rc == -ENOENT || rc == -ENODEV ? make(pool, move, ret_cgid) : rc;
}
