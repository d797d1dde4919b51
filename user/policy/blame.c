// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who goes first is who is to blame: to stop another would leave what grows growing. What those who
 * run in the leaves say of themselves decides between the like of them.
 */
#include "user/policy/blame.h"

#include "user/base/units.h"

#define PRIORITY_UNSAID 5 /* the middle */

/* Of growth in MiB/s, or a size in MiB, by powers of four: a little more or less is noise. */
static unsigned int magnitude(int64_t bytes)
{
	unsigned int magnitude = 0;

	for (int64_t mib = bytes / (int64_t)MIB; mib > 0; mib /= 4)
		magnitude++;
	return magnitude;
}

/* Who stands still is the more to blame the more it holds. */
static unsigned int weight_of(const struct leaf_state *leaf)
{
	return magnitude((int64_t)leaf->size_bytes);
}

static int blame_order(const struct leaf_state *a, const struct leaf_state *b)
{
	unsigned int a_grows = magnitude(a->growth_per_s), b_grows = magnitude(b->growth_per_s);

	if (a_grows != b_grows)
		return a_grows > b_grows ? -1 : 1;
	if (!a_grows && weight_of(a) != weight_of(b))
		return weight_of(a) > weight_of(b) ? -1 : 1;
	return 0;
}

static unsigned int priority_of(const struct leaf_state *leaf)
{
	return leaf->priority ?: PRIORITY_UNSAID;
}

static int worth_order(const struct leaf_state *a, const struct leaf_state *b)
{
	if (priority_of(a) != priority_of(b))
		return priority_of(a) < priority_of(b) ? -1 : 1;
	if (a->born_us != b->born_us)
		return a->born_us > b->born_us ? -1 : 1;
	return a->cgid < b->cgid ? -1 : a->cgid > b->cgid;
}

int freeze_order(const struct leaf_state *a, const struct leaf_state *b)
{
	int blame = blame_order(a, b);

	if (!blame && a->freezable != b->freezable)
		return a->freezable ? -1 : 1;
	return blame ?: worth_order(a, b);
}

int kill_order(const struct leaf_state *a, const struct leaf_state *b)
{
	return blame_order(a, b) ?: worth_order(a, b);
}
