// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writers of a ring that has many. A slot is claimed by a store that names who claims it; only then
 * is the common tail moved past it, by its owner or by whoever finds it behind. So nobody waits for
 * anybody to claim, and who dies leaves a claim that says whose it is. Readers come to slots in
 * their order: one that is claimed holds them up until it is full, or until its owner is found
 * dead.
 */
#include <errno.h>

#include "user/lib/ring/inside.h"

enum claim {
	CLAIM_MADE,
	CLAIM_TAKEN, /* by another: on to the next */
	CLAIM_RACED, /* the slot changed meanwhile: look again */
	CLAIM_FULL,
	CLAIM_TORN, /* no slot comes to this */
};

/* May a writer of this turn take a slot that is still as the turn before left it? */
static bool may_overwrite(const struct uw_ring *ring, uint64_t word)
{
	enum ring_slot_state state = ring_state(word);

	return state == RING_TOMB || (ring->drops && (state == RING_FULL || state == RING_READING));
}

static enum claim judge(const struct uw_ring *ring, uint64_t position, uint64_t word)
{
	int64_t ahead = ring_turns_ahead(ring, position, word);

	if (ahead == 0)
		return ring_state(word) == RING_FREE ? CLAIM_MADE : CLAIM_TAKEN;
	if (ahead > 0)
		return CLAIM_TAKEN;
	if (ahead < -1 || ring_state(word) == RING_FREE)
		return CLAIM_TORN;
	return may_overwrite(ring, word) ? CLAIM_MADE : CLAIM_FULL;
}

static enum claim claim_slot(struct uw_ring *ring, uint64_t position, struct ring_slot *slot)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
	enum claim verdict = judge(ring, position, word);
	uint64_t mine = ring_word(ring_turn_of(ring, position), RING_CLAIMED, ring->client);

	if (verdict != CLAIM_MADE)
		return verdict;
	if (!atomic_compare_exchange_strong(&slot->word, &word, mine))
		return CLAIM_RACED;
	if (ring_state(word) == RING_FULL || ring_state(word) == RING_READING)
		atomic_fetch_add_explicit(&ring->control->dropped, 1, memory_order_relaxed);
	return CLAIM_MADE;
}

/* Past one that is taken: to where the tail is by now, if that is further, and not by turns of the
 * ring that are over. */
static uint64_t go_on(const struct uw_ring *ring, uint64_t position, uint64_t word)
{
	uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_relaxed);
	int64_t ahead = ring_turns_ahead(ring, position, word);

	if (ahead > 1)
		position += (uint64_t)(ahead - 1) << ring->slot_shift;
	return (int64_t)(tail - position) > 0 ? tail : position + 1;
}

static int refuse(struct uw_ring *ring, enum claim verdict)
{
	if (verdict != CLAIM_TORN)
		return -EAGAIN;
	atomic_fetch_add(&ring->torn, 1);
	return -EBADMSG;
}

/* Claims the next free slot from *at on. */
static int claim_next(struct uw_ring *ring, uint64_t *at, struct uw_record *record)
{
	enum claim verdict = CLAIM_FULL;

	for (int i = 0; i < RING_TRIES; i++) {
		struct ring_slot *slot = ring_slot_at(ring, *at);

		verdict = claim_slot(ring, *at, slot);
		if (verdict == CLAIM_MADE) {
			record->bytes = slot->bytes;
			record->mark = (uint32_t)*at;
			(*at)++;
			return 0;
		}
		if (verdict == CLAIM_TAKEN)
			*at = go_on(ring, *at, atomic_load(&slot->word));
		else if (verdict != CLAIM_RACED && !ring_bury_if_due(ring, *at))
			break;
	}
	return refuse(ring, verdict);
}

int ring_many_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	uint64_t at = atomic_load_explicit(&ring->control->tail, memory_order_relaxed);
	uint32_t got = 0;
	int rc = ring->writable ? 0 : -EACCES;

	for (; got < count && !rc; got++) {
		rc = records[got].length > ring->record_bytes ? -EMSGSIZE : 0;
		if (!rc)
			rc = claim_next(ring, &at, &records[got]);
		if (rc)
			break;
	}
	ring_advance(&ring->control->tail, at);
	return got ? (int)got : rc;
}

static int commit_record(struct uw_ring *ring, const struct uw_record *record)
{
	struct ring_slot *slot = ring_slot_at(ring, record->mark);
	uint64_t word = ring_own_word(ring, record->mark, RING_CLAIMED);
	enum ring_slot_state state = record->length == UW_RECORD_NONE ? RING_TOMB : RING_FULL;

	if (!word)
		return UW_STALE;
	atomic_store_explicit(&slot->length, record->length, memory_order_relaxed);
	/* Nobody takes a claim from one that lives. */
	atomic_store_explicit(&slot->word, ring_word(ring_turn(word), state, 0),
			      memory_order_release);
	return 0;
}

int ring_many_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	int rc = 0;

	if (!ring->writable)
		return -EACCES;
	for (uint32_t i = 0; i < count; i++)
		if (records[i].length > ring->record_bytes && records[i].length != UW_RECORD_NONE)
			return -EINVAL;
	for (uint32_t i = 0; i < count; i++)
		if (commit_record(ring, &records[i]))
			rc = UW_STALE;
	ring_wake(ring, RING_READER, count);
	return rc;
}

bool ring_many_has_room(const struct uw_ring *ring)
{
	uint64_t at = atomic_load_explicit(&ring->control->tail, memory_order_acquire);

	return judge(ring, at, atomic_load(&ring_slot_at(ring, at)->word)) != CLAIM_FULL;
}
