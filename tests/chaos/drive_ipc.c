// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket: a server that answers a client in a process that nothing befalls, which comes
 * again and again. Whatever fails in the server, its loop goes on, and the client is answered in
 * the end.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "user/base/clock.h"
#include "user/ipc/client.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"

#define ANSWERS  3U
#define WAIT_US  (30 * US_PER_SEC)
#define PAUSE_US 1000

/* struct chaos: answers that the client had. */
enum note {
	NOTE_ANSWERS,
};

static void socket_path(const struct chaos *c, char path[96])
{
	snprintf(path, 96, "%s/uwd.sock", c->dir);
}

static void come_again(struct chaos *c)
{
	char path[96];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	socket_path(c, path);
	for (;;) {
		struct ipc_client client = {.fd = -1};
		struct uw_err err = {0};
		json_t *answer = NULL;

		if (!ipc_client_open(path, &client, &err) &&
		    !ipc_client_call(&client, IPC_STATUS, NULL, US_PER_SEC, &answer, &err))
			c->note[NOTE_ANSWERS]++;
		json_decref(answer);
		ipc_client_close(&client);
		usleep(PAUSE_US);
	}
}

static void prepare(struct chaos *c)
{
	if (!fork())
		come_again(c);
}

/* ---- the server ---- */

static void handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	(void)data, (void)call;
	answer->parameters = json_pack("{s:i}", "number", 1);
}

static void serve(struct chaos *c, struct ipc_server *server)
{
	struct pollfd ready = {.fd = ipc_server_fd(server), .events = POLLIN};
	uint64_t until_us = clock_now_us() + WAIT_US, enough = c->note[NOTE_ANSWERS] + ANSWERS;

	while (c->note[NOTE_ANSWERS] < enough && clock_now_us() < until_us) {
		if (poll(&ready, 1, 10) < 0 && errno != EINTR)
			chaos_violate(c, "poll: %d", errno);
		chaos_done(c, "ipc_server_dispatch", ipc_server_dispatch(server, clock_now_us()));
		ipc_server_expire(server, clock_now_us()); /* lets in again who waits */
	}
	if (c->note[NOTE_ANSWERS] < enough)
		chaos_violate(c, "the client is not answered any more");
}

static void act(struct chaos *c)
{
	char path[96];
	struct ipc_server_conf conf = {.path = path, .version = "0", .handle = handle};
	struct ipc_server *server = NULL;
	struct uw_err err = {0};

	socket_path(c, path);
	if (!chaos_ok(c, "ipc_server_new", ipc_server_new(&conf, &server, &err), &err))
		return;
	serve(c, server);
	ipc_server_free(server);
}

static void check(struct chaos *c)
{
	(void)c; /* the client has said it */
}

const struct chaos_driver chaos_ipc = {
	.name = "ipc",
	.how = CHAOS_FAILS,
	.prepare = prepare,
	.act = act,
	.check = check,
};
