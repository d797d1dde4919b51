// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out after each full frame what every component with a gate may still have, and tells the
 * kernel's program, which refuses by it until the next frame. Then it asks what was refused since.
 * The first refusal is told in the journal at once, the others of a component in one line each ten
 * seconds, as a program that is refused may well try again in a loop.
 */
#include "user/daemon/gate.h"

#include <inttypes.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/units.h"
#include "user/daemon/solid.h"
#include "user/daemon/spoken.h"
#include "user/ipc/json.h"
#include "user/kern/kern.h"
#include "user/sense/sense.h"

#define SAY_PERIOD_US (10 * US_PER_SEC) /* as a frame's dropped events are told (tick.c) */

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t gate_room(const struct gate_claim *claim)
{
	uint64_t right = more(claim->budget_bytes, claim->in_force_bytes);
	uint64_t room = less(right, less(claim->current_bytes, claim->reclaimable_bytes));

	return claim->borrows ? more(room, claim->free_bytes) : room;
}

static bool is_on(const struct daemon *daemon)
{
	return daemon->kern && kern_sensors(daemon->kern) & 1U << KERN_GATE;
}

static uint64_t room_of(struct daemon *daemon, uint32_t i)
{
	const struct component *conf = &daemon->config.component[i];
	const struct component_sample *sample = &daemon->frame.component[i];
	struct gate_claim claim = {
		.budget_bytes = conf->budget_bytes,
		.in_force_bytes = daemon->component[i].view.in_force_bytes,
		.current_bytes = sample->current_bytes,
		.reclaimable_bytes = solid_reclaimable(sample),
		.borrows = conf->borrow,
	};

	if (claim.borrows)
		claim.free_bytes = less(spoken_room(daemon), spoken_reserve(daemon));
	return gate_room(&claim);
}

/* ---- telling ---- */

/* comm is a program's own word; journal and log replace what could end a line. */
static void say(const struct daemon *daemon, uint32_t i, uint64_t count)
{
	const struct uw_refusals *refused = &daemon->component[i].gate.refused;
	const char *name = daemon->config.component[i].name;
	char asked[UNITS_TEXT_LEN], room[UNITS_TEXT_LEN];
	struct journal_entry to;

	journal_begin(&to, LOG_LEVEL_NOTICE, MESSAGE_REFUSED);
	journal_add(&to, "UW_COMPONENT", "%s", name);
	journal_add(&to, "UW_COUNT", "%" PRIu64, count);
	journal_add(&to, "UW_BYTES", "%" PRIu64, (uint64_t)refused->last_bytes);
	journal_add(&to, "UW_ROOM_BYTES", "%" PRIu64, (uint64_t)refused->last_room_bytes);
	journal_add(&to, "UW_PID", "%u", refused->last_pid);
	journal_send(&to,
		     "refused %" PRIu64 " mappings in %s, the last of %s by %.16s (pid %u): "
		     "it may have %s more",
		     count, name, units_print_bytes(refused->last_bytes, asked), refused->last_comm,
		     refused->last_pid, units_print_bytes(refused->last_room_bytes, room));
}

static void tell(struct daemon *daemon, uint32_t i)
{
	struct component_gate *gate = &daemon->component[i].gate;
	uint64_t now_us = daemon->frame.now_us;

	if (gate->refused.count == gate->said_count || now_us < gate->say_us)
		return;
	say(daemon, i, gate->refused.count - gate->said_count);
	gate->said_count = gate->refused.count;
	gate->say_us = now_us + SAY_PERIOD_US;
}

/* ---- each frame ---- */

static void drop(struct daemon *daemon, uint32_t i)
{
	struct component_gate *gate = &daemon->component[i].gate;

	if (gate->cgid && daemon->kern)
		kern_gate_clear(daemon->kern, gate->cgid);
	*gate = (struct component_gate){0};
}

/* Of another cgroup, or of a uwd before: what it had refused by then was told, or never will be. */
static void take(struct daemon *daemon, uint32_t i, uint64_t cgid)
{
	struct component_gate *gate = &daemon->component[i].gate;

	*gate = (struct component_gate){.cgid = cgid};
	if (!kern_gate_read(daemon->kern, cgid, &gate->refused))
		gate->said_count = gate->refused.count;
}

static void renew(struct daemon *daemon, uint32_t i, uint64_t cgid)
{
	struct component_gate *gate = &daemon->component[i].gate;
	struct kern_gate told = {
		.least_bytes = daemon->config.component[i].refuse_bytes,
		.room_bytes = room_of(daemon, i),
		.usage_bytes = daemon->frame.component[i].current_bytes,
		.for_us = GATE_GOOD_US,
	};

	if (gate->cgid != cgid)
		take(daemon, i, cgid);
	gate->is_open = !kern_gate_set(daemon->kern, cgid, &told);
	gate->room_bytes = told.room_bytes;
	if (gate->is_open && !kern_gate_read(daemon->kern, cgid, &gate->refused))
		tell(daemon, i);
}

void gate_look(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		uint64_t cgid = sense_component_cgid(daemon->sense, i);
		/* Of groups that were made anew the counters are not known yet. */
		bool known = daemon->synced == sense_generation(daemon->sense) &&
			     daemon->frame.component[i].known & SAMPLE_USAGE;

		if (!daemon->config.component[i].refuse_bytes || !is_on(daemon) || !cgid)
			drop(daemon, i);
		else if (known)
			renew(daemon, i, cgid);
	}
}

/* ---- for who asks ---- */

static json_t *encode_last(const struct uw_refusals *refused)
{
	uint64_t now_us = clock_now_us();
	char comm[UW_COMM_LEN + 1] = "";
	json_t *object;

	if (!refused->count)
		return json_null();
	memcpy(comm, refused->last_comm, UW_COMM_LEN);
	object = json_object();
	json_put(object, "ago_us", json_number(less(now_us, refused->last_at_us)));
	json_put(object, "bytes", json_number(refused->last_bytes));
	json_put(object, "room_bytes", json_number(refused->last_room_bytes));
	json_put(object, "pid", json_number(refused->last_pid));
	json_put(object, "comm", json_text(comm));
	return object;
}

json_t *gate_encode(const struct daemon *daemon, uint32_t component)
{
	const struct component_gate *gate = &daemon->component[component].gate;
	uint64_t least_bytes = daemon->config.component[component].refuse_bytes;
	json_t *object;

	if (!least_bytes)
		return json_null();
	object = json_object();
	json_put(object, "least_bytes", json_number(least_bytes));
	json_put(object, "room_bytes", gate->is_open ? json_number(gate->room_bytes) : json_null());
	json_put(object, "refused", json_number(gate->refused.count));
	json_put(object, "refused_bytes", json_number(gate->refused.bytes));
	json_put(object, "last", encode_last(&gate->refused));
	return object;
}
