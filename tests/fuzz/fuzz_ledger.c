// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as the ledger's slots, from the first one on: as many as they fill, and a free one.
 * What is read as an entry is plausible: its kind is known and its path stays below the pool.
 * Counting, finding and clearing agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/ledger/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct ledger_file file;
static struct ledger ledger = {.fd = -1, .file = &file};

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_ledger: %s\n", what);
	abort();
}

static void check_entry(const struct ledger_entry *entry)
{
	size_t len = strnlen(entry->path, LEDGER_PATH_LEN);
	struct ledger_entry found;

	require((unsigned int)entry->kind < LEDGER__COUNT, "an unknown kind");
	require(len && len < LEDGER_PATH_LEN, "a path without an end");
	require(entry->path[0] != '/' && entry->path[0] != '.' && !strstr(entry->path, "/.") &&
			!strstr(entry->path, "//"),
		"a path out of the pool");
	if (entry->cgid && ledger_find(&ledger, entry->kind, entry->cgid, &found))
		require(found.cgid == entry->cgid && found.kind == entry->kind, "another's entry");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t room = (LEDGER_ENTRIES - 1) * sizeof(file.slot[0]), size = len < room ? len : room;
	struct ledger_entry entry;
	uint32_t readable = 0;

	file.entries = (uint32_t)(size / sizeof(file.slot[0])) + 2;
	if (file.entries > LEDGER_ENTRIES)
		file.entries = LEDGER_ENTRIES;
	ledger.taken = false;
	memset((void *)file.slot, 0, file.entries * sizeof(file.slot[0]));
	memcpy((void *)file.slot, bytes, size);
	for (uint32_t slot = 0; slot < ledger_slots(&ledger); slot++) {
		if (!ledger_read(&ledger, slot, &entry))
			continue;
		readable++;
		check_entry(&entry);
	}
	require(readable <= ledger_count(&ledger), "more entries than slots held");
	readable = ledger_count(&ledger);
	ledger.taken = true;
	ledger_find_end(&ledger);
	require(readable == ledger_count(&ledger), "a slot held behind the end");
	for (uint32_t slot = 0; slot < ledger_slots(&ledger); slot++)
		ledger_clear_slot(&ledger, slot);
	require(!ledger_count(&ledger), "an entry that cannot be cleared");
	return 0;
}
