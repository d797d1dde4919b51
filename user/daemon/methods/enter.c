// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who calls is known by the socket, and is moved on the mover's thread: the answer comes when it is
 * there. A leaf in which somebody runs is entered by nobody else, unless root says so, who starts
 * several processes for one user.
 */
#include "user/daemon/methods/enter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/daemon/entered.h"
#include "user/daemon/mover.h"
#include "user/daemon/submitters.h"
#include "user/ipc/json.h"
#include "user/lease/peer.h"
#include "user/lease/server.h"
#include "user/policy/lease/lease.h"

/* Of one call, until it is answered. */
struct entering {
	uint64_t token;
	struct entered place;
	bool joins; /* those who run there already */
};

/* ---- its place in the list ---- */

/* Nobody has come: who was there before is there still, or is yet to be removed. */
static void take_back(struct daemon *daemon, const struct entering *entering)
{
	struct entered *entered =
		entered_find(daemon, entering->place.component, entering->place.leaf);

	if (!--entered->coming && !entered->cgid)
		entered_forget(daemon, entered);
}

/* One user's leaves are bounded, and all users' too, but for those that root makes for them. */
static bool has_room(const struct daemon *daemon, const struct ipc_peer *peer,
		     const struct entered *place, const struct entered *before,
		     struct ipc_answer *answer)
{
	uint32_t all, own = entered_count(daemon, place->uid, &all);
	uint32_t most = peer->uid ? ENTERED_MAX_USERS : ENTERED_MAX;
	bool is_full = !before && all >= most;
	bool is_own = before && before->uid == place->uid && !before->by_root;

	if (!is_full && (!peer->uid || is_own || own < ENTERED_MAX_USER))
		return true;
	ipc_answer_fail(answer, is_full ? IPC_ERROR_FAILED : IPC_ERROR_REFUSED,
			"uid %u has entered %u leaves of %u in all; a user may enter %u, "
			"all together %u",
			(unsigned int)place->uid, own, all, ENTERED_MAX_USER, most);
	return false;
}

/* On its way to the place, which stays as it stands on the list until it is there; false when that
 * is answered. */
static bool put(struct daemon *daemon, const struct ipc_peer *peer, const struct entering *entering,
		struct ipc_answer *answer)
{
	const struct entered *place = &entering->place;
	struct entered *before = entered_find(daemon, place->component, place->leaf);

	if (before && before->coming && entering->joins && before->comer == place->uid) {
		before->coming++;
		return true;
	}
	if (before && before->coming) {
		ipc_answer_fail(answer, IPC_ERROR_BUSY, "another process is on its way into %s/%s",
				place->component, place->leaf);
		return false;
	}
	if (!has_room(daemon, peer, place, before, answer))
		return false;
	if (before) {
		before->coming = 1;
		before->comer = place->uid;
		before->comer_by_root = place->by_root;
	} else if (!entered_add(daemon, place)) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return false;
	}
	return true;
}

/* ---- what is asked for ---- */

/* Who could enter the leaf of a job of Slurm's first would have its tasks run without their size,
 * or outside. The job's number is known beforehand. */
static bool is_of_others(const char *leaf, uid_t caller)
{
	if (caller && !strncmp(leaf, ENTERED_SLURM_PREFIX, strlen(ENTERED_SLURM_PREFIX)))
		return true;
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
	if (!is_of_others(name, call->peer->uid))
		return true;
	ipc_answer_fail(answer, IPC_ERROR_REFUSED,
			"leaves of the name '%s' are uwd's own, or Slurm's; choose another --name",
			name);
	return false;
}

static bool has(const struct ipc_call *call, const char *key)
{
	const json_t *value = json_object_get(call->parameters, key);

	return value && !json_is_null(value);
}

static bool read_id(const json_t *value, uint32_t *ret_id)
{
	json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;

	if (id < 0 || id >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)id;
	return true;
}

