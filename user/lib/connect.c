// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes the connection, and makes it again when uwd has restarted. uwd kept the leases; both sides
 * compare what they have, so that neither counts what the other lost, and uwd is shown the files of
 * our pools, which it may have lost together with their keeper. What was asked and not
 * answered is asked again: a grant whose answer was lost is not in our list, so it is freed first.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/lib/inside.h"

#define STEP_MS 5000 /* for each answer of uwd on the way */

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -ENOTCONN; /* no uwd, or one that is too busy to take us: both pass */
}

/* With a pidfd of this process: kernels before 6.5 do not tell uwd by themselves. */
static void send_hello(int fd, const struct packet_out *out)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

	packet_send(fd, out, self, 0); /* when it fails the answer says more */
	if (self >= 0)
		close(self);
}

/* The answer to what was sent; nothing else comes before it has been asked for. */
static int receive_answer(struct uw *uw, int fd, struct packet_in *ret_in)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t size = -1;

	/* Twice: one that was turned away is told of a reset first, and then why. */
	for (int i = 0; i < 2 && size < 0; i++) {
		if (poll(&ready, 1, STEP_MS) <= 0)
			return -ENOTCONN;
		size = recv(fd, uw->in, sizeof(uw->in), MSG_DONTWAIT);
	}
	if (size <= 0 || packet_open(ret_in, uw->in, (size_t)size) || ret_in->kind != PACKET_ANSWER)
		return -ENOTCONN;
	return 0;
}

static int exchange(struct uw *uw, int socket, const struct packet_out *out, int fd,
		    struct packet_in *ret_in)
{
	return packet_send(socket, out, fd, 0) < 0 ? -ENOTCONN : receive_answer(uw, socket, ret_in);
}

static int say_hello(struct uw *uw, int fd)
{
	union packet_request hello = {
		.hello = {.key = uw->key, .flags = uw->attends ? PACKET_ATTENDS : 0}};
	union packet_answer answer;
	struct packet_out out;
	struct packet_in in;
	const char *text;
	size_t length;

	packet_start(&out, uw->out, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_HELLO, &hello);
	send_hello(fd, &out);
	if (receive_answer(uw, fd, &in) || packet_next_answer(&in, &answer, &text, &length) != 1)
		return -ENOTCONN;
	if (answer.reply.outcome)
		return answer.reply.outcome < 0 ? answer.reply.outcome : -EPROTO;
	uw->key = answer.reply.id;
	uw->takes_inputs = answer.reply.flags & PACKET_INPUTS;
	return 0;
}

/* Of ids from `from` on, as many as go into a packet, and the end behind the last. */
static size_t put_list(struct uw *uw, size_t from, struct packet_out *out)
{
	static const union packet_request end;
	size_t at = from;

	packet_start(out, uw->out, PACKET_REQUESTS);
	for (; at < uw->lease_count && at - from < PACKET_ITEMS_MAX - 1; at++) {
		union packet_request item = {.lease.id = uw->lease[at]};

		packet_add_request(out, PACKET_LIST, &item);
	}
	if (at == uw->lease_count)
		packet_add_request(out, PACKET_LIST_END, &end);
	return at;
}

/* Ids that uwd does not know become 0. What became of their pools is noted. */
static int take_list(struct uw *uw, struct packet_in *in, size_t at)
{
	union packet_answer answer;
	const char *text;
	size_t length;

	while (packet_next_answer(in, &answer, &text, &length) == 1)
		if (answer.reply.item.op == PACKET_LIST && at < uw->lease_count) {
			if (answer.reply.outcome || answer.reply.flags & PACKET_ORPHAN)
				lib_pool_note_gone(uw, uw->lease[at]);
			if (answer.reply.outcome)
				uw->lease[at] = 0;
			at++;
		}
	return 0;
}

