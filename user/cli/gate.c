// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Says of a component with refuse how much a mapping may still take, how many were refused, and who
 * was told so last. Where nothing is refused at the moment it says that, as a program that gets
 * what does not fit is what the option is there against.
 */
#include "user/cli/gate.h"

#include <inttypes.h>
#include <stdio.h>

#include "user/cli/remote.h"
#include "user/ipc/json.h"

/* "; refused 7 that came to 2.1G, the last of 300M by python3 (pid 12) 5s ago, when it had 200M" */
static void refused_text(const json_t *gate, char *buf, size_t size)
{
	const json_t *last = json_object_get(gate, "last");
	char sum[VALUE_LEN], asked[VALUE_LEN], ago[VALUE_LEN], room[VALUE_LEN];

	*buf = '\0';
	if (!json_is_object(last))
		return;
	snprintf(buf, size,
		 "; refused %" PRIu64 " that came to %s, the last of %s by %s (pid %" PRIu64
		 ") %s ago, when it had %s",
		 json_get_u64_or(gate, "refused", 0), value_bytes(gate, "refused_bytes", sum),
		 value_bytes(last, "bytes", asked), json_get_text(last, "comm"),
		 json_get_u64_or(last, "pid", 0), value_us(last, "ago_us", ago),
		 value_bytes(last, "room_bytes", room));
}

void gate_print(const struct screen *screen, const json_t *component)
{
	const json_t *gate = json_object_get(component, "refuse");
	bool is_open = json_get_u64(gate, "room_bytes") != UINT64_MAX;
	char least[VALUE_LEN], room[VALUE_LEN], refused[256], text[512];

	if (!json_is_object(gate))
		return;
	refused_text(gate, refused, sizeof(refused));
	value_bytes(gate, "least_bytes", least);
	if (is_open)
		snprintf(text, sizeof(text), "refuse: it has %s more, for mappings from %s on%s",
			 value_bytes(gate, "room_bytes", room), least, refused);
	else
		snprintf(text, sizeof(text),
			 "refuse: no mapping is refused at the moment, of any size%s; 'uwctl "
			 "status' says whether the gate is off",
			 refused);
	screen_wrap(screen, is_open ? PAINT_PLAIN : PAINT_WARN, 0, 2, text);
}
