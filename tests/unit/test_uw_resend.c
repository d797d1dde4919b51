// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What libuw asks again over a new connection, while that takes no more: calls come and go
 * meanwhile. The server is a thread that reads and answers when it is told to. What would be wrong
 * is seen by the sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "user/lib/packet.h"
#include "user/lib/uw.h"

#define CALLS_MAX 64U
#define KEY       77U

struct resend_server {
	char dir[32];
	struct sockaddr_un address;
	int listener, client;
	uint8_t in[PACKET_MAX], out[PACKET_MAX];
	uint32_t grants; /* that came and have no answer */
	bool answers;    /* also those */
	bool takes_inputs;
	uint16_t task_length; /* of the last that came */
};

/* ---- the server ---- */

static void setup_server(struct resend_server *server)
{
	*server = (struct resend_server){.client = -1, .address.sun_family = AF_UNIX};
	strcpy(server->dir, "/tmp/uw-resend-XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->address.sun_path, sizeof(server->address.sun_path), "%s/lease.sock",
		 server->dir);
	server->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&server->address,
			      sizeof(server->address)),
			 0);
	assert_int_equal(listen(server->listener, 4), 0);
}

static void end_server(struct resend_server *server)
{
	close(server->client);
	close(server->listener);
	unlink(server->address.sun_path);
	rmdir(server->dir);
}

static int32_t outcome_of(struct resend_server *server, const union packet_request *request)
{
	if (request->item.op == PACKET_TASK_SUBMIT) {
		server->task_length = request->item.length;
		return PACKET_WAITS;
	}
	if (request->item.op == PACKET_GRANT)
		server->grants++;
	return request->item.op == PACKET_GRANT ? -EACCES : 0;
}

/* One packet. */
static void serve_once(struct resend_server *server)
{
	ssize_t size = recv(server->client, server->in, sizeof(server->in), 0);
	union packet_request request;
	struct packet_out out;
	struct packet_in in;
	bool answers = true;

	assert_true(size > 0);
	assert_int_equal(packet_open(&in, server->in, (size_t)size), 0);
	packet_start(&out, server->out, PACKET_ANSWER);
	while (packet_next_request(&in, &request) == 1) {
		union packet_answer answer = {.reply = {.item = request.item}};

		answer.reply.outcome = outcome_of(server, &request);
		if (request.item.op == PACKET_HELLO) {
			answer.reply.id = KEY;
			answer.reply.flags = server->takes_inputs ? PACKET_INPUTS : 0;
		}
		answers = request.item.op != PACKET_GRANT || server->answers;
		packet_add_answer(&out, &answer, NULL);
	}
	if (answers)
		assert_int_equal(send(server->client, out.bytes, out.used, 0), out.used);
}

static void accept_client(struct resend_server *server)
{
	server->client = accept(server->listener, NULL, NULL);
	assert_true(server->client >= 0);
}

static int queued_bytes(const struct resend_server *server)
{
	int bytes = 0;

	assert_int_equal(ioctl(server->client, SIOCINQ, &bytes), 0);
	return bytes;
}

/* As long as something comes. */
static void *serve_on(void *data)
{
	struct resend_server *server = data;
	struct pollfd ready = {.fd = server->client, .events = POLLIN};

	server->answers = true;
	while (poll(&ready, 1, -1) == 1 && queued_bytes(server) > 0)
		serve_once(server);
	return NULL;
}

/* ---- the client ---- */

struct resend_caller {
	pthread_t thread;
	struct uw *uw;
	int outcome;
};

/* All that a packet takes. */
static void *ask_much(void *data)
{
	static const struct uw_request request = {
		.size = sizeof(request),
		.component = "trading_data",
		.flags = UW_NO_CREDIT,
		.bytes = 4096,
	};
	struct resend_caller *caller = data;
	struct uw_request *requests = calloc(PACKET_ITEMS_MAX, sizeof(*requests));
	struct uw_grant *grants = calloc(PACKET_ITEMS_MAX, sizeof(*grants));
	int *outcomes = calloc(PACKET_ITEMS_MAX, sizeof(*outcomes));

	for (uint32_t i = 0; i < PACKET_ITEMS_MAX; i++)
		requests[i] = request;
	grants->size = sizeof(*grants);
	if (uw_alloc_many(caller->uw, requests, PACKET_ITEMS_MAX, grants, outcomes))
		outcomes[0] = -EIO;
	caller->outcome = outcomes[0];
	free(requests);
	free(grants);
	free(outcomes);
	return NULL;
}

static size_t much_bytes(void)
{
	return sizeof(struct packet_header) + PACKET_ITEMS_MAX * sizeof(struct packet_grant);
}