static void drop_unknown(struct uw *uw)
{
	size_t count = 0;

	for (size_t i = 0; i < uw->lease_count; i++)
		if (uw->lease[i])
			uw->lease[count++] = uw->lease[i];
	uw->lease_count = count;
}

static int compare_lists(struct uw *uw, int fd)
{
	size_t at = 0, next;

	do {
		struct packet_out out;
		struct packet_in in;

		next = put_list(uw, at, &out);
		if (exchange(uw, fd, &out, -1, &in))
			return -ENOTCONN;
		take_list(uw, &in, at);
		at = next;
	} while (at < uw->lease_count);
	drop_unknown(uw);
	return 0;
}

/* What uwd has it closes, what it does not know any more is not ours. */
static int offer_pool(struct uw *uw, int fd, struct lib_pool *pool)
{
	const union packet_request request = {.lease.id = pool->id};
	union packet_answer answer;
	struct packet_out out;
	struct packet_in in;
	const char *text;
	size_t length;

	packet_start(&out, uw->out, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_POOL_OFFER, &request);
	if (exchange(uw, fd, &out, pool->fd, &in) ||
	    packet_next_answer(&in, &answer, &text, &length) != 1)
		return -ENOTCONN;
	if (answer.reply.outcome == PACKET_STALE)
		pool->gone = true;
	return 0;
}

static int offer_pools(struct uw *uw, int fd)
{
	int rc = 0;

	for (struct lib_pool *pool = uw->pools; pool && !rc; pool = pool->next)
		if (!pool->attached)
			rc = offer_pool(uw, fd, pool);
	return rc;
}

static void watch_again(struct uw *uw)
{
	struct packet_out out;
	bool any = false;

	packet_start(&out, uw->out, PACKET_REQUESTS);
	for (struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next) {
		union packet_request watch = {.watch.on = 1};

		memcpy(watch.watch.component, watcher->component, UW_NAME_MAX);
		any |= !packet_add_request(&out, PACKET_WATCH, &watch);
	}
	if (any && packet_send(uw->socket, &out, -1, 0) < 0)
		lib_disconnect(uw);
}

static struct lib_call *first_unsent(const struct uw *uw)
{
	struct lib_call *call = uw->calls;

	while (call && (!call->open || call->sent == uw->connection))
		call = call->next;
	return call;
}

int lib_watch(const struct uw *uw, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(uw->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Takes fd. */
static int settle_in(struct uw *uw, int fd)
{
	struct lib_call *call;
	int rc = uw->attends ? lib_watch(uw, fd) : 0;

	if (rc) {
		close(fd);
		return rc;
	}
	uw->socket = fd;
	if (!++uw->connection)
		uw->connection = 1;
	watch_again(uw);
	if (uw->socket >= 0)
		lib_credit_return(uw);
	/* From the first one each time: calls come and go while one is sent. */
	while (uw->socket >= 0 && (call = first_unsent(uw)))
		lib_send_call(uw, call);
	return uw->socket < 0 ? -ENOTCONN : 0;
}

int lib_connect(struct uw *uw)
{
	bool knew = uw->key;
	int fd, rc;

	uw->connects = true; /* so that nobody else sends, reads or has a lease come or go */
	rc = fd = open_socket(uw->path);
	uw->joining = fd >= 0 ? fd : -1;
	pthread_mutex_unlock(&uw->lock);
	if (fd >= 0)
		rc = say_hello(uw, fd);
	if (fd >= 0 && !rc && knew)
		rc = compare_lists(uw, fd);
	if (fd >= 0 && !rc && knew)
		rc = offer_pools(uw, fd);
	pthread_mutex_lock(&uw->lock);
	uw->connects = false;
	uw->joining = -1;
	if (fd >= 0 && rc)
		close(fd);
	else if (fd >= 0)
		rc = settle_in(uw, fd);
	if (rc)
		uw->again_us = lib_now_us() + LIB_AGAIN_US;
	pthread_cond_broadcast(&uw->turned);
	return rc;
}
