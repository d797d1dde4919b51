// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where running jobs stand. A phase that was acknowledged as synced is found by whoever comes
 * after, or a later one; no other job's. The highest id never goes back behind one that was synced.
 * A file that was cut short in its making is made anew and does not stop a start.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "user/shim/slots.h"

#define FIRST      1U
#define SECOND     (SLOTS_COUNT)
#define JOB(index) (100U + (index))

/* struct chaos: what is safe by now. */
enum note {
	NOTE_PHASE_FIRST,
	NOTE_PHASE_SECOND,
	NOTE_ID
};

static void write_phase(struct chaos *c, int fd, uint32_t index, uint32_t phase, enum note note)
{
	struct slot_record slot = {
		.job = JOB(index), .attempt = 1, .phase = phase, .boot = "boot", .shim_pid = 7};

	if (chaos_done(c, "slot_write", slot_write(fd, index, &slot, true)) &&
	    phase > c->note[note])
		c->note[note] = phase;
}

static void write_id(struct chaos *c, int fd, uint64_t id)
{
	if (chaos_done(c, "slots_write_last_id", slots_write_last_id(fd, id)) &&
	    chaos_done(c, "slots_sync", slots_sync(fd)))
		c->note[NOTE_ID] = id;
}

static void act(struct chaos *c)
{
	struct uw_err err = {0};
	struct slot_note note = {.job = JOB(FIRST), .attempt = 1, .reserved = 1}, read;
	int fd = -1, other;

	if (!chaos_ok(c, "slots_open", slots_open(c->disk, &fd, &err), &err))
		return;
	write_id(c, fd, 10 + c->round);
	other = slots_reopen(c->disk);
	if (chaos_done(c, "slots_reopen", other) &&
	    chaos_done(c, "slot_lock", slot_lock(other, FIRST)) && !slot_is_locked(fd, FIRST))
		chaos_violate(c, "a lock that was given is not there");
	for (uint32_t phase = SLOT_TAKEN; phase <= SLOT_ENDED; phase++) {
		write_phase(c, fd, FIRST, phase, NOTE_PHASE_FIRST);
		write_phase(c, fd, SECOND, phase, NOTE_PHASE_SECOND);
	}
	if (chaos_done(c, "slot_write_note", slot_write_note(fd, FIRST, &note)) &&
	    chaos_done(c, "slot_read_note", slot_read_note(fd, FIRST, &read)) &&
	    memcmp(&note, &read, sizeof(note)) != 0)
		chaos_violate(c, "a note is not what was written");
	if (other >= 0)
		close(other);
	close(fd);
}

/* A slot that was never safe may be empty, or torn by a cut. */
static void check_slot(struct chaos *c, int fd, uint32_t index, enum note note)
{
	struct slot_record slot;
	int rc = slot_read(fd, index, &slot);
	bool torn = rc == -EUCLEAN && c->how == CHAOS_POWER;

	if (slot_is_locked(fd, index))
		chaos_violate(c, "slot %u is locked by nobody", index);
	if (rc == -ENODATA || torn ? c->note[note] != 0 : rc != 0)
		chaos_violate(c, "slot %u, safe in phase %u, reads %d", index,
			      (uint32_t)c->note[note], rc);
	else if (!rc && (slot.job != JOB(index) || slot.phase < c->note[note]))
		chaos_violate(c, "slot %u, safe in phase %u, is job %u in phase %u", index,
			      (uint32_t)c->note[note], (uint32_t)slot.job, slot.phase);
}

static void check(struct chaos *c)
{
	struct uw_err err = {0};
	uint64_t id = 0;
	int fd = -1, rc;

	if (!chaos_ok(c, "slots_open", slots_open(c->disk, &fd, &err), &err))
		return;
	check_slot(c, fd, FIRST, NOTE_PHASE_FIRST);
	check_slot(c, fd, SECOND, NOTE_PHASE_SECOND);
	rc = slots_read_last_id(fd, &id);
	if ((rc && c->note[NOTE_ID]) || id < c->note[NOTE_ID])
		chaos_violate(c, "the last id was %u and is %u (%d)", (uint32_t)c->note[NOTE_ID],
			      (uint32_t)id, rc);
	close(fd);
}

const struct chaos_driver chaos_slots = {
	.name = "slots",
	.how = CHAOS_FAILS | CHAOS_KILLS | CHAOS_CUTS,
	.act = act,
	.check = check,
};
