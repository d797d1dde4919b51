// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connections to the keepers, one a component with pools. What is asked of a keeper stands in a
 * queue until it has answered, so that a keeper that dies costs nobody an answer: the next one is
 * handed the pools first and then asked again. A keeper that a new uwd finds says what it has.
 * Nothing here waits: a keeper that is busy answers late, and is sent no more than its socket
 * takes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/lease/inside.h"

#define AGAIN_US US_PER_SEC       /* between two keepers that do not last */
#define GIVE_UP  (5 * US_PER_SEC) /* without a keeper what was asked fails */

static bool is_of_a_client(const struct keeper_call *call)
{
	return call->ask.op == KEEP_MAKE || call->ask.op == KEEP_COMMIT;
}

/* ---- the queue ---- */

static struct keeper_call *append(struct lease_keeper *keeper, const struct keep_message *ask)
{
	struct keeper_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->ask = *ask;
	*keeper->last = call;
	keeper->last = &call->next;
	return call;
}

/* The one after *at; it is the caller's. */
static struct keeper_call *take(struct lease_keeper *keeper, struct keeper_call **at)
{
	struct keeper_call *call = *at;

	*at = call->next;
	if (!*at)
		keeper->last = at;
	return call;
}

static struct keeper_call **find(struct lease_keeper *keeper, uint64_t cookie)
{
	struct keeper_call **at = &keeper->first;

	while (*at && (*at)->ask.cookie != cookie)
		at = &(*at)->next;
	return at;
}

static int put_own(struct lease_server *server, struct lease_keeper *keeper, enum keep_op op,
		   uint64_t pool, uint64_t bytes)
{
	const struct keep_message ask = {
		.magic = KEEP_MAGIC,
		.op = op,
		.cookie = ++server->last_cookie,
		.pool = pool,
		.bytes = bytes,
	};

	return append(keeper, &ask) ? 0 : -ENOMEM;
}

/* What only the keeper that is gone could answer; of clients' calls all are sent again. */
static void rewind_queue(struct lease_keeper *keeper)
{
	struct keeper_call **at = &keeper->first;

	while (*at) {
		(*at)->sent = false;
		if (is_of_a_client(*at))
			at = &(*at)->next;
		else
			free(take(keeper, at));
	}
}

/* ---- sending ---- */

static int watch(struct lease_server *server, struct lease_keeper *keeper, bool full)
{
	struct epoll_event event = {
		.events = EPOLLIN | (full ? EPOLLOUT : 0U),
		.data.u64 =
			seat_tag(SEAT_KEEPER | (uint32_t)(keeper - server->keeper), keeper->serial),
	};

	return epoll_ctl(server->epoll, EPOLL_CTL_MOD, keeper->fd, &event) < 0 ? -errno : 0;
}

static int fd_for(const struct lease_server *server, const struct keep_message *ask)
{
	uint32_t index = LEASE_NO_POOL;

	if (ask->op == KEEP_TAKE)
		index = lease_pool_find(server->conf.ledger, ask->pool);
	return index == LEASE_NO_POOL ? -1 : server->pool_fd[index];
}

static void flush(struct lease_server *server, struct lease_keeper *keeper)
{
	for (struct keeper_call *call = keeper->first; call; call = call->next) {
		int rc = 0;

		if (!call->sent)
			rc = keep_send(keeper->fd, &call->ask, fd_for(server, &call->ask));
		if (rc) {
			watch(server, keeper, rc == -EAGAIN);
			return; /* of one that has ended the epoll tells */
		}
		call->sent = true;
	}
	watch(server, keeper, false);
}

/* ---- they come and go ---- */

