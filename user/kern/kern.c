// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens and closes the kernel side: has the loader install the BPF programs where they are not
 * there yet, then opens the pinned maps that counters and events are read from. Events are drained
 * from the ring and handed over with the number by which the caller knows their cgroup.
 */
#include "user/kern/kern.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/kern/inside.h"
#include "user/kern/libbpf_log.h"
#include "user/kern/pins.h"

static const struct {
	const char *path;
	uint32_t sensors; /* there when one of these is; 0 = always */
} maps[MAP__COUNT] = {
	[MAP_COMPONENTS] = {KERN_PIN_DIR "/components", 0},
	[MAP_COUNTERS] = {KERN_PIN_DIR "/counters", 0},
	[MAP_MARKS] = {KERN_PIN_DIR "/marks", 0},
	[MAP_STALLS] = {KERN_PIN_DIR "/stalls", 0},
	[MAP_SETTINGS] = {KERN_PIN_DIR "/settings", 0},
	[MAP_DROPS] = {KERN_PIN_DIR "/drops", 0},
	[MAP_EVENTS] = {KERN_PIN_DIR "/events",
			1U << KERN_PAGES | 1U << KERN_STALL | 1U << KERN_OOM},
	[MAP_PAGES] = {KERN_PIN_DIR "/pages", 1U << KERN_TRACE},
	[MAP_GATES] = {KERN_PIN_DIR "/gates", 0},
	[MAP_GATED] = {KERN_PIN_DIR "/gated", 0},
	[MAP_REFUSALS] = {KERN_PIN_DIR "/refusals", 0},
};

static const char *const sensor_names[KERN_SENSOR__COUNT] = {
	[KERN_PAGES] = "pages",   [KERN_STALL] = "stalls",       [KERN_RECLAIM] = "reclaim",
	[KERN_OOM] = "oom kills", [KERN_TRACE] = "page tracing", [KERN_GATE] = "gate",
};

const char *kern_sensor_name(enum kern_sensor sensor)
{
	return sensor < KERN_SENSOR__COUNT ? sensor_names[sensor] : "?";
}

/* ---- events ---- */

struct tracked *kern_find_tracked(struct kern *kern, uint64_t cgid)
{
	for (size_t i = 0; i < ARRAY_SIZE(kern->tracked); i++)
		if (kern->tracked[i].cgid == cgid)
			return &kern->tracked[i];
	return NULL;
}

static int pass_event(void *data, void *record, size_t size)
{
	struct kern *kern = data;
	const struct uw_event *raw = record;
	struct kern_event event = {0};
	const struct tracked *tracked;

	if (size < sizeof(*raw) || raw->kind >= UW_EVENT__COUNT)
		return 0;
	tracked = kern_find_tracked(kern, raw->cgid);
	if (!tracked)
		return 0; /* of a component that is no more */
	event.kind = (enum uw_event_kind)raw->kind;
	event.slot = tracked->slot;
	event.cgid = raw->cgid;
	event.at_us = raw->at_ns / 1000;
	event.observed = raw->observed;
	event.threshold = raw->threshold;
	event.pid = raw->pid;
	memcpy(event.comm, raw->comm, sizeof(event.comm));
	event.comm[sizeof(event.comm) - 1] = '\0';
	kern->fn(kern->data, &event);
	return 0;
}

int kern_events_fd(const struct kern *kern)
{
	return kern->ring ? ring_buffer__epoll_fd(kern->ring) : -1;
}

int kern_events_drain(struct kern *kern, kern_event_fn fn, void *data)
{
	if (!kern->ring)
		return 0;
	kern->fn = fn;
	kern->data = data;
	return ring_buffer__consume(kern->ring);
}

/* ---- lifetime ---- */

