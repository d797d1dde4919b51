// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A ring whose other clients write anything into it, between calls of each side and before one
 * attaches. What is given out lies within the ring; touching it, and whatever libuw touches, is
 * seen by the pages without access around it. Whether a client lives is asked of no kernel.
 */
#include "tests/fuzz/ring_kernel.h"

#include "user/lib/ring/client.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES 4096

struct input {
	const uint8_t *at, *end;
};

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_ring: %s\n", what);
	abort();
}

static uint8_t next_byte(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

/* Near zero, near the end of the numbers, or anything. */
static uint64_t next_number(struct input *input)
{
	uint8_t kind = next_byte(input);
	uint64_t number = 0;

	for (int i = 0; i < (kind & 4 ? 8 : 2); i++)
		number = number << 8 | next_byte(input);
	return kind & 1 ? 0 - number : number;
}

static struct uw_ring *make(uint32_t flags)
{
	struct uw_ring_options options = {
		.size = sizeof(options),
		.flags = flags,
		.name = "fuzz",
		.bytes = BYTES,
		.record_bytes = flags & UW_RING_FIXED  ? 24
				: flags & UW_RING_MANY ? 100
						       : 0,
	};
	struct uw_ring *ring = NULL;

	require(!uw_ring_create(NULL, &options, &ring), "no ring");
	return ring;
}

/* ---- the stranger ---- */

static void scribble_control(struct uw_ring *ring, struct input *input)
{
	struct ring_control *control = ring->control;
	_Atomic uint64_t *const words[] = {&control->tail,      &control->head,
					   &control->oldest,    &control->client[0],
					   &control->client[1], &control->dropped};
	uint64_t *setup = (uint64_t *)&control->setup;
	uint8_t which = next_byte(input);
	uint64_t number = next_number(input);

	if (which & 128)
		setup[which % (sizeof(control->setup) / 8)] = number;
	else if (which & 64)
		atomic_store(&control->role[which % 2], (uint32_t)number);
	else if (which & 32)
		atomic_fetch_add(words[which % 6], number);
	else
		atomic_store(words[which % 6], number);
}

/* Words of slots and headers are what it may reach for. */
static void scribble_data(struct uw_ring *ring, struct input *input)
{
	uint64_t *words = (uint64_t *)(void *)ring->data;
	uint64_t at = next_number(input) % (ring->data_bytes / 8);

	if (ring->kind == RING_MANY && next_byte(input) & 1)
		at = at % ring->slot_count * ring->stride / 8;
	if (ring->kind == RING_RUNS && next_byte(input) & 1)
		at = (uint64_t)((uint64_t *)ring->words - words) + at % ring->slot_count;
	words[at] = next_number(input);
}

/* ---- the sides ---- */

struct side {
	struct uw_ring *ring;
	struct uw_record records[8];
	uint32_t held;
};

static void check_record(const struct uw_ring *ring, const struct uw_record *record)
{
	const uint8_t *bytes = record->bytes;
	uint64_t room =
		ring->data_bytes * (ring->kind == RING_MANY || ring->kind == RING_RUNS ? 1 : 2);

	require(bytes >= ring->data && record->length <= room &&
			(uint64_t)(bytes - ring->data) <= room - record->length,
		"a record outside of the ring");
}

static void write_some(struct side *side, struct input *input)
{
	uint32_t count = next_byte(input) % 8;
	int rc;

	for (uint32_t i = 0; i < count; i++)
		side->records[i].length = (uint32_t)next_number(input) % 1100;
	rc = uw_ring_reserve(side->ring, side->records, count);
	for (int i = 0; i < rc; i++) {
		check_record(side->ring, &side->records[i]);
		memset(side->records[i].bytes, 0xff, side->records[i].length);
		if (next_byte(input) & 1)
			side->records[i].length = next_byte(input);
	}
	if (rc > 0)
		side->held = (uint32_t)rc;
}

static void read_some(struct side *side, struct input *input)
{
	volatile uint8_t sum = 0;
	int rc = uw_ring_peek(side->ring, side->records, next_byte(input) % 8);

	for (int i = 0; i < rc; i++) {
		const uint8_t *bytes = side->records[i].bytes;

		check_record(side->ring, &side->records[i]);
		for (uint32_t at = 0; at < side->records[i].length; at++)
			sum = (uint8_t)(sum + bytes[at]);
	}
	if (rc > 0)
		side->held = (uint32_t)rc;
}

/* As many as were given out are touched from end to end; another number of them is given back. */
static void run_some(struct side *side, struct input *input, int writes)
{
	uint32_t count = (uint32_t)next_number(input);
	uint32_t back = next_byte(input) & 1 ? (uint32_t)next_number(input) : 0;
	struct uw_record run = {0};
	int rc = (writes ? uw_ring_reserve_span : uw_ring_peek_span)(side->ring, count, &run.bytes);

	if (rc > 0) {
		run.length = (uint32_t)rc * 24;
		check_record(side->ring, &run);
		memset(run.bytes, 0xff, run.length);
		back = back ? back : (uint32_t)rc;
	}
	(writes ? uw_ring_commit_span : uw_ring_release_span)(side->ring, back);
}

static void act(struct side *side, struct input *input, int writes)
{
	if (side->ring->kind == RING_FIXED || side->ring->kind == RING_RUNS) {
		run_some(side, input, writes);
	} else if (side->held) {
		(writes ? uw_ring_commit : uw_ring_release)(side->ring, side->records, side->held);
		side->held = 0;
	} else if (writes) {
		write_some(side, input);
	} else {
		read_some(side, input);
	}
}

/* ---- the scene, kept from one input to the next ---- */

struct scene {
	struct uw_ring *ring;   /* the stranger's */
	struct uw_ring *own[2]; /* the first ones of the sides, which are not closed */
	struct side sides[2];
	uint8_t control[sizeof(struct ring_control)], data[4 * BYTES];
};

static struct uw_ring *attach(const struct scene *scene, uint32_t access)
{
	struct uw_ring *ring = NULL;

	uw_ring_attach_fd(uw_ring_fd(scene->ring), access, &ring);
	return ring;
}

static void set_up(struct scene *scene, uint32_t flags)
{
	scene->ring = make(flags);
	for (uint32_t i = 0; i < 2; i++) {
		scene->own[i] = scene->sides[i].ring = attach(scene, UW_READ_WRITE);
		require(scene->own[i] && scene->own[i]->client == 1 + i, "no side");
	}
	memcpy(scene->control, (void *)scene->ring->control, sizeof(scene->control));
	memcpy(scene->data, scene->ring->data, scene->ring->data_bytes);
}

/* All that others see of a close. */
static void leave(struct uw_ring *ring)
{
	if (ring->kind == RING_RUNS && ring->client < RING_CLIENTS)
		ring_runs_leave(ring);
	ring_leave(ring);
}

static void attach_again(struct scene *scene, int i, uint8_t access)
{
	struct side *side = &scene->sides[i];

	if (side->ring == scene->own[i])
		leave(side->ring);
	else
		uw_ring_close(side->ring);
	*side = (struct side){.ring = attach(scene, access & 1)};
}

static void forget(struct side *side)
{
	memset(&side->ring->writer, 0, sizeof(side->ring->writer));
	memset(&side->ring->reader, 0, sizeof(side->ring->reader));
	memset(side->ring->begun, 0, sizeof(side->ring->begun));
	memset(side->ring->run, 0, sizeof(side->ring->run));
	if (side->ring->kind == RING_FIXED)
		ring_fixed_open(side->ring);
	side->held = 0;
}

static struct scene *scene_as_new(uint32_t flags)
{
	static struct scene scenes[6];
	struct scene *scene = &scenes[flags];

	if (!scene->ring)
		set_up(scene, flags);
	memcpy((void *)scene->ring->control, scene->control, sizeof(scene->control));
	memcpy(scene->ring->data, scene->data, scene->ring->data_bytes);
	forget(&scene->sides[0]);
	forget(&scene->sides[1]);
	return scene;
}

/* By the input that attached them, so that what this does wrong is found with it. */
static void close_others(struct scene *scene)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (scene->sides[i].ring != scene->own[i])
			uw_ring_close(scene->sides[i].ring);
		scene->sides[i].ring = scene->own[i];
		scene->own[i]->client = 1 + i;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct scene *scene = scene_as_new(next_byte(&input) % 6);

	while (input.at < input.end) {
		uint8_t op = next_byte(&input);
		int i = op & 1;
		struct side *side = &scene->sides[i];

		if (op < 96) {
			scribble_data(scene->ring, &input);
		} else if (op < 160) {
			scribble_control(scene->ring, &input);
		} else if (op < 162) {
			attach_again(scene, i, next_byte(&input));
		} else if (op < 164 && side->ring) {
			uw_ring_wait(side->ring, i, 0);
		} else if (side->ring) {
			act(side, &input, i);
		}
	}
	close_others(scene);
	return 0;
}
