// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The reader of a ring that has one, and observers, which only look. What the writer tells is
 * copied once and checked before it is used. Whoever may be overtaken by the writer, which is every
 * reader where the oldest records are dropped, and every observer, looks again after it has read:
 * at the headers in peek, at the records in release.
 */
#include <errno.h>

#include "user/lib/ring/inside.h"

/* Takes positions as an earlier reader left them. */
static int become_reader(struct uw_ring *ring)
{
	struct ring_one_reader *reader = &ring->reader;
	int rc = ring->writable ? ring_take_role(ring, RING_READER) : 0;

	if (rc)
		return rc;
	reader->head = atomic_load(&ring->control->head) & ~7ULL;
	reader->held = reader->end = reader->tail = reader->head;
	reader->counts = ring->writable && !reader->head; /* the first record is number 0 */
	reader->is_it = true;
	return 0;
}

/* Nothing before this is intact; what is written to comes after it by a ring at most. A tail that
 * is read afterwards is not before it. */
static uint64_t first_intact(const struct uw_ring *ring)
{
	const struct ring_control *control = ring->control;

	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(ring->drops ? &control->oldest : &control->head,
				    memory_order_acquire);
}

static bool was_overtaken(const struct uw_ring *ring, uint64_t position)
{
	bool may_be = ring->drops || !ring->writable;

	return may_be && (int64_t)(first_intact(ring) - position) > 0;
}

static void publish_head(struct uw_ring *ring, uint64_t head)
{
	ring->reader.head = head;
	if (!ring->writable)
		return;
	atomic_store_explicit(&ring->control->head, head, memory_order_release);
	ring_wake(ring, RING_WRITER, 1);
}

/* After something that no writer of ours does: on from its tail, where its next record will be. */
static int start_over(struct uw_ring *ring, uint64_t tail)
{
	atomic_fetch_add(&ring->torn, 1);
	ring->reader.held = ring->reader.end = ring->reader.tail = tail & ~7ULL;
	publish_head(ring, tail & ~7ULL);
	return -EBADMSG;
}

/* On from there, over what was lost. Nothing before it is in hand any more, so that all that is
 * lies within a ring of held, and its mark says where. */
static void jump(struct ring_one_reader *reader, uint64_t to)
{
	reader->head = reader->held = reader->end = to;
	reader->jumped = true;
}

/* 0 when there is something between held and the known tail, or when the writer went on past held
 * while it was looked for: then nothing is known, and peek_once finds it overtaken. */
static int look_for_records(struct uw_ring *ring)
{
	struct ring_one_reader *reader = &ring->reader;
	uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);

	if (tail == reader->held)
		return -EAGAIN;
	if (was_overtaken(ring, reader->held)) {
		jump(reader, first_intact(ring) & ~7ULL);
		reader->tail = reader->held;
		tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);
		if (was_overtaken(ring, reader->held))
			return 0;
	}
	if (tail % 8 || tail - reader->held > ring->data_bytes)
		return start_over(ring, tail);
	reader->tail = tail;
	return tail == reader->held ? -EAGAIN : 0;
}

static uint8_t *data_at(const struct uw_ring *ring, uint64_t position)
{
	return ring->data + (position & (ring->data_bytes - 1));
}

/* The next record from *at on, behind fillers, which ends no later than the known tail. -EAGAIN:
 * there is none. Moves *at past it. */
static inline int next_record(const struct uw_ring *ring, uint64_t *at,
			      struct uw_record *ret_record, uint32_t *ret_number)
{
	const struct ring_one_reader *reader = &ring->reader;

	while (*at != reader->tail) {
		uint64_t position = *at;
		_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)data_at(ring, position);
		uint64_t header = atomic_load_explicit(word, memory_order_relaxed);
		uint32_t length = (uint32_t)header & ~RING_FILLER;
		uint64_t span = ring_span(length);

