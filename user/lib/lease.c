// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases for programs: puts what is asked into requests and the answers into the caller's structs,
 * of which no more is read or written than the caller knows of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/lib/inside.h"

#define SETTLE_TRIES     16 /* each is one restart of uwd */
#define REQUEST_SIZE_MIN offsetof(struct uw_request, priority) + 1

/* ---- what is asked ---- */

size_t lib_add_text(char *buf, size_t at, const char *text)
{
	size_t length = strlen(text), room = PACKET_TEXT_LEN - 2 - at;

	if (length > room)
		length = room;
	memcpy(buf + at, text, length);
	return at + length;
}

/* The description, its end, and the tags with commas. */
static void put_text(const struct uw_request *from, struct packet_grant *to)
{
	size_t at = 0;

	if (from->description)
		at = lib_add_text(to->text, 0, from->description);
	at++;
	for (const char *const *tag = from->tags; tag && *tag && at < PACKET_TEXT_LEN - 2; tag++) {
		if (tag != from->tags)
			at = lib_add_text(to->text, at, ",");
		at = lib_add_text(to->text, at, *tag);
	}
}

static int put_request(const struct uw_request *from, uint32_t flags, struct packet_grant *to)
{
	if (from->size < REQUEST_SIZE_MIN || from->flags & ~(UW_REVOCABLE | UW_NO_CREDIT) ||
	    !from->component)
		return -EINVAL;
	if (strlen(from->component) >= PACKET_NAME_LEN)
		return -ENOENT;
	*to = (struct packet_grant){
		.bytes = from->bytes,
		.timeout_us = from->timeout_us,
		.ttl_us = from->ttl_us,
		.flags = flags | (from->flags & UW_REVOCABLE ? PACKET_REVOCABLE : 0U),
		.priority = from->priority,
	};
	if (flags & PACKET_ADAPTIVE)
		to->min_bytes = from->min_bytes ? from->min_bytes : (from->bytes + 9) / 10;
	strcpy(to->component, from->component);
	put_text(from, to);
	return 0;
}

/* ---- what is answered ---- */

void lib_give(void *to, const void *from, uint32_t size, size_t known)
{
	size_t count = size < known ? size : known;

	if (count > sizeof(size))
		memcpy((char *)to + sizeof(size), (const char *)from + sizeof(size),
		       count - sizeof(size));
}

static void give_grant(const struct packet_reply *reply, struct uw_grant *grant)
{
	const struct uw_grant from = {
		.flags = reply->flags & PACKET_INSIDE ? UW_INSIDE : 0,
		.id = reply->id,
		.bytes = reply->bytes,
		.borrowed = reply->borrowed_bytes,
	};

	if (grant)
		lib_give(grant, &from, grant->size, sizeof(from));
}

void lib_give_denial(const struct packet_denial *denial, struct uw_denial *ret)
{
	struct uw_denial from = {
		.level = denial->level,
		.asked = denial->asked_bytes,
		.held = denial->held_bytes,
		.available = denial->available_bytes,
		.retry_after_us = denial->retry_after_us,
		.holder_count = denial->holder_count,
	};

	if (!ret)
		return;
	memcpy(from.reason, denial->reason, sizeof(from.reason));
	for (uint32_t i = 0; i < denial->holder_count; i++) {
		from.holder[i].bytes = denial->holder[i].bytes;
		from.holder[i].uid = denial->holder[i].uid;
		from.holder[i].pid = denial->holder[i].pid;
		memcpy(from.holder[i].component, denial->holder[i].component, UW_NAME_MAX);
	}
	lib_give(ret, &from, ret->size, sizeof(from));
}

int lib_give_answer(const union packet_answer *answer, struct uw_grant *grant,
		    struct uw_denial *denial)
{
	switch (answer->reply.outcome) {
	case 0:
		give_grant(&answer->reply, grant);
		return 0;
	case PACKET_DENIED:
		lib_give_denial(&answer->denial, denial);
		return UW_DENIED;
	case PACKET_TIMED_OUT:
		lib_give_denial(&answer->denial, denial);
		return UW_TIMED_OUT;
	case PACKET_STALE:
		return UW_STALE;
	default:
		return answer->reply.outcome < 0 ? answer->reply.outcome : -EPROTO;
	}
}

/* ---- the calls ---- */

static int call_one(struct uw *uw, enum packet_op op, union packet_request *request,
		    uint64_t wait_us, union packet_answer *answer)
{
	struct lib_call call = {.request = request, .op = op, .count = 1, .answer = answer};

	memset(answer, 0, sizeof(*answer));
	return lib_call(uw, &call, wait_us);
}