/* Packets of that size after which a socket takes no more, whatever comes then. */
static uint32_t count_that_fill(void)
{
	static const uint8_t bytes[PACKET_MAX];
	uint32_t count = 0;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	while (send(fds[0], bytes, much_bytes(), MSG_DONTWAIT) > 0)
		count++;
	close(fds[0]);
	close(fds[1]);
	assert_in_range(count, 1, CALLS_MAX);
	return count;
}

static void *open_handle(void *data)
{
	struct resend_caller *caller = data;
	const struct resend_server *server = (void *)caller->uw;

	caller->outcome = uw_open(server->address.sun_path, &caller->uw);
	return NULL;
}

static struct uw *connect_client(struct resend_server *server)
{
	struct resend_caller opener = {.uw = (void *)server};

	assert_int_equal(pthread_create(&opener.thread, NULL, open_handle, &opener), 0);
	accept_client(server);
	serve_once(server);
	pthread_join(opener.thread, NULL);
	assert_int_equal(opener.outcome, 0);
	return opener.uw;
}

struct resend_task {
	pthread_t thread;
	struct uw *uw;
	uint64_t id;
	int rc;
};

static void *submit(void *data)
{
	const struct uw_task task = {.size = sizeof(task),
				     .component = "trading_data",
				     .key = "train",
				     .bytes = 4096,
				     .input_bytes = 1};
	struct resend_task *submitted = data;

	submitted->rc = uw_task_submit(submitted->uw, &task, &submitted->id, NULL);
	return NULL;
}

/* It is the oldest call, and so the last one that is sent again. */
static uint64_t submit_task(struct resend_server *server, struct uw *uw)
{
	struct resend_task task = {.uw = uw};

	assert_int_equal(pthread_create(&task.thread, NULL, submit, &task), 0);
	serve_once(server);
	pthread_join(task.thread, NULL);
	assert_int_equal(task.rc, 0);
	return task.id;
}

/* Over a new connection all is sent again, as far as it goes. */
static void lose_connection(struct resend_server *server, uint32_t count)
{
	close(server->client);
	accept_client(server);
	serve_once(server); /* who it is */
	serve_once(server); /* what it has */
	while (queued_bytes(server) < (int)(count * much_bytes()))
		usleep(1000);
}

static void *end_task(void *data)
{
	struct resend_task *task = data;

	task->rc = uw_task_end(task->uw, task->id);
	return NULL;
}

/* It ends, though nobody reads what uwd is to be told of it. */
static void begin_end(struct resend_task *task)
{
	assert_int_equal(pthread_create(&task->thread, NULL, end_task, task), 0);
	while (uw_task_begin(task->uw, task->id, -1) != UW_STALE)
		usleep(1000);
}

/*
 * Who sends holds the lock until there is no room, which is when the task is to be sent. So it has
 * waited with that one once uw_task_end has the lock, which frees it.
 */
static void test_task_that_ends_while_it_is_sent_again_is_let_be(void **state)
{
	struct resend_caller caller[CALLS_MAX] = {0};
	struct resend_server server;
	uint32_t count = count_that_fill();
	struct resend_task task;
	struct uw *uw;
	pthread_t thread;

	(void)state;
	setup_server(&server);
	uw = connect_client(&server);
	task = (struct resend_task){.uw = uw, .id = submit_task(&server, uw)};
	for (uint32_t i = 0; i < count; i++) {
		caller[i].uw = uw;
		assert_int_equal(pthread_create(&caller[i].thread, NULL, ask_much, &caller[i]), 0);
	}
	for (uint32_t i = 0; i < count; i++)
		serve_once(&server);
	assert_int_equal(server.grants, count * PACKET_ITEMS_MAX);
	lose_connection(&server, count);
	begin_end(&task);
	assert_int_equal(pthread_create(&thread, NULL, serve_on, &server), 0);
	pthread_join(task.thread, NULL);
	assert_int_equal(task.rc, 0);
	for (uint32_t i = 0; i < count; i++) {
		pthread_join(caller[i].thread, NULL);
		assert_int_equal(caller[i].outcome, -EACCES);
	}
	uw_close(uw);
	pthread_join(thread, NULL);
	end_server(&server);
}

/* As it is asked: an earlier one would drop its client for it, again and again. */
static void test_uwd_is_told_of_inputs_if_it_takes_them(void **state)
{
	struct resend_server server;
	struct uw *uw;

	(void)state;
	for (int takes = 0; takes < 2; takes++) {
		setup_server(&server);
		server.takes_inputs = takes;
		uw = connect_client(&server);
		submit_task(&server, uw);
		assert_int_equal(server.task_length,
				 takes ? sizeof(struct packet_task)
				       : offsetof(struct packet_task, input_bytes));
		uw_close(uw);
		end_server(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uwd_is_told_of_inputs_if_it_takes_them),
		cmocka_unit_test(test_task_that_ends_while_it_is_sent_again_is_let_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
