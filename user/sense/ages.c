// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adds up the generations of each leaf and of what is below it, over all nodes. Cold is what lay
 * untouched for ten seconds when the kernel looked last. Four generations tell no more than that
 * and twice as much, so that what is idle for longer is worked out over several looks: of what is
 * cold now, all that was not so at some look since can have been touched, the rest was not.
 */
#include "user/sense/ages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/clock.h"

int ages_init(struct ages *ages, const char *root, uint64_t page_bytes)
{
	int len;

	root += strspn(root, "/");
	len = snprintf(ages->root, sizeof(ages->root), "%s%s/", *root ? "/" : "", root);
	if (len < 0 || (size_t)len >= sizeof(ages->root) - AGES_PATH_LEN)
		return -ENAMETOOLONG;
	ages->page_bytes = page_bytes;
	ages->leaf_count = ages->command_count = 0;
	return 0;
}

/* ---- who is asked about ---- */

/* Of a path of a leaf, "component/leaf", or of a group below it. */
static uint64_t name_of(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	int parts = 2;

	for (; *path && (*path != '/' || --parts); path++)
		hash = (hash ^ (uint8_t)*path) * 0x100000001b3ULL;
	return hash;
}

/* Time in which it stood still says nothing of its pages: it is as one that was never looked at. */
static void renew_wish(struct ages_leaf *leaf, const struct ages_wish *wish, uint64_t now_us)
{
	if (leaf->wish.frozen && !wish->frozen) {
		leaf->stood = true;
		leaf->runs_us = now_us;
		leaf->agings = 0;
		leaf->look_count = leaf->look_next = 0;
	}
	leaf->wish = *wish;
}

static void renew_wishes(struct ages *ages, const struct ages_wish *wish, uint32_t count,
			 uint64_t now_us)
{
	struct leaf_ids ids = LEAF_IDS(wish, cgid);

	leaf_index_build(&ages->scratch, ids, count, count);
	for (uint32_t i = ages->leaf_count; i-- > 0;) {
		uint32_t at = leaf_index_find(&ages->scratch, ids, ages->leaf[i].wish.cgid);

		if (at != LEAF_NONE)
			renew_wish(&ages->leaf[i], &wish[at], now_us);
		else
			ages->leaf[i] = ages->leaf[--ages->leaf_count];
	}
}

static void add_wishes(struct ages *ages, const struct ages_wish *wish, uint32_t count)
{
	struct leaf_ids ids = LEAF_IDS(ages->leaf, wish.cgid);

	leaf_index_build(&ages->scratch, ids, ages->leaf_count, FRAME_LEAVES_MAX);
	for (uint32_t i = 0; i < count && ages->leaf_count < FRAME_LEAVES_MAX; i++) {
		if (leaf_index_find(&ages->scratch, ids, wish[i].cgid) != LEAF_NONE)
			continue;
		ages->leaf[ages->leaf_count] =
			(struct ages_leaf){.wish = wish[i], .name = name_of(wish[i].path)};
		leaf_index_add(&ages->scratch, ids, ages->leaf_count++);
	}
}

void ages_ask(struct ages *ages, const struct ages_wish *wish, uint32_t count, uint64_t now_us)
{
	if (count) {
		renew_wishes(ages, wish, count, now_us);
		add_wishes(ages, wish, count);
	} else {
		ages->leaf_count = 0;
	}
	leaf_index_build(&ages->by_name, LEAF_IDS(ages->leaf, name), ages->leaf_count,
			 ages->leaf_count);
}

/* ---- a reading ---- */

static void forget_sums(struct ages_leaf *leaf)
{
	leaf->memcg = leaf->looked_us = 0;
	leaf->is_blind = false;
	leaf->hot_bytes = leaf->cold_anon_bytes = leaf->cold_file_bytes = 0;
	leaf->settled_bytes = leaf->long_bytes = 0;
}

