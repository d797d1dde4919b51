// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Levels that came, and who is to be told. Of each component the newest is kept, and of each
 * callback which of them it has not heard, so that one that is slow holds up nothing and misses
 * nothing but what is over. Callbacks run without the lock.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/lib/inside.h"

/* ---- who is told ---- */

static void watch_request(union packet_request *request, const char *component)
{
	memset(request, 0, sizeof(*request));
	if (component)
		strcpy(request->watch.component, component);
	request->watch.on = 1;
}

static bool is_known(const struct uw *uw, const struct lib_watcher *watcher, uint32_t i)
{
	return lib_concerns(watcher, uw->level[i].component) &&
	       (watcher->kind == LIB_WATCH_PRESSURE ||
		(watcher->kind == LIB_WATCH_EMERGENCY && uw->level[i].level == UW_LEVEL_EMERGENCY));
}

/* It is told what is known already: uwd sends that too, but perhaps not again. */
static void enter_watcher(struct uw *uw, struct lib_watcher *watcher)
{
	watcher->next = uw->watchers;
	uw->watchers = watcher;
	for (uint32_t i = 0; i < uw->level_count; i++)
		if (is_known(uw, watcher, i))
			watcher->stale |= 1ULL << i;
	if (watcher->stale)
		eventfd_write(uw->news, 1);
}

static int watch(struct uw *uw, const char *component, const struct lib_watcher *like,
		 uint64_t *ret_handle)
{
	struct lib_watcher *watcher;
	union packet_request request;
	union packet_answer answer;
	struct lib_call call = {
		.request = &request, .op = PACKET_WATCH, .count = 1, .answer = &answer};
	uint64_t handle;
	int rc;

	if (component && strlen(component) >= UW_NAME_MAX)
		return -ENOENT;
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	*watcher = *like;
	if (component)
		strcpy(watcher->component, component);
	pthread_mutex_lock(&uw->lock);
	handle = watcher->handle = ++uw->last_handle;
	enter_watcher(uw, watcher);
	pthread_mutex_unlock(&uw->lock);
	watch_request(&request, component);
	memset(&answer, 0, sizeof(answer));
	rc = lib_call(uw, &call, 0);
	if (!rc)
		rc = answer.reply.outcome;
	if (rc)
		uw_off(uw, handle);
	else if (ret_handle)
		*ret_handle = handle;
	return rc;
}

int uw_on_pressure(struct uw *uw, const char *component, uw_pressure_fn fn, void *data,
		   uint64_t *ret_handle)
{
	const struct lib_watcher like = {.kind = LIB_WATCH_PRESSURE, .fn = fn, .data = data};

	return watch(uw, component, &like, ret_handle);
}

int uw_on_emergency(struct uw *uw, const char *component, uw_pressure_fn fn, void *data,
		    uint64_t *ret_handle)
{
	const struct lib_watcher like = {.kind = LIB_WATCH_EMERGENCY, .fn = fn, .data = data};

	return watch(uw, component, &like, ret_handle);
}

int uw_on_shrink(struct uw *uw, const char *component, uw_shrink_fn fn, void *data,
		 uint64_t *ret_handle)
{
	const struct lib_watcher like = {.kind = LIB_WATCH_SHRINK, .shrink = fn, .data = data};

	return watch(uw, component, &like, ret_handle);
}

/* uwd goes on telling levels that nobody asks for any more: there is one for each change, and
 * another callback may want it. */
int uw_off(struct uw *uw, uint64_t handle)
{
	struct lib_watcher **at, *watcher;

	pthread_mutex_lock(&uw->lock);
	for (at = &uw->watchers; *at && (*at)->handle != handle; at = &(*at)->next)
		continue;
	watcher = *at;
	if (watcher)
		*at = watcher->next;
	while (uw->running == handle && !pthread_equal(uw->runner, pthread_self()))
		pthread_cond_wait(&uw->turned, &uw->lock);
	pthread_mutex_unlock(&uw->lock);
	free(watcher);
	return watcher ? 0 : -ENOENT;
}

/* ---- telling ---- */

static struct lib_watcher *next_watcher(struct uw *uw)
{
	for (struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next)
		if (watcher->stale)
			return watcher;
	return NULL;
}

static void call_pressure(const struct lib_watcher *watcher, const struct lib_level *level)
{
	const struct uw_pressure pressure = {
		.size = sizeof(pressure),
		.level = level->level,
		.use_permyriad = level->use_permyriad,
		.at_us = level->at_us,
		.component = level->component,
	};

	watcher->fn(watcher->data, &pressure);
}