/* Who is more than IPC_GROUPS_MAX groups is known by the first of them, as a caller is. */
static bool read_user(const json_t *user, struct ipc_peer *who)
{
	const json_t *groups = json_object_get(user, "groups");

	if (!read_id(json_object_get(user, "uid"), &who->uid) ||
	    !read_id(json_object_get(user, "gid"), &who->gid) || (groups && !json_is_array(groups)))
		return false;
	who->group_count = 0;
	for (size_t i = 0; i < json_array_size(groups) && i < IPC_GROUPS_MAX; i++)
		if (!read_id(json_array_get(groups, i), &who->group[who->group_count++]))
			return false;
	return true;
}

static bool read_key(const struct ipc_call *call, char ret_key[static JOB_KEY_LEN])
{
	return text_copy(ret_key, JOB_KEY_LEN, json_get_text(call->parameters, "key")) &&
	       text_is_word(ret_key, JOB_KEY_LEN);
}

/* Root's alone, who starts tasks for others, as Slurm does, and may bound what these name. NULL, or
 * what makes no sense. */
static const char *read_said(const struct ipc_call *call, struct cg_said *ret_said)
{
	const json_t *priority = json_object_get(call->parameters, "priority");
	json_int_t number = has(call, "priority") ? json_integer_value(priority) : PRIORITY_MIN;

	if (number < PRIORITY_MIN || number > PRIORITY_MAX)
		return "priority";
	if (has(call, "freezable") &&
	    !json_is_boolean(json_object_get(call->parameters, "freezable")))
		return "freezable";
	ret_said->priority = has(call, "priority") ? (uint8_t)number : 0;
	ret_said->freezable = json_get_bool(call->parameters, "freezable");
	return NULL;
}

static bool asks_as_root(const struct ipc_call *call)
{
	static const char *const words[] = {"user", "bytes",    "join",
					    "key",  "priority", "freezable"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (has(call, words[i]))
			return true;
	return false;
}

/* What only root may ask: for whom, how much is reserved, and to be beside others. */
static bool read_service(const struct ipc_call *call, struct ipc_answer *answer,
			 struct ipc_peer *who, struct entering *entering)
{
	const json_t *bytes = json_object_get(call->parameters, "bytes");
	const char *bad;

	*who = *call->peer;
	if (!asks_as_root(call))
		return true;
	if (call->peer->uid) {
		ipc_answer_fail(answer, IPC_ERROR_NOT_PERMITTED,
				"only root may enter for a user, with bytes, a key, a priority or "
				"as freezable, or beside others");
		return false;
	}
	if (has(call, "user") && !read_user(json_object_get(call->parameters, "user"), who)) {
		ipc_answer_bad_parameter(answer, "user");
		return false;
	}
	if (has(call, "bytes") && (!json_is_integer(bytes) || json_integer_value(bytes) <= 0 ||
				   (uint64_t)json_integer_value(bytes) > LEASE_BYTES_MAX)) {
		ipc_answer_bad_parameter(answer, "bytes");
		return false;
	}
	if (has(call, "key") && !read_key(call, entering->place.key)) {
		ipc_answer_bad_parameter(answer, "key");
		return false;
	}
	bad = read_said(call, &entering->place.said);
	if (bad) {
		ipc_answer_bad_parameter(answer, bad);
		return false;
	}
	entering->place.bytes = json_get_u64_or(call->parameters, "bytes", 0);
	entering->joins = json_get_bool(call->parameters, "join");
	return true;
}

static bool read_place(const struct daemon *daemon, const struct ipc_call *call,
		       const struct ipc_peer *who, struct ipc_answer *answer,
		       struct entered *ret_place)
{
	const char *name = json_get_text(call->parameters, "component");
	int at = config_find(&daemon->config, name);

	if (at < 0) {
		ipc_answer_fail(answer, IPC_ERROR_NO_COMPONENT,
				"there is no component '%.64s'; uw.conf names them", name);
		return false;
	}
	if (!submitters_include(&daemon->component[at].allow, who)) {
		ipc_answer_fail(answer, IPC_ERROR_NOT_PERMITTED,
				"uid %u may not enter %s; 'submit' of [component %s] in uw.conf "
				"says who may",
				(unsigned int)who->uid, name, name);
		return false;
	}
	ret_place->uid = ret_place->comer = who->uid;
	ret_place->by_root = ret_place->comer_by_root = !call->peer->uid;
	text_copy(ret_place->component, sizeof(ret_place->component),
		  daemon->config.component[at].name);
	return read_leaf(call, answer, ret_place);
}

/* ---- the move ---- */

/* Who joins others did not choose the name. */
static void fail(struct ipc_answer *answer, const struct entering *entering, int rc)
{
	const struct entered *place = &entering->place;

	if (rc == -EEXIST)
		ipc_answer_fail(answer, entering->joins ? IPC_ERROR_REFUSED : IPC_ERROR_BUSY,
				"%s/%s: %s", place->component, place->leaf,
				entering->joins ? "what runs there is another user's, or did not "
						  "enter it"
						: "something runs there; choose another --name");
	else
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "%s/%s: %s", place->component,
				place->leaf, strerror(-rc));
}

