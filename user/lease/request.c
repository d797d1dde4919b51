// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns the requests of a packet into what the ledger is asked, and its results into replies. A
 * client says who it is first, alone in a packet; what it had before a restart of uwd it is given
 * back by its key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/lease/inside.h"
#include "user/model/plan.h"

#define ROOM_AHEAD PACKET_ITEMS_MAX /* slots for a whole packet of grants */

/* A packet while it is answered. */
struct lease_call {
	struct lease_server *server;
	struct lease_connection *connection;
	struct packet_out out;
	bool in_list, list_done; /* the request before was one of a list; and was one granted */
	bool alone;
	int came; /* fd that came with the packet and nobody has taken yet, or -1 */
	int goes; /* fd for the answer, or -1 */
};

static const int32_t outcomes[LEASE_OUTCOME__COUNT] = {
	[LEASE_GRANTED] = 0,          [LEASE_DENIED] = PACKET_DENIED,
	[LEASE_WAITS] = PACKET_WAITS, [LEASE_TIMED_OUT] = PACKET_TIMED_OUT,
	[LEASE_STALE] = PACKET_STALE,
};

/* ---- replies ---- */

static void put_denial(const struct lease_server *server, const struct lease_denial *from,
		       struct packet_denial *to)
{
	text_copy(to->reason, sizeof(to->reason), lease_reason_name(from->reason));
	to->level = from->level;
	to->asked_bytes = from->asked_bytes;
	to->held_bytes = from->held_bytes;
	to->available_bytes = from->available_bytes;
	to->retry_after_us = from->retry_after_us;
	to->holder_count = from->holder_count;
	for (uint32_t i = 0; i < from->holder_count; i++) {
		struct packet_holder *holder = &to->holder[i];

		holder->bytes = from->holder[i].bytes;
		holder->uid = from->holder[i].uid;
		holder->pid = from->holder[i].pid;
		text_copy(holder->component, PACKET_NAME_LEN,
			  server->conf.name(server->conf.data, from->holder[i].component));
	}
}

static void put_result(const struct lease_server *server, const struct lease_result *result,
		       union packet_answer *answer)
{
	struct packet_reply *reply = &answer->reply;

	reply->outcome = result->error ? result->error : outcomes[result->outcome];
	reply->flags = result->inside ? PACKET_INSIDE : 0;
	reply->id = result->id;
	reply->bytes = result->bytes;
	reply->borrowed_bytes = result->borrowed_bytes;
	if (reply->outcome == PACKET_DENIED || reply->outcome == PACKET_TIMED_OUT)
		put_denial(server, &result->denial, &answer->denial);
}

void request_tell(struct lease_server *server, const struct lease_result *result)
{
	uint32_t at = server->connection_of[result->client];
	union packet_answer answer = {.reply.item = {PACKET_GRANT, 0, result->cookie}};
	uint8_t bytes[sizeof(struct packet_header) + sizeof(struct packet_denial)];
	struct packet_out out;

	if (at == LEASE_CLIENTS)
		return;
	put_result(server, result, &answer);
	packet_start(&out, bytes, PACKET_LATER);
	packet_add_answer(&out, &answer, NULL);
	if (connection_send(server, &server->connection[at], &out, -1) < 0)
		seat_drop(server, &server->connection[at]);
}

/* ---- who it is ---- */

static void identify(const struct lease_connection *connection, uint64_t key,
		     struct lease_identity *ret_identity)
{
	*ret_identity = (struct lease_identity){
		.key = key,
		.pid = connection->peer.who.pid,
		.start_ticks = connection->peer.start_ticks,
		.uid = connection->peer.who.uid,
	};
}

static int new_key(uint64_t *ret_key)
{
	do {
		if (getrandom(ret_key, sizeof(*ret_key), GRND_NONBLOCK) != sizeof(*ret_key))
			return -EAGAIN;
	} while (!*ret_key);
	return 0;
}

static int join(struct lease_server *server, struct lease_connection *connection,
		const struct lease_place *place, uint64_t *ret_key, uint32_t *ret_client)
{
	struct lease_identity identity;
	int rc = new_key(ret_key);

	if (rc)
		return rc;
	identify(connection, *ret_key, &identity);
	return lease_client_join(server->conf.ledger, &identity, place, ret_client);
}

