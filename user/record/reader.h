/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a recording that lies in memory: an export, or the file of a uwd. Everything in it is
 * distrusted: what is damaged is passed over and counted, and what is handed out is within the
 * bounds of the structs. Pure and without allocation; the bytes stay the caller's and are to
 * outlive the reader. Large: not for a stack.
 *
 *	struct recording *r = malloc(sizeof(*r));
 *	if (!recording_open(r, bytes, size, &err))
 *		while (recording_next(r))
 *			if (r->kind == RECORD_FRAME)
 *				... r->wall_us, r->frame ...
 */
#ifndef UW_RECORD_READER_H
#define UW_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"
#include "user/record/fields.h"
#include "user/record/format.h"

#define RECORDING_NAMES 4096 /* of leaves, the last ones: twice as many as there are at once */
#define RECORDING_SLOTS (RECORD_SLOTS_MAX + RECORD_STAGE_SLOTS)

struct recording_slot {
	const uint8_t *at;
	uint32_t bytes;
	uint64_t sequence, first_wall_us;
	bool thin;
};

struct recording {
	/* What recording_next has come to. Of the structs, those that this record is about have
	 * changed, the others are as before. */
	enum record_kind kind;
	bool thin;        /* not to be replayed: frames are missing between those there are */
	uint64_t wall_us; /* of the last frame, or of the begin */
	struct record_begin begin;
	struct record_leaf leaf;
	uint64_t gap;          /* frames that were lost */
	uint64_t usable_bytes; /* of config */
	const char *config;    /* as text, not terminated; NULL before the first one */
	uint32_t config_len;
	struct frame frame;
	struct plan plan;
	struct component_view view[UW_COMPONENTS_MAX];

	/* What was wrong with the bytes so far. */
	uint32_t torn; /* slots that end in what is no record, as a crash of the machine leaves */
	uint32_t refused; /* records that no uwd writes, each with the rest of its slot */

	/* The reader's own. */
	uint32_t slots, slot; /* slot: the one that is read */
	uint32_t at;          /* in it, bytes */
	bool begun;           /* a BEGIN was read in this slot */
	struct record_schema schema;
	const uint64_t *state; /* of the last RECORD_STATE */
	uint32_t state_words;
	struct record_state state_about;
	uint64_t image[IMAGE__COUNT][IMAGE_BYTES_MAX / sizeof(uint64_t)];
	uint32_t names;
	struct record_leaf name[RECORDING_NAMES];
	struct recording_slot index[RECORDING_SLOTS];
};

/* In the order in which they are read. */
bool recording_slot_before(const struct recording_slot *a, const struct recording_slot *b);

/* Bytes with its head, to the end of its last good record. */
uint32_t recording_slot_used(const struct recording_slot *slot);

/* 0, or -EBADMSG with a text when it is no recording or one of another version. */
int recording_open(struct recording *recording, const void *bytes, size_t size, struct uw_err *err);

/* The same for one slot by itself; false when there is none. */
bool recording_open_slot(struct recording *recording, const void *slot, uint32_t bytes);

/* Goes to the next record; false behind the last one. */
bool recording_next(struct recording *recording);

/* Back to the first record. */
void recording_rewind(struct recording *recording);

/*
 * Goes to the last full frame at or before wall_us, or else to the first one: as if recording_next
 * had come to it from the begin of its slot, so that configuration, names of leaves and plan are
 * those of then. False when there is no frame at all.
 */
bool recording_seek(struct recording *recording, uint64_t wall_us);

/* What the leaf with this cgroup id is called, without its component; NULL when that is not known.
 */
const char *recording_leaf_name(const struct recording *recording, uint64_t cgid);

/* The wall time of the first frame and of the last one; false when there is none. Rewinds. */
bool recording_span(struct recording *recording, uint64_t *ret_first_us, uint64_t *ret_last_us);

/* The policy's state as of the last RECORD_STATE, of bytes in size. False when it was recorded by
 * one with another layout, or is damaged. */
bool recording_state(const struct recording *recording, uint64_t layout, void *ret_state,
		     uint32_t bytes);

#endif