/* The leaf was made for this one. Others may be on their way still. */
static void note_made(struct entered *entered, const struct entered *place, uint64_t cgid)
{
	uint32_t coming = entered->coming;

	*entered = *place;
	entered->coming = coming;
	entered->cgid = cgid;
	entered->began_us = clock_now_us();
}

static void on_moved(struct daemon *daemon, void *data, int rc, uint64_t cgid)
{
	const struct entering *entering = data;
	const struct entered *place = &entering->place;
	struct entered *entered = entered_find(daemon, place->component, place->leaf);
	struct ipc_answer answer = {0};

	if (rc) {
		fail(&answer, entering, rc);
		take_back(daemon, entering);
	} else {
		entered->coming--;
		if (entered->cgid != cgid)
			note_made(entered, place, cgid);
		entered->unheard++;
		answer.parameters =
			json_pack("{s:s, s:s}", "component", place->component, "leaf", place->leaf);
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
				 .bytes = place->bytes ? place->bytes : UINT64_MAX,
				 .entered = true,
				 .joins = first->joins,
				 .uid = place->uid,
				 .said = place->said};
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
	struct entering entering = {.token = call->token, .place = {.coming = 1}};
	struct ipc_peer who;
	int rc;

	if (daemon->options.dry_run) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "this uwd is a dry run");
		return;
	}
	if (!read_service(call, answer, &who, &entering) ||
	    !read_place(daemon, call, &who, answer, &entering.place) ||
	    !put(daemon, call->peer, &entering, answer))
		return;
	rc = begin(daemon, call, &entering);
	if (rc) {
		fail(answer, &entering, rc);
		take_back(daemon, &entering);
		return;
	}
	answer->later = true;
}

void method_ended(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	const char *component = json_get_text(call->parameters, "component");
	const char *leaf = json_get_text(call->parameters, "leaf");
	const json_t *well = json_object_get(call->parameters, "well");
	struct entered *entered = entered_find(daemon, component, leaf);

	if (!json_is_boolean(well)) {
		ipc_answer_bad_parameter(answer, "well");
	} else if (!entered) {
		ipc_answer_fail(answer, IPC_ERROR_NO_LEAF, "nobody has entered %.64s/%.64s",
				component, leaf);
	} else {
		entered->unheard -= entered->unheard > 0;
		entered->ended_well |= json_is_true(well);
		entered->ended_badly |= !json_is_true(well);
	}
}

void method_vacate(struct daemon *daemon, const struct ipc_call *call, struct ipc_answer *answer)
{
	const char *leaf = json_get_text(call->parameters, "leaf");

	if (!text_is_name(leaf))
		ipc_answer_bad_parameter(answer, "leaf");
	else
		answer->parameters =
			json_pack("{s:i}", "left", (int)entered_vacate(daemon, leaf, mover_clean));
}