/* It is told of each pool whose fd is here, and asked for those whose is not. */
static int greet(struct lease_server *server, struct lease_keeper *keeper)
{
	uint32_t component = (uint32_t)(keeper - server->keeper);
	struct keeper_call *waits = keeper->first, **last = keeper->last;
	struct lease_pool_view view;
	int rc = 0;

	keeper->first = NULL;
	keeper->last = &keeper->first;
	for (uint32_t i = 0; i < LEASE_POOLS && !rc; i++)
		if (server->pool_fd[i] >= 0 && lease_pool_read(server->conf.ledger, i, &view) &&
		    view.component == component)
			rc = put_own(server, keeper, KEEP_TAKE, view.id, view.bytes);
	if (!rc)
		rc = put_own(server, keeper, KEEP_LIST, 0, 0);
	*keeper->last = waits;
	if (waits)
		keeper->last = last;
	return rc;
}

static int connect_now(struct lease_server *server, uint32_t component, bool start)
{
	struct lease_keeper *keeper = &server->keeper[component];
	int fd = -1, rc = server->conf.keeper(server->conf.data, component, start, &fd);

	if (rc)
		return rc;
	rc = seat_watch(server, fd, SEAT_KEEPER | component, &keeper->serial);
	if (rc) {
		close(fd);
		return rc;
	}
	keeper->fd = fd;
	rc = greet(server, keeper);
	if (rc)
		keeper_lose(server, component);
	return rc;
}

/* Not more often than AGAIN_US: what waits is looked at again by keeper_keep_house. */
static void ensure(struct lease_server *server, uint32_t component)
{
	struct lease_keeper *keeper = &server->keeper[component];

	if (keeper->fd < 0 && server->now_us >= keeper->again_us) {
		keeper->again_us = server->now_us + AGAIN_US;
		if (!connect_now(server, component, true))
			server->stats.keepers_started++;
	}
	if (keeper->fd >= 0)
		flush(server, keeper);
}

void keeper_start(struct lease_server *server, const struct keeper_answers *answers)
{
	server->answers = *answers;
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		server->keeper[i] = (struct lease_keeper){.fd = -1};
		server->keeper[i].last = &server->keeper[i].first;
	}
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		server->pool_fd[i] = -1;
}

void keeper_find_all(struct lease_server *server)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (server->conf.name(server->conf.data, i) && !connect_now(server, i, false))
			flush(server, &server->keeper[i]);
}

void keeper_lose(struct lease_server *server, uint32_t component)
{
	struct lease_keeper *keeper = &server->keeper[component];

	if (keeper->fd >= 0)
		close(keeper->fd);
	keeper->fd = -1;
	rewind_queue(keeper);
}

/* Pools that no keeper holds would not outlive uwd. */
static bool is_needed(const struct lease_server *server, uint32_t component)
{
	return server->keeper[component].first || lease_has_pools(server->conf.ledger, component);
}

/* ---- what is asked ---- */

int keeper_ask(struct lease_server *server, uint32_t component, const struct keep_message *ask,
	       const struct keeper_asker *asker)
{
	struct keeper_call *call = append(&server->keeper[component], ask);

	if (!call)
		return -ENOMEM;
	call->ask.magic = KEEP_MAGIC;
	call->ask.cookie = ++server->last_cookie;
	call->asker = *asker;
	call->since_us = server->now_us;
	ensure(server, component);
	return 0;
}

void keeper_hand_over(struct lease_server *server, uint32_t component, uint64_t pool,
		      uint64_t bytes)
{
	struct lease_keeper *keeper = &server->keeper[component];

	if (keeper->fd < 0 || !put_own(server, keeper, KEEP_TAKE, pool, bytes))
		ensure(server, component); /* a new one is handed all of them */
}

/* One that is not there has nothing to drop. Without memory the pool stays until uwd restarts. */
void keeper_drop(struct lease_server *server, uint32_t component, uint64_t pool)
{
	struct lease_keeper *keeper = &server->keeper[component];

	if (keeper->fd >= 0 && !put_own(server, keeper, KEEP_DROP, pool, 0))
		flush(server, keeper);
}

/* ---- what is answered ---- */