static int alloc_one(struct uw *uw, const struct uw_request *from, uint32_t flags,
		     struct uw_grant *grant, struct uw_denial *denial)
{
	union packet_request request;
	union packet_answer answer;
	int rc;

	memset(&request, 0, sizeof(request));
	rc = grant ? put_request(from, flags, &request.grant) : -EINVAL;
	if (!rc && !flags && !(from->flags & UW_NO_CREDIT) &&
	    lib_credit_take(uw, &request.grant, &answer.reply)) {
		give_grant(&answer.reply, grant);
		return 0;
	}
	if (!rc)
		rc = call_one(uw, PACKET_GRANT, &request, from->timeout_us, &answer);
	return rc ? rc : lib_give_answer(&answer, grant, denial);
}

int uw_alloc(struct uw *uw, const struct uw_request *request, struct uw_grant *grant,
	     struct uw_denial *denial)
{
	return alloc_one(uw, request, 0, grant, denial);
}

int uw_alloc_adaptive(struct uw *uw, const struct uw_request *request, struct uw_grant *grant,
		      struct uw_denial *denial)
{
	return alloc_one(uw, request, PACKET_ADAPTIVE, grant, denial);
}

/* The i-th of an array of structs that are as large as the first says. */
static const struct uw_request *request_at(const struct uw_request *requests, uint32_t i)
{
	return (const void *)((const char *)requests + (size_t)i * requests->size);
}

static int put_list(const struct uw_request *requests, uint32_t count,
		    union packet_request *request)
{
	for (uint32_t i = 0; i < count; i++) {
		int rc = put_request(request_at(requests, i), i + 1 < count ? PACKET_OR_NEXT : 0U,
				     &request[i].grant);

		if (rc)
			return rc;
	}
	return 0;
}

/* The one that was granted, or the last. */
static uint32_t taken(const union packet_answer *answer, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!answer[i].reply.outcome)
			return i;
	return count - 1;
}

int uw_alloc_first(struct uw *uw, const struct uw_request *requests, uint32_t count,
		   uint32_t *ret_which, struct uw_grant *grant, struct uw_denial *denial)
{
	union packet_request *request = calloc(count, sizeof(*request));
	union packet_answer *answer = calloc(count, sizeof(*answer));
	struct lib_call call = {
		.request = request, .op = PACKET_GRANT, .count = count, .answer = answer};
	int rc = -EINVAL;

	if (!request || !answer)
		rc = count ? -ENOMEM : -EINVAL;
	else if (count && count <= PACKET_ITEMS_MAX && grant && ret_which)
		rc = put_list(requests, count, request);
	if (!rc)
		rc = lib_call(uw, &call, request_at(requests, count - 1)->timeout_us);
	if (!rc) {
		*ret_which = taken(answer, count);
		rc = lib_give_answer(&answer[*ret_which], grant, denial);
	}
	free(request);
	free(answer);
	return rc;
}

static int put_many(const struct uw_request *requests, uint32_t count,
		    union packet_request *request)
{
	for (uint32_t i = 0; i < count; i++) {
		int rc = put_request(request_at(requests, i), 0, &request[i].grant);

		if (rc)
			return rc;
		request[i].grant.timeout_us = 0;
	}
	return 0;
}

int uw_alloc_many(struct uw *uw, const struct uw_request *requests, uint32_t count,
		  struct uw_grant *grants, int *outcomes)
{
	union packet_request *request = calloc(count, sizeof(*request));
	union packet_answer *answer = calloc(count, sizeof(*answer));
	struct lib_call call = {
		.request = request, .op = PACKET_GRANT, .count = count, .answer = answer};
	int rc = -EINVAL;

	if (!request || !answer)
		rc = count ? -ENOMEM : -EINVAL;
	else if (count && count <= PACKET_ITEMS_MAX && grants && outcomes)
		rc = put_many(requests, count, request);
	if (!rc)
		rc = lib_call(uw, &call, 0);
	for (uint32_t i = 0; !rc && i < count; i++) {
		struct uw_grant *grant = (void *)((char *)grants + (size_t)i * grants->size);

		grant->size = grants->size;
		outcomes[i] = lib_give_answer(&answer[i], grant, NULL);
	}
	free(request);
	free(answer);
	return rc;
}

static int call_lease(struct uw *uw, enum packet_op op, uint64_t id, uint64_t value,
		      union packet_answer *answer)
{
	union packet_request request;

