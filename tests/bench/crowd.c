// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A crowd of clients that mean no good: processes of several users, each of which calls one method
 * of uwd after the other, at random and with what costs most - ranges over all ids, selections that
 * match nothing, pages far down, calls of half a megabyte, arrays of 100,000, lists of what to wait
 * for. Some do not read their answers, some go away in the middle, and half of the users are
 *members of the socket's group, so that no method is closed to all. What is random follows from a
 *seed.
 *
 *	crowd SOCKET SECONDS [CLIENTS [USERS [SEED]]]
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_DEFAULT 64U
#define USERS_DEFAULT   4U
#define UID_FIRST       4001U
#define GID_MEMBERS     60U /* games: of the socket, where a bench makes it that */
#define CALL_MAX        (500U << 10)
#define REPLY_MS        20000
#define FAR             1000000U /* ids and places past all there are */

static char text[CALL_MAX + 4096];
static size_t length;
static uint64_t state;

static uint32_t any(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

static bool one_in(uint32_t n)
{
	return any(n) == 0;
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	length += (size_t)vsnprintf(text + length, sizeof(text) - length, fmt, ap);
	va_end(ap);
}

static void begin(const char *method)
{
	length = 0;
	say("{\"method\":\"io.uwctl.Control.%s\",\"parameters\":{", method);
}

static void end(void)
{
	say("}%s}", one_in(16) ? ",\"oneway\":true" : "");
}

/* ---- parameters ---- */

static void say_ranges(uint32_t count)
{
	say("[");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t first = 1 + any(100000), span = count == 1 ? FAR : 2000;

		say("%s{\"first\":%u,\"last\":%u", i ? "," : "", first, first + any(span));
		if (one_in(4))
			say(",\"index_first\":%u,\"index_last\":%u", any(100), any(100000));
		say("}");
	}
	say("]");
}

static void say_select(void)
{
	static const char *const states[] = {"held", "queued", "running", "waiting", "done"};

	say("\"select\":{\"mine\":%s", one_in(2) ? "true" : "false");
	if (one_in(3))
		say(",\"state\":[\"%s\"]", states[any(5)]);
	if (one_in(4))
		say(",\"key\":\"step-%u\"", any(1000));
	if (one_in(4))
		say(",\"tag\":\"nobody\"");
	if (one_in(3)) {
		say(",\"jobs\":");
		say_ranges(one_in(2) ? 1 : 256);
	}
	say("}");
}

/* ---- calls ---- */

static void call_queue(void)
{
	begin("Queue");
	say_select();
	say(",\"from\":%u,\"count\":500", one_in(2) ? any(200000) : 0);
	end();
}

static void call_queue_plain(void)
{
	begin("Queue");
	say("\"from\":%u,\"count\":500", one_in(2) ? any(120000) : 0);
	end();
}

static void call_status(void)
{
	static const char *const names[] = {"Status", "Explain", "Config", "Log"};

	begin(names[any(4)]);
	say("\"count\":500");
	end();
}

static void call_one(void)
{
	begin(one_in(2) ? "Job" : "Logs");
	say("\"job\":{\"first\":%u,\"last\":%u}", 1 + any(100), one_in(2) ? FAR : 100 + any(100));
	end();
}

static void call_wait(void)
{
	begin("Wait");
	say("\"jobs\":");
	say_ranges(one_in(2) ? 1 : 256);
	end();
}

/* In earnest only what leaves the queue as long as it is. */
static void call_change(void)
{
	static const char *const names[] = {"Cancel", "Hold", "Release", "Requeue"};
	uint32_t which = any(4);

	begin(names[which]);
	say_select();
	say(",\"dry_run\":%s", which && one_in(3) ? "false" : "true");
	end();
}

static void call_cancel_few(void)
{
	uint32_t first = 1 + any(100000);

	begin("Cancel");
	say("\"select\":{\"jobs\":[{\"first\":%u,\"last\":%u,\"index_first\":0,\"index_last\":1}]}",
	    first, first + 1000);
	end();
}

static void call_history(void)
{
	begin("History");
	say_select();
	say(",\"count\":500");
	end();
}

static void call_recommend(void)
{
	begin("Recommend");
	say("\"count\":500");
	end();
}

static void say_after(void)
{
	say(",\"after\":[");
	for (uint32_t i = 0, count = 1 + any(16); i < count; i++)
		say("%s%u", i ? "," : "", 1 + any(100000));
	say("],\"after_any\":true");
}

