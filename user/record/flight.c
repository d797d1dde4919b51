// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two slots lie in memory. The tick writes into one of them; when it is full it turns to the other
 * one, if the thread is done with that. A slot begins with all that is needed to read it and to
 * decide from there on: schema, configuration, the policy's state. The thread writes each slot to
 * its place in the file, which its sequence says, again and again as it fills. A uwd that starts
 * goes on in the slot of the one before where half of it is free.
 */
#include "user/record/flight.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/thread.h"
#include "user/record/fields.h"
#include "user/record/files.h"
#include "user/record/thinning.h"
#include "user/record/writer.h"

#define FLUSH_US    (60 * US_PER_SEC)
#define FLUSH_BYTES (32U * 1024)
#define VIEWS_US    (10 * US_PER_SEC)
#define STACK_BYTES (64U * 1024)
#define STAGE_BYTES record_file_at(STAGE_SLOTS)
#define GAP_WORDS   2U
#define SLOT_WORDS  (RECORD_SLOT_BYTES / 8)

/* A slot in memory, and how far it is on the disk. */
struct flight_slot {
	struct record_slot_head *head; /* and the slot behind it */
	_Atomic bool full;             /* the thread is to bring the rest of it to the disk */
	uint64_t flushed_sequence;     /* the thread's own: of which so much is there */
	uint64_t flushed;              /* bytes */
};

struct flight {
	struct flight_conf conf;
	uint32_t slots, thin_slots; /* of the file on the disk: full ones, and behind them */
	int disk, stage;
	void *map;
	struct flight_slot slot[STAGE_SLOTS];

	/* The tick's own. */
	struct record_writer writer;
	uint32_t current;
	uint64_t next_sequence;
	bool begun;                    /* a frame of ours can follow in the current slot */
	uint64_t pending;              /* frames left out, and not told yet */
	uint64_t flush_us, flush_used; /* when the thread was last woken, and for how much */
	uint64_t views_us;
	uint64_t frames, lost;
	char boot_id[CLOCK_BOOT_ID_LEN];
	char schema[RECORD_SCHEMA_MAX];
	size_t schema_len;
	uint64_t usable_bytes;
	char config[RECORD_CONFIG_MAX];
	uint32_t config_len;

	pthread_t thread;
	bool has_thread;
	sem_t wake;
	_Atomic bool closing;
	_Atomic uint64_t written;
	_Atomic int error;
};

/* ---- the thread ---- */

static int write_all(int fd, const void *bytes, size_t count, uint64_t at)
{
	const char *from = bytes;

	while (count) {
		ssize_t n = pwrite(fd, from, count, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		at += (uint64_t)n;
		count -= (size_t)n;
	}
	return 0;
}

/* What is in the place of another slot is thinned before it goes. */
static int keep_thin(const struct flight *flight, uint32_t index, uint64_t sequence)
{
	struct record_slot_head head;
	int rc = record_file_head(flight->disk, index, &head);

	if (rc || head.sequence == sequence)
		return rc;
	return record_thin_file(flight->disk, flight->slots, flight->thin_slots, index);
}

/* What was added first, then a head that tells of it and of no more, though there may be by now.
 * One that was given up may have become another slot. */
static int write_head(const struct flight *flight, const struct flight_slot *slot,
		      uint64_t sequence, uint64_t used, uint64_t at)
{
	struct record_slot_head head;

	memcpy(&head, slot->head, sizeof(head));
	head.used = used;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&slot->head->sequence, __ATOMIC_RELAXED) != sequence)
		return -ESTALE;
	return write_all(flight->disk, &head, sizeof(head), at);
}

static int flush_slot(struct flight *flight, struct flight_slot *slot)
{
	uint64_t sequence = __atomic_load_n(&slot->head->sequence, __ATOMIC_ACQUIRE);
	uint64_t used = atomic_load_explicit(&slot->head->used, memory_order_acquire);
	uint32_t index = (uint32_t)(sequence % flight->slots);
	uint64_t at = record_file_at(index);
	int rc = 0;

	if (!sequence || used > RECORD_SLOT_BYTES)
		return 0;
	if (slot->flushed_sequence != sequence) {
		rc = keep_thin(flight, index, sequence);
		slot->flushed_sequence = sequence;
		slot->flushed = sizeof(*slot->head);
	} else if (used <= slot->flushed) {
		return 0;
	}
	if (!rc)
		rc = write_all(flight->disk, (char *)slot->head + slot->flushed,
			       used - slot->flushed, at + slot->flushed);
	if (!rc)
		rc = write_head(flight, slot, sequence, used, at);
	if (rc)
		return rc;
	atomic_fetch_add(&flight->written, used - slot->flushed);
	slot->flushed = used;
	return 0;
}