	memset(&request, 0, sizeof(request));
	request.lease.id = id;
	request.lease.value = value;
	return call_one(uw, op, &request, 0, answer);
}

/* The id by which uwd knows a lease: one that it has not been told of it is told of first, and what
 * is asked after that is answered after it. */
static int settle(struct uw *uw, uint64_t id, uint64_t *ret_id)
{
	int rc = 0;

	*ret_id = id;
	for (int i = 0; lib_is_small(id) && !(rc = lib_small_find(uw, id, ret_id)); i++) {
		union packet_request request = {.hello.flags = PACKET_ATTENDS};
		union packet_answer answer;

		if (i == SETTLE_TRIES)
			return -ENOTCONN;
		rc = call_one(uw, PACKET_HELLO, &request, 0, &answer);
		if (rc)
			return rc;
	}
	return rc == LIB_ASK ? 0 : rc;
}

int uw_resize(struct uw *uw, uint64_t id, uint64_t bytes, struct uw_grant *grant,
	      struct uw_denial *denial)
{
	union packet_answer answer;
	int rc = settle(uw, id, &id);

	if (!rc)
		rc = call_lease(uw, PACKET_RESIZE, id, bytes, &answer);
	return rc ? rc : lib_give_answer(&answer, grant, denial);
}

int uw_renew(struct uw *uw, uint64_t id, uint64_t ttl_us)
{
	union packet_answer answer;
	int rc = settle(uw, id, &id);

	if (!rc)
		rc = call_lease(uw, PACKET_RENEW, id, ttl_us, &answer);
	return rc ? rc : lib_give_answer(&answer, NULL, NULL);
}

int uw_free(struct uw *uw, uint64_t id)
{
	union packet_answer answer;
	uint64_t told = id;
	int rc = lib_is_small(id) ? lib_small_free(uw, id, &told) : LIB_ASK;

	if (rc != LIB_ASK)
		return rc;
	rc = call_lease(uw, PACKET_FREE, told, 0, &answer);
	if (!rc)
		rc = lib_give_answer(&answer, NULL, NULL);
	if (rc >= 0 && lib_is_small(id))
		lib_small_forget(uw, id);
	return rc;
}

/* Those that uwd has to be asked about, by the ids that it knows; how many. */
static uint32_t put_frees(struct uw *uw, const uint64_t *ids, uint32_t count, int *outcomes,
			  union packet_request *request)
{
	uint32_t asked = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t told = ids[i];

		outcomes[i] = lib_is_small(ids[i]) ? lib_small_free(uw, ids[i], &told) : LIB_ASK;
		if (outcomes[i] == LIB_ASK)
			request[asked++].lease.id = told;
	}
	return asked;
}

static void free_many(struct uw *uw, const uint64_t *ids, uint32_t count, int *outcomes,
		      struct lib_call *call)
{
	union packet_answer *answer = call->answer;
	int rc = 0;

	call->count = put_frees(uw, ids, count, outcomes, call->request);
	if (call->count)
		rc = lib_call(uw, call, 0);
	for (uint32_t i = 0; i < count; i++) {
		if (outcomes[i] != LIB_ASK)
			continue;
		outcomes[i] = rc ? rc : lib_give_answer(answer++, NULL, NULL);
		if (outcomes[i] >= 0 && lib_is_small(ids[i]))
			lib_small_forget(uw, ids[i]);
	}
}

int uw_free_many(struct uw *uw, const uint64_t *ids, uint32_t count, int *outcomes)
{
	struct lib_call call = {.op = PACKET_FREE};
	int rc = 0;

	if (!count || count > PACKET_ITEMS_MAX || !ids || !outcomes)
		return -EINVAL;
	call.request = calloc(count, sizeof(*call.request));
	call.answer = calloc(count, sizeof(*call.answer));
	if (call.request && call.answer)
		free_many(uw, ids, count, outcomes, &call);
	else
		rc = -ENOMEM;
	free(call.request);
	free(call.answer);
	return rc;
}

int uw_report(struct uw *uw, char **ret_json)
{
	union packet_request request;
	union packet_answer answer;
	struct lib_call call = {
		.request = &request, .op = PACKET_REPORT, .count = 1, .answer = &answer};
	int rc;

	memset(&request, 0, sizeof(request));
	memset(&answer, 0, sizeof(answer));
	rc = lib_call(uw, &call, 0);
	if (!rc)
		rc = lib_give_answer(&answer, NULL, NULL);
	if (!rc && !call.text)
		rc = -ENOMEM;
	if (rc)
		free(call.text);
	else
		*ret_json = call.text;
	return rc;
}
