/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue with its server and a client on a socket, in one thread: the test plays uwd's loop, so
 * what is on its way at which moment is for the test to say. The client may be taken for any user.
 */
#ifndef UW_TEST_CALLS_FIXTURE_H
#define UW_TEST_CALLS_FIXTURE_H

#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/jobs_fixture.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/daemon/methods/queue.h"
#include "user/daemon/methods/wait.h"
#include "user/daemon/state.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"
#include "user/ipc/wire.h"

#define USER  4711
#define GROUP 4712

struct calls {
	struct jobs_fixture jobs;
	struct daemon daemon;
	struct ipc_peer peer; /* who calls */
	char path[128];
	int fd;
	struct wire_reader in;
};

static void calls_handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct calls *calls = data;
	struct ipc_call as = *call;

	as.peer = &calls->peer;
	assert_true(methods_queue_handle(&calls->daemon, &as, answer));
}

static void calls_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct calls *calls = data;

	calls->jobs.ended++;
	calls->jobs.result = *result;
	wait_see_end(&calls->daemon, job, result);
}

static inline void calls_connect(struct calls *calls)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	calls->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(text_copy(address.sun_path, sizeof(address.sun_path), calls->path));
	assert_int_equal(connect(calls->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static inline void calls_disconnect(struct calls *calls)
{
	close(calls->fd);
	wire_reader_done(&calls->in);
}

static inline void serve(struct calls *calls)
{
	assert_int_equal(ipc_server_dispatch(calls->daemon.server, clock_now_us()), 0);
}

static inline int calls_setup(void **state)
{
	static struct calls calls;
	struct jobs_fixture *f = &calls.jobs;
	struct ipc_server_conf conf = {
		.path = calls.path,
		.group = "",
		.version = "0",
		.handle = calls_handle,
		.data = &calls,
	};
	struct uw_err err = {0};
	int rc;

	memset(&calls, 0, sizeof(calls));
	jobs_fixture_init(f);
	f->config.admission.max_queued = 0;
	rc = jobs_fixture_begin(f);
	f->jobs->setup.ended = calls_ended;
	f->jobs->setup.data = &calls;
	calls.daemon.jobs = f->jobs;
	calls.daemon.config = f->config;
	calls.peer = (struct ipc_peer){.uid = USER, .gid = GROUP};
	snprintf(calls.path, sizeof(calls.path), "%s/uwd.sock", f->pool.path);
	assert_true(ipc_server_new(&conf, &calls.daemon.server, &err) >= 0);
	calls_connect(&calls);
	serve(&calls); /* takes it in */
	*state = &calls;
	return rc;
}

static inline int calls_teardown(void **state)
{
	struct calls *calls = *state;

	jobs_close(TAKE(calls->jobs.jobs));
	ipc_server_free(calls->daemon.server);
	calls_disconnect(calls);
	return jobs_teardown(state);
}

static inline void let_in(struct calls *calls, const char *submit)
{
	struct component *component = &calls->daemon.config.component[0];

	assert_true(text_copy(component->submit, sizeof(component->submit), submit));
	submitters_resolve(component, &calls->daemon.component[0].allow);
}

/* A turn of all of the loop. */
static inline void calls_turn(struct calls *calls)
{
	jobs_fixture_turn(&calls->jobs);
	serve(calls);
}

/* Takes the parameters. The message must go into the socket at once. */
static inline void call(struct calls *calls, enum ipc_method method, bool more, json_t *parameters)
{
	AUTO_JSON json_t *message = NULL;
	AUTO_FREE char *bytes = NULL;
	char name[64];
	size_t count;

	snprintf(name, sizeof(name), IPC_INTERFACE ".%s", ipc_method_row(method)->name);
	message = json_pack("{s:s, s:o, s:b}", "method", name, "parameters", parameters, "more",
			    more);
	assert_int_equal(wire_encode(message, &bytes, &count), 0);
	assert_int_equal(send(calls->fd, bytes, count, 0), (int)count);
}

/* What has come, or NULL. */
static inline json_t *reply_now(struct calls *calls)
{
	char bytes[65536];
	json_t *reply = NULL;
	ssize_t count;

	while (wire_reader_next(&calls->in, &reply, NULL) == 0) {
		count = recv(calls->fd, bytes, sizeof(bytes), 0);
		if (count <= 0)
			return NULL;
		assert_int_equal(wire_reader_feed(&calls->in, bytes, (size_t)count), 0);
	}
	return reply;
}

static inline json_t *reply(struct calls *calls)
{
	uint64_t hangs_us = clock_now_us() + HANG_GUARD_US;
	json_t *reply;

	while (!(reply = reply_now(calls))) {
		assert_true(clock_now_us() < hangs_us);
		calls_turn(calls);
	}
	return reply;
}

static inline uint64_t number_of(const json_t *reply, const char *key)
{
	if (json_object_get(reply, "error"))
		fail_msg("%s", json_get_text(reply, "error"));
	return json_get_u64(json_object_get(reply, "parameters"), key);
}

/* Asks and waits: one number of the answer. */
static inline uint64_t asked_number(struct calls *calls, enum ipc_method method, const char *key,
				    json_t *parameters)
{
	AUTO_JSON json_t *answer = NULL;

	call(calls, method, false, parameters);
	answer = reply(calls);
	return number_of(answer, key);
}

static inline json_t *range(uint64_t first, uint64_t last)
{
	return json_pack("{s:I, s:I}", "first", (json_int_t)first, "last", (json_int_t)last);
}

/* Jobs of USER that never start; the id of the first. */
static inline uint64_t submit_held(struct calls *calls, uint32_t count)
{
	struct jobs_range all = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));

	item.spec.memory_bytes = 4 * JOBS_BUDGET;
	item.spec.held = true;
	item.spec.uid = USER;
	item.spec.gid = GROUP;
	item.range = &all;
	item.range_count = count > 1;
	submit(&calls->jobs, &item, 1);
	return calls->jobs.first_id;
}

#define CALLS_TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

#endif
