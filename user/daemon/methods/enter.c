// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who calls is known by the socket, and is moved on the mover's thread: the answer comes when it is
 * there. A leaf in which somebody runs is entered by nobody else. Each leaf that was entered stands
 * in a list until nothing runs in it any more, and is removed then: a user cannot leave more of
 * them than the list lets one have. A uwd that is started anew finds them again by a note on the
 * leaf, which is there before anybody runs in it.
 */
#include "user/daemon/methods/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/daemon/mover.h"
#include "user/daemon/submitters.h"
#include "user/ipc/json.h"
#include "user/lease/peer.h"
#include "user/lease/server.h"

struct entered {
	char component[UW_NAME_LEN], leaf[JOBS_LEAF_LEN];
	uid_t uid;
	uint64_t cgid;
	bool on_its_way;
};

struct entered_list {
	uint32_t count;
	struct entered at[ENTERED_MAX];
};

/* Of one call, until it is answered. */
struct entering {
	uint64_t token;
	struct entered place;
	struct entered before; /* as it stood in the list; no component: it did not */
};

/* ---- the list ---- */

static struct entered *find(struct daemon *daemon, const struct entered *place)
{
	struct entered_list *list = daemon->entered;

	for (uint32_t i = 0; list && i < list->count; i++)
		if (!strcmp(list->at[i].leaf, place->leaf) &&
		    !strcmp(list->at[i].component, place->component))
			return &list->at[i];
	return NULL;
}

static void forget(struct daemon *daemon, struct entered *entered)
{
	struct entered_list *list = daemon->entered;

	*entered = list->at[--list->count];
}

static uint32_t count_of(const struct entered_list *list, uid_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < list->count; i++)
		count += list->at[i].uid == uid;
	return count;
}

/* Nobody has come: what was there before is still to be removed once it is empty. */
static void take_back(struct daemon *daemon, const struct entering *entering)
{
	struct entered *entered = find(daemon, &entering->place);

	if (*entering->before.component)
		*entered = entering->before;
	else
		forget(daemon, entered);
}

/* Puts the place on the list; false when that is answered. */
static bool put(struct daemon *daemon, const struct entered *place, struct entered *ret_before,
		struct ipc_answer *answer)
{
	struct entered_list *list = daemon->entered ? daemon->entered : calloc(1, sizeof(*list));
	struct entered *before = find(daemon, place);

	daemon->entered = list;
	if (!list) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return false;
	}
	if (before && before->on_its_way) {
		ipc_answer_fail(answer, IPC_ERROR_BUSY, "another process is on its way into %s/%s",
				place->component, place->leaf);
		return false;
	}
	if ((!before && list->count == ENTERED_MAX) ||
	    ((!before || before->uid != place->uid) && place->uid &&
	     count_of(list, place->uid) >= ENTERED_MAX_USER)) {
		ipc_answer_fail(answer, IPC_ERROR_REFUSED,
				"uid %u has entered %u leaves of %u in all; a user may enter %u, "
				"all together %u",
				(unsigned int)place->uid, count_of(list, place->uid), list->count,
				ENTERED_MAX_USER, ENTERED_MAX);
		return false;
	}
	*ret_before = before ? *before : (struct entered){0};
	*(before ? before : &list->at[list->count++]) = *place;
	return true;
}

/* ---- those of a uwd before ---- */

struct entered_scan {
	struct daemon *daemon;
	const char *component;
	int dir; /* of it */
};

static int find_entered(void *data, const char *name)
{
	const struct entered_scan *scan = data;
	struct entered_list *list = scan->daemon->entered;
	AUTO_CLOSE int leaf = openat(scan->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entered place = {0};
	struct stat st;

	if (list->count == ENTERED_MAX)
		return -ENOSPC; /* the rest is entered again, or found by the next uwd */
	if (leaf < 0 || cg_leaf_read_entered(leaf, &place.uid) || fstat(leaf, &st) ||
	    !text_copy(place.leaf, sizeof(place.leaf), name))
		return 0;
	text_copy(place.component, sizeof(place.component), scan->component);
	place.cgid = st.st_ino;
	list->at[list->count++] = place;
	return 0;
}

void enter_find_again(struct daemon *daemon)
{
	if (daemon->options.dry_run)
		return;
	daemon->entered = calloc(1, sizeof(*daemon->entered));
	for (uint32_t i = 0; daemon->entered && i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;
		AUTO_CLOSE int dir =
			openat(daemon->pool.dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct entered_scan scan = {daemon, name, dir};

		if (dir >= 0)
			cg_leaf_each(dir, find_entered, &scan);
	}
}

/* ---- those that were left ---- */

static bool is_populated(const struct frame *frame, uint64_t cgid)
{
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].cgid == cgid)
			return frame->leaf[i].populated;
	return false;
}