/* Takes fd. False for one that nobody asked. */
static bool answered(struct lease_server *server, uint32_t component,
		     const struct keep_message *message, int fd)
{
	struct lease_keeper *keeper = &server->keeper[component];
	struct keeper_call **at = find(keeper, message->cookie), *call;

	if (!*at || !(*at)->sent || (*at)->ask.op != message->op) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (message->op == KEEP_LIST && message->pool) {
		server->answers.found(server, component, message, fd);
		return true;
	}
	call = take(keeper, at);
	if (is_of_a_client(call))
		server->answers.done(server, call, message->result, message->bytes, fd);
	else if (fd >= 0)
		close(fd);
	free(call);
	return true;
}

void keeper_serve(struct lease_server *server, uint32_t component, uint32_t ready)
{
	struct lease_keeper *keeper = &server->keeper[component];
	int rc = 0;

	for (int i = 0; i < KEEPER_ANSWERS_A_TURN && ready & EPOLLIN && !rc; i++) {
		struct keep_message message;
		int fd = -1;

		rc = keep_receive(keeper->fd, &message, &fd);
		if (!rc && !answered(server, component, &message, fd))
			rc = -EBADMSG;
	}
	if ((rc && rc != -EAGAIN) || (!(ready & EPOLLIN) && ready & (EPOLLHUP | EPOLLERR))) {
		keeper_lose(server, component);
		if (is_needed(server, component))
			ensure(server, component);
	} else if (ready & EPOLLOUT) {
		flush(server, keeper);
	}
}

/* ---- now and then ---- */

static void fail_late(struct lease_server *server, struct lease_keeper *keeper)
{
	struct keeper_call **at = &keeper->first;

	while (*at) {
		struct keeper_call *call = *at;

		if (server->now_us - call->since_us < GIVE_UP) {
			at = &call->next;
			continue;
		}
		take(keeper, at);
		server->answers.done(server, call, -EIO, 0, -1);
		free(call);
	}
}

void keeper_keep_house(struct lease_server *server)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct lease_keeper *keeper = &server->keeper[i];

		if (keeper->fd >= 0 && !is_needed(server, i)) {
			keeper_lose(server, i); /* it ends by itself */
			keeper->again_us = 0;
			continue;
		}
		if (keeper->fd < 0 && is_needed(server, i))
			ensure(server, i);
		if (keeper->fd < 0)
			fail_late(server, keeper);
	}
}

static void end(struct lease_server *server, struct lease_keeper *keeper)
{
	if (keeper->fd >= 0)
		close(keeper->fd);
	while (keeper->first) {
		struct keeper_call *call = take(keeper, &keeper->first);

		if (is_of_a_client(call))
			server->answers.done(server, call, -ENOENT, 0, -1);
		free(call);
	}
}

/* A keeper whose component has gone is told to drop what it has, as nobody speaks to it again. */
static void dismiss(struct lease_server *server, struct lease_keeper *keeper)
{
	for (struct keeper_call *call = keeper->first; call && keeper->fd >= 0; call = call->next)
		if (!call->sent && call->ask.op == KEEP_DROP &&
		    keep_send(keeper->fd, &call->ask, -1))
			break;
	end(server, keeper);
}

static void move(struct lease_server *server, const struct lease_keeper *from, uint32_t to)
{
	struct lease_keeper *keeper = &server->keeper[to];

	*keeper = *from;
	if (!keeper->first)
		keeper->last = &keeper->first;
	if (keeper->fd >= 0)
		watch(server, keeper, true); /* it is known by its place; what is due is sent */
}

void keeper_renumber(struct lease_server *server, const uint32_t to[static UW_COMPONENTS_MAX])
{
	struct lease_keeper before[UW_COMPONENTS_MAX];

	memcpy(before, server->keeper, sizeof(before));
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		if (!before[i].first)
			before[i].last = &before[i].first;
		server->keeper[i] = (struct lease_keeper){.fd = -1};
		server->keeper[i].last = &server->keeper[i].first;
	}
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		if (to[i] < UW_COMPONENTS_MAX)
			move(server, &before[i], to[i]);
		else
			dismiss(server, &before[i]);
}

void keeper_close_all(struct lease_server *server)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		end(server, &server->keeper[i]);
	for (uint32_t i = 0; i < LEASE_POOLS; i++)
		if (server->pool_fd[i] >= 0)
			close(server->pool_fd[i]);
}
