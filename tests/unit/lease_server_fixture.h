/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server of leases on a socket of its own, and clients that speak packets to it. */
#ifndef TESTS_UNIT_LEASE_SERVER_FIXTURE_H
#define TESTS_UNIT_LEASE_SERVER_FIXTURE_H

#include "tests/unit/keeper_fixture.h"
#include "tests/unit/lease_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/pid.h"
#include "user/lease/inside.h"
#include "user/lease/server.h"

static struct lease_fixture *f;
static struct lease_server *server;
static char dir[] = "/tmp/uw-lease-XXXXXX", path[64];
static uint8_t bytes[PACKET_MAX];
static struct packet_out out;
static uint64_t now_us;
static uint32_t may = 3;
static bool no_keepers;    /* none can be started */
static uint64_t job_bytes; /* of the job whose leaf the clients run in; 0: none */

static inline uint64_t tell_now(void)
{
	return now_us;
}

static inline void place(void *data, const struct lease_peer *peer, struct lease_place *ret_place)
{
	(void)data, (void)peer;
	*ret_place = (struct lease_place){
		.component = COMPONENT_NONE, .may = may, .reserved_bytes = job_bytes};
}

static inline int find(void *data, const char *name, uint8_t *ret_priority)
{
	(void)data;
	*ret_priority = 5;
	return config_find(&f->config, name);
}

static inline const char *name_of(void *data, uint32_t component)
{
	(void)data;
	return component < f->config.component_count ? f->config.component[component].name : NULL;
}

static inline void grow(void *data)
{
	(void)data;
}

static char *report(void *data)
{
	(void)data;
	return strdup("{\"v\":1}");
}

static inline int find_keeper(void *data, uint32_t component, bool start, int *ret_fd)
{
	(void)data;
	return keeper_find(dir, component, start && !no_keepers, ret_fd);
}

/* ---- leaves of tasks, as they were asked for ---- */

static struct lease_move asked_move;
static char asked_leaf[LEASE_LEAF_LEN], ended_leaf[LEASE_LEAF_LEN], found_leaf[LEASE_LEAF_LEN];
static char ended_key[PACKET_KEY_LEN];
static bool ended_by_itself;
static int moves, ends, move_rc;
static uint64_t learned_bytes, learned_run_us, ended_input_bytes;

/* So much and twice the input. */
static inline struct lease_learned learned(void *data, uint32_t component, uint32_t uid,
					   const char *key, uint64_t input_bytes)
{
	(void)data, (void)component, (void)uid, (void)key;
	return (struct lease_learned){
		.bytes = learned_bytes ? learned_bytes + 2 * input_bytes : 0,
		.run_us = learned_run_us,
	};
}

static inline int move(void *data, const struct lease_move *wanted)
{
	(void)data;
	asked_move = *wanted;
	strcpy(asked_leaf, wanted->leaf);
	moves++;
	return move_rc;
}

static inline void end(void *data, const struct lease_leaf_end *over)
{
	(void)data;
	strcpy(ended_leaf, over->leaf);
	strcpy(ended_key, over->key);
	ended_input_bytes = over->input_bytes;
	ended_by_itself = over->by_itself;
	ends++;
}

static inline int look(void *data, const char *component, const char *leaf,
		       struct lease_leaf_look *ret_look)
{
	(void)data, (void)component, (void)leaf;
	*ret_look = (struct lease_leaf_look){true, 3, 4, 5};
	return 0;
}

static inline bool find_leaf(void *data, int32_t pid, char component[static UW_NAME_LEN],
			     char leaf[static LEASE_LEAF_LEN])
{
	(void)data, (void)pid;
	strcpy(component, "ml_models");
	strcpy(leaf, found_leaf);
	return *found_leaf;
}

static inline void start_server(void)
{
	struct lease_server_conf conf = {
		.path = path,
		.ledger = f->ledger,
		.place = place,
		.component = find,
		.name = name_of,
		.keeper = find_keeper,
		.grow = grow,
		.learned = learned,
		.move = move,
		.end = end,
		.look = look,
		.find_leaf = find_leaf,
		.report = report,
		.now_us = tell_now,
	};
	struct uw_err err = {0};

	assert_int_equal(lease_server_new(&conf, &server, &err), 0);
}