		if (span > reader->tail - position)
			return -EBADMSG;
		*at += span;
		if (header & RING_FILLER)
			continue;
		*ret_record = (struct uw_record){
			.bytes = (uint8_t *)word + RING_HEADER,
			.length = length,
			.mark = (uint32_t)(position / 8),
		};
		*ret_number = (uint32_t)(header >> 32);
		return 0;
	}
	return -EAGAIN;
}

/* A gap in the numbers is what was lost; one that goes back is a writer that came anew. */
static void count_lost(struct ring_one_reader *reader, uint32_t first, uint32_t count)
{
	uint32_t gap = first - reader->number;

	if (reader->counts && gap < 1U << 31)
		reader->lost += gap;
	reader->counts = true;
	reader->number = first + count;
}

/* One look at what is there. 0: to be looked at anew. */
static int peek_once(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	struct ring_one_reader *reader = &ring->reader;
	uint64_t at = reader->held, end = reader->end;
	uint32_t got = 0, number, first = 0;
	int rc = 0;

	for (; got < count; got++) {
		rc = next_record(ring, &at, &records[got], &number);
		if (rc)
			break;
		if (!got)
			first = number;
		end = at;
	}
	if (was_overtaken(ring, reader->held)) {
		reader->tail = reader->held; /* so that the writer is asked again */
		return 0;
	}
	if (rc == -EBADMSG && !got)
		return start_over(ring, reader->tail);
	if (!got && reader->head == reader->held && at != reader->held)
		publish_head(ring, at); /* nothing but fillers: nobody would release them */
	reader->held = at;
	reader->end = end;
	if (got)
		count_lost(reader, first, got);
	return (int)got; /* behind fillers there may be more by now */
}

/* Who was overtaken again and again is too slow for what is oldest, and goes on with the newest, of
 * which one look may give nothing as well. */
static int catch_up(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	struct ring_one_reader *reader = &ring->reader;
	uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire) & ~7ULL;
	uint64_t newest = atomic_load_explicit(&ring->control->newest, memory_order_relaxed);
	int rc;

	if (newest % 8 || tail - newest > ring->data_bytes)
		newest = tail; /* committed meanwhile, or no writer of ours */
	jump(reader, newest);
	reader->tail = tail;
	rc = peek_once(ring, records, count);
	return rc ? rc : -EAGAIN;
}

int ring_one_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	struct ring_one_reader *reader = &ring->reader;
	int rc = reader->is_it ? 0 : become_reader(ring);

	if (rc)
		return rc;
	if (!count)
		return 0;
	for (int i = 0; i < 8; i++) {
		rc = reader->held == reader->tail ? look_for_records(ring) : 0;
		if (!rc)
			rc = peek_once(ring, records, count);
		if (rc)
			return rc;
	}
	return was_overtaken(ring, reader->held) ? catch_up(ring, records, count) : -EAGAIN;
}

/* Where a record is that was handed out: before held by a ring at most. */
static uint64_t position_of(const struct ring_one_reader *reader, const struct uw_record *record)
{
	uint32_t back = (uint32_t)(reader->held / 8) - record->mark;

	return reader->held - (uint64_t)back * 8;
}

/* Fillers behind the last record handed out go with it: nobody would release them. */
int ring_one_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	struct ring_one_reader *reader = &ring->reader;
	const struct uw_record *last;
	uint64_t first, end;

	if (!count)
		return 0;
	if (!reader->is_it)
		return -EINVAL;
	last = &records[count - 1];
	first = position_of(reader, records);
	end = position_of(reader, last) + ring_span(last->length);
	if ((int64_t)(first - reader->head) < 0)
		return reader->jumped ? UW_STALE : -EINVAL;
	if ((int64_t)(end - reader->held) > 0 || first >= end)
		return -EINVAL;
	publish_head(ring, (int64_t)(end - reader->end) < 0 ? end : reader->held);
	return was_overtaken(ring, first) ? UW_STALE : 0;
}

bool ring_one_has_record(struct uw_ring *ring)
{
	const struct ring_one_reader *reader = &ring->reader;
	const struct ring_control *control = ring->control;
	uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);

	return tail != (reader->is_it ? reader->held : atomic_load(&control->head));
}
