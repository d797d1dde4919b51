// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Small leases are given out here, of a credit that uwd has granted and counts as ours. What is
 * taken is a record with an id of our own, and is told to uwd in batches: what was given back by
 * then never is. Both sides agree on what the credit comes to once all that was sent has been
 * read: what is free of it, and what is untold. So an answer that makes it up says how far that was
 * wrong when it was asked for, whatever has been taken since.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/lib/inside.h"

/* ---- ids: a serial number in two parts, a mark, and the place in the table ---- */

#define PLACE_BITS  12
#define SERIAL_BITS 19 /* of its lower part */

_Static_assert(LIB_SMALL_MAX == 1U << PLACE_BITS, "a place fits");

static uint64_t make_id(uint64_t serial, uint32_t place)
{
	return serial >> SERIAL_BITS << 32 | 1ULL << 31 |
	       (serial & ((1U << SERIAL_BITS) - 1)) << PLACE_BITS | place;
}

static struct lib_small *find(struct uw *uw, uint64_t id)
{
	uint32_t place = id & (LIB_SMALL_MAX - 1);

	if (place >= uw->small_count || uw->small[place].id != id ||
	    uw->small[place].state == LIB_SMALL_UNUSED || uw->small[place].freed)
		return NULL;
	return &uw->small[place];
}

/* ---- the table ---- */

static int more_places(struct uw *uw)
{
	uint32_t count = uw->small_count ? 2 * uw->small_count : 64;
	struct lib_small *small;

	if (count > LIB_SMALL_MAX)
		return -ENOSPC;
	small = realloc(uw->small, count * sizeof(*small));
	if (!small)
		return -ENOMEM;
	uw->small = small;
	for (uint32_t i = uw->small_count; i < count; i++)
		small[i] = (struct lib_small){.next = i + 1 < count ? (uint16_t)(i + 1) : LIB_NONE};
	uw->small_free = (uint16_t)uw->small_count;
	uw->small_count = count;
	return 0;
}

static void enter_untold(struct uw *uw, uint16_t place)
{
	struct lib_small *small = &uw->small[place];
	struct lib_credit *credit = &uw->credit[small->credit];

	small->state = LIB_SMALL_UNTOLD;
	small->next = LIB_NONE;
	small->prev = uw->untold_last;
	if (uw->untold_last == LIB_NONE)
		uw->untold_first = place;
	else
		uw->small[uw->untold_last].next = place;
	uw->untold_last = place;
	credit->untold_bytes += small->request.bytes;
	credit->untold_leases++;
	uw->to_tell = true;
}

static void leave_untold(struct uw *uw, struct lib_small *small)
{
	struct lib_credit *credit = &uw->credit[small->credit];

	if (small->prev == LIB_NONE)
		uw->untold_first = small->next;
	else
		uw->small[small->prev].next = small->next;
	if (small->next == LIB_NONE)
		uw->untold_last = small->prev;
	else
		uw->small[small->next].prev = small->prev;
	credit->untold_bytes -= small->request.bytes;
	credit->untold_leases--;
}

static void release(struct uw *uw, struct lib_small *small)
{
	uw->small_pending -= small->state != LIB_SMALL_TOLD;
	small->state = LIB_SMALL_UNUSED;
	small->freed = false;
	small->next = uw->small_free;
	uw->small_free = (uint16_t)(small - uw->small);
}

/* ---- taking ---- */

static struct lib_credit *credit_for(struct uw *uw, const char *component)
{
	struct lib_credit *credit;

	for (uint32_t i = 0; i < uw->credit_count; i++)
		if (!strcmp(uw->credit[i].component, component))
			return &uw->credit[i];
	if (uw->credit_count == LIB_COMPONENTS)
		return NULL;
	credit = &uw->credit[uw->credit_count++];
	memset(credit, 0, sizeof(*credit));
	strcpy(credit->component, component);
	return credit;
}

static bool may_take(const struct uw *uw, const struct packet_grant *request)
{
	return uw->attends && uw->socket >= 0 && !uw->connects && !uw->forked && request->bytes &&
	       request->bytes <= LIB_CREDIT_BYTES / LIB_SMALL_PART && !request->ttl_us &&
	       request->priority <= 10;
}

static bool runs_low(const struct lib_credit *credit)
{
	return credit->free_bytes < LIB_CREDIT_BYTES / 2 ||
	       credit->free_leases < LIB_CREDIT_LEASES / 2;
}

static bool has_place(struct uw *uw)
{
	return uw->small_free != LIB_NONE || !more_places(uw);
}

