// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What goes out, and the list of what we have. A call is sent as a packet, and anew over each new
 * connection as far as it has no answer. What was granted to nobody is given back at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/inside.h"

uint64_t lib_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void lib_wake(struct uw *uw, uint64_t us)
{
	struct itimerspec at = {.it_value.tv_sec = (time_t)(us / 1000000),
				.it_value.tv_nsec = (long)(us % 1000000 * 1000)};

	timerfd_settime(uw->timer, 0, &at, NULL);
}

void lib_disconnect(struct uw *uw)
{
	/* Closing it is not enough: a child that has a copy of it keeps it in the epoll. */
	if (uw->socket >= 0) {
		epoll_ctl(uw->epoll, EPOLL_CTL_DEL, uw->socket, NULL);
		close(uw->socket);
	}
	uw->socket = -1;
	uw->owed_count = 0;
	for (struct lib_call *call = uw->calls; call; call = call->next)
		call->again = true;
	pthread_cond_broadcast(&uw->turned);
}

/* ---- what we have ---- */

void lib_lease_add(struct uw *uw, uint64_t id)
{
	if (uw->lease_count < uw->lease_room)
		uw->lease[uw->lease_count++] = id;
}

void lib_lease_drop(struct uw *uw, uint64_t id)
{
	for (size_t i = uw->lease_count; i-- > 0;)
		if (uw->lease[i] == id) {
			uw->lease[i] = uw->lease[--uw->lease_count];
			return;
		}
}

int lib_lease_reserve(struct uw *uw)
{
	size_t wanted = uw->lease_count + uw->small_pending + 1 + LIB_COMPONENTS;
	size_t room = uw->lease_room;
	uint64_t *lease;

	for (const struct lib_call *call = uw->calls; call; call = call->next)
		wanted += lib_makes_lease(call->op) ? call->count : 0;
	if (wanted <= room)
		return 0;
	room = 2 * wanted + 16;
	lease = realloc(uw->lease, room * sizeof(*lease));
	if (!lease)
		return -ENOMEM;
	uw->lease = lease;
	uw->lease_room = room;
	return 0;
}

/* ---- sending ---- */

bool lib_is_open(const struct lib_call *call, uint32_t i)
{
	return !call->answer[i].reply.item.length; /* set by what came */
}

/* To an earlier uwd, which does without: it would take the longer item for no packet. */
static void put_inputless(enum packet_op op, const union packet_request *request,
			  struct packet_out *out)
{
	union packet_request copy = *request;

	if (op == PACKET_TASK_SUBMIT)
		copy.task.input_bytes = 0;
	if (op == PACKET_TASK_BEGIN)
		copy.begin.input_bytes = 0;
	packet_add_request(out, op, &copy);
}

static void put_call(struct uw *uw, struct lib_call *call, struct packet_out *out)
{
	packet_start(out, uw->out, PACKET_REQUESTS);
	for (uint32_t i = 0; i < call->count; i++) {
		call->request[i].item.cookie = call->cookie + i;
		if (!lib_is_open(call, i))
			continue;
		if (uw->takes_inputs)
			packet_add_request(out, call->op, &call->request[i]);
		else
			put_inputless(call->op, &call->request[i], out);
	}
}

/* One at the same address is told from it by its cookie. */
static bool is_there(const struct uw *uw, const struct lib_call *call, uint32_t cookie)
{
	for (const struct lib_call *other = uw->calls; other; other = other->next)
		if (other == call)
			return other->cookie == cookie;
	return false;
}

int lib_send_call(struct uw *uw, struct lib_call *call)
{
	uint32_t cookie = call->cookie;

	call->sent = uw->connection;
	while (call->open) {
		struct pollfd ready = {.fd = uw->socket, .events = POLLOUT};
		struct packet_out out;

		put_call(uw, call, &out);
		if (packet_send(uw->socket, &out, call->passes ? call->passed : -1, MSG_DONTWAIT) >=
		    0)
			return 0;
		if (errno != EAGAIN) {
			lib_disconnect(uw);
			return -ENOTCONN;
		}
		/* uwd has much of ours to read. */
		pthread_mutex_unlock(&uw->lock);
		poll(&ready, 1, 10);
		pthread_mutex_lock(&uw->lock);
		if (uw->socket != ready.fd)
			return -ENOTCONN; /* and sent again by who made another one */
		if (!is_there(uw, call, cookie))
			return 0;
	}
	return 0;
}

/* -EAGAIN when there is no room. */
static int send_free(struct uw *uw, uint64_t id)
{
	union packet_request request = {.lease.id = id};
	uint8_t bytes[sizeof(struct packet_header) + sizeof(struct packet_lease)];
	struct packet_out out;

	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_FREE, &request);
	if (packet_send(uw->socket, &out, -1, MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == EAGAIN)
		return -EAGAIN;
	lib_disconnect(uw); /* it is not in our list: the next connection frees it */
	return 0;
}

void lib_give_back(struct uw *uw, uint64_t id)
{
	if (uw->socket < 0 || !send_free(uw, id))
		return;
	if (uw->owed_count == LIB_OWED) {
		lib_disconnect(uw);
		return;
	}
	uw->owed[uw->owed_count++] = id;
	uw->to_tell = true;
	lib_wake(uw, LIB_TELL_US);
}

void lib_pay(struct uw *uw)
{
	while (uw->owed_count && uw->socket >= 0 && !send_free(uw, uw->owed[uw->owed_count - 1]))
		uw->owed_count -= uw->owed_count != 0;
}