/* Its earlier self, if that is awaited, or a new client. */
static int enter(struct lease_server *server, struct lease_connection *connection,
		 const struct packet_hello *hello, uint64_t *ret_key)
{
	struct lease_ledger *ledger = server->conf.ledger;
	struct lease_identity identity;
	struct lease_place place;
	uint32_t client = LEASE_NO_CLIENT;
	int rc = 0;

	server->conf.place(server->conf.data, &connection->peer, &place);
	identify(connection, hello->key, &identity);
	*ret_key = hello->key;
	if (hello->key)
		client = lease_client_find(ledger, &identity);
	if (client == LEASE_NO_CLIENT) {
		rc = join(server, connection, &place, ret_key, &client);
	} else {
		lease_client_return(ledger, client);
		lease_client_move(ledger, client, &place);
	}
	return rc ? rc : seat_client(server, connection, client);
}

static int hello(struct lease_call *call, const struct packet_hello *request,
		 struct packet_reply *reply)
{
	struct lease_connection *connection = call->connection;
	struct lease_identity identity;
	int rc = 0;

	if (connection->client == LEASE_NO_CLIENT)
		rc = connection->peer.pidfd < 0
			     ? -EBADF
			     : enter(call->server, connection, request, &reply->id);
	else if (lease_client_read(call->server->conf.ledger, connection->client, &identity))
		reply->id = identity.key;
	if (!rc)
		reply->flags = PACKET_INPUTS;
	if (!rc && request->flags & PACKET_ATTENDS)
		lease_client_attend(call->server->conf.ledger, connection->client);
	return rc;
}

/* ---- leases ---- */

static void make_room(struct lease_server *server)
{
	if (lease_room_left(server->conf.ledger) < ROOM_AHEAD)
		server->conf.grow(server->conf.data);
}

static void credit(struct lease_call *call, const struct packet_grant *from,
		   struct lease_result *result)
{
	struct lease_server *server = call->server;
	uint8_t priority;
	int component = server->conf.component(server->conf.data, from->component, &priority);

	make_room(server);
	lease_credit(server->conf.ledger, call->connection->client,
		     component < 0 ? COMPONENT_NONE : (uint32_t)component, from->min_bytes,
		     server->now_us, result);
	result->borrowed_bytes = result->drawable;
}

/* The component and its priority are filled in. */
static void decide(struct lease_call *call, const char *name, struct lease_request *request,
		   struct lease_result *result)
{
	struct lease_server *server = call->server;
	uint8_t priority = 0;
	int component = server->conf.component(server->conf.data, name, &priority);

	if (component < 0) {
		*result = (struct lease_result){.error = -ENOENT};
		return;
	}
	request->component = (uint32_t)component;
	if (!request->priority)
		request->priority = priority;
	make_room(server);
	lease_grant(server->conf.ledger, request, server->now_us, result);
}

static uint8_t priority_of(uint32_t asked)
{
	return (uint8_t)(asked <= UINT8_MAX ? asked : UINT8_MAX);
}

static void ask(struct lease_call *call, const struct packet_grant *from,
		struct lease_result *result)
{
	struct lease_request request = {
		.client = call->connection->client,
		.cookie = from->item.cookie,
		.priority = priority_of(from->priority),
		.revocable = from->flags & PACKET_REVOCABLE,
		.adaptive = from->flags & PACKET_ADAPTIVE,
		.drawn = from->flags & PACKET_DRAWN && from->item.op != PACKET_POOL_CREATE,
		.bytes = from->bytes,
		.min_bytes = from->min_bytes,
		.timeout_us = from->flags & PACKET_OR_NEXT ? 0 : from->timeout_us,
		.ttl_us = from->ttl_us,
		.pool = from->item.op == PACKET_POOL_CREATE,
	};

	memcpy(request.text, from->text, LEASE_TEXT_LEN);
	decide(call, from->component, &request, result);
	if (request.pool)
		pools_create(call->server, call->connection, &from->item, request.component,
			     result);
}

_Static_assert(LEASE_TEXT_LEN == PACKET_TEXT_LEN, "a text goes through as it is");

static void grant(struct lease_call *call, const struct packet_grant *request,
		  union packet_answer *answer)
{
	struct lease_result result = {0};

	if (!call->in_list)
		call->list_done = false;
	if (call->list_done) {
		answer->reply.outcome = PACKET_SKIPPED;
	} else {
		if (request->flags == PACKET_CREDIT)
			credit(call, request, &result);
		else
			ask(call, request, &result);
		put_result(call->server, &result, answer);
		answer->reply.flags |= request->flags & (PACKET_DRAWN | PACKET_CREDIT);
		call->list_done = !answer->reply.outcome;
	}
	call->in_list = request->flags & PACKET_OR_NEXT;
}

static void create(struct lease_call *call, const struct packet_grant *request,
		   union packet_answer *answer)
{
	struct lease_result result = {0};