static void take(struct uw *uw, struct lib_credit *credit, const struct packet_grant *request,
		 struct packet_reply *ret)
{
	uint16_t place = uw->small_free;
	struct lib_small *small = &uw->small[place];

	uw->small_free = small->next;
	small->id = make_id(++uw->small_serial, place);
	small->told = 0;
	small->credit = (uint32_t)(credit - uw->credit);
	small->request = *request;
	small->request.item.cookie = place;
	small->request.timeout_us = 0;
	small->request.flags |= PACKET_DRAWN;
	uw->small_pending++;
	enter_untold(uw, place);
	credit->free_bytes -= request->bytes;
	credit->free_leases--;
	*ret = (struct packet_reply){
		.flags = credit->inside ? PACKET_INSIDE : 0,
		.id = small->id,
		.bytes = request->bytes,
	};
}

/* The lock is held. */
static bool try_take(struct uw *uw, const struct packet_grant *request, struct packet_reply *ret)
{
	struct lib_credit *credit = credit_for(uw, request->component);
	bool taken = false;

	if (!credit)
		return false;
	credit->used = true;
	if (request->bytes <= credit->size / LIB_SMALL_PART &&
	    request->bytes <= credit->free_bytes && credit->free_leases)
		taken = has_place(uw) && !lib_lease_reserve(uw);
	if (taken)
		take(uw, credit, request, ret);
	if (runs_low(credit))
		uw->to_tell = credit->wanted = true;
	if (!uw->soon) {
		uw->soon = true;
		lib_wake(uw, LIB_TELL_US);
	}
	return taken;
}

bool lib_credit_take(struct uw *uw, const struct packet_grant *request, struct packet_reply *ret)
{
	bool taken;

	pthread_mutex_lock(&uw->lock);
	taken = may_take(uw, request) && try_take(uw, request, ret);
	pthread_mutex_unlock(&uw->lock);
	return taken;
}

/* ---- giving back ---- */

static void take_back(struct uw *uw, struct lib_small *small)
{
	struct lib_credit *credit = &uw->credit[small->credit];

	credit->free_bytes += small->request.bytes;
	credit->free_leases++;
	release(uw, small);
}

int lib_small_find(struct uw *uw, uint64_t id, uint64_t *ret_told)
{
	const struct lib_small *small;
	int rc = LIB_ASK;

	pthread_mutex_lock(&uw->lock);
	small = uw->forked ? NULL : find(uw, id);
	if (!small)
		rc = uw->forked ? -ECHILD : UW_STALE;
	else if (small->state == LIB_SMALL_TOLD)
		*ret_told = small->told;
	else
		rc = 0;
	pthread_mutex_unlock(&uw->lock);
	return rc;
}

int lib_small_free(struct uw *uw, uint64_t id, uint64_t *ret_told)
{
	struct lib_small *small;
	int rc = 0;

	pthread_mutex_lock(&uw->lock);
	small = uw->forked ? NULL : find(uw, id);
	if (!small) {
		rc = uw->forked ? -ECHILD : UW_STALE;
	} else if (small->state == LIB_SMALL_UNTOLD) {
		leave_untold(uw, small);
		take_back(uw, small);
	} else if (small->state == LIB_SMALL_TELLING) {
		small->freed = true;
	} else {
		*ret_told = small->told;
		rc = LIB_ASK;
	}
	pthread_mutex_unlock(&uw->lock);
	return rc;
}

uint64_t lib_small_name(const struct uw *uw, uint64_t told)
{
	for (uint32_t i = 0; told && i < uw->small_count; i++)
		if (uw->small[i].state == LIB_SMALL_TOLD && uw->small[i].told == told)
			return uw->small[i].id;
	return told;
}

void lib_small_forget(struct uw *uw, uint64_t id)
{
	struct lib_small *small;

	pthread_mutex_lock(&uw->lock);
	small = find(uw, id);
	if (small)
		release(uw, small);
	pthread_mutex_unlock(&uw->lock);
}

/* ---- telling ---- */

#define PUT_MAX (PACKET_ITEMS_MAX - LIB_COMPONENTS) /* in a packet, with all that may be asked */

static uint32_t put_untold(const struct uw *uw, struct packet_out *out)
{
	uint32_t count = 0;

	for (uint16_t at = uw->untold_first; at != LIB_NONE && count < PUT_MAX;
	     at = uw->small[at].next) {
		const union packet_request request = {.grant = uw->small[at].request};

		packet_add_request(out, PACKET_GRANT, &request);
		count++;
	}
	return count;
}