/* A slot that cannot be written is given up: what comes is worth more. */
static void flush(struct flight *flight)
{
	int error = 0;

	for (uint32_t i = 0; i < STAGE_SLOTS; i++) {
		struct flight_slot *slot = &flight->slot[i];
		bool full = atomic_load_explicit(&slot->full, memory_order_acquire);
		int rc = flush_slot(flight, slot);

		error = error ? error : rc;
		if (full)
			atomic_store_explicit(&slot->full, false, memory_order_release);
	}
	atomic_store(&flight->error, error);
}

static void *write_slots(void *data)
{
	struct flight *flight = data;
	bool last = false;

	pthread_setname_np(pthread_self(), "uwd-record");
	while (!last) {
		while (sem_wait(&flight->wake) < 0 && errno == EINTR)
			;
		last = atomic_load(&flight->closing); /* before: nothing is written after it */
		flush(flight);
	}
	return NULL;
}

static int start_thread(struct flight *flight)
{
	int rc;

	sem_init(&flight->wake, 0, 0);
	rc = thread_start(&flight->thread, STACK_BYTES, 0, write_slots, flight);
	flight->has_thread = !rc;
	return rc;
}

/* ---- opening ---- */

static int map_stage(struct flight *flight)
{
	flight->map = mmap(NULL, STAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, flight->stage, 0);
	if (flight->map == MAP_FAILED) {
		flight->map = NULL;
		return -errno;
	}
	for (uint32_t i = 0; i < STAGE_SLOTS; i++)
		flight->slot[i].head = (void *)((char *)flight->map + record_file_at(i));
	return 0;
}

/* Where one cannot be read there is no telling which: what follows would be written over what is
 * newer. */
static int newest_on_disk(const struct flight *flight, uint64_t *ret_newest)
{
	struct record_slot_head head;

	*ret_newest = 0;
	for (uint32_t i = 0; i < flight->slots; i++) {
		int rc = record_file_head(flight->disk, i, &head);

		if (rc)
			return rc;
		if (head.sequence > *ret_newest)
			*ret_newest = head.sequence;
	}
	return 0;
}

/* Older than the whole file reaches, or of another file that was here: not to overwrite what is. */
static bool belongs(const struct flight_slot *slot, uint64_t newest, uint32_t slots)
{
	return slot->head->sequence && slot->head->sequence + slots > newest;
}

/* What an earlier uwd left in memory goes to the disk, and the writer behind it. */
static int take_over(struct flight *flight)
{
	uint64_t newest;
	uint32_t last = 0;
	int rc = newest_on_disk(flight, &newest);

	if (rc)
		return rc;

	for (uint32_t i = 0; i < STAGE_SLOTS; i++) {
		struct flight_slot *slot = &flight->slot[i];

		if (!belongs(slot, newest, flight->slots))
			slot->head->sequence = 0;
		else
			flush_slot(flight, slot);
		if (slot->head->sequence > flight->slot[last].head->sequence)
			last = i;
	}
	if (flight->slot[last].head->sequence > newest)
		newest = flight->slot[last].head->sequence;
	flight->current = last;
	flight->next_sequence = newest + 1;
	if (flight->slot[last].head->sequence == newest && newest)
		record_slot_resume(&flight->writer, flight->slot[last].head, RECORD_SLOT_BYTES);
	return 0;
}

/* A quarter of it for what is thinned, which reaches back ten times as far and more. */
static void share_slots(struct flight *flight)
{
	uint64_t slots = (flight->conf.bytes - RECORD_HEAD_BYTES) / RECORD_SLOT_BYTES;

	if (slots < RECORD_SLOTS_MIN)
		slots = RECORD_SLOTS_MIN;
	if (slots > RECORD_SLOTS_MAX)
		slots = RECORD_SLOTS_MAX;
	flight->thin_slots = (uint32_t)slots / 4;
	flight->slots = (uint32_t)slots - flight->thin_slots;
}