	ask(call, request, &result);
	put_result(call->server, &result, answer);
}

static void resize(struct lease_call *call, const struct packet_lease *request,
		   union packet_answer *answer)
{
	struct lease_result result;

	lease_resize(call->server->conf.ledger, call->connection->client, request->id,
		     request->value, call->server->now_us, &result);
	put_result(call->server, &result, answer);
}

static int32_t attach(struct lease_call *call, const struct packet_attach *request,
		      union packet_answer *answer)
{
	int fd = -EINVAL;

	make_room(call->server);
	if (call->alone)
		fd = pools_attach(call->server, call->connection, request, answer);
	if (fd < 0)
		return fd;
	call->goes = fd;
	return 0;
}

/* 0, LEASE_STALE or an errno, as a packet says it. */
static int32_t said(int rc)
{
	return rc == LEASE_STALE ? PACKET_STALE : rc;
}

/* Who attached a pool may have missed that its owner went. */
static void list(struct lease_call *call, uint64_t id, struct packet_reply *reply)
{
	struct lease_ledger *ledger = call->server->conf.ledger;
	uint32_t client = call->connection->client;
	struct lease_pool_view view;

	reply->outcome = said(lease_list_see(ledger, client, id));
	if (lease_pool_read(ledger, lease_pool_of(ledger, client, id), &view) &&
	    view.owner == LEASE_NO_CLIENT)
		reply->flags |= PACKET_ORPHAN;
}

/* ---- tasks ---- */

/* Its size and how long it will take, where it does not say either; 0: nobody knows. */
static struct lease_learned learned_of(const struct lease_call *call,
				       const struct packet_task *from)
{
	const struct lease_server_conf *conf = &call->server->conf;
	struct lease_learned nothing = {0};
	uint8_t priority;
	int component;

	if (!*from->key || (from->bytes && from->run_us))
		return nothing;
	component = conf->component(conf->data, from->component, &priority);
	return component < 0 ? nothing
			     : conf->learned(conf->data, (uint32_t)component,
					     call->connection->peer.who.uid, from->key,
					     from->input_bytes);
}

static void submit(struct lease_call *call, const struct packet_task *from,
		   union packet_answer *answer)
{
	struct lease_learned learned = learned_of(call, from);
	struct lease_request request = {
		.client = call->connection->client,
		.cookie = from->item.cookie,
		.priority = priority_of(from->priority),
		.revocable = from->flags & PACKET_REVOCABLE,
		.task = true,
		.bytes = from->bytes ?: learned.bytes,
		.run_us = from->run_us ?: learned.run_us,
	};
	struct lease_result result;

	memcpy(request.text, from->text, LEASE_TEXT_LEN);
	if (!request.bytes && *from->key) {
		answer->reply.outcome = -ENODATA;
		return;
	}
	decide(call, from->component, &request, &result);
	put_result(call->server, &result, answer);
}

static int task_op(struct lease_call *call, const union packet_request *request,
		   union packet_answer *answer)
{
	struct lease_server *server = call->server;
	struct lease_connection *connection = call->connection;
	const struct packet_lease *task = &request->lease;

	switch ((enum packet_op)request->item.op) {
	case PACKET_TASK_WITHDRAW:
		return said(lease_withdraw(server->conf.ledger, connection->client,
					   (uint32_t)task->value));
	case PACKET_TASK_BEGIN:
		return call->alone && call->came >= 0
			       ? task_begin(server, connection, &request->begin, &call->came,
					    &answer->reply.id)
			       : -EBADF;
	case PACKET_TASK_CANCEL:
		return task_cancel(server, connection, task->id, task->value);
	case PACKET_TASK_LOOK:
		return call->alone ? task_look(server, connection, task, &answer->look) : -EINVAL;
	default:
		return task_end(server, connection, task->id);
	}
}

/* ---- the rest ---- */

static int watch_levels(struct lease_call *call, const struct packet_watch *request)
{
	struct lease_server *server = call->server;
	uint32_t mask = 0;
	uint8_t priority;
	int component;

	if (*request->component) {
		component =
			server->conf.component(server->conf.data, request->component, &priority);
		if (component < 0)
			return -ENOENT;
		mask = 1U << component;
	}
	for (uint32_t i = 0; !*request->component && i < UW_COMPONENTS_MAX; i++)
		if (server->conf.name(server->conf.data, i))
			mask |= 1U << i;
	if (request->on) {
		call->connection->watches |= mask;
		call->connection->stale |= mask; /* what it is now is told first */
	} else {
		call->connection->watches &= ~mask;
		call->connection->stale &= ~mask;
	}
	return 0;
}

