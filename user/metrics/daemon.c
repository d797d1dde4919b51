// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of what uwd says of itself, of the host and of the pool. Counts are since uwd started,
 * which is one of them.
 */
#include "user/metrics/parts.h"

#include "user/ipc/json.h"

static const struct metric_row daemon_rows[] = {
	{"uw_daemon_start_time_seconds",
	 METRIC_GAUGE,
	 "When uwd started, in seconds since 1970.",
	 "started_wall_us",
	 METRIC_US,
	 {0}},
	{"uw_ticks_total",
	 METRIC_COUNTER,
	 "How often uwd has sensed, decided and acted, in full or urgently on an event.",
	 "full_ticks",
	 0,
	 {"kind", "full"}},
	{"uw_ticks_total", METRIC_COUNTER, "", "urgent_ticks", 0, {"kind", "urgent"}},
	{"uw_guard_takeovers_total",
	 METRIC_COUNTER,
	 "How often uw-guard undid what an uwd that died had left.",
	 "guard_takeovers",
	 0,
	 {0}},
	{"uw_guard_restarts_total",
	 METRIC_COUNTER,
	 "How often uw-guard had to be started again.",
	 "guard_restarts",
	 0,
	 {0}},
	{"uw_guard_hangs_total",
	 METRIC_COUNTER,
	 "How often uw-guard found that uwd was alive and did nothing.",
	 "guard_hangs",
	 0,
	 {0}},
};

static const struct metric_row sensor_rows[] = {
	{"uw_sensor_enabled",
	 METRIC_GAUGE,
	 "1 for a sensor of the kernel that is attached.",
	 "on",
	 0,
	 {0}},
	{"uw_sensor_wanted",
	 METRIC_GAUGE,
	 "1 for a sensor of the kernel that the configuration asks for.",
	 "wanted",
	 0,
	 {0}},
};

static const struct metric_row host_rows[] = {
	{"uw_host_memory_bytes", METRIC_GAUGE, "Memory of the host.", "total_bytes", 0, {0}},
	{"uw_host_available_bytes",
	 METRIC_GAUGE,
	 "What the kernel reckons could be had without swapping.",
	 "available_bytes",
	 0,
	 {0}},
	{"uw_host_swap_bytes", METRIC_GAUGE, "Swap of the host.", "swap_total_bytes", 0, {0}},
	{"uw_host_swap_free_bytes",
	 METRIC_GAUGE,
	 "Swap of the host that is free.",
	 "swap_free_bytes",
	 0,
	 {0}},
	{"uw_host_pressure_stalled_seconds_total",
	 METRIC_COUNTER,
	 "Time in which some or all tasks of the host waited for memory.",
	 "some_us",
	 METRIC_US,
	 {"kind", "some"}},
	{"uw_host_pressure_stalled_seconds_total",
	 METRIC_COUNTER,
	 "",
	 "full_us",
	 METRIC_US,
	 {"kind", "full"}},
};

static const struct metric_row pool_rows[] = {
	{"uw_pool_usable_bytes",
	 METRIC_GAUGE,
	 "Memory that is shared out among the components.",
	 "usable_bytes",
	 0,
	 {0}},
};

static const struct metric_row event_rows[] = {
	{"uw_events_total",
	 METRIC_COUNTER,
	 "Events that the kernel woke uwd with.",
	 "count",
	 0,
	 {0}},
};

static const struct metric_row dropped_rows[] = {
	{"uw_events_dropped_total",
	 METRIC_COUNTER,
	 "What was lost on the way to uwd or within it.",
	 "count",
	 0,
	 {0}},
};

static const struct metric_own by_sensor = {{{"sensor", "name"}}},
			       by_source = {{{"source", "name"}}}, by_where = {{{"where", "name"}}};

static const struct metric_label none = {NULL, NULL};

void metrics_print_daemon(const struct metrics_text *text, const json_t *answer)
{
	const json_t *own = json_object_get(answer, "daemon");
	struct metric_label version[METRIC_LABELS_MAX] = {
		{"version", json_get_text(own, "version")}};

	text_head(text, "uw_build_info", METRIC_GAUGE, "1, and which uwd it is that runs.");
	text_sample(text, "uw_build_info", version, 1, METRIC_ONE);
	PRINT(text, daemon_rows, own);
	PRINT_LIST(text, sensor_rows, &by_sensor, json_object_get(own, "sensors"));
	PRINT_LIST(text, event_rows, &by_source, json_object_get(own, "events"));
	PRINT_LIST(text, dropped_rows, &by_where, json_object_get(own, "dropped"));
	text_head(text, "uw_tick_duration_seconds", METRIC_HISTOGRAM,
		  "How long it took from sensing to acting.");
	families_print_histogram(text, "uw_tick_duration_seconds", &none,
				 json_object_get(own, "tick"), METRIC_US);
	PRINT(text, host_rows, json_object_get(answer, "host"));
	PRINT(text, pool_rows, json_object_get(answer, "pool"));
}
