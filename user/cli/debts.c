// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Says of one component what it holds of others' budgets, since when and until when, and what
 * others hold of its own. status and why print it below what they know of the component.
 */
#include "user/cli/debts.h"

#include <stdio.h>
#include <string.h>

#include "user/cli/remote.h"
#include "user/ipc/json.h"

/* "80M of database, 40M of cache": word stands between bytes and name. */
static void list_shares(const json_t *shares, const char *word, char *buf, size_t size)
{
	const json_t *share;
	char bytes[VALUE_LEN];
	size_t at = 0, i;

	*buf = '\0';
	json_array_foreach (shares, i, share) {
		int n = snprintf(buf + at, size - at, "%s%s %s %s", i ? ", " : "",
				 value_bytes(share, "bytes", bytes), word,
				 json_get_text(share, "component"));

		if (n < 0 || (size_t)n >= size - at)
			return;
		at += (size_t)n;
	}
}

static void print_borrowed(const struct screen *screen, const json_t *debt)
{
	char shares[1024], text[1200], bytes[VALUE_LEN], time[VALUE_LEN];

	list_shares(json_object_get(debt, "from"), "of", shares, sizeof(shares));
	snprintf(text, sizeof(text), "borrows %s for %s%s%s, due when %s",
		 value_bytes(debt, "bytes", bytes), value_us(debt, "for_us", time),
		 *shares ? ": " : "", shares, *shares ? "they grow" : "its owner grows");
	screen_wrap(screen, PAINT_PLAIN, 0, 2, text);
}

static void print_owed(const struct screen *screen, const json_t *debt)
{
	bool freezes = json_is_integer(json_object_get(debt, "freeze_in_us"));
	char text[256], bytes[VALUE_LEN], time[VALUE_LEN], freeze[VALUE_LEN];

	snprintf(text, sizeof(text), "owes %s of it for %s: reclaimed now%s%s",
		 value_bytes(debt, "owed_bytes", bytes), value_us(debt, "owed_for_us", time),
		 freezes ? ", frozen in " : "",
		 freezes ? value_us(debt, "freeze_in_us", freeze) : "");
	screen_wrap(screen, PAINT_WARN, 0, 2, text);
}

static void print_lent(const struct screen *screen, const json_t *lent_to)
{
	char shares[1024], text[1200];

	list_shares(lent_to, "to", shares, sizeof(shares));
	snprintf(text, sizeof(text), "lends %s, back as soon as it grows", shares);
	screen_wrap(screen, PAINT_PLAIN, 0, 2, text);
}

void debts_print(const struct screen *screen, const json_t *component)
{
	const json_t *debt = json_object_get(component, "debt");
	const json_t *lent_to = json_object_get(component, "lent_to");

	if (json_get_u64_or(debt, "bytes", 0))
		print_borrowed(screen, debt);
	if (json_get_u64_or(debt, "owed_bytes", 0))
		print_owed(screen, debt);
	if (json_array_size(lent_to))
		print_lent(screen, lent_to);
}