static int report(struct lease_call *call, union packet_answer *answer)
{
	AUTO_FREE char *text = NULL;

	if (!call->alone)
		answer->reply.outcome = -EINVAL;
	else
		text = call->server->conf.report(call->server->conf.data);
	if (call->alone && !text)
		answer->reply.outcome = -ENOMEM;
	return packet_add_answer(&call->out, answer, text);
}

static int answer_one(struct lease_call *call, const union packet_request *request)
{
	struct lease_ledger *ledger = call->server->conf.ledger;
	uint32_t client = call->connection->client;
	union packet_answer answer = {.reply.item = request->item};
	const struct packet_lease *lease = &request->lease;

	if (client == LEASE_NO_CLIENT && (request->item.op != PACKET_HELLO || !call->alone))
		return -EBADMSG;
	switch ((enum packet_op)request->item.op) {
	case PACKET_HELLO:
		answer.reply.outcome = hello(call, &request->hello, &answer.reply);
		break;
	case PACKET_GRANT:
		grant(call, &request->grant, &answer);
		break;
	case PACKET_RESIZE:
		resize(call, lease, &answer);
		break;
	case PACKET_RENEW:
		answer.reply.outcome = said(
			lease_renew(ledger, client, lease->id, lease->value, call->server->now_us));
		break;
	case PACKET_FREE:
		answer.reply.outcome = said(lease_free(ledger, client, lease->id));
		break;
	case PACKET_LIST:
		list(call, lease->id, &answer.reply);
		break;
	case PACKET_LIST_END:
		answer.reply.bytes = lease_list_end(ledger, client);
		break;
	case PACKET_WATCH:
		answer.reply.outcome = watch_levels(call, &request->watch);
		break;
	case PACKET_REPORT:
		return report(call, &answer);
	case PACKET_POOL_CREATE:
		create(call, &request->grant, &answer);
		break;
	case PACKET_POOL_COMMIT:
		answer.reply.outcome =
			pools_commit(call->server, call->connection, &request->range);
		break;
	case PACKET_POOL_ATTACH:
		answer.reply.outcome = attach(call, &request->attach, &answer);
		break;
	case PACKET_POOL_SHARE:
		answer.reply.outcome = pools_share(call->server, call->connection, &request->share);
		break;
	case PACKET_POOL_OFFER:
		answer.reply.outcome =
			pools_offer(call->server, call->connection, lease->id, TAKE_FD(call->came));
		break;
	case PACKET_TASK_SUBMIT:
		submit(call, &request->task, &answer);
		break;
	case PACKET_TASK_WITHDRAW:
	case PACKET_TASK_BEGIN:
	case PACKET_TASK_END:
	case PACKET_TASK_CANCEL:
	case PACKET_TASK_LOOK:
		answer.reply.outcome = task_op(call, request, &answer);
		break;
	case PACKET_OP__COUNT:
		return -EBADMSG;
	}
	return packet_add_answer(&call->out, &answer, NULL);
}

static int answer_all(struct lease_call *call, struct packet_in *in)
{
	union packet_request request;
	int rc;

	while ((rc = packet_next_request(in, &request)) > 0) {
		call->server->stats.requests++;
		rc = answer_one(call, &request);
		if (rc)
			return rc;
	}
	return rc;
}

/* Of one that has said who it is an fd is for a request; before, it is a pidfd. */
static int take_came(struct lease_connection *connection, int *came)
{
	if (*came < 0 || connection->client != LEASE_NO_CLIENT)
		return 0;
	return lease_peer_take(&connection->peer, TAKE_FD(*came));
}

static int answer_packet(struct lease_call *call, size_t size)
{
	struct packet_in in;
	int rc = take_came(call->connection, &call->came);

	if (!rc)
		rc = packet_open(&in, call->server->in, size);
	if (rc)
		return -EBADMSG;
	call->alone = in.left == 1;
	packet_start(&call->out, call->server->out, PACKET_ANSWER);
	return answer_all(call, &in);
}

int request_answer(struct lease_server *server, struct lease_connection *connection, size_t size,
		   int fd)
{
	struct lease_call call = {
		.server = server, .connection = connection, .came = fd, .goes = -1};
	int rc = answer_packet(&call, size);

	if (call.came >= 0)
		close(call.came);
	if (!rc)
		rc = connection_send(server, connection, &call.out, TAKE_FD(call.goes));
	if (call.goes >= 0)
		close(call.goes);
	if (!rc && connection->stale)
		rc = connection_tell_events(server, connection);
	return rc;
}