static int open_files(struct flight *flight, struct uw_err *err)
{
	const struct flight_conf *conf = &flight->conf;
	int rc = record_file_open(conf->path, flight->slots + flight->thin_slots,
				  flight->thin_slots, &flight->disk, err);

	return rc ? rc : record_file_open(conf->stage, STAGE_SLOTS, 0, &flight->stage, err);
}

static int begin_writing(struct flight *flight, struct uw_err *err)
{
	const struct flight_conf *conf = &flight->conf;
	int rc = map_stage(flight);

	if (rc)
		return err_set(err, rc, "recording: %s: %s", conf->stage, strerror(-rc));
	rc = take_over(flight);
	if (rc)
		return err_set(err, rc, "recording: %s: %s", conf->path, strerror(-rc));
	rc = start_thread(flight);
	return rc ? err_set(err, rc, "recording: no thread: %s", strerror(-rc)) : 0;
}

int flight_open(const struct flight_conf *conf, struct flight **ret_flight, struct uw_err *err)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	int rc;

	if (!flight)
		return err_set(err, -ENOMEM, "recording: out of memory");
	flight->conf = *conf;
	share_slots(flight);
	flight->disk = flight->stage = -1;
	clock_boot_id(flight->boot_id); /* or none: nothing here depends on it */
	flight->schema_len = record_schema_print(flight->schema, sizeof(flight->schema));
	rc = open_files(flight, err);
	if (!rc)
		rc = begin_writing(flight, err);
	if (rc)
		flight_close(flight);
	else
		*ret_flight = flight;
	return rc;
}

void flight_close(struct flight *flight)
{
	if (!flight)
		return;
	if (flight->has_thread) {
		atomic_store(&flight->closing, true);
		sem_post(&flight->wake);
		pthread_join(flight->thread, NULL);
		sem_destroy(&flight->wake);
	}
	if (flight->map)
		munmap(flight->map, STAGE_BYTES);
	if (flight->disk >= 0)
		close(flight->disk);
	if (flight->stage >= 0)
		close(flight->stage);
	free(flight);
}

/* ---- the tick ---- */

int flight_configure(struct flight *flight, uint64_t usable_bytes, const char *text, size_t len)
{
	if (len > sizeof(flight->config))
		return -E2BIG;
	flight->usable_bytes = usable_bytes;
	memcpy(flight->config, text, len);
	flight->config_len = (uint32_t)len;
	/* In the slot that goes on if there is room, else where the next one begins. */
	if (flight->begun)
		flight->begun =
			record_put_config(&flight->writer, usable_bytes, text, flight->config_len);
	return 0;
}

static void wake_thread(struct flight *flight, uint64_t now_us)
{
	flight->flush_us = now_us;
	flight->flush_used = flight->slot[flight->current].head->used;
	sem_post(&flight->wake);
}

/* Turns to the other slot. False while that is not on the disk. */
static bool next_slot(struct flight *flight, uint64_t wall_us)
{
	uint32_t other = !flight->current;

	if (flight->writer.slot) {
		if (atomic_load_explicit(&flight->slot[other].full, memory_order_acquire))
			return false;
		atomic_store_explicit(&flight->slot[flight->current].full, true,
				      memory_order_release);
		flight->current = other;
	}
	record_slot_begin(&flight->writer, flight->slot[flight->current].head, RECORD_SLOT_BYTES,
			  flight->next_sequence++, 0, wall_us);
	return true;
}

/* Of leaves that were elsewhere, or not there, in the frame before. */
static uint32_t name_words(const struct flight *flight, const struct frame *frame)
{
	uint32_t words = 0;

	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].cgid != flight->writer.frame.leaf[i].cgid)
			words += RECORD_LEAF_WORDS;
	return words;
}

static uint32_t words_of(const struct flight *flight, const struct frame *frame)
{
	return record_tick_words(&flight->writer, frame) + name_words(flight, frame) + GAP_WORDS;
}

/* With very many leaves there is no room for it: then this slot can be looked at, and be replayed
 * only from another one on. */
