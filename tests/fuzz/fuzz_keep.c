// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any packets to the keeper of pools, with and without files, while it runs in a thread. Each
 * well-formed request gets its reply, a list one for each pool before; what is malformed ends the
 * connection and nothing else, so that the next uwd finds the pools that a model of it has.
 *
 * An input is a row of steps of eight bytes: what to send, an id, a place and a size by tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/text.h"
#include "user/keep/keep.h"
#include "user/keep/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDS       8U /* 0 is none */
#define STEPS     64U
#define STEP_SIZE 8U

/* A pool is small, or refused: what is asked of it may be anything. */
static const uint64_t pool_sizes[] = {
	0, 1, 4096, 8192, 3ULL << 20, (2ULL << 20) + 5, KEEP_BYTES_MAX + 1, UINT64_MAX,
};
static const uint64_t places[] = {
	0, 1, 4095, 4096, 2ULL << 20, 3ULL << 20, KEEP_BYTES_MAX, UINT64_MAX - 4095,
};

static struct sockaddr_un address;
static socklen_t address_size = sizeof(address);
static int uwd = -1, file = -1;
static uint64_t pool[IDS];        /* bytes that the model has; 0: none */
static uint32_t expected, listed; /* replies; and pools in those to a list */
static uint64_t cookie;

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_keep: %s\n", what);
	abort();
}

/* ---- the keeper ---- */

static void *run_keeper(void *data)
{
	const struct keep_options options = {.listen = *(int *)data, .group = -1};
	struct uw_err err = {0};

	keep_run(&options, &err);
	require(0, "the keeper has ended");
	return NULL;
}

static void start_keeper(void)
{
	static int listener;
	pthread_t thread;

	address.sun_family = AF_UNIX;
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Without a name the kernel gives it one. */
	require(!bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) &&
			!listen(listener, 4) &&
			!getsockname(listener, (struct sockaddr *)&address, &address_size),
		"no socket");
	file = memfd_create("fuzz", MFD_CLOEXEC);
	require(file >= 0 && !ftruncate(file, 8192), "no file");
	require(!pthread_create(&thread, NULL, run_keeper, &listener), "no thread");
}

static void connect_keeper(void)
{
	uwd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	require(!connect(uwd, (struct sockaddr *)&address, address_size), "no keeper");
	expected = 0;
}

/* ---- its replies ---- */

static void take_reply(const struct keep_message *reply, int fd)
{
	uint64_t id = reply->pool;

	require(reply->magic == KEEP_MAGIC && reply->op < KEEP_OP__COUNT && !reply->zero,
		"a reply is malformed");
	require(reply->cookie && reply->cookie <= cookie, "a reply to what was not asked");
	require(reply->result <= 0, "a result that is no errno");
	if (reply->op == KEEP_LIST && id) {
		require(id < IDS && pool[id] == reply->bytes && fd >= 0, "an unknown pool");
		listed++;
		return;
	}
	require((fd >= 0) == (reply->op == KEEP_MAKE && !reply->result), "a file that is not due");
	require(expected > 0, "more replies than requests");
	expected--;
}

/* Until all is answered; what takes no time is told in the order in which it was asked. */
static void take_replies(void)
{
	while (expected) {
		struct keep_message reply;
		int fd = -1, rc;

		while ((rc = keep_receive(uwd, &reply, &fd)) == -EAGAIN)
			usleep(20);
		require(!rc, "the connection has ended");
		take_reply(&reply, fd);
		if (fd >= 0)
			close(fd);
	}
}

/* ---- what is sent ---- */

static void expect(const struct keep_message *message, int fd)
{
	uint64_t id = message->pool;

	expected++;
	if (message->op == KEEP_MAKE && id && id < IDS && message->bytes && !pool[id])
		pool[id] = message->bytes;
	if (message->op == KEEP_TAKE && fd >= 0 && id && id < IDS && message->bytes && !pool[id])
		pool[id] = message->bytes;
	if (message->op == KEEP_DROP && id < IDS)
		pool[id] = 0;
}

static bool is_well_formed(const struct keep_message *message)
{
	return message->magic == KEEP_MAGIC && message->op < KEEP_OP__COUNT && !message->zero &&
	       message->offset <= KEEP_BYTES_MAX && message->bytes <= KEEP_BYTES_MAX;
}

/* After what it cannot read the keeper hangs up, and the next uwd comes. */
static void send_malformed(const void *bytes, size_t size, int fd)
{
	char none;

	take_replies();
	if (size == sizeof(struct keep_message))
		keep_send(uwd, bytes, fd);
	else
		send(uwd, bytes, size, MSG_NOSIGNAL);
	require(recv(uwd, &none, 1, 0) <= 0, "a malformed packet is answered");
	close(uwd);
	connect_keeper();
}

static void ask(enum keep_op op, uint64_t id)
{
	const struct keep_message message = {
		.magic = KEEP_MAGIC, .op = op, .cookie = ++cookie, .pool = id};

	take_replies();
	expected++;
	require(!keep_send(uwd, &message, -1), "nothing can be sent");
	take_replies();
}

static void ask_for_list(void)
{
	uint32_t count = 0;

	for (uint64_t id = 0; id < IDS; id++)
		count += pool[id] != 0;
	listed = 0;
	ask(KEEP_LIST, 0);
	require(listed == count, "pools are missing in a list");
}

static void step(const uint8_t *at)
{
	struct keep_message message = {
		.magic = at[7] & 1 ? KEEP_MAGIC ^ (1U << (at[7] >> 3)) : KEEP_MAGIC,
		.op = at[0] % (KEEP_OP__COUNT + 1U),
		.pool = at[1] % IDS,
		.offset = places[at[2] % 8] + (at[3] & 1 ? 4096U : 0U),
		.result = at[4],
		.zero = at[7] & 2 ? 1 : 0,
	};
	int fd = at[5] & 1 ? file : -1;

	message.bytes = message.op == KEEP_MAKE || message.op == KEEP_TAKE ? pool_sizes[at[6] % 8]
									   : places[at[6] % 8];
	if (!is_well_formed(&message)) {
		send_malformed(&message, sizeof(message), fd);
		return;
	}
	if (at[7] & 4) {
		send_malformed(&message, sizeof(message) - 1 - at[4] % 40U, -1);
		return;
	}
	if (message.op == KEEP_LIST) {
		ask_for_list();
		return;
	}
	message.cookie = ++cookie;
	expect(&message, fd);
	require(!keep_send(uwd, &message, fd), "nothing can be sent");
	if (at[3] & 2 || expected > 32)
		take_replies();
}

/* It has had itself spared and locked into memory, which is not for who tries things out. */
static void soften(void)
{
	connect_keeper();
	ask_for_list();
	close(uwd);
	text_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");
	munlockall();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (file < 0) {
		start_keeper();
		soften();
	}
	connect_keeper();
	for (size_t i = 0; i < STEPS && (i + 1) * STEP_SIZE <= size; i++)
		step(data + i * STEP_SIZE);
	take_replies();
	close(uwd);
	connect_keeper();
	ask_for_list();
	for (uint64_t id = 1; id < IDS; id++) {
		pool[id] = 0;
		ask(KEEP_DROP, id);
	}
	ask_for_list();
	close(uwd);
	return 0;
}
