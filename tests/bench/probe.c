// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe - asks a redis for random keys at a fixed rate on one pipelined connection, and records
 * each answer's latency from the instant the request was due. Requests are due whether or not
 * earlier ones were answered. A lost connection loses what was outstanding; it is opened again four
 * times a second.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#define REQUEST_MAX_BYTES 64
#define RECONNECT_US      250000
#define LAST_ANSWER_US    1000000 /* how long past the last request an answer still counts */

static long port = 6379;
static double rate_per_s = 100;
static double seconds = 60;
static long keys = 200000;
static long seed = 1;
static const char *out_path = "probe.csv";

static const struct bench_option options[] = {
	{"port", BENCH_LONG, &port, "TCP port on 127.0.0.1"},
	{"rate", BENCH_DOUBLE, &rate_per_s, "requests a second"},
	{"seconds", BENCH_DOUBLE, &seconds,
	 "how long; SIGTERM ends it sooner, and it waits for answers"},
	{"keys", BENCH_LONG, &keys, "keys key:0 to key:N-1 exist"},
	{"seed", BENCH_LONG, &seed, "seed of the choice of keys"},
	{"out", BENCH_TEXT, &out_path, "latency record: due_ms,latency_us (-1 = lost)"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

/* Counts the answers in a RESP stream of bulk strings, errors and nulls, whatever way it is cut
 * into reads. */
struct answer_parser {
	bool in_line;
	bool is_bulk;
	bool negative;
	long length;
	long skip_bytes; /* of a bulk string's data and its end of line */
};

struct probe {
	int fd; /* -1 = not connected */
	int64_t reconnect_us;
	struct bench_rng rng;
	struct bench_record record;
	size_t answered; /* samples before this one have their latency */
	struct answer_parser parser;
	char *outbox; /* requests not yet taken by the socket */
	size_t outbox_head, outbox_tail;
};

static size_t request_limit(void)
{
	return (size_t)(rate_per_s * seconds);
}

static void probe_disconnect(struct probe *probe)
{
	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
	probe->reconnect_us = bench_now_us() + RECONNECT_US;
	while (probe->answered < probe->record.count)
		probe->record.samples[probe->answered++].latency_us = BENCH_LOST;
	probe->outbox_head = probe->outbox_tail;
	probe->parser = (struct answer_parser){0};
}

static void probe_connect(struct probe *probe)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe->fd < 0)
		bench_fail("socket");
	if (connect(probe->fd, (struct sockaddr *)&address, sizeof(address))) {
		probe_disconnect(probe);
		return;
	}
	setsockopt(probe->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(probe->fd, F_SETFL, O_NONBLOCK);
}

static void probe_flush(struct probe *probe)
{
	size_t bytes = probe->outbox_tail - probe->outbox_head;
	ssize_t sent =
		bytes ? send(probe->fd, probe->outbox + probe->outbox_head, bytes, MSG_NOSIGNAL)
		      : 0;

	if (sent >= 0)
		probe->outbox_head += (size_t)sent;
	else if (errno != EAGAIN && errno != EINTR)
		probe_disconnect(probe);
}

static void probe_request(struct probe *probe, int64_t due_us)
{
	char key[24];
	int key_bytes = snprintf(key, sizeof(key), "key:%lu",
				 (unsigned long)bench_rng_below(&probe->rng, (uint64_t)keys));

	bench_record_add(&probe->record, due_us, BENCH_LOST);
	if (probe->fd < 0) {
		probe->answered = probe->record.count;
		return;
	}
	probe->outbox_tail +=
		(size_t)snprintf(probe->outbox + probe->outbox_tail, REQUEST_MAX_BYTES,
				 "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", key_bytes, key);
	probe_flush(probe);
}

static void probe_answer(struct probe *probe, int64_t now_us)
{
	struct bench_sample *sample = &probe->record.samples[probe->answered];

	if (probe->answered == probe->record.count)
		return;
	sample->latency_us = now_us - sample->due_us;
	probe->answered++;
}

/* Takes the end of a header line: true when the whole answer has been read. */
static bool parser_end_line(struct answer_parser *parser)
{
	bool has_data = parser->is_bulk && !parser->negative;

	parser->in_line = false;
	parser->skip_bytes = has_data ? parser->length + 2 : 0;
	return !has_data;
}

/* Takes one byte of a header line: true when it ends an answer that has no data. */
static bool parser_take(struct answer_parser *parser, char byte)
{
	if (!parser->in_line) {
		*parser = (struct answer_parser){.in_line = true, .is_bulk = byte == '$'};
		return false;
	}
	if (byte == '\n')
		return parser_end_line(parser);
	if (byte == '-')
		parser->negative = true;
	if (byte >= '0' && byte <= '9')
		parser->length = parser->length * 10 + (byte - '0');
	return false;
}

static void probe_parse(struct probe *probe, const char *bytes, size_t count, int64_t now_us)
{
	struct answer_parser *parser = &probe->parser;
	size_t at = 0;

	while (at < count) {
		if (parser->skip_bytes == 0) {
			if (parser_take(parser, bytes[at++]))
				probe_answer(probe, now_us);
			continue;
		}

		size_t left = count - at;
		size_t skip = (size_t)parser->skip_bytes < left ? (size_t)parser->skip_bytes : left;

		at += skip;
		parser->skip_bytes -= (long)skip;
		if (parser->skip_bytes == 0)
			probe_answer(probe, now_us);
	}
}

static void probe_receive(struct probe *probe)
{
	static char buffer[65536];
	ssize_t got = recv(probe->fd, buffer, sizeof(buffer), 0);

	if (got > 0)
		probe_parse(probe, buffer, (size_t)got, bench_now_us());
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		probe_disconnect(probe);
}

static void probe_wait(struct probe *probe, int64_t until_us)
{
	int64_t wait_us = until_us - bench_now_us();
	bool unsent = probe->outbox_head < probe->outbox_tail;
	struct pollfd socket = {.fd = probe->fd,
				.events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
	struct timespec timeout = {0};

	if (wait_us > 0)
		timeout = (struct timespec){wait_us / 1000000, (wait_us % 1000000) * 1000};
	if (ppoll(&socket, 1, &timeout, NULL) <= 0)
		return;
	if (socket.revents & POLLOUT)
		probe_flush(probe);
	if (probe->fd >= 0 && (socket.revents & (POLLIN | POLLHUP | POLLERR)))
		probe_receive(probe);
}

static void probe_run(struct probe *probe)
{
	int64_t start_us = bench_now_us() + 1000;

	for (;;) {
		size_t limit = bench_stopped ? probe->record.count : request_limit();
		int64_t now_us = bench_now_us();
		int64_t due_us =
			start_us + (int64_t)((double)probe->record.count * 1e6 / rate_per_s);
		bool all_sent = probe->record.count == limit;

		if (all_sent && (probe->answered == limit || now_us > due_us + LAST_ANSWER_US))
			break;
		if (probe->fd < 0 && now_us >= probe->reconnect_us)
			probe_connect(probe);
		if (!all_sent && now_us >= due_us)
			probe_request(probe, due_us);
		else
			probe_wait(probe, all_sent ? due_us + LAST_ANSWER_US : due_us);
	}
	probe_disconnect(probe);
}

int main(int argc, char **argv)
{
	struct probe probe = {.fd = -1};

	bench_parse_options(argc, argv, "probe [OPTION]...", options);
	bench_catch_stop();
	bench_lock_memory();
	probe.rng.state = (uint64_t)seed;
	probe.outbox = bench_reserve((request_limit() + 1) * REQUEST_MAX_BYTES);
	bench_record_init(&probe.record, request_limit());
	probe_run(&probe);
	bench_record_write(&probe.record, out_path);
	return 0;
}
