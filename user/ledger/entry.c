// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads and writes the entries of the ledger. There is one for each changed limit or freeze, found
 * by its kind and cgroup. An entry is filled first and its state stored last, so that a reader or a
 * crash sees it whole or not at all. What is read from the file is checked before it is believed,
 * since the guard writes as root below the paths it holds.
 */
#include <errno.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/ledger/file.h"
#include "user/ledger/ledger.h"

/* The guard writes below this path as root: nothing but names, and never upwards. */
static bool is_plain_path(const char path[LEDGER_PATH_LEN])
{
	size_t len = strnlen(path, LEDGER_PATH_LEN);

	if (!len || len == LEDGER_PATH_LEN || path[0] == '/')
		return false;
	for (const char *name = path; name; name = strchr(name, '/')) {
		name += *name == '/';
		if (*name == '\0' || *name == '/' || *name == '.')
			return false;
	}
	return true;
}

static bool is_held(const struct ledger_slot *slot)
{
	return atomic_load_explicit(&slot->state, memory_order_acquire) == LEDGER_HELD;
}

static bool is_same(const struct ledger_slot *slot, enum ledger_kind kind, uint64_t cgid,
		    const char *path)
{
	if (!is_held(slot) || slot->kind != kind || slot->cgid != cgid)
		return false;
	return cgid || !strncmp(slot->path, path, sizeof(slot->path));
}

/* The holder of the lock is the only one to enter, and knows how far that has come. */
uint32_t ledger_slots(const struct ledger *ledger)
{
	return ledger->taken ? ledger->end
			     : atomic_load_explicit(&ledger->file->entries, memory_order_acquire);
}

static void shorten(struct ledger *ledger)
{
	while (ledger->end && !is_held(&ledger->file->slot[ledger->end - 1]))
		ledger->end--;
}

void ledger_find_end(struct ledger *ledger)
{
	ledger->end = ledger->file->entries;
	shorten(ledger);
}

static struct ledger_slot *find_slot(const struct ledger *ledger, enum ledger_kind kind,
				     uint64_t cgid, const char *path)
{
	for (uint32_t i = 0; i < ledger_slots(ledger); i++)
		if (is_same(&ledger->file->slot[i], kind, cgid, path))
			return &ledger->file->slot[i];
	return NULL;
}

static struct ledger_slot *free_slot(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->end; i++)
		if (!is_held(&ledger->file->slot[i]))
			return &ledger->file->slot[i];
	if (ledger->end >= ledger->file->entries)
		return NULL;
	return &ledger->file->slot[ledger->end++];
}

int ledger_enter(struct ledger *ledger, const struct ledger_entry *entry)
{
	struct ledger_slot *slot = find_slot(ledger, entry->kind, entry->cgid, entry->path);
	bool known = slot;

	if (!is_plain_path(entry->path))
		return -EINVAL;
	if (!known)
		slot = free_slot(ledger);
	if (!slot)
		return -ENOSPC;
	atomic_store_explicit(&slot->new_value, entry->new_value, memory_order_relaxed);
	atomic_store_explicit(&slot->deadline_us, entry->deadline_us, memory_order_relaxed);
	if (known)
		return 0;
	slot->kind = entry->kind;
	slot->cgid = entry->cgid;
	slot->old_value = entry->old_value;
	slot->at_us = entry->at_us;
	text_copy(slot->path, sizeof(slot->path), entry->path);
	atomic_store_explicit(&slot->state, LEDGER_HELD, memory_order_release);
	return 0;
}

void ledger_clear(struct ledger *ledger, enum ledger_kind kind, uint64_t cgid)
{
	struct ledger_slot *slot = find_slot(ledger, kind, cgid, "");

	if (slot)
		ledger_clear_slot(ledger, (uint32_t)(slot - ledger->file->slot));
}

void ledger_clear_slot(struct ledger *ledger, uint32_t slot)
{
	atomic_store_explicit(&ledger->file->slot[slot].state, LEDGER_FREE, memory_order_release);
	shorten(ledger);
}

bool ledger_read(const struct ledger *ledger, uint32_t index, struct ledger_entry *ret_entry)
{
	const struct ledger_slot *slot = &ledger->file->slot[index];
	struct ledger_entry entry;

	if (!is_held(slot))
		return false;
	entry = (struct ledger_entry){
		.kind = (enum ledger_kind)slot->kind,
		.cgid = slot->cgid,
		.old_value = slot->old_value,
		.new_value = atomic_load_explicit(&slot->new_value, memory_order_relaxed),
		.at_us = slot->at_us,
		.deadline_us = atomic_load_explicit(&slot->deadline_us, memory_order_relaxed),
	};
	memcpy(entry.path, slot->path, sizeof(entry.path));
	/* A reader that is not the writer: the slot may have been cleared and reused meanwhile. */
	atomic_thread_fence(memory_order_acquire);
	if (!is_held(slot) || slot->cgid != entry.cgid || slot->kind != (uint32_t)entry.kind)
		return false;
	if (slot->kind >= LEDGER__COUNT || !is_plain_path(entry.path))
		return false;
	*ret_entry = entry;
	return true;
}

bool ledger_find(const struct ledger *ledger, enum ledger_kind kind, uint64_t cgid,
		 struct ledger_entry *ret_entry)
{
	const struct ledger_slot *slot = find_slot(ledger, kind, cgid, "");

	return slot && ledger_read(ledger, (uint32_t)(slot - ledger->file->slot), ret_entry);
}

uint32_t ledger_count(const struct ledger *ledger)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ledger_slots(ledger); i++)
		count += is_held(&ledger->file->slot[i]);
	return count;
}

void ledger_note_undone(struct ledger *ledger, const struct ledger_undone *undone, uint64_t took_us,
			bool hang)
{
	struct ledger_file *file = ledger->file;

	atomic_fetch_add(hang ? &file->hangs : &file->takeovers, 1);
	atomic_fetch_add(&file->undone, undone->changed);
	atomic_fetch_add(&file->failed, undone->failed);
	atomic_store(&file->last_at_us, clock_now_us());
	atomic_store(&file->last_took_us, took_us);
}

void ledger_read_stats(const struct ledger *ledger, struct ledger_guard_stats *ret_stats)
{
	const struct ledger_file *file = ledger->file;

	*ret_stats = (struct ledger_guard_stats){
		.takeovers = atomic_load(&file->takeovers),
		.hangs = atomic_load(&file->hangs),
		.undone = atomic_load(&file->undone),
		.failed = atomic_load(&file->failed),
		.last_at_us = atomic_load(&file->last_at_us),
		.last_took_us = atomic_load(&file->last_took_us),
	};
}
