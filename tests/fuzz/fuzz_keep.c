// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any packets to the keeper of pools, with and without files. Each well-formed request gets its
 * reply, a list one for each pool before; what is malformed ends the connection and nothing else,
 * so that the next uwd finds the pools that a model of it has, and no file is left open. The keeper
 * takes its turns here, over a kernel that is none: no process, no socket and no file is made.
 *
 * An input is a row of steps of eight bytes: what to send, an id, a place and a size by tables.
 */
#include "tests/fuzz/keep_kernel.h"

#include "user/keep/keep.c"
#include "user/keep/message.c"
#include "user/keep/pools.c"

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

static struct keeper keeper;
static struct connection *uwd;
static uint64_t pool[IDS];        /* bytes that the model has; 0: none */
static uint32_t expected, listed; /* replies; and pools in those to a list */
static uint64_t cookie;

/* ---- the keeper ---- */

static void start_keeper(void)
{
	kernel.next = 0;
	keeper = (struct keeper){.listen = open_fd(FD_LISTENER), .uwd = -1};
	keeper.pools.group = -1;
}

static bool has_something_to_do(void)
{
	struct pollfd ready[] = {{.fd = keeper.listen, .events = POLLIN},
				 {.fd = keeper.uwd, .events = POLLIN}};

	return keeper.commits || poll(ready, 2, 0);
}

static void run_keeper(void)
{
	while (has_something_to_do())
		require(!turn(&keeper), "the keeper has ended");
}

static void connect_keeper(void)
{
	uwd = kernel_connect();
	expected = 0;
	run_keeper();
	require(uwd->fd >= 0, "no keeper");
}

static void leave_keeper(void)
{
	uwd->is_left = true;
}

/* ---- its replies ---- */

static void take_reply(const struct keep_message *reply, bool has_fd)
{
	uint64_t id = reply->pool;

	require(reply->magic == KEEP_MAGIC && reply->op < KEEP_OP__COUNT && !reply->zero,
		"a reply is malformed");
	require(reply->cookie && reply->cookie <= cookie, "a reply to what was not asked");
	require(reply->result <= 0, "a result that is no errno");
	if (reply->op == KEEP_LIST && id) {
		require(id < IDS && pool[id] == reply->bytes && has_fd, "an unknown pool");
		listed++;
		return;
	}
	require(has_fd == (reply->op == KEEP_MAKE && !reply->result), "a file that is not due");
	require(expected > 0, "more replies than requests");
	expected--;
}

static void take_replies(void)
{
	const struct packet *packet;

	run_keeper();
	while ((packet = get(&uwd->answered))) {
		struct keep_message reply;

		require(packet->size == sizeof(reply), "a reply of another size");
		memcpy(&reply, packet->bytes, sizeof(reply));
		take_reply(&reply, packet->has_fd);
	}
	require(!expected, "a request without a reply");
}

/* ---- what is sent ---- */

static void expect(const struct keep_message *message, bool has_fd)
{
	uint64_t id = message->pool;

	expected++;
	if (message->op == KEEP_MAKE && id && id < IDS && message->bytes && !pool[id])
		pool[id] = message->bytes;
	if (message->op == KEEP_TAKE && has_fd && id && id < IDS && message->bytes && !pool[id])
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
static void send_malformed(const void *bytes, size_t size, bool has_fd)
{
	take_replies();
	put(&uwd->asked, bytes, size, has_fd);
	run_keeper();
	require(uwd->fd < 0 && !uwd->answered.count, "a malformed packet is answered");
	connect_keeper();
}

static void ask(enum keep_op op, uint64_t id)
{
	struct keep_message message = {.magic = KEEP_MAGIC, .op = op, .pool = id};

	message.cookie = ++cookie;
	take_replies();
	expected++;
	put(&uwd->asked, &message, sizeof(message), false);
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
	bool has_fd = at[5] & 1;

	message.bytes = message.op == KEEP_MAKE || message.op == KEEP_TAKE ? pool_sizes[at[6] % 8]
									   : places[at[6] % 8];
	if (!is_well_formed(&message)) {
		send_malformed(&message, sizeof(message), has_fd);
		return;
	}
	if (at[7] & 4) {
		send_malformed(&message, sizeof(message) - 1 - at[4] % 40U, false);
		return;
	}
	if (message.op == KEEP_LIST) {
		ask_for_list();
		return;
	}
	message.cookie = ++cookie;
	expect(&message, has_fd);
	put(&uwd->asked, &message, sizeof(message), has_fd);
	if (at[3] & 2 || expected > 32)
		take_replies();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start_keeper();
	connect_keeper();
	for (size_t i = 0; i < STEPS && (i + 1) * STEP_SIZE <= size; i++)
		step(data + i * STEP_SIZE);
	take_replies();
	leave_keeper();
	connect_keeper();
	ask_for_list();
	for (uint64_t id = 1; id < IDS; id++) {
		if (!pool[id])
			continue;
		pool[id] = 0;
		ask(KEEP_DROP, id);
	}
	ask_for_list();
	leave_keeper();
	run_keeper();
	close(keeper.listen);
	require(!kernel.open, "a file is left open");
	return 0;
}
