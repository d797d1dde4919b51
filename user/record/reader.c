// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the slots, puts them in order - what was thinned first, as it is older - and reads records
 * one after the other. A record counts when its check is right; the first one that is not ends its
 * slot, since nothing tells where the next would begin. Runs are applied to images as the writer
 * had them, and structs are taken out of those by the schema.
 */
#include "user/record/reader.h"

#include <errno.h>
#include <string.h>

#include "user/record/words.h"

#define WORD  ((uint32_t)sizeof(uint64_t))
#define FIRST ((uint32_t)sizeof(struct record_slot_head))

/* ---- slots ---- */

bool recording_slot_before(const struct recording_slot *a, const struct recording_slot *b)
{
	return a->thin != b->thin ? a->thin : a->sequence < b->sequence;
}

/* Some are taken out of the order of the file, few of them by much. */
static void insert_slot(struct recording *recording, const struct recording_slot *slot)
{
	uint32_t at = recording->slots++;

	for (; at && recording_slot_before(slot, &recording->index[at - 1]); at--)
		recording->index[at] = recording->index[at - 1];
	recording->index[at] = *slot;
}

/* The bytes from one slot to the next; 0 when there is none here. */
static uint32_t take_slot(struct recording *recording, const uint8_t *at, size_t left,
			  uint32_t slot_bytes)
{
	struct record_slot_head head;
	struct recording_slot slot = {.at = at};
	uint32_t bytes;

	if (left < sizeof(head))
		return 0;
	memcpy(&head, at, sizeof(head));
	bytes = slot_bytes ? slot_bytes : head.bytes;
	if (bytes < sizeof(head) || bytes % WORD)
		return 0;
	slot.bytes = bytes < left ? bytes : (uint32_t)(left / WORD * WORD);
	slot.sequence = head.sequence;
	slot.first_wall_us = head.first_wall_us;
	slot.thin = head.flags & RECORD_SLOT_THIN;
	if (!memcmp(head.magic, RECORD_SLOT_MAGIC, sizeof(head.magic)) && head.sequence)
		insert_slot(recording, &slot);
	return bytes;
}

int recording_open(struct recording *recording, const void *bytes, size_t size, struct uw_err *err)
{
	const uint8_t *at = bytes;
	struct record_head head;
	size_t left = size;
	uint32_t taken;

	if (size < RECORD_HEAD_BYTES || (uintptr_t)bytes % WORD)
		return err_set(err, -EBADMSG, "no recording: %zu bytes are too few", size);
	memcpy(&head, bytes, sizeof(head));
	if (memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)))
		return err_set(err, -EBADMSG, "no recording: it does not begin with %s",
			       RECORD_MAGIC);
	if (head.version != RECORD_VERSION)
		return err_set(err, -EBADMSG, "a recording of version %u, allowed: %u",
			       head.version, RECORD_VERSION);
	recording->slots = 0;
	at += RECORD_HEAD_BYTES;
	left -= RECORD_HEAD_BYTES;
	while (left && recording->slots < RECORDING_SLOTS) {
		taken = take_slot(recording, at, left, head.slot_bytes);
		if (!taken || taken > left)
			break;
		at += taken;
		left -= taken;
	}
	recording_rewind(recording);
	return 0;
}

bool recording_open_slot(struct recording *recording, const void *slot, uint32_t bytes)
{
	recording->slots = 0;
	take_slot(recording, slot, bytes, bytes);
	recording_rewind(recording);
	return recording->slots;
}

static void forget(struct recording *recording)
{
	recording->begun = false;
	recording->config = NULL;
	recording->config_len = 0;
	recording->state = NULL;
	recording->names = 0;
	recording->frame.component_count = recording->frame.leaf_count = 0;
	recording->plan.action_count = 0;
}

static void enter_slot(struct recording *recording, uint32_t slot)
{
	recording->slot = slot;
	recording->at = FIRST;
	recording->thin = slot < recording->slots && recording->index[slot].thin;
	forget(recording);
}

void recording_rewind(struct recording *recording)
{
	recording->kind = RECORD_NONE;
	recording->wall_us = 0;
	recording->torn = recording->refused = 0;
	enter_slot(recording, 0);
}

/* ---- records ---- */

