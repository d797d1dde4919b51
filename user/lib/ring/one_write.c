// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The writer of a ring that has one. Its own positions are private and only published, never read
 * back; how far the reader is, is looked up when there seems to be no room. When the oldest records
 * are to go, it walks over as many as are in the way and tells so before it writes there: a reader
 * finds afterwards that what it held is not what it was.
 */
#include <errno.h>
#include <string.h>

#include "user/lib/ring/inside.h"

static uint8_t *data_at(const struct uw_ring *ring, uint64_t position)
{
	return ring->data + (position & (ring->data_bytes - 1));
}

static void store_header(const struct uw_ring *ring, uint64_t position, uint32_t length,
			 uint32_t number)
{
	_Atomic uint64_t *header = (_Atomic uint64_t *)(void *)data_at(ring, position);

	atomic_store_explicit(header, ring_header(length, number), memory_order_relaxed);
}

static uint64_t load_header(const struct uw_ring *ring, uint64_t position)
{
	_Atomic uint64_t *header = (_Atomic uint64_t *)(void *)data_at(ring, position);

	return atomic_load_explicit(header, memory_order_relaxed);
}

/* ---- becoming it ---- */

/* Walks what a writer before us left from position on; false: what stands there makes no sense. */
static bool find_number(struct ring_one_writer *writer, const struct uw_ring *ring,
			uint64_t position)
{
	while (position < writer->tail) {
		uint64_t header = load_header(ring, position);
		uint32_t length = (uint32_t)header & ~RING_FILLER;

		if (length > ring->data_bytes || ring_span(length) > writer->tail - position)
			return false;
		if (!(header & RING_FILLER))
			writer->number = (uint32_t)(header >> 32) + 1;
		position += ring_span(length);
	}
	return true;
}

static int become_writer(struct uw_ring *ring)
{
	struct ring_one_writer *writer = &ring->writer;
	struct ring_control *control = ring->control;
	uint64_t from;
	int rc = ring->writable ? ring_take_role(ring, RING_WRITER) : -EACCES;

	if (rc)
		return rc;
	writer->tail = atomic_load(&control->tail) & ~7ULL;
	writer->head = atomic_load(&control->head);
	writer->oldest = atomic_load(&control->oldest);
	writer->number = atomic_load(&control->next_number);
	from = ring->drops ? writer->oldest : writer->head;
	if (from % 8 || writer->tail - from > ring->data_bytes) {
		from = writer->tail;
		atomic_fetch_add(&ring->torn, 1);
	}
	if (!find_number(writer, ring, from))
		atomic_fetch_add(&ring->torn, 1);
	writer->oldest = writer->head = from;
	writer->reserved = writer->tail;
	writer->open = 0;
	writer->is_it = true;
	return 0;
}

/* ---- room ---- */

/* Up to end there is room for nothing but what is intact from the reader's head on. */
static int look_for_room(struct uw_ring *ring, uint64_t end)
{
	struct ring_one_writer *writer = &ring->writer;
	uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);

	if (head % 8 || writer->tail - head > ring->data_bytes)
		return -EBADMSG;
	writer->head = head;
	/* An observer that reads what is written there finds that the head went on. */
	atomic_thread_fence(memory_order_release);
	return end - head <= ring->data_bytes ? 0 : -EAGAIN;
}

/* Gives up the oldest records, until end is not more than a ring away. */
static int drop_oldest(struct uw_ring *ring, uint64_t end)
{
	struct ring_one_writer *writer = &ring->writer;
	uint64_t oldest = writer->oldest;

	while (end - oldest > ring->data_bytes) {
		uint64_t left = writer->tail - oldest;
		uint64_t span =
			left ? ring_span((uint32_t)load_header(ring, oldest) & ~RING_FILLER) : 0;

		if (!left)
			return -EAGAIN;
		if (span > left) {
			span = left;
			atomic_fetch_add(&ring->torn, 1);
		}
		oldest += span;
	}
	writer->oldest = oldest;
	/* After the tail, which is never before it. */
	atomic_store_explicit(&ring->control->oldest, oldest, memory_order_release);
	/* Before anything is written there. */
	atomic_thread_fence(memory_order_release);
	return 0;
}

static int make_room(struct uw_ring *ring, uint64_t end)
{
	struct ring_one_writer *writer = &ring->writer;

	if (ring->drops)
		return end - writer->oldest <= ring->data_bytes ? 0 : drop_oldest(ring, end);
	return end - writer->head <= ring->data_bytes ? 0 : look_for_room(ring, end);
}

bool ring_one_has_room(struct uw_ring *ring)
{
	const struct ring_one_writer *writer = &ring->writer;

	return ring->drops || look_for_room(ring, writer->reserved + writer->wanted) != -EAGAIN;
}

/* ---- calls ---- */

int ring_one_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count)
{
	struct ring_one_writer *writer = &ring->writer;
	uint64_t at = writer->reserved;
	uint32_t got = 0;
	int rc = writer->is_it ? 0 : become_writer(ring);

	if (rc)
		return rc;
	if (writer->open)
		return -EBUSY;
	for (at = writer->reserved; got < count; got++) {
		uint32_t length = records[got].length;
		uint64_t span = ring_span(length);

		if (length > ring->record_bytes)
			return -EMSGSIZE;
		rc = make_room(ring, at + span);
		if (rc) {
			writer->wanted = at + span - writer->reserved;
			break;
		}
		records[got].bytes = data_at(ring, at) + RING_HEADER;
		records[got].mark = (uint32_t)(at / 8);
		at += span;
	}
	if (!got)
		return rc;
	writer->reserved = at;
	writer->open = got;
	return (int)got;
}

/* Writes the header of a record at position, of which length bytes are used up to next. */
static int close_record(struct uw_ring *ring, uint64_t position, uint64_t next, uint32_t length,
			uint32_t *number)
{
	uint64_t end = position;

	if (length != UW_RECORD_NONE) {
		end += ring_span(length);
		if (end > next)
			return -EINVAL;
		store_header(ring, position, length, (*number)++);
	}
	if (end < next)
		store_header(ring, end, RING_FILLER | (uint32_t)(next - end - RING_HEADER), 0);
	return 0;
}

/* Where the record of a mark is that was handed out; beyond reserved for any other. */
static uint64_t position_of(const struct ring_one_writer *writer, uint32_t mark)
{
	return writer->tail + (uint64_t)(uint32_t)(mark - (uint32_t)(writer->tail / 8)) * 8;
}

static void publish(struct uw_ring *ring, uint64_t tail, uint32_t number, uint32_t count)
{
	struct ring_one_writer *writer = &ring->writer;

	if (number != writer->number)
		atomic_store_explicit(&ring->control->newest, writer->tail, memory_order_relaxed);
	writer->number = number;
	writer->tail = writer->reserved = tail;
	writer->open = 0;
	atomic_store_explicit(&ring->control->next_number, number, memory_order_relaxed);
	atomic_store_explicit(&ring->control->tail, tail, memory_order_release);
	ring_wake(ring, RING_READER, count);
}

int ring_one_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count)
{
	struct ring_one_writer *writer = &ring->writer;
	uint32_t number = writer->number;
	uint64_t at = writer->tail;

	if (!writer->is_it || count != writer->open)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t next =
			i + 1 < count ? position_of(writer, records[i + 1].mark) : writer->reserved;

		if (next <= at || next > writer->reserved ||
		    close_record(ring, at, next, records[i].length, &number))
			return -EINVAL;
		at = next;
	}
	publish(ring, at, number, count);
	return 0;
}
