// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a packet of leases, to uwd and from it. What is read has terminated texts and known
 * numbers, and is the same when it is written and read again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[PACKET_MAX];

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_packet: %s\n", what);
	abort();
}

static void open_again(const struct packet_out *out, struct packet_in *ret_in)
{
	require(!packet_open(ret_in, out->bytes, out->used), "what was written cannot be read");
}

static int names_end(const union packet_request *request)
{
	switch (request->item.op) {
	case PACKET_GRANT:
	case PACKET_POOL_CREATE:
		return strlen(request->grant.component) < PACKET_NAME_LEN &&
		       strlen(request->grant.text) < PACKET_TEXT_LEN;
	case PACKET_POOL_ATTACH:
		return strlen(request->attach.name) < PACKET_NAME_LEN;
	case PACKET_TASK_SUBMIT:
		return strlen(request->task.component) < PACKET_NAME_LEN &&
		       strlen(request->task.text) < PACKET_TEXT_LEN &&
		       strlen(request->task.key) < PACKET_KEY_LEN;
	case PACKET_TASK_BEGIN:
		return strlen(request->begin.key) < PACKET_KEY_LEN;
	default:
		return 1;
	}
}

static void read_requests(struct packet_in *in)
{
	union packet_request request, same;
	struct packet_out out;
	struct packet_in back;
	int rc;

	while ((rc = packet_next_request(in, &request)) > 0) {
		enum packet_op op = (enum packet_op)request.item.op;

		require(names_end(&request), "a name without an end");
		packet_start(&out, again, PACKET_REQUESTS);
		require(!packet_add_request(&out, op, &request), "a request does not fit");
		open_again(&out, &back);
		require(packet_next_request(&back, &same) == 1, "a request is refused");
		require(!memcmp(&request, &same, sizeof(same)), "a request differs");
	}
}

static void read_answers(struct packet_in *in)
{
	union packet_answer answer, same;
	const char *text, *text_again;
	size_t length, length_again;
	struct packet_out out;
	struct packet_in back;

	while (packet_next_answer(in, &answer, &text, &length) > 0) {
		char *copy = text ? strndup(text, length) : NULL;

		require(answer.reply.item.op != PACKET_TASK_LOOK || answer.reply.outcome ||
				strlen(answer.look.reason) < sizeof(answer.look.reason),
			"a reason without an end");

		packet_start(&out, again, in->kind);
		require(!packet_add_answer(&out, &answer, copy), "an answer does not fit");
		free(copy);
		open_again(&out, &back);
		require(packet_next_answer(&back, &same, &text_again, &length_again) == 1,
			"an answer is refused");
		require(length == length_again, "a text differs");
		answer.reply.item.length = same.reply.item.length;
		require(!memcmp(&answer, &same, sizeof(same)), "an answer differs");
	}
}

static void read_events(struct packet_in *in)
{
	union packet_event event, same;
	struct packet_out out;
	struct packet_in back;

	while (packet_next_event(in, &event) > 0) {
		packet_start(&out, again, PACKET_EVENTS);
		require(!packet_add_event(&out, (enum packet_event_op)event.item.op, &event),
			"an event does not fit");
		open_again(&out, &back);
		require(packet_next_event(&back, &same) == 1, "an event is refused");
		require(!memcmp(&event, &same, sizeof(same)), "an event differs");
	}
}

static void read_gone(struct packet_in *in)
{
	uint64_t id, same;
	struct packet_out out;
	struct packet_in back;

	while (packet_next_gone(in, &id) > 0) {
		packet_start(&out, again, PACKET_GONE);
		require(!packet_add_gone(&out, id), "an id does not fit");
		open_again(&out, &back);
		require(packet_next_gone(&back, &same) == 1 && id == same, "an id differs");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct packet_in * in) = {read_requests, read_answers,
								 read_events, read_gone};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		/* Of its very size, and not aligned: a byte read too far is seen. */
		uint8_t *copy = malloc(size + 1);
		struct packet_in in;

		require(copy != NULL, "no memory");
		memcpy(copy + 1, data, size);
		if (!packet_open(&in, copy + 1, size))
			readers[i](&in);
		free(copy);
	}
	return 0;
}
