// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Readers of a ring that has many take slots as its writers do: by a store that names them, and the
 * common head is moved afterwards. Where the oldest records are dropped a writer may take a slot
 * out of a reader's hands; release finds that the word of the slot is not the reader's any more.
 */
#include <errno.h>

#include "user/lib/ring/inside.h"

enum take {
	TAKE_MADE,
	TAKE_GONE,  /* taken by another, dropped, or nothing in it: on to the next */
	TAKE_RACED, /* the slot changed meanwhile: look again */
	TAKE_NONE,  /* not written yet */
};

static enum take judge(const struct uw_ring *ring, uint64_t position, uint64_t word)
{
	int64_t ahead = ring_turns_ahead(ring, position, word);

	if (ahead)
		return ahead > 0 ? TAKE_GONE : TAKE_NONE;
	switch (ring_state(word)) {
	case RING_FULL:
		return TAKE_MADE;
	case RING_READING:
	case RING_TOMB:
		return TAKE_GONE;
	default:
		return TAKE_NONE;
	}
}

static bool free_slot(struct ring_slot *slot, uint64_t word)
{
	return atomic_compare_exchange_strong(&slot->word, &word,
					      ring_word(ring_turn(word) + 1, RING_FREE, 0));
}

/* Takes a full slot. A length that no writer gives frees it again. */
static enum take take_slot(struct uw_ring *ring, uint64_t position, struct uw_record *ret_record)
{
	struct ring_slot *slot = ring_slot_at(ring, position);
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
	uint64_t mine = ring_word(ring_turn(word), RING_READING, ring->client);
	enum take verdict = judge(ring, position, word);
	uint32_t length;

	if (verdict == TAKE_GONE && ring_state(word) == RING_TOMB &&
	    !ring_turns_ahead(ring, position, word))
		free_slot(slot, word);
	if (verdict != TAKE_MADE)
		return verdict;
	if (!atomic_compare_exchange_strong(&slot->word, &word, mine))
		return TAKE_RACED;
	length = atomic_load_explicit(&slot->length, memory_order_relaxed);
	if (length > ring->record_bytes) {
		/* Unless it is that of a writer who took the slot meanwhile. */
		if (free_slot(slot, mine))
			atomic_fetch_add(&ring->torn, 1);
		return TAKE_GONE;
	}
	*ret_record = (struct uw_record){slot->bytes, length, (uint32_t)position};
	return TAKE_MADE;
}

/* Past one that is gone: to the oldest that can still be there. */
static uint64_t go_on(const struct uw_ring *ring, uint64_t position)
{
	const struct ring_control *control = ring->control;
	uint64_t word =
		atomic_load_explicit(&ring_slot_at(ring, position)->word, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&control->head, memory_order_relaxed);
	int64_t ahead = ring_turns_ahead(ring, position, word);
	uint64_t at = position + 1;

	if (ahead > 1)
		at += (uint64_t)(ahead - 1) << ring->slot_shift;
	return (int64_t)(head - at) > 0 ? head : at;
}

/* Takes the next full slot from *at on. */
static int take_next(struct uw_ring *ring, uint64_t *at, struct uw_record *ret_record)
{
	for (int i = 0; i < RING_TRIES; i++) {
		enum take verdict = take_slot(ring, *at, ret_record);

		if (verdict == TAKE_MADE) {
			(*at)++;
			return 0;
		}
		if (verdict == TAKE_GONE)
			*at = go_on(ring, *at);
		else if (verdict == TAKE_NONE && !ring_bury_if_due(ring, *at))
			break;
	}
	return -EAGAIN;
}

int ring_many_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	uint64_t at = atomic_load_explicit(&ring->control->head, memory_order_relaxed);
	uint32_t got = 0;

	if (!ring->writable)
		return -EACCES;
	while (got < count && !take_next(ring, &at, &records[got]))
		got++;
	ring_advance(&ring->control->head, at);
	return got ? (int)got : -EAGAIN;
}

static int release_record(struct uw_ring *ring, uint32_t mark)
{
	struct ring_slot *slot = ring_slot_at(ring, mark);
	uint64_t word = ring_own_word(ring, mark, RING_READING);

	if (!word)
		return UW_STALE;
	if (ring->drops)
		return free_slot(slot, word) ? 0 : UW_STALE;
	/* Nobody takes it from one that lives. */
	atomic_store_explicit(&slot->word, ring_word(ring_turn(word) + 1, RING_FREE, 0),
			      memory_order_release);
	return 0;
}

int ring_many_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	int rc = 0;

	if (!ring->writable)
		return -EACCES;
	for (uint32_t i = 0; i < count; i++)
		if (release_record(ring, records[i].mark))
			rc = UW_STALE;
	ring_wake(ring, RING_WRITER, count);
	return rc;
}

bool ring_many_has_record(const struct uw_ring *ring)
{
	uint64_t at = atomic_load_explicit(&ring->control->head, memory_order_acquire);

	return judge(ring, at, atomic_load(&ring_slot_at(ring, at)->word)) != TAKE_NONE;
}
