// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a client may send: bytes in chunks of any size (the first byte says how large), through the
 * reader and the service. Whatever comes, there is an answer or the connection is given up.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/ipc/service.h"
#include "user/ipc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	(void)data;
	answer->follow = call->more;
	answer->parameters = json_deep_copy(call->parameters);
}

static const struct ipc_server_conf conf = {.version = "0", .handle = handle};

static void check_reply(const char *bytes, size_t count)
{
	AUTO_JSON json_t *reply = NULL;
	struct wire_reader reader = {0};

	if (wire_reader_feed(&reader, bytes, count) < 0)
		abort();
	if (wire_reader_next(&reader, &reply, NULL) != 1)
		abort();
	wire_reader_done(&reader);
}

static void answer(const json_t *message)
{
	static const struct ipc_peer peers[] = {
		{.uid = 0, .member = true},
		{.uid = 1000, .member = true},
		{.uid = 1001},
	};

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		AUTO_FREE char *bytes = NULL;
		size_t count = 0;
		int follow;

		if (service_answer(&conf, &peers[i], 1, message, i == 1, &bytes, &count, &follow) >=
			    0 &&
		    bytes)
			check_reply(bytes, count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader reader = {.limit = IPC_REQUEST_MAX};
	size_t chunk, at = 1;
	int r = 0;

	if (!size)
		return 0;
	chunk = data[0] + 1U;
	while (r >= 0 && at < size) {
		size_t count = size - at < chunk ? size - at : chunk;

		r = wire_reader_feed(&reader, data + at, count);
		at += count;
		while (r >= 0) {
			AUTO_JSON json_t *message = NULL;

			r = wire_reader_next(&reader, &message, NULL);
			if (r <= 0)
				break;
			answer(message);
		}
	}
	wire_reader_done(&reader);
	return 0;
}
