// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Takes in the packets that uwd sends to a program. Answers go to the calls that wait for them, by
 * their cookies. Of the level of each component the newest is kept, and of each callback which of
 * them it has not heard.
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

/* An emergency is told that is another one than that which is known, or is one now. */
static bool is_news(const struct lib_watcher *watcher, const struct lib_level *known,
		    const struct packet_level *level)
{
	if (watcher->kind == LIB_WATCH_EMERGENCY)
		return level->emergency_us != known->emergency_us &&
		       (known->at_us || level->level == UW_LEVEL_EMERGENCY);
	return watcher->kind == LIB_WATCH_PRESSURE;
}

static void take_level(struct uw *uw, const struct packet_level *level)
{
	uint32_t at = level_of(uw, level->component);
	struct lib_level known = uw->level[at];
	bool any = false;

	if (strcmp(known.component, level->component) != 0)
		known = (struct lib_level){0};
	memcpy(uw->level[at].component, level->component, UW_NAME_MAX);
	uw->level[at].level = level->level;
	uw->level[at].use_permyriad = level->use_permyriad;
	uw->level[at].at_us = level->at_us;
	uw->level[at].emergency_us = level->emergency_us;
	for (struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next)
		if (lib_concerns(watcher, level->component) && is_news(watcher, &known, level)) {
			watcher->stale |= 1ULL << at;
			any = true;
		}
	if (any)
		eventfd_write(uw->news, 1);
}

/* ---- leases that are asked back ---- */

/* The place of what is asked of the lease, or one for it. */
static uint32_t shrink_of(struct uw *uw, uint64_t id)
{
	uint32_t free = LIB_SHRINKS;

	for (uint32_t i = 0; i < LIB_SHRINKS; i++) {
		if (uw->shrink[i].id == id)
			return i;
		if (!uw->shrink[i].id)
			free = i;
	}
	return free < LIB_SHRINKS ? free : uw->shrink_at++ % LIB_SHRINKS;
}

static void take_shrink(struct uw *uw, const struct packet_shrink *shrink)
{
	struct lib_shrink *to;
	bool any = false;
	uint32_t at;

	if (lib_credit_recall(uw, shrink->id))
		return;
	at = shrink_of(uw, shrink->id);
	to = &uw->shrink[at];
	*to = (struct lib_shrink){
		.id = shrink->id,
		.target = shrink->target_bytes,
		.deadline_us = shrink->deadline_us,
	};
	memcpy(to->why, shrink->why, sizeof(to->why));
	memcpy(to->component, shrink->component, UW_NAME_MAX);
	for (struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next)
		if (watcher->kind == LIB_WATCH_SHRINK && lib_concerns(watcher, to->component)) {
			watcher->stale |= 1ULL << at;
			any = true;
		}
	if (any)
		eventfd_write(uw->news, 1);
	else
		to->id = 0;
}

static void take_event(struct uw *uw, const union packet_event *event)
{
	if (event->item.op == PACKET_LEVEL)
		take_level(uw, &event->level);
	else
		take_shrink(uw, &event->shrink);
}

/* ---- pools ---- */

void lib_pool_note_gone(const struct uw *uw, uint64_t id)
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

static bool drops_lease(enum packet_op op)
{
	return op == PACKET_FREE || op == PACKET_TASK_BEGIN || op == PACKET_TASK_END;
}

static void note_leases(struct uw *uw, const struct lib_call *call, uint32_t i,
			union packet_answer *answer)
{
	int32_t *outcome = &answer->reply.outcome;

	/* The first time it was done, and the answer was lost. */
	if ((call->op == PACKET_FREE || call->op == PACKET_TASK_END) && call->again &&
	    *outcome == PACKET_STALE)
		*outcome = 0;
	if (lib_makes_lease(call->op) && !*outcome)
		lib_lease_add(uw, answer->reply.id);
	else if (*outcome == PACKET_STALE || (drops_lease(call->op) && !*outcome))
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
	call->waits |= answer->reply.outcome == PACKET_WAITS;
	if (answer->reply.outcome == PACKET_WAITS || !lib_is_open(call, i))
		return;
	memcpy(&call->answer[i], answer, packet_answer_length(&answer->reply));
	call->answer[i].reply.item.length = 1;
	note_leases(uw, call, i, &call->answer[i]);
	call->open--;
	if (lib_brings_fd(call->op)) {
		call->fd = *fd;
		*fd = -1;
	}
	if (text && !call->text)
		call->text = strndup(text, length);
	if (!call->open && call->ended)
		call->ended(uw, call);
}

static int take_packet(struct uw *uw, size_t size, int *fd)
{
	union packet_answer answer;
	union packet_event event;
	struct packet_in in;
	const char *text;
	size_t length;
	uint64_t id;
	int rc = packet_open(&in, uw->in, size);

	if (rc)
		return rc;
	if (in.kind == PACKET_EVENTS) {
		while ((rc = packet_next_event(&in, &event)) > 0)
			take_event(uw, &event);
		return rc;
	}
	if (in.kind == PACKET_GONE) {
		while ((rc = packet_next_gone(&in, &id)) > 0)
			lib_pool_note_gone(uw, id);
		return rc;
	}
	while ((rc = packet_next_answer(&in, &answer, &text, &length)) > 0)
		take_answer(uw, &answer, text, length, fd);
	return rc;
}

static bool awaits_fd(const struct uw *uw)
{
	for (const struct lib_call *call = uw->calls; call; call = call->next)
		if (lib_brings_fd(call->op))
			return true;
	return false;
}

static ssize_t receive_with(struct uw *uw, int *ret_fd)
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

	if (passed && passed->cmsg_level == SOL_SOCKET && passed->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(passed), sizeof(*ret_fd));
	return size;
}

/* A packet, with the fd that came with it or -1. One that nobody waits for the kernel closes when
 * there is no room for it, and recv(2) has less to do. */
static ssize_t receive(struct uw *uw, int *ret_fd)
{
	*ret_fd = -1;
	return awaits_fd(uw) ? receive_with(uw, ret_fd)
			     : recv(uw->socket, uw->in, sizeof(uw->in), MSG_DONTWAIT);
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