static void say_job(void)
{
	say("{\"component\":\"%s\",\"memory_bytes\":%u,\"key\":\"step-%u\",\"command\":[\"x\"],"
	    "\"hold\":%s",
	    one_in(2) ? "batch" : "models", 1U << (20 + any(12)), any(100000),
	    one_in(2) ? "true" : "false");
	if (one_in(3))
		say_after();
	if (one_in(64))
		say(",\"array\":[{\"first\":0,\"last\":%u}]", any(100000));
	say("}");
}

static void call_submit(void)
{
	bool large = one_in(4);
	uint32_t count = large ? 4400 : 1 + any(20), environment = one_in(4) ? 15000 : 100;

	begin("Submit");
	say("\"dry_run\":%s,\"context\":{\"cwd\":\"/\",\"umask\":18,\"environment\":[\"A=%0*u\"]},"
	    "\"jobs\":[",
	    one_in(2) ? "true" : "false", (int)environment, 1);
	for (uint32_t i = 0; i < count && length < CALL_MAX - 1000; i++) {
		say("%s", i ? "," : "");
		say_job();
	}
	say("]");
	end();
}

/* JSON that is much work and no call. */
static void call_bulky(void)
{
	begin("Submit");
	say("\"jobs\":[");
	while (length < CALL_MAX - 1000)
		say("[],");
	say("{}]");
	end();
}

static void call_no_json(void)
{
	length = 0;
	say("{\"method\":\"%0*u", (int)any(CALL_MAX - 1000), 1);
}

static void call_describe(void)
{
	length = 0;
	say("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
	    "{\"interface\":\"io.uwctl.Control\"}}");
}

static void (*const calls[])(void) = {
	call_queue,  call_queue_plain, call_status,    call_one,    call_wait,
	call_change, call_history,     call_recommend, call_submit, call_submit,
	call_bulky,  call_no_json,     call_describe,  call_queue,  call_cancel_few,
};

/* ---- a client ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* With its terminator. False: the other end has had enough of us. */
static bool send_call(int fd)
{
	for (size_t sent = 0; sent < length + 1;) {
		ssize_t n = send(fd, text + sent, length + 1 - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

/* Up to the end of an answer, or until nothing has come for so long. */
static bool read_answer(int fd)
{
	static char bytes[65536];
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		ssize_t n;

		if (poll(&wait, 1, REPLY_MS) <= 0)
			return false;
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n <= 0)
			return false;
		if (memchr(bytes, 0, (size_t)n))
			return true;
	}
}

/* One connection, for some calls. */
static uint64_t visit(const char *path, uint64_t until_ms)
{
	int fd = reach(path);
	bool reads = !one_in(8);
	uint64_t count = 0;

	while (fd >= 0 && now_ms() < until_ms && !one_in(50)) {
		calls[any(sizeof(calls) / sizeof(calls[0]))]();
		if (!send_call(fd) || one_in(40))
			break;
		count++;
		if (reads && !strstr(text + length - 16, "oneway") && !read_answer(fd))
			break;
	}
	if (fd >= 0)
		close(fd);
	else
		usleep(10000);
	return count;
}

static void become(uint32_t user)
{
	gid_t gid = GID_MEMBERS;

	if (getuid())
		return;
	if (setgroups(user % 2, &gid) || setgid(UID_FIRST + user) || setuid(UID_FIRST + user))
		exit(EXIT_FAILURE);
}

static int be_client(const char *path, uint64_t until_ms, uint32_t user, uint64_t seed)
{
	uint64_t count = 0;

	become(user);
	state = seed * 0x9e3779b97f4a7c15ULL | 1;
	while (now_ms() < until_ms)
		count += visit(path, until_ms);
	return count ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint32_t number(int argc, char **argv, int at, uint32_t otherwise)
{
	return argc > at ? (uint32_t)strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	uint32_t clients = number(argc, argv, 3, CLIENTS_DEFAULT);
	uint32_t users = number(argc, argv, 4, USERS_DEFAULT), seed = number(argc, argv, 5, 1);
	uint32_t idle = 0;
	uint64_t until_ms;
	int status;

	if (argc < 3 || !users) {
		fputs("usage: crowd SOCKET SECONDS [CLIENTS [USERS [SEED]]]\n", stderr);
		return 2;
	}
	until_ms = now_ms() + number(argc, argv, 2, 1) * 1000ULL;
	for (uint32_t i = 0; i < clients; i++)
		if (!fork())
			_exit(be_client(argv[1], until_ms, i % users, seed * 1000 + i));
	while (wait(&status) > 0)
		idle += !WIFEXITED(status) || WEXITSTATUS(status);
	if (idle)
		fprintf(stderr, "crowd: of %u clients %u were never heard\n", clients, idle);
	return idle ? EXIT_FAILURE : EXIT_SUCCESS;
}