static inline int setup(void **state)
{
	if (lease_fixture_setup(state))
		return -1;
	f = *state;
	now_us = f->now_us;
	may = 3;
	no_keepers = false;
	job_bytes = 0;
	moves = ends = move_rc = 0;
	learned_bytes = learned_run_us = 0;
	*found_leaf = '\0';
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/lease.sock", dir);
	start_server();
	return 0;
}

static inline int teardown(void **state)
{
	lease_server_free(server);
	for (uint32_t i = 0; i < LEASE_COMPONENTS; i++)
		keeper_kill(dir, i);
	lease_fixture_teardown(state);
	return rmdir(dir);
}

static inline void serve(void)
{
	struct pollfd ready = {.fd = lease_server_fd(server), .events = POLLIN};

	for (int i = 0; i < 100 && poll(&ready, 1, 0) > 0; i++)
		assert_int_equal(lease_server_dispatch(server), 0);
}

/* Until there is something at fd, which takes others to work. */
static inline void serve_until(int fd)
{
	struct pollfd ready[] = {{.fd = lease_server_fd(server), .events = POLLIN},
				 {.fd = fd, .events = POLLIN}};

	while (poll(ready, 2, 10000) > 0 && !ready[1].revents)
		assert_int_equal(lease_server_dispatch(server), 0);
	assert_true(ready[1].revents);
}

/* ---- a client ---- */

static inline int call_in(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void send_out(int fd, int passed)
{
	struct iovec from = {bytes, out.used};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};

	if (passed >= 0) {
		memcpy(CMSG_DATA(&control.head), &passed, sizeof(passed));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), out.used);
}

/* The next packet from the server; false at the end of the connection. */
static inline bool hear(int fd, struct packet_in *ret_in)
{
	static uint8_t heard[PACKET_MAX];
	ssize_t size = recv(fd, heard, sizeof(heard), MSG_DONTWAIT);

	if (size <= 0 && !(size < 0 && errno == EAGAIN))
		return false;
	assert_true(size > 0);
	assert_int_equal(packet_open(ret_in, heard, (size_t)size), 0);
	return true;
}

static inline bool hears_nothing(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static inline union packet_answer hear_answer(int fd, enum packet_kind kind)
{
	union packet_answer answer;
	struct packet_in in;
	const char *text;
	size_t length;

	assert_true(hear(fd, &in));
	assert_int_equal(in.kind, kind);
	assert_int_equal(packet_next_answer(&in, &answer, &text, &length), 1);
	return answer;
}

static inline union packet_answer ask_one(int fd, enum packet_op op, union packet_request request)
{
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, op, &request);
	send_out(fd, -1);
	serve();
	return hear_answer(fd, PACKET_ANSWER);
}

static inline int own_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	assert_true(fd >= 0);
	return fd;
}

/* Says hello with key; returns what it was given. */
static inline uint64_t hello(int fd, uint64_t key, uint32_t flags)
{
	union packet_request request = {.hello = {.key = key, .flags = flags}};
	union packet_answer answer;
	int pidfd = own_pidfd();

	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_HELLO, &request);
	send_out(fd, pidfd);
	close(pidfd);
	serve();
	answer = hear_answer(fd, PACKET_ANSWER);
	assert_int_equal(answer.reply.outcome, 0);
	return answer.reply.id;
}

static inline int join(void)
{
	int fd = call_in();

	hello(fd, 0, 0);
	return fd;
}

static inline union packet_request wish(const char *component, uint64_t size, uint64_t timeout_us)
{
	union packet_request request = {
		.grant = {.item.cookie = 9, .bytes = size, .timeout_us = timeout_us}};

	strcpy(request.grant.component, component);
	return request;
}

static inline uint64_t get(int fd, const char *component, uint64_t size)
{
	union packet_answer answer = ask_one(fd, PACKET_GRANT, wish(component, size, 0));

	assert_int_equal(answer.reply.outcome, 0);
	return answer.reply.id;
}

static inline uint32_t leases(void)
{
	struct lease_totals totals;

	lease_totals(f->ledger, &totals);
	return totals.leases;
}

#endif
