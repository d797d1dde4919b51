// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A turn goes round the clients that have something to say, one call of each at a time, root's
 * first, and then does a part of each long work, until its time is used up; the next turn goes on
 * where it stopped. It is measured by time, as calls differ by a factor of thousands. Who took more
 * than its part is left out until that is made good.
 */
#include "user/ipc/turn.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/ipc/json.h"
#include "user/ipc/long.h"
#include "user/ipc/service.h"

/* Calls that wait in our own buffer make no socket readable, nor does work: remind ourselves. */
void turn_kick(const struct ipc_server *server)
{
	if (eventfd_write(server->kick, 1) < 0)
		return; /* full counter: it is readable, which is all that is wanted */
}

/* Both ways: one that has said all it has to say may still listen. */
static bool has_hung_up(const struct client *client)
{
	struct pollfd end = {.fd = client->fd};

	return poll(&end, 1, 0) > 0 && (end.revents & POLLHUP);
}

static int client_answer(struct ipc_server *server, struct client *client, const json_t *message,
			 size_t bytes)
{
	AUTO_FREE char *reply = NULL;
	size_t count = 0;
	int r;

	if (service_is_of_caller(message) && has_hung_up(client))
		return -EPIPE;
	server->stats.calls++;
	r = service_answer(&server->conf, &client->peer, ++server->last_token, message,
			   bytes > IPC_CALL_SHORT, &reply, &count, &client->follow);
	if (r < 0)
		return r;
	server->stats.refused += (uint64_t)r;
	if (client->follow == SERVICE_LATER || client->follow == SERVICE_SILENT) {
		client->silent = client->follow == SERVICE_SILENT;
		client->follow = SERVICE_NO_FOLLOW;
		client->later = server->last_token;
	}
	if (client->follow != SERVICE_NO_FOLLOW)
		server->stats.followers++;
	r = reply ? client_queue_bytes(server, client, reply, count) : 0;
	if (r >= 0)
		r = client_flush(server, client);
	return r < 0 ? r : client_check_unread(server, client);
}

/* The message is the parser's, which gets it back. */
static int answer_parsed(struct ipc_server *server, struct client *client, json_t *message,
			 size_t bytes)
{
	int r = message ? client_answer(server, client, message, bytes) : -EBADMSG;

	long_end_call(server, message, client->later && service_is_long(message),
		      server->last_token);
	return r;
}

static int answer_here(struct ipc_server *server, struct client *client, json_t *message,
		       size_t bytes)
{
	int r = client_answer(server, client, message, bytes);

	json_decref(message);
	return r;
}

/* Answers one call: 1, or 0 when there is none. An unread answer stops the client's calls, not the
 * server. */
static int client_step(struct ipc_server *server, struct client *client)
{
	json_t *message = NULL;
	size_t bytes;
	int r = client_flush(server, client);

	if (r < 0 || client->out_count || client->later || client->bytes || client->is_parsing)
		return r;
	r = client_next(server, client, &message, &bytes);
	if (r <= 0)
		return r;
	if (bytes > IPC_CALL_HERE)
		r = answer_parsed(server, client, message, bytes);
	else
		r = answer_here(server, client, message, bytes);
	return r < 0 ? r : 1;
}

static uint64_t server_clock(const struct ipc_server *server)
{
	return server->conf.now_us ? server->conf.now_us() : clock_now_us();
}

static void client_drop(struct ipc_server *server, struct client *client, int error)
{
	server->stats.dropped_bad += error != -EPIPE && error != -ECONNRESET;
	client_close(server, client);
}

/* One call, or what is left of an answer. */
static void client_serve(struct ipc_server *server, struct client *client)
{
	uint64_t began_us = server_clock(server);
	int served = client_step(server, client), r = served;

	client->ready = (served > 0 || (!served && client->has_more)) && !client->out_count &&
			!client->later && !long_is_waited_for(client);
	if (r >= 0)
		r = client_watch(server, client);
	if (r < 0) {
		client_drop(server, client, r);
		return;
	}
	client->calls += served > 0;
	client->spent_us += server_clock(server) - began_us;
}

static bool client_has_turn(const struct client *client)
{
	return client->fd >= 0 && client->ready && client->calls < IPC_CALLS_A_TURN &&
	       client->spent_us < IPC_CLIENT_US;
}

/* ---- the turn ---- */

struct turn {
	uint64_t until_us;
	bool busy;  /* something was done in this round, */
	bool began; /* or in this turn: one that is in a hurry from the start gets on too */
};

static bool turn_goes_on(const struct ipc_server *server, const struct turn *turn)
{
	const struct ipc_server_conf *conf = &server->conf;

	return server_clock(server) < turn->until_us &&
	       !(turn->began && conf->hurry && conf->hurry(conf->data));
}

/* One call of each, from where the last turn stopped. */
static void serve_clients(struct ipc_server *server, struct turn *turn, bool root)
{
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX && turn_goes_on(server, turn); i++) {
		struct client *client = &server->client[server->at];

		server->at = (server->at + 1) % IPC_CLIENTS_MAX;
		if (!client_has_turn(client) || (client->peer.uid == 0) != root)
			continue;
		client_serve(server, client);
		turn->busy = turn->began = true;
	}
}

static void push_work(struct ipc_server *server, struct ipc_work *work)
{
	work->next = NULL;
	*server->last_work = work;
	server->last_work = &work->next;
}

static struct ipc_work *take_work(struct ipc_server *server)
{
	struct ipc_work *work = server->work;

	server->work = work->next;
	if (!server->work)
		server->last_work = &server->work;
	return work;
}

/* A part of each that was there when the round began. */
static void serve_works(struct ipc_server *server, struct turn *turn)
{
	struct ipc_work **end = server->last_work;
	bool was_last = !server->work;

	while (!was_last && turn_goes_on(server, turn)) {
		struct ipc_work *work = take_work(server);

		was_last = end == &work->next;
		if (work->step(work))
			push_work(server, work);
		turn->busy = turn->began = true;
	}
}

static void begin_turn(struct ipc_server *server)
{
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++) {
		struct client *client = &server->client[i];

		client->calls = 0;
		client->spent_us -=
			client->spent_us < IPC_CLIENT_US ? client->spent_us : IPC_CLIENT_US;
	}
}

static bool is_left(const struct ipc_server *server)
{
	for (uint32_t i = 0; i < IPC_CLIENTS_MAX; i++)
		if (server->client[i].fd >= 0 && server->client[i].ready)
			return true;
	return server->work;
}

void turn_serve(struct ipc_server *server)
{
	uint64_t began_us = server_clock(server), took_us;
	struct turn turn = {.until_us = began_us + IPC_TURN_US};

	begin_turn(server);
	do {
		turn.busy = false;
		serve_clients(server, &turn, true);
		serve_clients(server, &turn, false);
		serve_works(server, &turn);
	} while (turn.busy && turn_goes_on(server, &turn));
	if (is_left(server))
		turn_kick(server);
	took_us = server_clock(server) - began_us;
	if (took_us > server->stats.turn_max_us)
		server->stats.turn_max_us = took_us;
}

void ipc_server_put_work(struct ipc_server *server, struct ipc_work *work)
{
	push_work(server, work);
	turn_kick(server);
}

void turn_drop_works(struct ipc_server *server)
{
	while (server->work) {
		struct ipc_work *work = take_work(server);

		work->drop(work);
	}
}
