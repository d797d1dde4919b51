// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What fills a frame, over a component with a leaf that runs and one that stands frozen, all of
 * which stay where they are. A frame that says a thing says what is there: a value is absent, or
 * the one before, and never zero for want of reading. No leaf is told of as gone. Once calls
 * succeed again the second full frame after that has everything.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "tests/chaos/tree.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/model/plan.h"
#include "user/sense/sense.h"

#define COMPONENT "jobs"
#define CURRENT   367001600ULL
#define SWAP      4096ULL
#define MIN_BYTES 8192ULL
#define STALL_US  7000ULL
#define OOMS      3ULL
#define ANON      1048576ULL

#define FRAMES   3
#define APART_US (30 * US_PER_SEC) /* no file is spared in any of them */

#define WANTED \
	(SAMPLE_USAGE | SAMPLE_STAT | SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_SWAP | SAMPLE_LIMITS)

static const char *const groups[] = {COMPONENT, COMPONENT "/runs", COMPONENT "/stands"};

static void prepare(struct chaos *c)
{
	static const char *const file[][2] = {
		{"memory.swap.current", "4096\n"},
		{"memory.min", "8192\n"},
		{"memory.stat", "anon 1048576\nfile 0\ninactive_file 0\nactive_file 0\n"
				"unevictable 0\nslab_reclaimable 0\nworkingset_refault_anon 0\n"
				"workingset_refault_file 0\npgscan 0\npgsteal 0\n"},
		{"memory.events", "low 0\nhigh 0\nmax 0\noom 3\noom_kill 0\n"},
		{"memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7000\n"
				    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
		{"cpu.stat", "usage_usec 5\n"},
	};

	tree_make(c, "");
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		tree_make(c, groups[i]);
		for (size_t k = 0; k < sizeof(file) / sizeof(file[0]); k++)
			tree_write(c, groups[i], file[k][0], file[k][1]);
	}
	tree_write(c, COMPONENT "/stands", "cgroup.freeze", "1\n");
}

/* ---- what must hold ---- */

struct senses {
	struct chaos *c;
	struct sense *sense;
	uint64_t runs, stands; /* cgids */
};

static void on_leaf(void *data, uint32_t component, uint64_t cgid, const char *name)
{
	const struct senses *s = data;

	(void)component;
	if (!name)
		chaos_violate(s->c, "the leaf %u is told of as gone", (uint32_t)cgid);
}

static void check_value(struct chaos *c, const struct component_sample *sample, uint32_t group,
			uint64_t value, uint64_t wanted)
{
	if (sample->valid & group && value != wanted)
		chaos_violate(c, "sample %x says %u of %u", group, (uint32_t)value,
			      (uint32_t)wanted);
}

static void check_component(struct chaos *c, const struct component_sample *sample)
{
	check_value(c, sample, SAMPLE_USAGE, sample->current_bytes, CURRENT);
	check_value(c, sample, SAMPLE_SWAP, sample->swap_bytes, SWAP);
	check_value(c, sample, SAMPLE_STAT, sample->anon_bytes, ANON);
	check_value(c, sample, SAMPLE_EVENTS, sample->ev_oom, OOMS);
	check_value(c, sample, SAMPLE_PSI, sample->psi_some_us, STALL_US);
	check_value(c, sample, SAMPLE_LIMITS, sample->min_bytes, MIN_BYTES);
	check_value(c, sample, SAMPLE_LIMITS, sample->high_bytes, TREE_HIGH);
}

static void check_leaf(const struct senses *s, const struct leaf_sample *leaf)
{
	if (leaf->cgid != s->runs && leaf->cgid != s->stands)
		chaos_violate(s->c, "a leaf %u is none of ours", (uint32_t)leaf->cgid);
	else if (!leaf->populated || leaf->frozen != (leaf->cgid == s->stands))
		chaos_violate(s->c, "a leaf that %s is told of as %s, %s",
			      leaf->cgid == s->stands ? "stands" : "runs",
			      leaf->frozen ? "frozen" : "running",
			      leaf->populated ? "populated" : "empty");
	else if (leaf->current_bytes != CURRENT || leaf->swap_bytes != SWAP)
		chaos_violate(s->c, "a leaf of %u and %u bytes has %u and %u", (uint32_t)CURRENT,
			      (uint32_t)SWAP, (uint32_t)leaf->current_bytes,
			      (uint32_t)leaf->swap_bytes);
}

/* Once found a leaf is in each frame: who lacks one takes it for gone. */
static void check_frame(const struct senses *s, const struct frame *frame, uint32_t *found)
{
	for (uint32_t i = 0; i < frame->component_count; i++)
		check_component(s->c, &frame->component[i]);
	if (!frame->leaves_valid)
		return;
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		check_leaf(s, &frame->leaf[i]);
	if (frame->leaf_count < *found)
		chaos_violate(s->c, "a frame has %u leaves, the one before had %u",
			      frame->leaf_count, *found);
	*found = frame->leaf_count;
}

static void check_whole(const struct senses *s, const struct frame *frame)
{
	const struct component_sample *sample = &frame->component[0];

	if ((sample->valid & WANTED) != WANTED)
		chaos_violate(s->c, "in the end %x of a component is read, not %x", sample->valid,
			      WANTED);
	else if (frame->leaf_count != 2)
		chaos_violate(s->c, "in the end %u leaves of 2 are found", frame->leaf_count);
	else if (!frame->host.valid)
		chaos_violate(s->c, "in the end the host is not read");
}

/* ---- the frames ---- */

static void step(const struct senses *s, struct frame *frame, bool full, uint32_t *found)
{
	frame->now_us += full ? APART_US : US_PER_MS;
	if (full)
		sense_full(s->sense, frame, 0, PLAN_LOOK_CPU);
	else
		sense_urgent(s->sense, frame);
	chaos_pause(s->c);
	check_frame(s, frame, found);
	chaos_go_on(s->c);
}

static void look(const struct senses *s)
{
	static struct frame frame;
	uint32_t found = 0;

	frame = (struct frame){.now_us = APART_US};
	for (int i = 0; i < FRAMES; i++) {
		step(s, &frame, true, &found);
		step(s, &frame, false, &found);
	}
	chaos_pause(s->c); /* no fault from here on */
	for (int i = 0; i < 2; i++) {
		frame.now_us += APART_US;
		sense_full(s->sense, &frame, 0, 0);
		check_frame(s, &frame, &found);
	}
	check_whole(s, &frame);
}

static void act(struct chaos *c)
{
	static struct config config;
	struct senses s = {.c = c};
	struct uw_err err = {0};
	int pool;

	chaos_pause(c);
	pool = tree_open(c);
	s.runs = tree_cgid(c, COMPONENT "/runs");
	s.stands = tree_cgid(c, COMPONENT "/stands");
	chaos_go_on(c);
	config.component_count = 1;
	text_copy(config.component[0].name, UW_NAME_LEN, COMPONENT);
	if (chaos_ok(c, "sense_new", sense_new(&config, pool, &s.sense, &err), &err)) {
		sense_watch_leaves(s.sense, on_leaf, &s);
		look(&s);
	}
	sense_free(s.sense);
	close(pool);
}

/* It leaves nothing. */
static void check(struct chaos *c)
{
	(void)c;
}

const struct chaos_driver chaos_sense = {
	.name = "sense",
	.how = CHAOS_FAILS,
	.prepare = prepare,
	.act = act,
	.check = check,
};
