// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fits columns into a width. Each first gets the least it needs; without room those of the highest
 * rank go, one after the other, and at last the first column is cut. What room is left then goes to
 * those that can use it, in their order.
 */
#include "user/cli/top/columns.h"

const struct top_column columns_of_components[COLUMN__COUNT] = {
	[COLUMN_NAME] = {.title = "COMPONENT", .least = 9, .most = 31},
	[COLUMN_LEVEL] = {.title = "LEVEL", .least = 9, .most = 9},
	[COLUMN_USE] = {.title = "USE",
			.letter = 'u',
			.rank = 1,
			.least = 20,
			.most = 24,
			.grow_rank = 1,
			.small = 10,
			.small_rank = 3},
	[COLUMN_OF] = {.title = "USED/OF",
		       .letter = 'o',
		       .right = true,
		       .least = 9,
		       .most = 11,
		       .grow_rank = 4},
	[COLUMN_BUDGET] =
		{.title = "BUDGET", .letter = 'b', .right = true, .rank = 6, .least = 6, .most = 6},
	[COLUMN_LENT] =
		{.title = "LENT", .letter = 'l', .right = true, .rank = 9, .least = 5, .most = 5},
	[COLUMN_BORROWED] = {.title = "BORROWED",
			     .letter = 'r',
			     .right = true,
			     .rank = 8,
			     .least = 8,
			     .most = 8},
	[COLUMN_SET] = {.title = "WORKING SET",
			.letter = 'w',
			.right = true,
			.rank = 10,
			.least = 11,
			.most = 11},
	[COLUMN_SWAP] =
		{.title = "SWAP", .letter = 's', .right = true, .rank = 7, .least = 5, .most = 5},
	[COLUMN_STALL] = {.title = "STALL", .right = true, .least = 5, .most = 5},
	[COLUMN_GROWTH] =
		{.title = "GROWTH", .letter = 'g', .right = true, .rank = 4, .least = 8, .most = 8},
	[COLUMN_FULL] = {.title = "FULL IN",
			 .letter = 'f',
			 .right = true,
			 .rank = 5,
			 .least = 8,
			 .most = 8},
	[COLUMN_PROMISED] = {.title = "PROMISED",
			     .letter = 'p',
			     .right = true,
			     .rank = 11,
			     .least = 8,
			     .most = 8},
	[COLUMN_REFUSED] = {.title = "REFUSED",
			    .letter = 'm',
			    .right = true,
			    .rank = 12,
			    .least = 7,
			    .most = 7},
	[COLUMN_HISTORY] = {.title = "5 MIN",
			    .letter = 'h',
			    .rank = 2,
			    .least = 8,
			    .most = 60,
			    .grow_rank = 3},
	[COLUMN_NOW] =
		{.title = "NOW", .letter = 'n', .rank = 3, .least = 10, .most = 16, .grow_rank = 2},
};

int columns_by_letter(int letter)
{
	for (int i = 0; i < COLUMN__COUNT; i++) {
		if (letter && columns_of_components[i].letter == letter)
			return i;
	}
	return -1;
}

static int sum_of(const int *width, int count)
{
	int sum = -1;

	for (int i = 0; i < count; i++)
		sum += width[i] ? width[i] + 1 : 0;
	return sum;
}

/* The one to give up next, or -1. */
static int least_needed(const struct top_column *column, int count, const int *width)
{
	int worst = -1;

	for (int i = 0; i < count; i++) {
		if (width[i] && column[i].rank &&
		    (worst < 0 || column[i].rank > column[worst].rank))
			worst = i;
	}
	return worst;
}

/* Makes a column small rather than have worst go. False when none can be. */
static bool shrink(const struct top_column *column, int count, int worst, int *width)
{
	for (int i = 0; i < count; i++) {
		if (!column[i].small || width[i] <= column[i].small ||
		    (worst >= 0 && column[worst].rank > column[i].small_rank))
			continue;
		width[i] = column[i].small;
		return true;
	}
	return false;
}

static void grow(const struct top_column *column, int count, int spare, int *width)
{
	for (int rank = 1; rank <= count && spare > 0; rank++) {
		for (int i = 0; i < count; i++) {
			int more = column[i].most - width[i];

			if (column[i].grow_rank != rank || !width[i] || more <= 0)
				continue;
			more = more < spare ? more : spare;
			width[i] += more;
			spare -= more;
		}
	}
}

void columns_fit(const struct top_column *column, int count, int needed, uint32_t off, int room,
		 int width[COLUMNS_MAX])
{
	int sum, worst = 0;

	for (int i = 0; i < count; i++)
		width[i] = off & 1U << i ? 0 : column[i].least;
	width[0] = needed < column[0].least ? column[0].least : needed;
	while ((sum = sum_of(width, count)) > room && worst >= 0) {
		worst = least_needed(column, count, width);
		if (!shrink(column, count, worst, width) && worst >= 0)
			width[worst] = 0;
	}
	if (sum > room)
		width[0] = width[0] - (sum - room) > 1 ? width[0] - (sum - room) : 1;
	grow(column, count, room - sum, width);
}