static int take_begin(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	struct record_begin *begin = &recording->begin;
	uint64_t rest = (uint64_t)words * WORD;
	int rc;

	forget(recording);
	if (rest < sizeof(*begin))
		return -EBADMSG;
	memcpy(begin, payload, sizeof(*begin));
	begin->version[RECORD_VERSION_LEN - 1] = begin->boot_id[RECORD_BOOT_LEN - 1] = '\0';
	if (begin->schema_bytes > rest - sizeof(*begin))
		return -EBADMSG;
	rc = record_schema_parse((const char *)payload + sizeof(*begin), begin->schema_bytes,
				 &recording->schema);
	if (rc)
		return rc;
	for (int i = 0; i < IMAGE__COUNT; i++)
		memset(recording->image[i], 0, recording->schema.image_bytes[i]);
	recording->wall_us = begin->wall_us;
	recording->begun = true;
	return 0;
}

static int take_config(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	struct record_config about;
	uint64_t rest = (uint64_t)words * WORD;

	if (rest < sizeof(about))
		return -EBADMSG;
	memcpy(&about, payload, sizeof(about));
	if (about.text_bytes > rest - sizeof(about) || about.text_bytes > RECORD_CONFIG_MAX)
		return -EBADMSG;
	recording->usable_bytes = about.usable_bytes;
	recording->config = (const char *)payload + sizeof(about);
	recording->config_len = (uint32_t)about.text_bytes;
	return 0;
}

static int take_state(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	uint32_t about = sizeof(recording->state_about) / WORD;

	if (words < about)
		return -EBADMSG;
	memcpy(&recording->state_about, payload, sizeof(recording->state_about));
	recording->state = payload + about;
	recording->state_words = words - about;
	return 0;
}

static bool take_runs(struct recording *recording, enum record_image image, const uint64_t *payload,
		      uint32_t words)
{
	return record_take_runs((const record_word *)payload, words,
				(record_word *)recording->image[image],
				recording->schema.image_bytes[image] / WORD);
}

static int take_frame(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	if (!words || !take_runs(recording, IMAGE_FRAME, payload + 1, words - 1))
		return -EBADMSG;
	recording->wall_us = payload[0];
	return record_read_frame(&recording->schema, (const uint8_t *)recording->image[IMAGE_FRAME],
				 &recording->frame);
}

static int take_plan(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	if (!take_runs(recording, IMAGE_PLAN, payload, words))
		return -EBADMSG;
	return record_read_plan(&recording->schema, (const uint8_t *)recording->image[IMAGE_PLAN],
				&recording->plan);
}

static int take_views(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	if (!take_runs(recording, IMAGE_VIEWS, payload, words))
		return -EBADMSG;
	return record_read_views(&recording->schema, (const uint8_t *)recording->image[IMAGE_VIEWS],
				 recording->view);
}

static int take_leaf(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	struct record_leaf *leaf = &recording->leaf;

	if ((uint64_t)words * WORD < sizeof(*leaf))
		return -EBADMSG;
	memcpy(leaf, payload, sizeof(*leaf));
	leaf->name[RECORD_LEAF_LEN - 1] = '\0';
	if (leaf->component >= UW_COMPONENTS_MAX)
		return -EBADMSG;
	recording->name[recording->names++ % RECORDING_NAMES] = *leaf;
	return 0;
}

const char *recording_leaf_name(const struct recording *recording, uint64_t cgid)
{
	uint32_t count = recording->names < RECORDING_NAMES ? recording->names : RECORDING_NAMES;

	for (uint32_t i = 1; i <= count; i++) {
		const struct record_leaf *leaf =
			&recording->name[(recording->names - i) % RECORDING_NAMES];

		if (leaf->cgid == cgid)
			return leaf->name;
	}
	return NULL;
}

static int take_gap(struct recording *recording, const uint64_t *payload, uint32_t words)
{
	if (!words)
		return -EBADMSG;
	recording->gap = payload[0];
	return 0;
}

static int take_record(struct recording *recording, uint32_t kind, const uint64_t *payload,
		       uint32_t words)
{
	static int (*const take[RECORD__COUNT])(struct recording * recording,
						const uint64_t *payload, uint32_t words) = {
		[RECORD_BEGIN] = take_begin, [RECORD_CONFIG] = take_config,
		[RECORD_STATE] = take_state, [RECORD_FRAME] = take_frame,
		[RECORD_PLAN] = take_plan,   [RECORD_VIEW] = take_views,
		[RECORD_LEAF] = take_leaf,   [RECORD_GAP] = take_gap,
	};

	if (!recording->begun && kind != RECORD_BEGIN)
		return -EBADMSG;
	return take[kind](recording, payload, words);
}