void ages_begin(struct ages *ages, uint64_t now_us)
{
	ages->now_us = now_us;
	ages->command_count = 0;
	for (uint32_t i = 0; i < ages->leaf_count; i++)
		forget_sums(&ages->leaf[i]);
}

/* The leaf that the group is, or is below of; *ret_is_it: is. */
static struct ages_leaf *leaf_of(struct ages *ages, const char *path, bool *ret_is_it)
{
	size_t root_len = strlen(ages->root), len;
	struct ages_leaf *leaf;
	uint32_t at;

	if (strncmp(path, ages->root, root_len) != 0)
		return NULL;
	path += root_len;
	at = leaf_index_find(&ages->by_name, LEAF_IDS(ages->leaf, name), name_of(path));
	if (at == LEAF_NONE)
		return NULL;
	leaf = &ages->leaf[at];
	len = strlen(leaf->wish.path);
	if (strncmp(path, leaf->wish.path, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	*ret_is_it = !path[len];
	return leaf;
}

static const struct ages_look *last_look(const struct ages_leaf *leaf)
{
	if (!leaf->look_count)
		return NULL;
	return &leaf->look[(leaf->look_next + AGES_LOOKS_KEPT - 1) % AGES_LOOKS_KEPT];
}

static void add_row(const struct ages *ages, struct ages_leaf *leaf,
		    const struct lru_gen_node *node, uint32_t row, uint64_t looked_us)
{
	const struct ages_look *last = last_look(leaf);
	uint64_t anon = node->row[row].anon_pages * ages->page_bytes;
	uint64_t file = node->row[row].file_pages * ages->page_bytes;
	uint64_t idle_us = lru_gen_idle_ms(node, row) * US_PER_MS;

	if (idle_us < AGES_COLD_US) {
		leaf->hot_bytes += anon + file;
		return;
	}
	leaf->cold_anon_bytes += anon;
	leaf->cold_file_bytes += file;
	if (last && looked_us <= last->at_us + (idle_us - AGES_COLD_US))
		leaf->settled_bytes += anon;
	if (idle_us >= AGES_LONG_US)
		leaf->long_bytes += anon;
}

static bool has_pages(const struct lru_gen_node *node)
{
	for (uint32_t i = 0; i < node->row_count; i++)
		if (node->row[i].anon_pages || node->row[i].file_pages)
			return true;
	return false;
}

static void add_command(struct ages *ages, const struct ages_leaf *leaf,
			const struct lru_gen_node *node, uint64_t age_us)
{
	if (leaf->wish.frozen || age_us < AGES_COLD_US ||
	    (leaf->stood && ages->now_us - leaf->runs_us < AGES_RUNS_US) ||
	    ages->command_count == AGES_COMMANDS_MAX)
		return;
	ages->command[ages->command_count++] = (struct ages_command){
		.memcg = node->memcg,
		.node = node->node,
		.seq = node->row[node->row_count - 1].seq,
		.leaf = (uint32_t)(leaf - ages->leaf),
	};
}

/* Of two groups of one name the first was removed, and stands in the file for as long as pages of
 * it are left. */
static void take_group(const struct ages *ages, struct ages_leaf *leaf, uint64_t memcg)
{
	if (leaf->memcg == memcg)
		return;
	forget_sums(leaf);
	leaf->memcg = memcg;
	leaf->looked_us = ages->now_us;
}

/*
 * Whether cold pages would show as such. Not when the kernel has opened all generations within
 * moments, and not after a first look: what was touched since the one before, hours ago, is all in
 * one.
 */
static bool tells_cold(const struct ages_leaf *leaf, const struct lru_gen_node *node)
{
	uint64_t since_ms;

	if (lru_gen_idle_ms(node, 0) * US_PER_MS < AGES_COLD_US)
		return false;
	since_ms = node->row[node->row_count - 2].age_ms - node->row[node->row_count - 1].age_ms;
	return leaf->agings >= 2 || (!leaf->stood && since_ms * US_PER_MS <= 2 * AGES_COLD_US);
}

void ages_see(void *data, const struct lru_gen_node *node)
{
	struct ages *ages = data;
	uint64_t age_us, looked_us;
	struct ages_leaf *leaf;
	bool is_it;

	leaf = node->memcg ? leaf_of(ages, node->path, &is_it) : NULL;
	if (!leaf)
		return;
	if (is_it)
		take_group(ages, leaf, node->memcg);
	if (!has_pages(node))
		return;
	age_us = node->row[node->row_count - 1].age_ms * US_PER_MS;
	looked_us = age_us < ages->now_us ? ages->now_us - age_us : 1;
	if (looked_us < leaf->looked_us)
		leaf->looked_us = looked_us;
	leaf->is_blind |= !tells_cold(leaf, node);
	for (uint32_t i = 0; i < node->row_count; i++)
		add_row(ages, leaf, node, i, looked_us);
	add_command(ages, leaf, node, age_us);
}

/* ---- what came of it ---- */

/* Of what is cold now, what was touched or came within AGES_LONG_US joined at some look since. */
static uint64_t idle_long(const struct ages_leaf *leaf)
{
	uint64_t joined = leaf->cold_anon_bytes - leaf->settled_bytes;
	bool is_covered = false;

	for (uint32_t i = 0; i < leaf->look_count; i++) {
		const struct ages_look *look = &leaf->look[i];

		if (look->at_us + (AGES_LONG_US - AGES_COLD_US) <= leaf->looked_us)
			is_covered = true;
		else
			joined += look->joined_bytes;
	}
	if (!is_covered || joined >= leaf->cold_anon_bytes)
		return leaf->long_bytes;
	joined = leaf->cold_anon_bytes - joined;
	return joined > leaf->long_bytes ? joined : leaf->long_bytes;
}

static void add_look(struct ages_leaf *leaf)
{
	leaf->look[leaf->look_next] = (struct ages_look){
		.at_us = leaf->looked_us,
		.joined_bytes = leaf->cold_anon_bytes - leaf->settled_bytes,
	};
	leaf->look_next = (leaf->look_next + 1) % AGES_LOOKS_KEPT;
	if (leaf->look_count < AGES_LOOKS_KEPT)
		leaf->look_count++;
}

static void conclude(struct ages_leaf *leaf, uint64_t read_us)
{
	if (!leaf->memcg || leaf->is_blind) {
		leaf->sample.valid = false;
		leaf->look_count = leaf->look_next = 0;
		return;
	}
	leaf->sample = (struct ages_sample){
		.valid = true,
		.looked_us = leaf->looked_us,
		.read_us = read_us,
		.hot_bytes = leaf->hot_bytes,
		.cold_anon_bytes = leaf->cold_anon_bytes,
		.cold_file_bytes = leaf->cold_file_bytes,
		.long_bytes = idle_long(leaf),
	};
	if (leaf->aged)
		add_look(leaf);
}

void ages_end(struct ages *ages)
{
	for (uint32_t i = 0; i < ages->leaf_count; i++) {
		struct ages_leaf *leaf = &ages->leaf[i];

		if (!ages_are_held(leaf))
			conclude(leaf, ages->now_us);
		leaf->aged = false;
	}
}

void ages_done(struct ages *ages, const struct ages_command *command)
{
	struct ages_leaf *leaf = &ages->leaf[command->leaf];

	if (!leaf->aged)
		leaf->agings++;
	leaf->aged = true;
}

bool ages_are_held(const struct ages_leaf *leaf)
{
	return leaf->wish.frozen || (leaf->stood && leaf->agings < 2);
}

struct ages_sample ages_told(const struct ages_sample *sample, bool held, uint64_t now_us)
{
	struct ages_sample told = *sample;

	told.held = held;
	told.valid &= held || sample->looked_us + AGES_FRESH_US >= now_us;
	return told;
}
