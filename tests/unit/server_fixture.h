/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server on a socket of its own, with a handler that counts its calls, and clients of it. Nothing
 * here waits: time is moved by the tests. For the tests of user/ipc/server.h.
 */
#ifndef UW_TESTS_SERVER_FIXTURE_H
#define UW_TESTS_SERVER_FIXTURE_H

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"

/* A server on a socket of its own in a folder of its own; now_us is ours to move. */
struct fixture {
	char folder[32];
	char path[64];
	const char *group; /* one of ours, so that no root is needed */
	struct ipc_server *server;
	uint64_t now_us;
	size_t answer_bytes; /* of padding in each answer */
	unsigned int handled;
	bool later; /* answer nothing yet */
	uint64_t token;
	uint64_t cost_us;      /* of a call, on turn_clock_us */
	unsigned int hurry_at; /* the call during which something comes that clients wait for */
	bool hurry;
};

/* What turns are measured by: stands still but for what handlers and works say they take. */
static uint64_t turn_clock_us;

static uint64_t turn_clock(void)
{
	return turn_clock_us;
}

static void handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct fixture *fixture = data;
	AUTO_FREE char *padding = calloc(1, fixture->answer_bytes + 1);

	memset(padding, 'x', fixture->answer_bytes);
	fixture->handled++;
	fixture->hurry |= fixture->handled == fixture->hurry_at;
	turn_clock_us += fixture->cost_us;
	if (fixture->later) {
		fixture->token = call->token;
		answer->later = true;
		return;
	}
	answer->follow = call->more;
	answer->parameters =
		json_pack("{s:i, s:s}", "number", (int)fixture->handled, "padding", padding);
}

static bool is_in_hurry(void *data)
{
	return ((const struct fixture *)data)->hurry;
}

static int start(struct fixture *fixture)
{
	struct ipc_server_conf conf = {
		.path = fixture->path,
		.group = fixture->group,
		.version = "0",
		.handle = handle,
		.hurry = is_in_hurry,
		.data = fixture,
		.now_us = turn_clock,
	};
	struct uw_err err = {0};

	return ipc_server_new(&conf, &fixture->server, &err);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/uw-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/uwd.sock", fixture->folder);
	fixture->now_us = 1000000;
	fixture->group = getgrgid(getgid())->gr_name;
	assert_int_equal(start(fixture), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ipc_server_free(fixture->server);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static int connect_to(const struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strncpy(address.sun_path, fixture->path, sizeof(address.sun_path) - 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void turns(struct fixture *fixture, int count)
{
	while (count--)
		assert_int_equal(ipc_server_dispatch(fixture->server, fixture->now_us), 0);
}

static void send_calls(int fd, int count)
{
	static const char call[] = "{\"method\":\"io.uwctl.Control.Status\"}";

	while (count--)
		assert_int_equal(send(fd, call, sizeof(call), 0), (int)sizeof(call));
}

/* Reads what is there; the number of NULs in it. -1 when the server closed. */
static int answers(int fd)
{
	char buf[4096];
	ssize_t got;
	int count = 0;

	while ((got = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			count += buf[i] == '\0';
	}
	return got == 0 && !count ? -1 : count;
}

static struct ipc_server_stats stats_of(const struct fixture *fixture)
{
	struct ipc_server_stats stats;

	ipc_server_stats(fixture->server, &stats);
	return stats;
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