static bool is_due(const struct lib_credit *credit, uint64_t now_us)
{
	return credit->wanted && !credit->asked && now_us >= credit->again_us;
}

/* Only behind all that is untold, so that what is left is what is free. */
static uint32_t put_wanted(const struct uw *uw, uint64_t now_us, struct packet_out *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < uw->credit_count; i++) {
		const struct lib_credit *credit = &uw->credit[i];
		union packet_request request = {.grant = {.item.cookie = i,
							  .bytes = LIB_CREDIT_BYTES,
							  .flags = PACKET_CREDIT}};

		if (!is_due(credit, now_us))
			continue;
		request.grant.min_bytes = credit->free_bytes;
		strcpy(request.grant.component, credit->component);
		packet_add_request(out, PACKET_GRANT, &request);
		count++;
	}
	return count;
}

static void note_told(struct uw *uw, uint32_t count)
{
	while (count--) {
		struct lib_small *small = &uw->small[uw->untold_first];

		leave_untold(uw, small);
		small->state = LIB_SMALL_TELLING;
	}
}

static void note_asked(struct uw *uw, uint64_t now_us)
{
	for (uint32_t i = 0; i < uw->credit_count; i++) {
		struct lib_credit *credit = &uw->credit[i];

		if (!is_due(credit, now_us))
			continue;
		credit->asked = true;
		credit->wanted = false;
		credit->asked_bytes = credit->free_bytes;
		credit->asked_leases = credit->free_leases;
	}
}

/* One packet. False when there is no more to say, or no room for it now. */
static bool tell_some(struct uw *uw, uint64_t now_us)
{
	struct packet_out out;
	uint32_t told, asked;

	packet_start(&out, uw->out, PACKET_REQUESTS);
	told = put_untold(uw, &out);
	asked = told < PUT_MAX ? put_wanted(uw, now_us, &out) : 0;
	if (!told && !asked)
		return false;
	if (packet_send(uw->socket, &out, -1, MSG_DONTWAIT) < 0) {
		if (errno != EAGAIN)
			lib_disconnect(uw);
		return false;
	}
	note_told(uw, told);
	if (asked)
		note_asked(uw, now_us);
	return true;
}

static bool has_wishes(const struct uw *uw)
{
	for (uint32_t i = 0; i < uw->credit_count; i++)
		if (uw->credit[i].wanted)
			return true;
	return false;
}

void lib_credit_tell(struct uw *uw)
{
	if (!uw->to_tell || uw->socket < 0 || uw->connects)
		return;
	lib_pay(uw);
	for (uint64_t now_us = lib_now_us(); uw->socket >= 0 && tell_some(uw, now_us);)
		continue;
	uw->to_tell = uw->untold_first != LIB_NONE || uw->owed_count || has_wishes(uw);
}

/* ---- the clock ---- */

static void give_up(struct uw *uw, struct lib_credit *credit)
{
	uint64_t id = credit->id;

	credit->id = credit->size = credit->free_bytes = 0;
	credit->free_leases = 0;
	credit->wanted = credit->recalled = false;
	lib_lease_drop(uw, id);
	lib_give_back(uw, id);
}

bool lib_credit_recall(struct uw *uw, uint64_t id)
{
	for (uint32_t i = 0; i < uw->credit_count; i++) {
		struct lib_credit *credit = &uw->credit[i];

		if (credit->id != id)
			continue;
		/* From now on it gives nothing out; the timer has the rest told first. */
		credit->recalled = true;
		credit->size = 0;
		credit->again_us = lib_now_us() + LIB_IDLE_US;
		uw->soon = true;
		lib_wake(uw, 1);
		return true;
	}
	return false;
}

/* True when it has to be looked at again. */
static bool look(struct uw *uw, struct lib_credit *credit, uint64_t now_us)
{
	if (credit->recalled && credit->id && !credit->asked && !credit->untold_leases) {
		give_up(uw, credit);
		return false;
	}
	if (credit->used) {
		credit->used = false;
		credit->used_us = now_us;
		return true;
	}
	if (!credit->id)
		return false;
	if (now_us - credit->used_us < LIB_IDLE_US || credit->asked || credit->untold_leases)
		return true;
	give_up(uw, credit);
	return false;
}

static bool is_recalled(const struct uw *uw)
{
	for (uint32_t i = 0; i < uw->credit_count; i++)
		if (uw->credit[i].recalled && uw->credit[i].id)
			return true;
	return false;
}

