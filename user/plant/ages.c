// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lru_gen tells of the leaves of this machine, taken in by the code of user/sense/ages.c. A
 * reading costs nothing here and an aging so much a page; rounds keep the same distance to each
 * other by it as those of the thread. The kernel has room for two spans of time before the last
 * look where the pages of a leaf have three here: the older two are told as one.
 */
#include <stdio.h>

#include "user/plant/memory.h"
#include "user/base/clock.h"
#include "user/policy/num.h"
#include "user/sense/ages_thread.h"

/* 120 to 350 instructions a page, measured on 6.1 to 7.x; at 2.5 GHz. */
#define AGE_PAGE_NS 100
#define ROUND_US    US_PER_SEC

static uint32_t make_wishes(const struct plant *plant, struct ages_wish wish[PLANT_LEAVES_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plant->leaf_count; i++) {
		const struct plant_leaf *leaf = &plant->leaf[i];

		if (leaf->thrown_out || !(plant->plan.ages_wanted >> leaf->component & 1))
			continue;
		wish[count] = (struct ages_wish){.cgid = leaf->cgid, .frozen = leaf->frozen};
		snprintf(wish[count].path, sizeof(wish[count].path), "%u/%u", leaf->component, i);
		count++;
	}
	return count;
}

static uint64_t age_ms(const struct plant *plant, uint64_t opened_us)
{
	return (plant->now_us - opened_us) / US_PER_MS;
}

/* A generation is opened by a look, and ends with the next one. */
static struct lru_gen_row row_of(const struct plant *plant, const struct plant_leaf *leaf,
				 uint32_t row)
{
	uint32_t g = PLANT_GENERATIONS - 1 - row; /* the look that opened it */
	struct lru_gen_row ret = {.seq = leaf->aged + row,
				  .age_ms = age_ms(plant, leaf->looked_us[g])};

	if (!g) /* new pages are with those touched before the last look here */
		return ret;
	ret.anon_pages = plant_generation(leaf, g - 1, false) / PLANT_PAGE;
	ret.file_pages = plant_generation(leaf, g - 1, true) / PLANT_PAGE;
	if (!row) {
		ret.anon_pages += plant_generation(leaf, g, false) / PLANT_PAGE;
		ret.file_pages += plant_generation(leaf, g, true) / PLANT_PAGE;
	}
	return ret;
}

static void read_leaf(struct plant *plant, const struct plant_leaf *leaf)
{
	char path[48];
	struct lru_gen_node node = {
		.memcg = leaf->cgid,
		.path = path,
		.row_count = PLANT_GENERATIONS,
	};

	snprintf(path, sizeof(path), "/pool/%u/%u", leaf->component,
		 (uint32_t)(leaf - plant->leaf));
	for (uint32_t row = 0; row < PLANT_GENERATIONS; row++)
		node.row[row] = row_of(plant, leaf, row);
	ages_see(plant->ages, &node);
}

static void read_all(struct plant *plant)
{
	ages_begin(plant->ages, plant->now_us);
	for (uint32_t i = 0; i < plant->leaf_count; i++)
		read_leaf(plant, &plant->leaf[i]);
	ages_end(plant->ages);
}

static uint64_t age_what_is_due(struct plant *plant)
{
	uint64_t took_us = 0;

	for (uint32_t i = 0; i < plant->ages->command_count; i++) {
		const struct ages_command *command = &plant->ages->command[i];

		for (uint32_t k = 0; k < plant->leaf_count; k++) {
			struct plant_leaf *leaf = &plant->leaf[k];

			if (leaf->cgid != command->memcg)
				continue;
			plant_age(leaf, plant->now_us);
			took_us += leaf_current(leaf) / PLANT_PAGE * AGE_PAGE_NS / NS_PER_US;
			plant->counts.agings++;
		}
		ages_done(plant->ages, command);
	}
	return took_us;
}

void ages_step(struct plant *plant)
{
	struct ages_wish wish[PLANT_LEAVES_MAX];
	uint64_t took_us;

	if (plant->without_ages || plant->now_us < plant->ages_next_us)
		return;
	ages_ask(plant->ages, wish, make_wishes(plant, wish), plant->now_us);
	if (!plant->ages->leaf_count)
		return;
	read_all(plant);
	took_us = age_what_is_due(plant);
	if (plant->ages->command_count)
		read_all(plant);
	plant->counts.aging_us += took_us;
	plant->ages_next_us = plant->now_us + max_u64(ROUND_US, took_us * AGES_DUTY_PART);
}

struct ages_sample ages_of(const struct plant *plant, const struct plant_leaf *leaf)
{
	const struct ages *ages = plant->ages;

	for (uint32_t i = 0; i < ages->leaf_count; i++)
		if (ages->leaf[i].wish.cgid == leaf->cgid)
			return ages_told(&ages->leaf[i].sample, ages_are_held(&ages->leaf[i]),
					 plant->now_us);
	return (struct ages_sample){0};
}
