// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What comes in. Answers go to the calls that wait for them, by their cookies. Of the level of each
 * component the newest is kept, and of each callback which of them it has not heard.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/lib/inside.h"

/* ---- levels ---- */

bool lib_concerns(const struct lib_watcher *watcher, const char *component)
{
	return !*watcher->component || !strcmp(watcher->component, component);
}

/* The place of a component's level; the last one is shared by those that find none of their own. */
static uint32_t level_of(struct uw *uw, const char *component)
{
	for (uint32_t i = 0; i < uw->level_count; i++)
		if (!strcmp(uw->level[i].component, component))
			return i;
	return uw->level_count < LIB_COMPONENTS ? uw->level_count++ : LIB_COMPONENTS - 1;
}

static void take_level(struct uw *uw, const struct packet_level *level)
{
	uint32_t at = level_of(uw, level->component);
	bool any = false;

	memcpy(uw->level[at].component, level->component, UW_NAME_MAX);
	uw->level[at].level = level->level;
	uw->level[at].use_permyriad = level->use_permyriad;
	uw->level[at].at_us = level->at_us;
	for (struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next)
		if (lib_concerns(watcher, level->component)) {
			watcher->stale |= 1U << at;
			any = true;
		}
	if (any)
		eventfd_write(uw->news, 1);
}

/* ---- pools ---- */

static void note_gone(struct uw *uw, uint64_t id)
{
	for (struct lib_pool *pool = uw->pools; pool; pool = pool->next)
		if (pool->id == id)
			pool->gone = true;
}

/* ---- answers ---- */

static struct lib_call *call_of(struct uw *uw, uint32_t cookie)
{
	for (struct lib_call *call = uw->calls; call; call = call->next)
		if (cookie - call->cookie < call->count)
			return call;
	return NULL;
}

static void note_leases(struct uw *uw, const struct lib_call *call, uint32_t i,
			union packet_answer *answer)
{
	int32_t *outcome = &answer->reply.outcome;

	/* The first time it was done, and the answer was lost. */
	if (call->op == PACKET_FREE && call->again && *outcome == PACKET_STALE)
		*outcome = 0;
	if (lib_makes_lease(call->op) && !*outcome)
		lib_lease_add(uw, answer->reply.id);
	else if (*outcome == PACKET_STALE || (call->op == PACKET_FREE && !*outcome))
		lib_lease_drop(uw, call->request[i].lease.id);
}

/* Takes *fd, unless that is for nobody. */
static void take_answer(struct uw *uw, const union packet_answer *answer, const char *text,
			size_t length, int *fd)
{
	struct lib_call *call = call_of(uw, answer->reply.item.cookie);
	uint32_t i;

	if (answer->reply.flags & (PACKET_DRAWN | PACKET_CREDIT)) {
		lib_credit_answer(uw, &answer->reply);
		return;
	}
	if (!call) {
		if (lib_makes_lease((enum packet_op)answer->reply.item.op) &&
		    !answer->reply.outcome)
			lib_give_back(uw, answer->reply.id);
		return;
	}
	i = answer->reply.item.cookie - call->cookie;
	if (answer->reply.outcome == PACKET_WAITS || !lib_is_open(call, i))
		return;
	call->answer[i] = *answer;
	call->answer[i].reply.item.length = 1;
	note_leases(uw, call, i, &call->answer[i]);
	call->open--;
	if (lib_makes_lease(call->op) && call->op != PACKET_GRANT) {
		call->fd = *fd;
		*fd = -1;
	}
	if (text && !call->text)
		call->text = strndup(text, length);
}

static int take_packet(struct uw *uw, size_t size, int *fd)
{
	union packet_answer answer;
	struct packet_level level;
	struct packet_in in;
	const char *text;
	size_t length;
	uint64_t id;
	int rc = packet_open(&in, uw->in, size);

	if (rc)
		return rc;
	if (in.kind == PACKET_EVENTS) {
		while ((rc = packet_next_level(&in, &level)) > 0)
			take_level(uw, &level);
		return rc;
	}
	if (in.kind == PACKET_GONE) {
		while ((rc = packet_next_gone(&in, &id)) > 0)
			note_gone(uw, id);
		return rc;
	}
	while ((rc = packet_next_answer(&in, &answer, &text, &length)) > 0)
		take_answer(uw, &answer, text, length, fd);
	return rc;
}

/* A packet, with the fd that came with it or -1. */
static ssize_t receive(struct uw *uw, int *ret_fd)
{
	struct iovec into = {uw->in, sizeof(uw->in)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &into,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t size = recvmsg(uw->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *passed = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*ret_fd = -1;
	if (passed && passed->cmsg_level == SOL_SOCKET && passed->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(passed), sizeof(*ret_fd));
	return size;
}

int lib_take(struct uw *uw, uint32_t most)
{
	while (uw->socket >= 0 && most) {
		int fd;
		ssize_t size = receive(uw, &fd);

		if (size < 0 && errno == EAGAIN)
			break;
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0 || take_packet(uw, (size_t)size, &fd))
			lib_disconnect(uw);
		if (fd >= 0)
			close(fd);
		most--;
	}
	pthread_cond_broadcast(&uw->turned);
	if (uw->reads)
		eventfd_write(uw->kick, 1);
	return uw->socket < 0 ? -ENOTCONN : 0;
}