static void call_shrink(const struct lib_watcher *watcher, const struct lib_shrink *from,
			uint64_t id)
{
	const struct uw_shrink shrink = {
		.size = sizeof(shrink),
		.id = id,
		.target = from->target,
		.deadline_us = from->deadline_us,
		.why = from->why,
		.component = from->component,
	};

	watcher->shrink(watcher->data, &shrink);
}

/* Nobody else is to be told of it. */
static void drop_shrink(struct uw *uw, uint32_t at)
{
	for (const struct lib_watcher *watcher = uw->watchers; watcher; watcher = watcher->next)
		if (watcher->kind == LIB_WATCH_SHRINK && watcher->stale & 1ULL << at)
			return;
	uw->shrink[at].id = 0;
}

/* One callback, without the lock; the watcher may be gone when it is over. */
static void tell_one(struct uw *uw, struct lib_watcher *watcher)
{
	uint32_t at = (uint32_t)__builtin_ctzll(watcher->stale);
	const struct lib_watcher called = *watcher;
	bool shrinks = watcher->kind == LIB_WATCH_SHRINK;
	struct lib_level level = uw->level[shrinks ? 0 : at];
	struct lib_shrink shrink = uw->shrink[at];
	uint64_t id = lib_small_name(uw, shrink.id);

	watcher->stale &= ~(1ULL << at);
	if (shrinks)
		drop_shrink(uw, at);
	uw->running = watcher->handle;
	uw->runner = pthread_self();
	pthread_mutex_unlock(&uw->lock);
	if (shrinks)
		call_shrink(&called, &shrink, id);
	else
		call_pressure(&called, &level);
	pthread_mutex_lock(&uw->lock);
	uw->running = 0;
	pthread_cond_broadcast(&uw->turned);
}

int uw_dispatch(struct uw *uw)
{
	struct lib_watcher *watcher;
	eventfd_t count;
	uint64_t ticks;
	int told = 0;

	pthread_mutex_lock(&uw->lock);
	if (uw->forked) {
		pthread_mutex_unlock(&uw->lock);
		return -ECHILD;
	}
	eventfd_read(uw->news, &count);
	if (read(uw->timer, &ticks, sizeof(ticks)) < 0)
		ticks = 0;
	lib_take(uw, UINT32_MAX);
	if (uw->socket < 0 && !uw->connects && (lib_now_us() < uw->again_us || lib_connect(uw)))
		lib_wake(uw, LIB_AGAIN_US);
	else if (ticks)
		lib_credit_tick(uw);
	while (!uw->running && (watcher = next_watcher(uw))) {
		tell_one(uw, watcher);
		told++;
	}
	while (!uw->running && lib_tell_task(uw))
		told++;
	pthread_mutex_unlock(&uw->lock);
	return told;
}

/* ---- whose turn it is ---- */

/* Each packet that uwd sends into a socket that an epoll has costs uwd a call of it, so that one
 * that nobody looks at has none. */
static int attend_socket(struct uw *uw, bool *ret_before)
{
	int rc = 0;

	pthread_mutex_lock(&uw->lock);
	*ret_before = uw->attends;
	if (!uw->attends && uw->socket >= 0)
		rc = lib_watch(uw, uw->socket);
	uw->attends = !rc;
	pthread_mutex_unlock(&uw->lock);
	return rc;
}

/* From now on the connection is watched, which uwd has to know. */
static int attend(struct uw *uw)
{
	union packet_request hello;
	union packet_answer answer;
	struct lib_call call = {
		.request = &hello, .op = PACKET_HELLO, .count = 1, .answer = &answer};
	bool before;
	int rc = attend_socket(uw, &before);

	if (rc || before)
		return rc;
	memset(&hello, 0, sizeof(hello));
	memset(&answer, 0, sizeof(answer));
	hello.hello.flags = PACKET_ATTENDS;
	return lib_call(uw, &call, 0);
}

int uw_fd(struct uw *uw)
{
	int rc = attend(uw);

	return rc ? rc : uw->epoll;
}

static void *run_thread(void *data)
{
	struct uw *uw = data;
	struct pollfd ready = {.fd = uw->epoll, .events = POLLIN};
	bool stops = false;

	while (!stops) {
		poll(&ready, 1, -1);
		uw_dispatch(uw);
		pthread_mutex_lock(&uw->lock);
		stops = uw->stops;
		pthread_mutex_unlock(&uw->lock);
	}
	return NULL;
}

int uw_start_thread(struct uw *uw)
{
	sigset_t all, before;
	int rc = attend(uw);

	if (rc)
		return rc;
	pthread_mutex_lock(&uw->lock);
	if (uw->threaded) {
		pthread_mutex_unlock(&uw->lock);
		return 0;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&uw->thread, NULL, run_thread, uw);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	uw->threaded = !rc;
	pthread_mutex_unlock(&uw->lock);
	return -rc;
}