static int open_maps(struct kern *kern, struct uw_err *err)
{
	char path[PIN_PATH_LEN];
	struct uw_settings settings;
	__u32 zero = 0;

	for (int i = 0; i < MAP__COUNT; i++) {
		if (maps[i].sensors && !(maps[i].sensors & kern->outcome.sensors))
			continue;
		kern->map[i] = bpf_obj_get(maps[i].path);
		if (kern->map[i] < 0)
			return err_set(err, -errno, "%s: %s", maps[i].path, strerror(errno));
	}
	if (bpf_map_lookup_elem(kern->map[MAP_SETTINGS], &zero, &settings))
		return err_set(err, -errno, "%s: %s", maps[MAP_SETTINGS].path, strerror(errno));
	kern->generation = settings.generation;
	snprintf(path, sizeof(path), KERN_PIN_DIR "/programs-%u/uw_groups", settings.generation);
	kern->groups = bpf_obj_get(path);
	if (kern->groups < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (kern->map[MAP_PAGES] >= 0) {
		kern->orders = calloc((size_t)kern->cpus, sizeof(*kern->orders));
		if (!kern->orders)
			return err_set(err, -ENOMEM, "no memory");
	}
	if (kern->map[MAP_EVENTS] < 0)
		return 0;
	kern->ring = ring_buffer__new(kern->map[MAP_EVENTS], pass_event, kern, NULL);
	return kern->ring ? 0 : err_set(err, -errno, "event ring: %s", strerror(errno));
}

int kern_open(const struct kern_options *options, struct kern **ret_kern, struct uw_err *err)
{
	struct kern *kern = calloc(1, sizeof(*kern));
	struct kern_options loaded = *options;
	int r;

	if (!kern)
		return err_set(err, -ENOMEM, "no memory");
	memset(kern->map, -1, sizeof(kern->map));
	kern->groups = -1;
	kern->gate = -1;
	kern->wanted = options->sensors;
	loaded.sensors |= 1U << KERN_GATE; /* a reload may want it, and loading is for the start */
	kern->cpus = libbpf_num_possible_cpus();
	libbpf_log_catch();
	r = loader_run(&loaded, &kern->outcome);
	if (r && err)
		*err = kern->outcome.err;
	if (!r)
		r = open_maps(kern, err);
	if (!r)
		r = kern_configure(kern, options);
	if (r) {
		kern_close(kern);
		return r;
	}
	*ret_kern = kern;
	return 0;
}

void kern_close(struct kern *kern)
{
	if (!kern)
		return;
	ring_buffer__free(kern->ring);
	for (int i = 0; i < MAP__COUNT; i++)
		if (kern->map[i] >= 0)
			close(kern->map[i]);
	if (kern->groups >= 0)
		close(kern->groups);
	gate_close(kern);
	free(kern->orders);
	free(kern);
}

int kern_unpin(struct uw_err *err)
{
	return pins_remove_all(err);
}

int kern_configure(struct kern *kern, const struct kern_options *options)
{
	struct uw_settings settings;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(kern->map[MAP_SETTINGS], &zero, &settings))
		return -errno;
	settings.component_level = options->component_level;
	settings.calm_us = options->calm_us;
	settings.burst_us = options->burst_us;
	settings.window_us = options->window_us;
	if (bpf_map_update_elem(kern->map[MAP_SETTINGS], &zero, &settings, BPF_ANY))
		return -errno;
	kern->wanted = (kern->wanted & ~(1U << KERN_GATE)) | (options->sensors & 1U << KERN_GATE);
	if (kern->wanted & 1U << KERN_GATE)
		gate_open(kern);
	else
		gate_close(kern);
	return 0;
}

uint32_t kern_sensors(const struct kern *kern)
{
	return kern->outcome.sensors & kern->wanted;
}

const char *kern_sensor_error(const struct kern *kern, enum kern_sensor sensor)
{
	if (sensor >= KERN_SENSOR__COUNT)
		return NULL;
	if (!(kern->wanted & 1U << sensor) || kern->outcome.sensors & 1U << sensor)
		return NULL;
	return kern->outcome.text[sensor];
}
