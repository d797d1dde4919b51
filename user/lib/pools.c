// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools are asked for as leases are, and are leases in the list that is compared after a restart of
 * uwd. Their files come with the answers. The handle has a list of them all.
 */
#include "user/lib/pools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/lib/inside.h"

/* A component over its memory.high without swap is let have 2 MB in 8 s (6.1 and 6.12). */
#define SLOWEST_US_A_BYTE 4U

/* ---- the list ---- */

/* While a connection is made the list is read without the lock. */
static void lock_list(struct uw *uw)
{
	pthread_mutex_lock(&uw->lock);
	while (uw->connects)
		pthread_cond_wait(&uw->turned, &uw->lock);
}

static void enter(struct lib_pool *pool)
{
	lock_list(pool->uw);
	pool->next = pool->uw->pools;
	pool->uw->pools = pool;
	pthread_mutex_unlock(&pool->uw->lock);
}

/* With its file, which a child of fork would not know of any more. */
static void leave(const struct lib_pool *pool)
{
	lock_list(pool->uw);
	for (struct lib_pool **at = &pool->uw->pools; *at; at = &(*at)->next)
		if (*at == pool) {
			*at = pool->next;
			break;
		}
	if (pool->fd >= 0)
		close(pool->fd);
	pthread_mutex_unlock(&pool->uw->lock);
}

/* ---- the calls ---- */

static int outcome_of(const union packet_answer *answer)
{
	int32_t outcome = answer->reply.outcome;

	if (outcome == PACKET_DENIED)
		return UW_DENIED;
	if (outcome == PACKET_STALE)
		return UW_STALE;
	return outcome > 0 ? -EPROTO : outcome;
}

static int ask(struct uw *uw, enum packet_op op, union packet_request *request, uint64_t wait_us,
	       union packet_answer *answer, int *ret_fd)
{
	struct lib_call call = {
		.request = request, .op = op, .count = 1, .answer = answer, .fd = -1};
	int rc;

	memset(answer, 0, sizeof(*answer));
	rc = lib_call(uw, &call, wait_us);
	if (!rc)
		rc = outcome_of(answer);
	if (ret_fd && !rc)
		*ret_fd = call.fd;
	else if (call.fd >= 0)
		close(call.fd);
	return rc;
}

/* Takes fd, without which there is no pool. */
static int take(struct uw *uw, const union packet_answer *answer, const char *name, bool attached,
		int fd, struct lib_pool **ret_pool)
{
	struct lib_pool *pool = calloc(1, sizeof(*pool));

	if (!pool || fd < 0) {
		uw_free(uw, answer->reply.id);
		if (fd >= 0)
			close(fd);
		free(pool);
		return fd < 0 ? -EPROTO : -ENOMEM;
	}
	*pool = (struct lib_pool){
		.uw = uw,
		.id = answer->reply.id,
		.bytes = answer->reply.bytes,
		.fd = fd,
		.attached = attached,
	};
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	enter(pool);
	*ret_pool = pool;
	return 0;
}

int lib_pool_create(struct uw *uw, const char *component, const char *name, uint64_t bytes,
		    struct lib_pool **ret_pool, struct uw_denial *denial)
{
	union packet_request request = {.grant.bytes = bytes};
	union packet_answer answer;
	int fd = -1, rc;

	if (strlen(component) >= PACKET_NAME_LEN)
		return -ENOENT;
	if (strlen(name) >= PACKET_NAME_LEN)
		return -EINVAL;
	strcpy(request.grant.component, component);
	strcpy(request.grant.text, name);
	rc = ask(uw, PACKET_POOL_CREATE, &request, 0, &answer, &fd);
	if (rc == UW_DENIED)
		lib_give_denial(&answer.denial, denial);
	return rc ? rc : take(uw, &answer, name, false, fd, ret_pool);
}

int lib_pool_attach(struct uw *uw, const char *name, bool write, struct lib_pool **ret_pool)
{
	union packet_request request = {
		.attach = {.flags = write ? PACKET_WRITE : 0, .uid = PACKET_ANYBODY}};
	const char *slash = strchr(name, '/'), *bare = slash ? slash + 1 : name;
	union packet_answer answer;
	char *end = NULL;
	int fd = -1, rc;

	if (slash)
		request.attach.uid = (uint32_t)strtoul(name, &end, 10);
	if (slash && (end != slash || end == name))
		return -EINVAL;
	if (strlen(bare) >= PACKET_NAME_LEN)
		return -ENOENT;
	strcpy(request.attach.name, bare);
	rc = ask(uw, PACKET_POOL_ATTACH, &request, 0, &answer, &fd);
	return rc ? rc : take(uw, &answer, name, true, fd, ret_pool);
}

int lib_pool_commit(const struct lib_pool *pool, uint64_t offset, uint64_t bytes)
{
	union packet_request request = {
		.range = {.id = pool->id, .offset = offset, .bytes = bytes}};
	uint64_t wait_us =
		bytes < pool->bytes ? bytes * SLOWEST_US_A_BYTE : pool->bytes * SLOWEST_US_A_BYTE;
	union packet_answer answer;

	return ask(pool->uw, PACKET_POOL_COMMIT, &request, wait_us, &answer, NULL);
}

int lib_pool_share(const struct lib_pool *pool, uint32_t uid, uint32_t gid, uint32_t mode)
{
	union packet_request request = {
		.share = {.id = pool->id, .uid = uid, .gid = gid, .mode = mode}};
	union packet_answer answer;

	return ask(pool->uw, PACKET_POOL_SHARE, &request, 0, &answer, NULL);
}

/* While uwd is away nothing is asked: what is not in our list is freed when that is compared. */
static bool is_freed_later(const struct lib_pool *pool)
{
	struct uw *uw = pool->uw;
	bool away;

	lock_list(uw);
	away = uw->socket < 0 && !uw->forked;
	if (away)
		lib_lease_drop(uw, pool->id);
	pthread_mutex_unlock(&uw->lock);
	return away;
}

void lib_pool_close(struct lib_pool *pool)
{
	if (!pool)
		return;
	leave(pool);
	if (!is_freed_later(pool))
		uw_free(pool->uw, pool->id); /* of a child of fork it is the parent's: -ECHILD */
	free(pool);
}
