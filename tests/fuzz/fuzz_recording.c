// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a recording, and any payloads as records whose checks are right. What comes out is
 * within the bounds of the structs, seeking and reading on agree, and who thins it writes what can
 * be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/record/reader.h"
#include "user/record/thin.h"
#include "user/record/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define SLOT_BYTES (RECORD_HEAD_BYTES + RECORD_SLOT_BYTES)

static struct recording recording;
static uint64_t made[SLOT_BYTES / 8], thinned[RECORD_SLOT_BYTES / 8];

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_recording: %s\n", what);
	abort();
}

static void check_frame(const struct frame *frame)
{
	require(frame->component_count <= UW_COMPONENTS_MAX, "too many components");
	require(frame->leaf_count <= FRAME_LEAVES_MAX, "too many leaves");
	require(frame->event_count <= FRAME_EVENTS_MAX, "too many events");
	require(frame->outcome_count <= FRAME_OUTCOMES_MAX, "too many outcomes");
	require(frame->request_count <= FRAME_REQUESTS_MAX, "too many requests");
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		require(frame->leaf[i].component < UW_COMPONENTS_MAX, "a leaf of nobody");
	for (uint32_t i = 0; i < frame->event_count; i++)
		require(frame->event[i].kind < EVENT__COUNT, "an unknown event");
}

static void check_plan(const struct plan *plan)
{
	require(plan->action_count <= PLAN_ACTIONS_MAX, "too many actions");
	for (uint32_t i = 0; i < plan->action_count; i++)
		require(plan->action[i].kind < ACTION__COUNT &&
				plan->action[i].why.reason < REASON__COUNT,
			"an unknown action");
}

/* Returns the number of frames. */
static uint32_t read_all(void)
{
	static uint64_t state[512];
	uint32_t frames = 0;

	while (recording_next(&recording)) {
		if (recording.kind == RECORD_FRAME)
			check_frame(&recording.frame);
		if (recording.kind == RECORD_PLAN)
			check_plan(&recording.plan);
		if (recording.kind == RECORD_LEAF)
			require(recording_leaf_name(&recording, recording.leaf.cgid) != NULL,
				"a name that is not found");
		if (recording.kind == RECORD_STATE)
			recording_state(&recording, recording.state_about.layout, state,
					sizeof(state));
		frames += recording.kind == RECORD_FRAME;
	}
	return frames;
}

/* Where there is no frame, there is nothing to seek, and one reading of it is enough. */
static void read_recording(const void *bytes, size_t len)
{
	uint64_t first_us, last_us;
	uint32_t frames;

	if (recording_open(&recording, bytes, len, NULL))
		return;
	frames = read_all();
	require(recording_span(&recording, &first_us, &last_us) == (frames > 0), "another span");
	if (!frames)
		return;
	if (recording_seek(&recording, first_us))
		require(recording.kind == RECORD_FRAME, "not on a frame");
	recording_rewind(&recording);
	require(read_all() == frames, "other frames when read again");
}

/* "KIND COUNT_LOW COUNT_HIGH", then so many words: records one behind the other, and a word of
 * zeros where there is room for it. Returns the bytes to there: the slot goes on, and is not looked
 * at. */
static size_t make_recording(const uint8_t *bytes, size_t len)
{
	struct record_head head = {.version = RECORD_VERSION};
	struct record_slot_head slot = {.sequence = 1, .bytes = RECORD_SLOT_BYTES};
	uint64_t *at = made + RECORD_HEAD_BYTES / 8, *end = made + SLOT_BYTES / 8;

	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	memcpy(slot.magic, RECORD_SLOT_MAGIC, sizeof(slot.magic));
	memset(made, 0, RECORD_HEAD_BYTES);
	memcpy(made, &head, sizeof(head));
	memcpy(at, &slot, sizeof(slot));
	at += sizeof(slot) / 8;
	while (len > 3 && at < end) {
		uint32_t kind = bytes[0], words = bytes[1] + 256U * bytes[2];
		uint64_t word = RECORD_WORD(kind, words, 0);

		bytes += 3;
		len -= 3;
		if (words > len / 8 || words + 1 > (size_t)(end - at))
			break;
		memcpy(at + 1, bytes, words * 8);
		*at = RECORD_WORD(kind, words,
				  record_check(slot.sequence << 32 ^ word,
					       (const record_word *)(at + 1), words));
		at += words + 1;
		bytes += words * 8;
		len -= words * 8;
	}
	if (at < end)
		*at++ = 0;
	return (size_t)(at - made) * 8;
}

static bool next_slot(void *data, struct record_writer *writer, uint64_t wall_us)
{
	uint64_t *sequence = data;

	record_slot_begin(writer, thinned, sizeof(thinned), ++*sequence, RECORD_SLOT_THIN, wall_us);
	return true;
}

static void thin_made(size_t len)
{
	static struct thin thin;
	static uint64_t sequence;

	if (sequence) /* else it is as it was: it writes nothing before it has a slot */
		memset(&thin, 0, sizeof(thin));
	sequence = 0;
	thin.next = next_slot;
	thin.data = &sequence;
	thin.begun = false;
	if (recording_open(&recording, made, len, NULL))
		return;
	require(thin_slot(&thin, &recording), "an end before the end");
	if (!sequence || !recording_open_slot(&recording, thinned, sizeof(thinned)))
		return;
	read_all();
	require(!recording.refused && !recording.torn, "what was thinned cannot be read");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	bool is_one = len && bytes[0] == RECORD_MAGIC[0];
	size_t size = is_one ? len : make_recording(bytes, len);
	void *copy = malloc(size); /* aligned, and its end is its end */

	memcpy(copy, is_one ? (const void *)bytes : made, size);
	read_recording(copy, size);
	free(copy);
	if (!is_one)
		thin_made(size);
	return 0;
}
