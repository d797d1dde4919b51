// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Several threads wait for answers on one socket: one of them reads, for all, and the others sleep
 * until it has something for them or its own call has ended. Whoever finds that there is no
 * connection any more makes one, and the others wait for that.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "user/lib/inside.h"

static void sleep_until(struct uw *uw, uint64_t at_us)
{
	struct timespec at = {
		.tv_sec = (time_t)(at_us / 1000000),
		.tv_nsec = (long)(at_us % 1000000 * 1000),
	};

	pthread_cond_timedwait(&uw->turned, &uw->lock, &at);
}

/* Reads for all, once. */
static void read_once(struct uw *uw, uint64_t until_us)
{
	struct pollfd ready[] = {{.fd = uw->socket, .events = POLLIN},
				 {.fd = uw->kick, .events = POLLIN}};
	uint64_t now_us = lib_now_us();
	eventfd_t count;

	uw->reads = true;
	pthread_mutex_unlock(&uw->lock);
	if (now_us < until_us)
		poll(ready, 2,
		     (int)((until_us - now_us) / 1000 > 60000 ? 60000
							      : (until_us - now_us) / 1000 + 1));
	pthread_mutex_lock(&uw->lock);
	uw->reads = false;
	if (ready[1].revents)
		eventfd_read(uw->kick, &count);
	lib_take(uw, 1); /* of what else there is poll tells again */
}

/* Without a connection: somebody makes one. *lost_us is since when there is none. */
static int find_back(struct uw *uw, uint64_t *lost_us)
{
	uint64_t now_us = lib_now_us();
	int rc;

	if (!*lost_us)
		*lost_us = now_us;
	if (now_us - *lost_us > LIB_RECONNECT_US)
		return -ENOTCONN;
	if (uw->connects || now_us < uw->again_us) {
		sleep_until(uw, uw->connects ? now_us + LIB_AGAIN_US : uw->again_us);
		return 0;
	}
	rc = lib_connect(uw);
	return rc == -ENOTCONN ? 0 : rc;
}

int lib_wait(struct uw *uw, uint64_t until_us, uint64_t *lost_us)
{
	if (uw->socket < 0)
		return find_back(uw, lost_us);
	*lost_us = 0;
	if (uw->reads)
		sleep_until(uw, until_us);
	else
		read_once(uw, until_us);
	return 0;
}

static int await_answers(struct uw *uw, struct lib_call *call, uint64_t until_us)
{
	uint64_t lost_us = 0;

	while (call->open) {
		int rc = lib_wait(uw, until_us, &lost_us);

		if (rc)
			return rc;
		if (call->open && uw->socket >= 0 && lib_now_us() >= until_us)
			return -ETIMEDOUT;
	}
	return 0;
}

static void enter_call(struct uw *uw, struct lib_call *call)
{
	if (uw->cookie > UINT32_MAX - 2 * call->count)
		uw->cookie = 0;
	call->cookie = uw->cookie + 1;
	uw->cookie += call->count;
	call->open = call->count;
	call->next = uw->calls;
	uw->calls = call;
}

void lib_call_leave(struct uw *uw, const struct lib_call *call)
{
	for (struct lib_call **at = &uw->calls; *at; at = &(*at)->next)
		if (*at == call) {
			*at = call->next;
			break;
		}
	pthread_cond_broadcast(&uw->turned); /* another one has to read now */
}

int lib_call_start(struct uw *uw, struct lib_call *call)
{
	int rc;

	while (uw->connects)
		pthread_cond_wait(&uw->turned, &uw->lock);
	enter_call(uw, call);
	rc = lib_lease_reserve(uw);
	if (!rc)
		lib_credit_tell(uw);
	if (!rc && uw->socket >= 0)
		lib_send_call(uw, call);
	return rc;
}

int lib_call(struct uw *uw, struct lib_call *call, uint64_t wait_us)
{
	int rc;

	pthread_mutex_lock(&uw->lock);
	if (uw->forked) {
		pthread_mutex_unlock(&uw->lock);
		return -ECHILD;
	}
	rc = lib_call_start(uw, call);
	if (!rc)
		rc = await_answers(uw, call, lib_now_us() + LIB_ANSWER_US + wait_us);
	lib_call_leave(uw, call);
	pthread_mutex_unlock(&uw->lock);
	return rc;
}
