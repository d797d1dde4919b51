// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's sensors on their own, without the daemon:
 *	kern probe                          rows of kern_probe
 *	kern watch [-t] [-m NAME=BYTES]... NAME...  tracks components of /sys/fs/cgroup/uw-kern,
 *says "ready", prints events as they come; counters at SIGTERM kern counts NAME... goes on from
 *what is pinned, prints counters kern unpin
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/kern/kern.h"

static const struct {
	const char *name;
	size_t at;
} fields[] = {
#define FIELD(name)                                        \
	{                                                  \
#name, offsetof(struct uw_component, name) \
	}
	FIELD(usage_bytes),
	FIELD(charged_bytes),
	FIELD(uncharged_bytes),
	FIELD(charge_batches),
	FIELD(marks_fired),
	FIELD(stalled_tasks),
	FIELD(stall_us),
	FIELD(stall_some_us),
	FIELD(stalls),
	FIELD(stall_bursts),
	FIELD(reclaim_us),
	FIELD(reclaims),
	FIELD(reclaim_scanned_pages),
	FIELD(reclaim_reclaimed_pages),
	FIELD(proactive_us),
	FIELD(proactive_reclaims),
	FIELD(proactive_scanned_pages),
	FIELD(proactive_reclaimed_pages),
	FIELD(oom_kills),
#undef FIELD
};

static const char *const kinds[UW_EVENT__COUNT] = {
	[UW_EVENT_MARK] = "mark",
	[UW_EVENT_STALL_FIRST] = "first",
	[UW_EVENT_STALL_BURST] = "burst",
	[UW_EVENT_OOM] = "oom",
};

struct watched {
	const char *name;
	uint64_t cgid;
};

static struct watched watched[UW_COMPONENTS_MAX];
static uint32_t watched_count;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void fail(const char *what, int code)
{
	fprintf(stderr, "kern: %s: %s\n", what, strerror(-code));
	exit(1);
}

static struct kern *open_kern(bool trace)
{
	struct kern_options options = {
		.sensors = KERN_SENSORS_DEFAULT | (trace ? 1U << KERN_TRACE : 0),
		.component_level = 2,
		.calm_us = US_PER_SEC,
		.burst_us = 5 * US_PER_MS,
		.window_us = 50 * US_PER_MS,
	};
	struct uw_err err = {0};
	uint64_t began_us = clock_now_us();
	struct kern *kern;

	if (kern_open(&options, &kern, &err)) {
		fprintf(stderr, "kern: %s\n", err.text);
		exit(1);
	}
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		if (kern_sensor_error(kern, (enum kern_sensor)i))
			printf("missing %s: %s\n", kern_sensor_name((enum kern_sensor)i),
			       kern_sensor_error(kern, (enum kern_sensor)i));
	printf("open_us %llu\n", (unsigned long long)(clock_now_us() - began_us));
	return kern;
}

static void track(struct kern *kern, const char *name)
{
	char path[256];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/uw-kern/%s", name);
	if (stat(path, &st))
		fail(path, -errno);
	r = kern_track(kern, name, st.st_ino, watched_count);
	if (r)
		fail(name, r);
	watched[watched_count++] = (struct watched){.name = name, .cgid = st.st_ino};
}

static uint64_t field(const struct uw_component *component, size_t index)
{
	uint64_t value;

	memcpy(&value, (const char *)component + fields[index].at, sizeof(value));
	return value;
}

static void print_counts(const struct kern *kern)
{
	struct kern_drop drops[KERN_DROPS_MAX];
	uint64_t allocations[UW_ORDERS];
	struct uw_component counts;
	size_t n = kern_drops(kern, drops, ARRAY_SIZE(drops));

	for (uint32_t i = 0; i < watched_count; i++) {
		if (kern_read_counts(kern, watched[i].cgid, &counts))
			continue;
		for (size_t f = 0; f < ARRAY_SIZE(fields); f++)
			printf("count %s %s %llu\n", watched[i].name, fields[f].name,
			       (unsigned long long)field(&counts, f));
		if (kern_read_pages(kern, watched[i].cgid, allocations))
			continue;
		for (int order = 0; order < UW_ORDERS; order++)
			printf("count %s order%d %llu\n", watched[i].name, order,
			       (unsigned long long)allocations[order]);
	}
	for (size_t i = 0; i < n; i++)
		if (drops[i].count)
			printf("drop %s: %llu\n", drops[i].name,
			       (unsigned long long)drops[i].count);
	fflush(stdout);
}

static void print_event(void *data, const struct kern_event *event)
{
	(void)data;
	printf("event %s %s observed %llu threshold %llu pid %u comm %s late_us %llu\n",
	       watched[event->slot].name, kinds[event->kind], (unsigned long long)event->observed,
	       (unsigned long long)event->threshold, event->pid, *event->comm ? event->comm : "-",
	       (unsigned long long)(clock_now_us() - event->at_us));
	fflush(stdout);
}

static void set_mark(struct kern *kern, char *mark)
{
	char *equals = strchr(mark, '=');
	uint64_t bytes = equals ? strtoull(equals + 1, NULL, 0) : 0;

	if (equals)
		*equals = '\0';
	for (uint32_t i = 0; i < watched_count; i++)
		if (!strcmp(watched[i].name, mark) && kern_mark_set(kern, watched[i].cgid, bytes))
			fail("mark", -errno);
}

static int watch(int argc, char **argv, bool once)
{
	struct sigaction action = {.sa_handler = stop};
	char *marks[UW_COMPONENTS_MAX];
	bool trace = false;
	int mark_count = 0;
	struct kern *kern;
	int option;

	while ((option = getopt(argc, argv, "tm:")) != -1) {
		if (option == 't')
			trace = true;
		else if (option == 'm' && mark_count < UW_COMPONENTS_MAX)
			marks[mark_count++] = optarg;
		else
			return 2;
	}
	kern = open_kern(trace);
	for (int i = optind; i < argc; i++)
		track(kern, argv[i]);
	for (int i = 0; i < mark_count; i++)
		set_mark(kern, marks[i]);
	sigaction(SIGTERM, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	while (!once && !stopped) {
		struct pollfd wait = {.fd = kern_events_fd(kern), .events = POLLIN};

		if (poll(&wait, 1, -1) > 0 && kern_events_drain(kern, print_event, NULL) < 0)
			break;
	}
	print_counts(kern);
	kern_close(kern);
	return 0;
}

static int probe(void)
{
	static const char *const needs[] = {
		[KERN_NEED_REQUIRED] = "required",
		[KERN_NEED_DEGRADED] = "degraded",
		[KERN_NEED_EXTRA] = "extra",
	};
	struct kern_feature features[KERN_FEATURES_MAX];
	size_t n = kern_probe("/sys/fs/cgroup", true, features, ARRAY_SIZE(features));

	for (size_t i = 0; i < n; i++)
		printf("%s %s %s [%s]%s%s\n", features[i].present ? "yes" : "no ",
		       needs[features[i].need], features[i].name, features[i].detail,
		       features[i].present ? "" : " lost: ",
		       features[i].present ? "" : features[i].lost);
	return 0;
}

static int unpin(void)
{
	struct uw_err err = {0};

	if (kern_unpin(&err)) {
		fprintf(stderr, "kern: %s\n", err.text);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "probe"))
		return probe();
	if (!strcmp(verb, "unpin"))
		return unpin();
	if (!strcmp(verb, "watch") || !strcmp(verb, "counts"))
		return watch(argc - 1, argv + 1, !strcmp(verb, "counts"));
	fprintf(stderr, "usage: kern probe|watch|counts|unpin\n");
	return 2;
}