/* The payload of the record that lies at so many bytes of slot, or NULL when there is none. */
static const uint64_t *find_record(const struct recording_slot *slot, uint32_t at,
				   uint32_t *ret_kind, uint32_t *ret_words)
{
	const uint64_t *word = (const uint64_t *)(slot->at + at);
	uint64_t head;

	if (slot->bytes - at < WORD)
		return NULL;
	head = *word;
	*ret_words = head & RECORD_WORDS_MAX;
	*ret_kind = head >> 24 & 0xff;
	if (*ret_words > (slot->bytes - at) / WORD - 1)
		return NULL;
	if (record_check(slot->sequence << 32 ^ (head & UINT32_MAX), (const record_word *)word + 1,
			 *ret_words) != head >> 32)
		return NULL;
	return word + 1;
}

uint32_t recording_slot_used(const struct recording_slot *slot)
{
	uint32_t at = FIRST, kind, words;

	while (find_record(slot, at, &kind, &words))
		at += (words + 1) * WORD;
	return at;
}

/* A slot whose head says that there is more than could be read. */
static void note_end(struct recording *recording)
{
	const struct recording_slot *slot = &recording->index[recording->slot];
	struct record_slot_head head;

	memcpy(&head, slot->at, sizeof(head));
	recording->torn += head.used > recording->at;
}

bool recording_next(struct recording *recording)
{
	while (recording->slot < recording->slots) {
		uint32_t kind, words;
		const uint64_t *payload = find_record(&recording->index[recording->slot],
						      recording->at, &kind, &words);

		if (!payload) {
			note_end(recording);
			enter_slot(recording, recording->slot + 1);
			continue;
		}
		recording->at += (words + 1) * WORD;
		if (kind == RECORD_NONE || kind >= RECORD__COUNT)
			continue; /* of a later minor change: passed over */
		if (take_record(recording, kind, payload, words)) {
			recording->refused++;
			enter_slot(recording, recording->slot + 1);
			continue;
		}
		recording->kind = (enum record_kind)kind;
		return true;
	}
	recording->kind = RECORD_NONE;
	return false;
}

/* ---- times ---- */

/* The last slot that may hold the time: the first one when all begin later. */
static uint32_t slot_of(const struct recording *recording, uint64_t wall_us)
{
	uint32_t slot = 0;

	for (uint32_t i = 0; i < recording->slots; i++)
		if (recording->index[i].first_wall_us <= wall_us)
			slot = i;
	return slot;
}

/* From the begin of slot on; the place behind the frame that is meant is returned, 0 for none. */
static uint32_t find_frame(struct recording *recording, uint32_t slot, uint64_t wall_us)
{
	uint32_t found = 0;

	enter_slot(recording, slot);
	while (recording_next(recording) && recording->slot == slot) {
		if (recording->kind != RECORD_FRAME || recording->frame.kind != FRAME_FULL)
			continue;
		if (recording->wall_us > wall_us && found)
			break;
		found = recording->at;
		if (recording->wall_us > wall_us)
			break;
	}
	return found;
}

bool recording_seek(struct recording *recording, uint64_t wall_us)
{
	for (uint32_t slot = slot_of(recording, wall_us); slot < recording->slots; slot++) {
		uint32_t at = find_frame(recording, slot, wall_us);

		if (!at)
			continue;
		enter_slot(recording, slot);
		while (recording_next(recording) && recording->at < at)
			;
		return true;
	}
	return false;
}

bool recording_span(struct recording *recording, uint64_t *ret_first_us, uint64_t *ret_last_us)
{
	bool any = false;

	recording_rewind(recording);
	while (recording_next(recording)) {
		if (recording->kind != RECORD_FRAME)
			continue;
		if (!any)
			*ret_first_us = recording->wall_us;
		*ret_last_us = recording->wall_us;
		any = true;
	}
	recording_rewind(recording);
	return any;
}

bool recording_state(const struct recording *recording, uint64_t layout, void *ret_state,
		     uint32_t bytes)
{
	if (!recording->state || recording->state_about.layout != layout ||
	    recording->state_about.bytes != bytes || bytes % WORD)
		return false;
	memset(ret_state, 0, bytes);
	return record_take_runs((const record_word *)recording->state, recording->state_words,
				ret_state, bytes / WORD);
}