void enter_keep_house(struct daemon *daemon)
{
	struct entered_list *list = daemon->entered;

	for (uint32_t i = list ? list->count : 0; i-- > 0;) {
		struct entered *entered = &list->at[i];

		if (entered->on_its_way || is_populated(&daemon->frame, entered->cgid))
			continue;
		/* The kernel has the last word: it refuses while somebody is there. */
		if (cg_leaf_remove(daemon->pool.dir, entered->component, entered->leaf) != -EBUSY)
			forget(daemon, entered);
	}
}

/* ---- what is asked for ---- */

static bool is_of_others(const char *leaf)
{
	return !strcmp(leaf, CG_ADOPTED) || !strcmp(leaf, CG_POOLS) ||
	       !strncmp(leaf, JOBS_LEAF_PREFIX, strlen(JOBS_LEAF_PREFIX)) ||
	       !strncmp(leaf, LEASE_LEAF_PREFIX, strlen(LEASE_LEAF_PREFIX));
}

static bool read_leaf(const struct ipc_call *call, struct ipc_answer *answer,
		      struct entered *ret_place)
{
	const json_t *value = json_object_get(call->parameters, "leaf");
	const char *name = json_string_value(value);

	if (!value || json_is_null(value)) {
		snprintf(ret_place->leaf, sizeof(ret_place->leaf), "enter-%d", call->peer->pid);
		return true;
	}
	if (!name || !text_is_name(name) ||
	    !text_copy(ret_place->leaf, sizeof(ret_place->leaf), name)) {
		ipc_answer_bad_parameter(answer, "leaf");
		return false;
	}
	if (!is_of_others(name))
		return true;
	ipc_answer_fail(answer, IPC_ERROR_REFUSED,
			"leaves of the name '%s' are uwd's own; choose another --name", name);
	return false;
}

static bool read_place(const struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer, struct entered *ret_place)
{
	const char *name = json_get_text(call->parameters, "component");
	int at = config_find(&daemon->config, name);

	if (at < 0) {
		ipc_answer_fail(answer, IPC_ERROR_NO_COMPONENT,
				"there is no component '%.64s'; uw.conf names them", name);
		return false;
	}
	if (!submitters_include(&daemon->component[at].allow, call->peer)) {
		ipc_answer_fail(answer, IPC_ERROR_NOT_PERMITTED,
				"uid %u may not enter %s; 'submit' of [component %s] in uw.conf "
				"says who may",
				(unsigned int)call->peer->uid, name, name);
		return false;
	}
	text_copy(ret_place->component, sizeof(ret_place->component),
		  daemon->config.component[at].name);
	return read_leaf(call, answer, ret_place);
}

/* ---- the move ---- */

static void fail(struct ipc_answer *answer, const struct entered *place, int rc)
{
	if (rc == -EEXIST)
		ipc_answer_fail(answer, IPC_ERROR_REFUSED,
				"%s/%s: something runs there; choose another --name",
				place->component, place->leaf);
	else
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "%s/%s: %s", place->component,
				place->leaf, strerror(-rc));
}

static void on_moved(struct daemon *daemon, void *data, int rc, uint64_t cgid)
{
	const struct entering *entering = data;
	struct entered *entered = find(daemon, &entering->place);
	struct ipc_answer answer = {0};

	if (rc) {
		fail(&answer, &entering->place, rc);
		take_back(daemon, entering);
	} else {
		entered->on_its_way = false;
		entered->cgid = cgid;
		answer.parameters = json_pack("{s:s, s:s}", "component", entering->place.component,
					      "leaf", entering->place.leaf);
	}
	ipc_server_answer(daemon->server, entering->token, &answer, clock_now_us());
}

static int begin(struct daemon *daemon, const struct ipc_call *call, const struct entering *first)
{
	const struct entered *place = &first->place;
	AUTO_FREE struct entering *entering = malloc(sizeof(*entering));
	AUTO_CLOSE int pidfd = lease_peer_hold(call->peer);
	struct leaf_move leaf = {.pidfd = pidfd,
				 .pid = call->peer->pid,
				 .bytes = UINT64_MAX,
				 .entered = true,
				 .uid = call->peer->uid};
	int rc = !entering ? -ENOMEM : pidfd < 0 ? pidfd : 0;

	if (rc)
		return rc;
	*entering = *first;
	text_copy(leaf.component, sizeof(leaf.component), place->component);
	text_copy(leaf.leaf, sizeof(leaf.leaf), place->leaf);
	rc = mover_move(daemon, &leaf, on_moved, entering);
	if (!rc)
		(void)TAKE(entering);
	return rc;
}

void method_enter(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct entering entering = {.token = call->token,
				    .place = {.uid = call->peer->uid, .on_its_way = true}};
	int rc;

	if (daemon->options.dry_run) {
		ipc_answer_fail(answer, IPC_ERROR_REFUSED, "this uwd is a dry run");
		return;
	}
	if (!read_place(daemon, call, answer, &entering.place) ||
	    !put(daemon, &entering.place, &entering.before, answer))
		return;
	rc = begin(daemon, call, &entering);
	if (rc) {
		fail(answer, &entering.place, rc);
		take_back(daemon, &entering);
		return;
	}
	answer->later = true;
}