void lib_credit_tick(struct uw *uw)
{
	uint64_t now_us = lib_now_us();
	bool again = false;

	lib_credit_tell(uw);
	for (uint32_t i = 0; i < uw->credit_count && uw->socket >= 0 && !uw->connects; i++)
		again |= look(uw, &uw->credit[i], now_us);
	uw->soon = uw->untold_first != LIB_NONE || uw->owed_count || is_recalled(uw);
	if (uw->soon || again)
		lib_wake(uw, uw->soon ? LIB_TELL_US : LIB_IDLE_US);
}

/* ---- what uwd says ---- */

/* What there is now, when there are `to` of what was thought to be `from`. */
static uint64_t moved(uint64_t now, uint64_t from, uint64_t to)
{
	if (to >= from)
		return now + (to - from);
	return now > from - to ? now - (from - to) : 0;
}

static void take_credit(struct uw *uw, struct lib_credit *credit, const struct packet_reply *reply)
{
	credit->asked = false;
	credit->again_us = lib_now_us() + LIB_IDLE_US;
	if (reply->outcome || !reply->id)
		return;
	if (credit->id != reply->id) {
		lib_lease_drop(uw, credit->id);
		lib_lease_add(uw, reply->id);
	}
	credit->id = reply->id;
	credit->inside = reply->flags & PACKET_INSIDE;
	credit->size = credit->recalled ? 0 : reply->bytes;
	credit->free_bytes = moved(credit->free_bytes, credit->asked_bytes, reply->bytes);
	credit->free_leases =
		(uint32_t)moved(credit->free_leases, credit->asked_leases, reply->borrowed_bytes);
	if (!runs_low(credit) && !credit->recalled)
		credit->again_us = 0;
	if (!uw->soon)
		lib_wake(uw, LIB_IDLE_US); /* nothing may have looked at it, as it was not there */
}

static void take_drawn(struct uw *uw, struct lib_small *small, const struct packet_reply *reply)
{
	bool freed = small->freed;

	if (reply->outcome || freed) {
		release(uw, small); /* refused it is stale: what it was taken from was lost */
		if (!reply->outcome)
			lib_give_back(uw, reply->id);
		return;
	}
	small->told = reply->id;
	small->state = LIB_SMALL_TOLD;
	uw->small_pending--;
	lib_lease_add(uw, reply->id);
}

void lib_credit_answer(struct uw *uw, const struct packet_reply *reply)
{
	uint32_t at = reply->item.cookie;

	if (reply->flags & PACKET_CREDIT) {
		if (at < uw->credit_count && uw->credit[at].asked)
			take_credit(uw, &uw->credit[at], reply);
	} else if (at < uw->small_count && uw->small[at].state == LIB_SMALL_TELLING) {
		take_drawn(uw, &uw->small[at], reply);
	} else if (!reply->outcome) {
		lib_give_back(uw, reply->id);
	}
}

/* ---- another connection, another process ---- */

static bool is_ours(const struct uw *uw, uint64_t id)
{
	for (size_t i = 0; i < uw->lease_count; i++)
		if (uw->lease[i] == id)
			return true;
	return false;
}

/* Of what was drawn and not named uwd has put the bytes back. */
static void untell(struct uw *uw)
{
	for (uint32_t i = 0; i < uw->small_count; i++) {
		struct lib_small *small = &uw->small[i];

		if (small->state != LIB_SMALL_TELLING)
			continue;
		if (small->freed)
			take_back(uw, small);
		else
			enter_untold(uw, (uint16_t)i);
	}
}

void lib_credit_return(struct uw *uw)
{
	untell(uw);
	for (uint32_t i = 0; i < uw->credit_count; i++) {
		struct lib_credit *credit = &uw->credit[i];

		credit->asked = credit->recalled = false;
		credit->again_us = 0;
		credit->free_leases = 0; /* until uwd says how many */
		if (credit->id && is_ours(uw, credit->id)) {
			uw->to_tell = credit->wanted = true;
			continue;
		}
		credit->id = credit->size = credit->free_bytes = 0;
	}
	lib_credit_tell(uw);
	if (uw->credit_count) { /* without a connection nothing was looked at */
		uw->soon = true;
		lib_wake(uw, LIB_TELL_US);
	}
}

void lib_credit_start(struct uw *uw)
{
	uw->small_free = uw->untold_first = uw->untold_last = LIB_NONE;
	uw->small_count = uw->small_pending = uw->credit_count = uw->owed_count = 0;
	uw->to_tell = uw->soon = false;
}