static void put_state(struct flight *flight, const struct frame *frame)
{
	struct flight_state state;
	uint32_t words;

	flight->conf.checkpoint(flight->conf.data, &state);
	words = record_state_words(state.state, state.area, state.areas);
	if (record_room(&flight->writer) > words + words_of(flight, frame))
		record_put_state(&flight->writer, state.layout, state.state, state.bytes,
				 state.area, state.areas);
}

static void put_start(struct flight *flight, const struct frame *frame, uint64_t wall_us)
{
	struct record_begin begin = {
		.wall_us = wall_us,
		.now_us = frame->now_us,
		.schema_bytes = flight->schema_len,
	};

	text_copy(begin.version, sizeof(begin.version), flight->conf.version);
	text_copy(begin.boot_id, sizeof(begin.boot_id), flight->boot_id);
	record_put_begin(&flight->writer, &begin, flight->schema);
	record_put_config(&flight->writer, flight->usable_bytes, flight->config,
			  flight->config_len);
	put_state(flight, frame);
}

/* The room for what follows in the current slot, or else in the other one. */
static bool has_place(struct flight *flight, const struct frame *frame)
{
	uint64_t wall_us;

	if (flight->begun && record_room(&flight->writer) >= words_of(flight, frame))
		return true;
	wall_us = clock_wall_us();
	/* Of one who ended: behind what it wrote, where there is much room. */
	if (flight->begun || record_room(&flight->writer) < SLOT_WORDS / 2)
		if (!next_slot(flight, wall_us))
			return false;
	put_start(flight, frame, wall_us);
	flight->begun = true;
	wake_thread(flight, frame->now_us);
	return true;
}

/* As many as leave room for the frame. */
static void put_names(struct flight *flight, const struct frame *frame)
{
	uint32_t words = 0;

	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		struct record_leaf leaf = {.cgid = frame->leaf[i].cgid};

		if (leaf.cgid == flight->writer.frame.leaf[i].cgid)
			continue;
		if (!words)
			words = record_tick_words(&flight->writer, frame) + RECORD_LEAF_WORDS;
		if (record_room(&flight->writer) < words)
			return;
		leaf.component = flight->conf.leaf_name(flight->conf.data, leaf.cgid, leaf.name,
							sizeof(leaf.name));
		if (leaf.component < UW_COMPONENTS_MAX)
			record_put_leaf(&flight->writer, &leaf);
	}
}

void flight_frame(struct flight *flight, const struct frame *frame)
{
	if (!has_place(flight, frame)) {
		flight->begun = false;
		flight->pending++;
		flight->lost++;
		return;
	}
	if (flight->pending && record_put_gap(&flight->writer, flight->pending))
		flight->pending = 0;
	put_names(flight, frame);
	record_put_frame(&flight->writer, frame, clock_wall_us());
	flight->frames++;
}

/* What a person would see of it. */
static bool views_differ(const struct flight *flight,
			 const struct component_view view[UW_COMPONENTS_MAX], uint32_t components)
{
	for (uint32_t i = 0; i < components; i++) {
		const struct component_view *was = &flight->writer.view[i];

		if (view[i].level != was->level || view[i].tier != was->tier ||
		    view[i].frozen_leaves != was->frozen_leaves ||
		    view[i].squeezed != was->squeezed ||
		    view[i].in_force_bytes != was->in_force_bytes)
			return true;
	}
	return false;
}

void flight_plan(struct flight *flight, const struct plan *plan,
		 const struct component_view view[UW_COMPONENTS_MAX], uint32_t components)
{
	uint64_t now_us = flight->writer.frame.now_us;

	if (!flight->begun)
		return;
	record_put_plan(&flight->writer, plan);
	if (now_us - flight->views_us >= VIEWS_US || views_differ(flight, view, components)) {
		record_put_views(&flight->writer, view, components);
		flight->views_us = now_us;
	}
	if (now_us - flight->flush_us >= FLUSH_US ||
	    flight->slot[flight->current].head->used - flight->flush_used >= FLUSH_BYTES)
		wake_thread(flight, now_us);
}

void flight_read_stats(const struct flight *flight, struct flight_stats *ret_stats)
{
	*ret_stats = (struct flight_stats){
		.frames = flight->frames,
		.lost = flight->lost,
		.bytes = atomic_load(&flight->written),
		.error = atomic_load(&flight->error),
	};
}
