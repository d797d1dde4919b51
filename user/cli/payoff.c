// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Says of one component how much reclaim has taken from it, tier by tier, and how much of that it
 * has read back at once: what was not read back is what the action was worth.
 */
#include "user/cli/payoff.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/cli/remote.h"
#include "user/ipc/json.h"

void payoff_print(const struct screen *screen, const json_t *component)
{
	char text[1024] = "reclaimed: ", freed[VALUE_LEN], back[VALUE_LEN], net[VALUE_LEN];
	const json_t *list = json_object_get(component, "payoff"), *payoff;
	size_t at = strlen(text), i;

	json_array_foreach (list, i, payoff) {
		int n = snprintf(text + at, sizeof(text) - at,
				 "%s%s %s in %" PRIu64 ", %s of it read back: %s net",
				 i ? "; " : "", json_get_text(payoff, "tier"),
				 value_bytes(payoff, "freed_bytes", freed),
				 json_get_u64_or(payoff, "reclaims", 0),
				 value_bytes(payoff, "back_bytes", back),
				 value_bytes(payoff, "net_bytes", net));

		if (n < 0 || (size_t)n >= sizeof(text) - at)
			break;
		at += (size_t)n;
	}
	if (json_array_size(list))
		screen_wrap(screen, PAINT_PLAIN, 0, 2, text);
}
